//! What this peer instructs its notaries: to stake, to pay out, to register, one instruction after another.
//!
//! ```text
//! wished ── a fresh statement of the account ──▶ numbered ── the account shows the number ──▶ carried out
//!                                                  │  ▲
//!                              an answer without it▼  │ it can be carried out after all
//!                                                 quiet ── a fresh statement without it ──▶ not carried out
//! ```
//!
//! **Invariant:** a number is signed for one instruction, and saved with it before it is said; the next is numbered only
//! when no copy of the last can be on its way any more.

use alloc::{
    collections::{BTreeMap, VecDeque},
    vec::Vec,
};

use assay_protocol::{
    account::{REGISTRATIONS_MAX, Register, Registration, Stake, Unstake},
    id::PeerId,
    message::Message,
    notice::Account,
    signed::{Signer, Verified},
    units::{Duration, Timestamp},
};

use super::{
    super::alarms::{Alarm, backoff},
    Context,
};
use crate::{
    command::{Instruction, NotCarriedOut},
    event::Event,
    record::{Instructed, OwnerRecord},
    view::InstructionView,
};

/// Instructions that wait for one notary.
const INSTRUCTIONS_MAX: usize = 32;
/// How long nothing is said after an instruction was refused: by then no copy of it is on its way any more.
const QUIET: Duration = Duration::seconds(8);
/// How often something is said to a notary that does not answer: for about an hour.
const TRIES_MAX: u32 = 450;

/// A queue for each notary.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
pub(super) struct Instructions {
    queues: BTreeMap<PeerId, InstructionQueue>,
}

/// What one notary is instructed to do.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
struct InstructionQueue {
    /// Oldest first.
    waiting: VecDeque<Instruction>,
    /// The oldest as it was signed.
    said: Option<Instructed>,
    /// What is awaited; a restart begins anew.
    #[serde(skip)]
    awaits: Awaits,
    #[serde(skip)]
    tries: u32,
    /// What was registered last, and before that: a check may still be drawn from the older list.
    registered: [Option<Vec<Registration>>; 2],
}

/// What the oldest instruction waits for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Awaits {
    /// Nothing was asked yet, or the notary is to act.
    #[default]
    Act,
    /// The answer to this question, or a later one.
    Statement(u64),
    /// Until then no copy of it is sent, because it was refused.
    Quiet(Timestamp),
}

/// Takes an instruction into the queue of its notary.
pub(super) fn instruct<S: Signer>(notary: PeerId, mut instruction: Instruction, cx: &mut Context<'_, S>) {
    if let Instruction::Register { kinds, .. } = &mut instruction {
        kinds.sort_unstable();
        kinds.dedup();
    }
    let waiting = cx.notaries.instructions.waiting(notary);
    let reason = if !cx.is_notary(notary) {
        Some(NotCarriedOut::Notary)
    } else if waiting >= INSTRUCTIONS_MAX || instruction.kinds().len() > REGISTRATIONS_MAX {
        Some(NotCarriedOut::TooMuch)
    } else {
        None
    };
    if let Some(reason) = reason {
        return cx.tell(Event::NotCarriedOut { notary, instruction, reason });
    }
    cx.keep_of_notary(OwnerRecord::Wished { notary, instruction });
    if waiting == 0 {
        cx.set(Alarm::Instruction(notary), cx.now);
    }
}

/// Says again what a notary has not answered yet.
pub(super) fn wake<S: Signer>(notary: PeerId, cx: &mut Context<'_, S>) {
    let now = cx.now;
    let Some(queue) = cx.notaries.instructions.under_way(notary) else { return };
    if let Awaits::Quiet(until) = queue.awaits
        && now < until
    {
        return cx.set(Alarm::Instruction(notary), until);
    }
    queue.tries += 1;
    if queue.tries > TRIES_MAX {
        return end(notary, Some(NotCarriedOut::Unanswered), cx);
    }
    let again = now.after(backoff(queue.tries));
    match (queue.awaits, queue.said.clone()) {
        (Awaits::Act, Some(said)) => cx.send(notary, message(said)),
        (Awaits::Act | Awaits::Statement(_) | Awaits::Quiet(_), _) => {
            let asked = cx.ask(notary, None);
            if let Some(queue) = cx.notaries.instructions.under_way(notary) {
                let first = if let Awaits::Statement(first) = queue.awaits { first } else { asked };
                queue.awaits = Awaits::Statement(first);
            }
        }
    }
    cx.set(Alarm::Instruction(notary), again);
}

