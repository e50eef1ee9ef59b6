//! The owner of accounts: instructs notaries to stake, to pay out, to register, one instruction after another.
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
    boxed::Box,
    collections::{BTreeMap, VecDeque},
    vec::Vec,
};

use assay_protocol::{
    account::{REGISTRATIONS_MAX, Register, Registration, Stake, Unstake},
    id::{Digest, PeerId},
    message::Message,
    notice::Account,
    signed::{Signed, Signer, Verified},
    units::{Duration, Timestamp},
};

use super::{
    Node,
    alarms::{Alarm, backoff},
};
use crate::{
    effect::{Effect, Effects, Event, NotCarriedOut},
    input::Instruction,
    record::{Instructed, OwnerRecord, Record},
    view::InstructionView,
};

/// Instructions that wait for one notary.
const INSTRUCTIONS_MAX: usize = 32;
/// How long nothing is said after an instruction was refused: by then no copy of it is on its way any more.
const QUIET: Duration = Duration::seconds(8);
/// How often something is said to a notary that does not answer: for about an hour.
const TRIES_MAX: u32 = 450;

/// An owner's state: a queue for each notary.
#[derive(Debug, Default)]
pub(super) struct Owner {
    queues: BTreeMap<PeerId, Queue>,
}

/// What one notary is instructed to do.
#[derive(Debug, Default)]
struct Queue {
    /// Oldest first.
    waiting: VecDeque<Instruction>,
    /// The oldest as it was signed.
    said: Option<Instructed>,
    /// What is awaited; a restart begins anew.
    awaits: Awaits,
    tries: u32,
    /// What was registered last, and before that: a check may still be drawn from the older list.
    registered: [Vec<Registration>; 2],
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

impl<S: Signer> Node<S> {
    /// Takes an instruction into the queue of its notary.
    pub(super) fn instruct_notary(
        &mut self,
        notary: PeerId,
        mut instruction: Instruction,
        now: Timestamp,
        out: &mut Effects,
    ) {
        if let Instruction::Register { kinds, .. } = &mut instruction {
            kinds.sort_unstable();
            kinds.dedup();
        }
        let waiting = self.owner.queues.get(&notary).map_or(0, |queue| queue.waiting.len());
        let reason = if !self.config.genesis.notaries.contains(&notary) {
            Some(NotCarriedOut::Notary)
        } else if waiting >= INSTRUCTIONS_MAX || instruction.kinds().len() > REGISTRATIONS_MAX {
            Some(NotCarriedOut::TooMuch)
        } else {
            None
        };
        if let Some(reason) = reason {
            return out.push(Effect::Tell(Event::NotCarriedOut { notary, instruction, reason }));
        }
        self.keep_owner(OwnerRecord::Wished { notary, instruction }, out);
        if waiting == 0 {
            self.alarms.set(Alarm::Instruction(notary), now);
        }
    }

    /// Says again what a notary has not answered yet.
    pub(super) fn wake_instruction(&mut self, notary: PeerId, now: Timestamp, out: &mut Effects) {
        let Some(queue) = self.owner.queues.get_mut(&notary).filter(|queue| !queue.waiting.is_empty()) else {
            return;
        };
        if let Awaits::Quiet(until) = queue.awaits
            && now < until
        {
            return self.alarms.set(Alarm::Instruction(notary), until);
        }
        queue.tries += 1;
        if queue.tries > TRIES_MAX {
            return self.end_instruction(notary, Some(NotCarriedOut::Unanswered), now, out);
        }
        let again = now.after(backoff(queue.tries));
        match (queue.awaits, queue.said.clone()) {
            (Awaits::Act, Some(said)) => out.push(Effect::Send { to: notary, message: message(said) }),
            (Awaits::Act | Awaits::Statement(_) | Awaits::Quiet(_), _) => {
                let asked = self.ask(notary, None, out);
                if let Some(queue) = self.owner.queues.get_mut(&notary) {
                    let first = if let Awaits::Statement(first) = queue.awaits { first } else { asked };
                    queue.awaits = Awaits::Statement(first);
                }
            }
        }
        self.alarms.set(Alarm::Instruction(notary), again);
    }

    /// Takes a statement of an account: it shows what became of the oldest instruction, or what number it gets.
    pub(super) fn on_statement(&mut self, account: &Verified<Account>, now: Timestamp, out: &mut Effects) {
        let notary = account.signer();
        let Some(queue) = self.owner.queues.get_mut(&notary) else { return };
        let Some(instruction) = queue.waiting.front() else { return };
        let answered = matches!(queue.awaits, Awaits::Statement(asked) if account.sequence >= asked);
        let Some(said) = &queue.said else {
            if answered {
                self.number(notary, account.instruction + 1, now, out);
            }
            return;
        };
        let sequence = said.sequence();
        if account.instruction >= sequence {
            self.end_instruction(notary, None, now, out);
        } else if answered {
            match refusal(instruction, account) {
                Some(reason) => self.end_instruction(notary, Some(reason), now, out),
                None => {
                    queue.awaits = Awaits::Act;
                    self.alarms.set(Alarm::Instruction(notary), now);
                }
            }
        } else if queue.awaits == Awaits::Act && account.sequence == sequence {
            queue.awaits = Awaits::Quiet(now.after(QUIET));
            self.alarms.set(Alarm::Instruction(notary), now.after(QUIET));
        }
    }

