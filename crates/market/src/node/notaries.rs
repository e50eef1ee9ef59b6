//! What this peer knows of notaries and has them do: questions, accounts, heads, forks, and the instructions of its own
//! account.
//!
//! It is no role: it hears what every notary says, whatever the job, and takes no message from the role that it is for.
//!
//! **Invariant:** an answer's number tells which question it answers, in this life or one before.

mod heads;
mod instructions;
mod own;

use alloc::{boxed::Box, collections::BTreeMap, vec::Vec};

use assay_protocol::{
    account::Registration,
    genesis::Genesis,
    id::PeerId,
    message::{Message, Opened},
    notice::{Account, Tick},
    signed::{Signer, Verified},
    standing::PeerStanding,
    units::{Duration, Timestamp},
};

use self::{heads::Heads, instructions::Instructions, own::OwnStandings};
use super::{alarms::Alarm, context::Context, heard::Fault};
use crate::{
    command::Instruction,
    event::Event,
    matching::Convicted,
    record::{OwnerRecord, Record},
    view::{AccountView, InstructionView},
};

/// Questions are numbered from here, by the time where that is more: an answer's number then tells whether it answers a
/// question or an instruction, and a question of this life or of one before.
const QUESTIONS_FROM: u64 = 1 << 63;

/// How often it is looked whether a notary's word on this peer is to be asked for, at most.
const ASKS_EACH: Duration = Duration::seconds(1);

/// What is known of notaries.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
pub(super) struct Notaries {
    /// The number of the last question to each.
    #[serde(skip)]
    asked: BTreeMap<PeerId, u64>,
    #[serde(skip)]
    accounts: BTreeMap<PeerId, Account>,
    /// When each last spoke to this peer, in this life. They are few, and every peer keeps this.
    #[serde(skip)]
    heard: Vec<(PeerId, Timestamp)>,
    heads: Heads,
    convicted: Convicted,
    instructions: Instructions,
    #[serde(skip)]
    standings: OwnStandings,
}

impl Notaries {
    /// Hears what notaries say. True if this was the first statement of an account: what waited for one can go on.
    pub(super) fn hear<S: Signer>(message: &Opened, cx: &mut Context<'_, S>) -> bool {
        Self::note_heard(message, cx);
        heads::compare(message, cx);
        if let Opened::Tick(tick) = message
            && tick.signer() != cx.own()
            && cx.is_notary(tick.signer())
        {
            match tick.checkpoint {
                Some(_) => cx.compare_with_checkpoint(tick.signer(), tick.time),
                None => cx.compare_clocks(tick.signer(), tick.time),
            }
            Self::ask_anew(tick, cx);
            let epoch = tick.round / cx.genesis.timers.epoch_ticks;
            cx.notaries.standings.note_epoch(tick.signer(), epoch);
        }
        let Opened::Account(account) = message else { return false };
        cx.is_notary(account.signer()) && Self::note(account, cx)
    }

    /// Notes that a notary was heard. What it tells everyone comes by others as well, and counts from when it was said.
    fn note_heard<S: Signer>(message: &Opened, cx: &mut Context<'_, S>) {
        let (notary, now) = (message.signer(), cx.now);
        if notary == cx.own() || !cx.is_notary(notary) {
            return;
        }
        let said = if let Opened::Tick(tick) = message { tick.time.min(now) } else { now };
        let heard = &mut cx.notaries.heard;
        if let Some((_, last)) = heard.iter_mut().find(|(of, _)| *of == notary) {
            *last = said.max(*last);
            return;
        }
        heard.reserve_exact(1);
        heard.push((notary, said));
    }

    /// Once an epoch whoever checks asks how it stands: it may have been away, and suspended for that. Not all at once.
    fn ask_anew<S: Signer>(tick: &Verified<Tick>, cx: &mut Context<'_, S>) {
        let notary = tick.signer();
        if tick.checkpoint.is_some() && !cx.registered_kinds(notary).is_empty() {
            let timers = &cx.genesis.timers;
            let half = (timers.tick.0 * timers.epoch_ticks / 2).max(1);
            let [a, b, c, d, ..] = cx.chance.draw().0;
            let wait = Duration(u64::from(u32::from_be_bytes([a, b, c, d])) % half);
            cx.set(Alarm::Question(notary), cx.now.after(wait));
        }
    }

    /// Takes a notary's statement of this peer's account.
    fn note<S: Signer>(account: &Verified<Account>, cx: &mut Context<'_, S>) -> bool {
        let notary = account.signer();
        // Answers may overtake each other: an older state of the books says nothing any more.
        let known = cx.notaries.accounts.get(&notary);
        if known.is_some_and(|known| known.head.sequence > account.head.sequence) {
            return false;
        }
        let first = cx.notaries.accounts.insert(notary, **account).is_none();
        if cx.notaries.standings.outgrown(notary, account, cx.now) && cx.alarms.is_set(Alarm::Standing) {
            cx.set(Alarm::Standing, cx.now);
        }
        cx.tell(Event::Balance { notary, account: **account });
        instructions::on_statement(account, cx);
        instructions::register_again(account, cx);
        first
    }

    /// Takes a notary's word on this peer, to be shown to others; true if it is news.
    pub(super) fn take_standing<S: Signer>(
        standing: &Verified<PeerStanding>,
        cx: &mut Context<'_, S>,
    ) -> Result<bool, Fault> {
        if !cx.is_notary(standing.signer()) || standing.peer != cx.own() {
            return Err(Fault::Stranger);
        }
        let luck = cx.chance.draw();
        Ok(cx.notaries.standings.take(standing, &cx.genesis.timers, luck, cx.now))
    }