/// Takes a statement of an account: it shows what became of the oldest instruction, or what number it gets.
pub(super) fn on_statement<S: Signer>(account: &Verified<Account>, cx: &mut Context<'_, S>) {
    let (notary, now) = (account.signer(), cx.now);
    let Some(queue) = cx.notaries.instructions.under_way(notary) else { return };
    let Some(instruction) = queue.waiting.front() else { return };
    let answered = matches!(queue.awaits, Awaits::Statement(asked) if account.sequence >= asked);
    let Some(said) = &queue.said else {
        // After the last number there is none: an account that a notary says to be there can instruct nothing more.
        match account.instruction.checked_add(1).filter(|_| answered) {
            Some(sequence) => number(notary, sequence, cx),
            None if answered => end(notary, Some(NotCarriedOut::Unanswered), cx),
            None => {}
        }
        return;
    };
    let sequence = said.sequence();
    if account.instruction >= sequence {
        end(notary, None, cx);
    } else if answered {
        match refusal(instruction, account) {
            Some(reason) => end(notary, Some(reason), cx),
            None => {
                queue.awaits = Awaits::Act;
                cx.set(Alarm::Instruction(notary), now);
            }
        }
    } else if queue.awaits == Awaits::Act && account.sequence == sequence {
        queue.awaits = Awaits::Quiet(now.after(QUIET));
        cx.set(Alarm::Instruction(notary), now.after(QUIET));
    }
}

/// Whoever was suspended, and is back to hear of it, registers again for all that it was registered for: also for what its machine
/// does not run now, as after a move, or while a graphics card or ONNX Runtime is not found. Whether that passes its owner knows
/// alone, who is told. Taken out by itself it would not be back by itself, and what is lost meanwhile has a bound: nothing is fined,
/// each check goes to another verifier, and after three of them it is in no roster for at least an epoch.
pub(super) fn register_again<S: Signer>(account: &Verified<Account>, cx: &mut Context<'_, S>) {
    let notary = account.signer();
    if account.suspended == 0 || cx.notaries.instructions.registers(notary) {
        return;
    }
    let kinds = cx.registered_kinds(notary);
    if !kinds.is_empty() {
        instruct(notary, Instruction::Register { kinds }, cx);
    }
}

/// Signs the oldest instruction under a number.
fn number<S: Signer>(notary: PeerId, sequence: u64, cx: &mut Context<'_, S>) {
    let Some(instruction) = cx.notaries.instructions.oldest(notary).cloned() else { return };
    let said = match instruction {
        Instruction::Stake { amount, target } => {
            Instructed::Stake(cx.seal(Stake { notary, sequence, amount, target }).into())
        }
        Instruction::Unstake { amount } => {
            Instructed::Unstake(cx.seal(Unstake { notary, sequence, amount }).into())
        }
        Instruction::Register { kinds } => {
            Instructed::Register(cx.seal(Register { notary, sequence, kinds }).into())
        }
    };
    cx.keep_of_notary(OwnerRecord::Numbered(said));
    wake(notary, cx);
}

fn end<S: Signer>(notary: PeerId, reason: Option<NotCarriedOut>, cx: &mut Context<'_, S>) {
    let Some(instruction) = cx.notaries.instructions.oldest(notary).cloned() else { return };
    cx.keep_of_notary(OwnerRecord::Ended { notary, carried_out: reason.is_none() });
    cx.tell(match reason {
        None => Event::CarriedOut { notary, instruction },
        Some(reason) => Event::NotCarriedOut { notary, instruction, reason },
    });
    cx.set(Alarm::Instruction(notary), cx.now);
}

/// Takes up again what was unfinished.
pub(super) fn resume<S: Signer>(cx: &mut Context<'_, S>) {
    for (notary, queue) in &cx.notaries.instructions.queues {
        if !queue.waiting.is_empty() {
            cx.alarms.set(Alarm::Instruction(*notary), cx.steady);
        }
    }
}

impl Instructions {
    /// How many wait for a notary.
    fn waiting(&self, notary: PeerId) -> usize {
        self.queues.get(&notary).map_or(0, |queue| queue.waiting.len())
    }