    /// Signs the oldest instruction under a number.
    fn number(&mut self, notary: PeerId, sequence: u64, now: Timestamp, out: &mut Effects) {
        let queue = self.owner.queues.get(&notary);
        let Some(instruction) = queue.and_then(|queue| queue.waiting.front().cloned()) else { return };
        let (signer, network) = (&self.signer, self.network);
        let said = match instruction {
            Instruction::Stake { amount, target } => {
                let stake = Stake { notary, sequence, amount, target };
                Instructed::Stake(Signed::seal(stake, signer, network).into_signed())
            }
            Instruction::Unstake { amount } => {
                let unstake = Unstake { notary, sequence, amount };
                Instructed::Unstake(Signed::seal(unstake, signer, network).into_signed())
            }
            Instruction::Register { operator, kinds } => {
                let register = Register { notary, sequence, operator, kinds };
                Instructed::Register(Signed::seal(register, signer, network).into_signed())
            }
        };
        self.keep_owner(OwnerRecord::Numbered(said), out);
        self.wake_instruction(notary, now, out);
    }

    fn end_instruction(
        &mut self,
        notary: PeerId,
        reason: Option<NotCarriedOut>,
        now: Timestamp,
        out: &mut Effects,
    ) {
        let queue = self.owner.queues.get(&notary);
        let Some(instruction) = queue.and_then(|queue| queue.waiting.front().cloned()) else { return };
        self.keep_owner(OwnerRecord::Ended { notary, carried_out: reason.is_none() }, out);
        out.push(Effect::Tell(match reason {
            None => Event::CarriedOut { notary, instruction },
            Some(reason) => Event::NotCarriedOut { notary, instruction, reason },
        }));
        self.alarms.set(Alarm::Instruction(notary), now);
    }

    pub(super) fn keep_owner(&mut self, record: OwnerRecord, out: &mut Effects) {
        self.keep(Record::Owner(Box::new(record)), out);
    }

    /// Changes the owner's state by one record: the only way in which it changes what must survive.
    pub(super) fn fold_owner(&mut self, record: &OwnerRecord) {
        let queues = &mut self.owner.queues;
        match record {
            OwnerRecord::Checkpoint(tick) => self.fold_heads(&tick.clone().recall()),
            OwnerRecord::Forked(fork) => self.heads.fork(fork.notary),
            OwnerRecord::Wished { notary, instruction } => {
                queues.entry(*notary).or_default().waiting.push_back(instruction.clone());
            }
            OwnerRecord::Numbered(said) => {
                let queue = queues.entry(said.notary()).or_default();
                (queue.said, queue.awaits, queue.tries) = (Some(said.clone()), Awaits::Act, 0);
            }
            OwnerRecord::Ended { notary, carried_out } => {
                let queue = queues.entry(*notary).or_default();
                let ended = queue.waiting.pop_front();
                (queue.said, queue.awaits, queue.tries) = (None, Awaits::Act, 0);
                if let (Some(Instruction::Register { kinds, .. }), true) = (ended, *carried_out) {
                    queue.registered = [kinds, core::mem::take(&mut queue.registered[0])];
                }
            }
        }
    }

    /// Takes up again what was unfinished.
    pub(super) fn resume_owner(&mut self, now: Timestamp) {
        for (notary, queue) in &self.owner.queues {
            if !queue.waiting.is_empty() {
                self.alarms.set(Alarm::Instruction(*notary), now);
            }
        }
    }

    /// True if this peer told a notary, or the network knew from the first day, that it checks jobs of this kind.
    pub(super) fn checks_kind(&self, notary: PeerId, class: Digest, manifest: Digest) -> bool {
        let (id, genesis) = (self.signer.id(), &self.config.genesis);
        let founded = genesis.verifiers.iter().any(|founder| {
            founder.peer == id
                && founder.classes.contains(&class)
                && genesis.manifests.iter().any(|pinned| pinned.digest() == manifest)
        });
        let kind = Registration { class, manifest };
        let lists = self.owner.queues.get(&notary).map(|queue| &queue.registered);
        founded || lists.is_some_and(|lists| lists.iter().any(|list| list.binary_search(&kind).is_ok()))
    }

    /// The instructions that wait, oldest first for each notary.
    pub(super) fn view_instructions(&self) -> Vec<InstructionView> {
        let queues = self.owner.queues.iter();
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
            Self::Stake(stake) => stake.clone().recall().notary,
            Self::Unstake(unstake) => unstake.clone().recall().notary,
            Self::Register(register) => register.clone().recall().notary,
        }
    }

    fn sequence(&self) -> u64 {
        match self {
            Self::Stake(stake) => stake.clone().recall().sequence,
            Self::Unstake(unstake) => unstake.clone().recall().sequence,
            Self::Register(register) => register.clone().recall().sequence,
        }
    }
}

fn message(said: Instructed) -> Message {
    match said {
        Instructed::Stake(stake) => stake.recall().into(),
        Instructed::Unstake(unstake) => unstake.recall().into(),
        Instructed::Register(register) => register.recall().into(),
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