    /// Asks for it where that is due, and sets the next time.
    pub(super) fn ask_standing<S: Signer>(cx: &mut Context<'_, S>) {
        let Some(notary) = cx.notary_in_use() else { return };
        if cx.now >= cx.notaries.standings.asks_at(notary) {
            let _ = cx.ask(notary, None);
        }
        let next = cx.notaries.standings.asks_at(notary).max(cx.now.after(ASKS_EACH));
        cx.set(Alarm::Standing, next);
    }

    /// True if a question to a notary asks for its word on this peer as well.
    pub(super) fn asks_standing(&mut self, notary: PeerId, now: Timestamp) -> bool {
        self.standings.asks(notary, now)
    }

    /// What a notary says of this peer, to be shown to others, while it holds.
    pub(super) fn standing(&self, notary: PeerId) -> Option<&Verified<PeerStanding>> {
        let holds = |standing: &&Verified<PeerStanding>| standing.holds_in(self.epoch(notary));
        self.standings.get(notary).filter(holds)
    }

    /// Notes that a notary has come to this round.
    pub(super) fn note_round(&mut self, notary: PeerId, round: u64, genesis: &Genesis) {
        self.standings.note_epoch(notary, round / genesis.timers.epoch_ticks);
    }

    /// Whom notaries convicted, as they tell everyone.
    pub(super) fn convicted(&self) -> &Convicted {
        &self.convicted
    }

    /// In which epoch a notary is at least.
    pub(super) fn epoch(&self, notary: PeerId) -> u64 {
        self.standings.epoch(notary)
    }

    /// The number of the next question to a notary.
    pub(super) fn number_question(&mut self, notary: PeerId, now: Timestamp) -> u64 {
        let last = self.asked.get(&notary).copied().unwrap_or(QUESTIONS_FROM);
        let sequence = last.saturating_add(1).max(QUESTIONS_FROM | now.0);
        self.asked.insert(notary, sequence);
        sequence
    }

    /// Takes an instruction for a notary.
    pub(super) fn instruct<S: Signer>(notary: PeerId, instruction: Instruction, cx: &mut Context<'_, S>) {
        instructions::instruct(notary, instruction, cx);
    }

    /// Says again what a notary has not answered yet.
    pub(super) fn wake<S: Signer>(notary: PeerId, cx: &mut Context<'_, S>) {
        instructions::wake(notary, cx);
    }

    /// Takes up again what was unfinished.
    pub(super) fn resume<S: Signer>(cx: &mut Context<'_, S>) {
        instructions::resume(cx);
    }

    /// Changes what is known by one record: the only way in which what must survive changes.
    pub(super) fn fold(&mut self, record: &OwnerRecord) {
        match record {
            OwnerRecord::Checkpoint(tick) => {
                self.heads.note_checkpoint(tick);
                self.convicted.note(tick.signer(), tick);
            }
            OwnerRecord::Forked(fork) => self.heads.fork(fork.notary),
            OwnerRecord::Wished { notary, instruction } => {
                self.instructions.wish(*notary, instruction.clone())
            }
            OwnerRecord::Numbered(said) => self.instructions.number(said.clone()),
            OwnerRecord::Ended { notary, carried_out } => self.instructions.end(*notary, *carried_out),
        }
    }

    /// True for a notary of which it is proven that it keeps two journals.
    pub(super) fn has_forked(&self, notary: PeerId) -> bool {
        self.heads.has_forked(notary)
    }

    /// The last that a notary said of the end of its journal.
    pub(super) fn last_words(&self, notary: PeerId) -> Vec<Message> {
        self.heads.last_words(notary)
    }

    /// The notaries that keep two journals.
    pub(super) fn forked(&self) -> impl Iterator<Item = PeerId> {
        self.heads.forked()
    }

    /// When a notary was last heard, in this life.
    pub(super) fn heard_at(&self, notary: PeerId) -> Option<Timestamp> {
        self.heard.iter().find(|(of, _)| *of == notary).map(|(_, at)| *at)
    }

    /// What a notary last said that this peer's account holds.
    pub(super) fn account(&self, notary: PeerId) -> Option<&Account> {
        self.accounts.get(&notary)
    }

    /// True if this peer told a notary that it checks jobs of this kind, or did before its last word on that.
    pub(super) fn has_registered(&self, notary: PeerId, kind: &Registration) -> bool {
        self.instructions.has_registered(notary, kind)
    }

    /// This peer's accounts, as their notaries last stated them.
    pub(super) fn view_accounts(&self) -> Vec<AccountView> {
        let accounts = self.accounts.iter();
        accounts.map(|(notary, account)| AccountView { notary: *notary, account: *account }).collect()
    }

    /// What notaries are still to carry out.
    pub(super) fn view_instructions(&self) -> Vec<InstructionView> {
        self.instructions.views()
    }
}

impl<S: Signer> Context<'_, S> {
    /// The kinds of jobs that a notary may draw this peer for: what it registered last, or checks from the first day.
    pub(super) fn registered_kinds(&self, notary: PeerId) -> Vec<Registration> {
        if let Some(kinds) = self.notaries.instructions.registered(notary) {
            return kinds.to_vec();
        }
        let own = self.own();
        let classes = self.genesis.verifiers.iter().filter(|founder| founder.peer == own);
        let kinds = classes.flat_map(|founder| {
            let kind = |class| self.genesis.manifests.iter().map(move |pinned| pinned.kind(class));
            founder.classes.iter().copied().flat_map(kind)
        });
        let mut kinds: Vec<Registration> = kinds.collect();
        kinds.sort_unstable();
        kinds.dedup();
        kinds
    }

    /// Folds a record of what is known of notaries, and has it saved.
    fn keep_of_notary(&mut self, record: OwnerRecord) {
        self.notaries.fold(&record);
        self.save(Record::Owner(Box::new(record)));
    }
}