    /// The one that a notary is to carry out now.
    fn oldest(&self, notary: PeerId) -> Option<&Instruction> {
        self.queues.get(&notary)?.waiting.front()
    }

    /// The queue of a notary that something waits for.
    fn under_way(&mut self, notary: PeerId) -> Option<&mut InstructionQueue> {
        self.queues.get_mut(&notary).filter(|queue| !queue.waiting.is_empty())
    }

    pub(super) fn wish(&mut self, notary: PeerId, instruction: Instruction) {
        self.queues.entry(notary).or_default().waiting.push_back(instruction);
    }

    pub(super) fn number(&mut self, said: Instructed) {
        let queue = self.queues.entry(said.notary()).or_default();
        (queue.said, queue.awaits, queue.tries) = (Some(said), Awaits::Act, 0);
    }

    pub(super) fn end(&mut self, notary: PeerId, carried_out: bool) {
        let queue = self.queues.entry(notary).or_default();
        let ended = queue.waiting.pop_front();
        (queue.said, queue.awaits, queue.tries) = (None, Awaits::Act, 0);
        if let (Some(Instruction::Register { kinds, .. }), true) = (ended, carried_out) {
            queue.registered = [Some(kinds), queue.registered[0].take()];
        }
    }

    /// What was registered last; none if nothing ever was.
    pub(super) fn registered(&self, notary: PeerId) -> Option<&[Registration]> {
        self.queues.get(&notary)?.registered[0].as_deref()
    }

    /// True while a registration is under way.
    fn registers(&self, notary: PeerId) -> bool {
        let waiting = self.queues.get(&notary).map(|queue| &queue.waiting);
        let registers = |instruction: &Instruction| matches!(instruction, Instruction::Register { .. });
        waiting.is_some_and(|waiting| waiting.iter().any(registers))
    }

    pub(super) fn has_registered(&self, notary: PeerId, kind: &Registration) -> bool {
        let lists = self.queues.get(&notary).map(|queue| &queue.registered);
        lists.is_some_and(|lists| lists.iter().flatten().any(|list| list.binary_search(kind).is_ok()))
    }

    /// The instructions that wait, oldest first for each notary.
    pub(super) fn views(&self) -> Vec<InstructionView> {
        let queues = self.queues.iter();
        let views = queues.flat_map(|(notary, queue)| {
            let view = |instruction: &Instruction| InstructionView {
                notary: *notary,
                instruction: instruction.clone(),
            };
            queue.waiting.iter().map(view)
        });
        views.collect()
    }
}

impl Instruction {
    /// What is to be registered; nothing in any other instruction.
    fn kinds(&self) -> &[Registration] {
        match self {
            Self::Register { kinds, .. } => kinds,
            Self::Stake { .. } | Self::Unstake { .. } => &[],
        }
    }
}

impl Instructed {
    fn notary(&self) -> PeerId {
        match self {
            Self::Stake(stake) => stake.notary,
            Self::Unstake(unstake) => unstake.notary,
            Self::Register(register) => register.notary,
        }
    }

    fn sequence(&self) -> u64 {
        match self {
            Self::Stake(stake) => stake.sequence,
            Self::Unstake(unstake) => unstake.sequence,
            Self::Register(register) => register.sequence,
        }
    }
}

fn message(said: Instructed) -> Message {
    match said {
        Instructed::Stake(stake) => stake.into_verified().into(),
        Instructed::Unstake(unstake) => unstake.into_verified().into(),
        Instructed::Register(register) => register.into_verified().into(),
    }
}

/// Why an instruction is not carried out while the account stands like this; nothing if it could be.
fn refusal(instruction: &Instruction, account: &Account) -> Option<NotCarriedOut> {
    let unknown = account.instruction == 0 && account.free.is_zero() && account.stake.is_zero();
    match instruction {
        Instruction::Stake { amount, .. } if account.free < *amount => Some(NotCarriedOut::Funds),
        Instruction::Unstake { amount } if account.stake < *amount => Some(NotCarriedOut::Funds),
        Instruction::Unstake { .. } => Some(NotCarriedOut::Bound),
        Instruction::Stake { .. } | Instruction::Register { .. } => {
            unknown.then_some(NotCarriedOut::NoAccount)
        }
    }
}
