//! The client: finds a provider, has the money held, takes the result, reveals its secret, files the receipt.
//!
//! **Invariant:** all attempts at what is still wanted of a submission use one lane and, until one of them is opened, one number
//! in it, so a notary can open no two of them at once, however many providers are asked beside each other; where another order had
//! that number long ago, the lane is left. A part that is still to be paid keeps its lane to itself. Of submissions that are over the
//! last [`ENDED_MAX`] are remembered in full, and
//! [`PAST_MAX`] before them by what their user is shown.

mod attempt;
mod belongings;
mod cancel;
mod choice;
mod crowding;
mod doubt;
mod former;
mod held;
mod lanes;
mod lot;
mod memory;
mod parts;
mod pursuit;
mod quote;
mod replies;
mod search;
mod streams;
mod submission;
mod today;

use alloc::{
    boxed::Box,
    collections::{BTreeMap, VecDeque},
    vec::Vec,
};

use assay_protocol::{
    genesis::Genesis,
    id::{Digest, JobId, PeerId},
    message::Opened,
    signed::Signer,
    units::{Amount, Duration, Timestamp},
};

pub(super) use self::former::FormerClient;
use self::{
    attempt::{Attempt, AttemptStep, Doubt},
    crowding::{KnownRoom, RoomUse},
    lanes::Lane,
    lot::LotChance,
    submission::{Past, Submitted},
    today::SpentToday,
};
use super::{
    alarms::Alarm,
    context::Context,
    heard::{Fault, Heard},
    role::Role,
};
use crate::{
    command::Command,
    input::Input,
    recent::Recent,
    record::{ClientRecord, Record},
    reliability::Reliability,
};

/// Submissions that are not over.
const SUBMISSIONS_MAX: usize = 10_000;
/// Jobs that are looked after at once as a client goes on after a start, and the pause behind so many.
const RESUMED_AT_ONCE: u64 = 256;
const RESUMED_PAUSE: Duration = Duration::seconds(2);
/// Submissions that are over and remembered in full: their results may still be on their way.
const ENDED_MAX: usize = 1_024;
/// Submissions before those, of which it is remembered what their user is shown.
const PAST_MAX: usize = 16_384;
/// How often a result is asked for once its job is paid: a few minutes, with the pauses between.
const RESULT_TRIES_MAX: u32 = 30;

/// A client's state.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub(super) struct Client {
    /// Boxed, as attempts are: a tree moves its entries about, and these are large.
    submissions: BTreeMap<Digest, Box<Submitted>>,
    /// Those of them that are over, the longest first.
    ended: VecDeque<Digest>,
    /// What was shown of those before.
    past: Recent<Digest, Past>,
    /// How many there were.
    arrivals: u64,
    /// Those that wait for a lane.
    #[serde(skip)]
    queue: VecDeque<Digest>,
    /// Those that wait for an offer, by arrival.
    #[serde(skip)]
    waiting: BTreeMap<u64, Digest>,
    attempts: BTreeMap<JobId, Box<Attempt>>,
    lanes: BTreeMap<(PeerId, u16), Lane>,
    /// At which notary no lane was free when one was last looked for, and none became free since.
    #[serde(skip)]
    none_free: Option<PeerId>,
    /// Who refused an order while others of this client were under way there; after a restart nobody knows.
    #[serde(skip)]
    rooms: BTreeMap<PeerId, KnownRoom>,
    /// How many orders of this client take room at whom: those that take none are at nobody's.
    #[serde(skip)]
    room_uses: BTreeMap<PeerId, RoomUse>,
    /// What the last record leaves nothing to keep for.
    #[serde(skip)]
    let_go: Vec<Digest>,
    /// How long providers usually take to answer what they are asked once; nothing before the first.
    #[serde(skip)]
    answers_in: Option<Duration>,
    /// The same of all, those included that had to be asked again: where much is lost, far more.
    #[serde(skip)]
    answered_after: Option<Duration>,
    /// When a run of each of these models last had too little time; after a restart nobody knows.
    #[serde(skip)]
    overdue: BTreeMap<Digest, Timestamp>,
    /// How often jobs fall on a stranger; after a restart as often as at first.
    #[serde(skip)]
    lot: LotChance,
    /// What today's orders may cost.
    today: SpentToday,
    /// The most that those of a day may, by the home's settings.
    #[serde(skip)]
    daily_max: Option<Amount>,
    /// What was seen of each provider.
    pub(super) reliability: Reliability,
}

impl<S: Signer> Role<S> for Client {
    fn handle(&mut self, input: &Input, cx: &mut Context<'_, S>) -> Heard {
        match input {
            Input::Command(Command::Submit(submission)) => self.submit(submission, cx),
            Input::Command(Command::Cancel { key }) => self.cancel(*key, cx),
            Input::Command(Command::Dispute { key }) => self.dispute(*key, cx),
            Input::Command(Command::Taken { key }) => self.on_taken(*key, cx),
            Input::Message(Opened::Accept(accept)) => self.on_accept(accept, cx),
            Input::Message(Opened::Refuse(refuse)) => self.on_refuse(refuse, cx),
            Input::Message(Opened::Ticket(ticket)) => self.on_ticket(ticket, cx),
            Input::Message(Opened::Deliver(deliver)) => self.on_deliver(deliver, cx),
            Input::Message(Opened::Output(output)) => self.on_stream(output, cx),
            Input::Message(Opened::Abort(abort)) => self.on_abort(abort, cx),
            Input::Message(Opened::Check(check)) => self.on_check(check, cx),
            Input::Message(Opened::Notice(notice)) => self.on_notice(notice, cx),
            Input::Offered { provider } => self.on_offer(*provider, cx),
            Input::Undelivered { to } => self.on_undelivered(*to, cx),
            Input::Connection { to, is_open } => self.on_connection(*to, *is_open, cx),
            Input::Fetched { holder, digest, found } => self.on_output(*holder, *digest, *found, cx),
            Input::Collected { job, digest, found } => self.on_receipt(*job, *digest, *found, cx),
            Input::Command(_)
            | Input::Message(_)
            | Input::Ran { .. }
            | Input::Streamed { .. }
            | Input::Shown { .. }
            | Input::Recalled { .. }
            | Input::Sensed(_)
            | Input::Wake => Heard::NotMine,
        }
    }

    fn resume(&mut self, cx: &mut Context<'_, S>) {
        self.end_old_parts(cx);
        let open: Vec<JobId> =
            self.attempts.iter().filter(|(_, at)| at.is_pursued()).map(|(job, _)| *job).collect();
        for (number, job) in (0u64..).zip(open) {
            self.take_up_again(job, cx);
            // Not more at once than a notary hears of one peer.
            cx.set(Alarm::Attempt(job), cx.now.after(RESUMED_PAUSE.times(number / RESUMED_AT_ONCE)));
            self.serve_provider(job, cx);
        }
        self.hold_again(cx);
        self.look_again(cx);
        for (key, submitted) in self.submissions.iter().filter(|(_, submitted)| !submitted.ended) {
            if let Some(until) = submitted.submission.until {
                cx.set(Alarm::Deadline(*key), until);
            }
        }
    }
}

impl Client {
    /// What its records left nothing to keep for is not kept after a start anyway.
    pub(super) fn forget_let_go(&mut self) {
        self.let_go.clear();
    }

    fn keep<S: Signer>(&mut self, record: ClientRecord, cx: &mut Context<'_, S>) {
        self.fold(&record, cx.genesis);
        cx.save(Record::Client(Box::new(record)));
        cx.release(self.let_go.drain(..));
    }

    /// Changes the client's state by one record: the only way in which it changes what must survive.
    pub(super) fn fold(&mut self, record: &ClientRecord, genesis: &Genesis) {
        if let ClientRecord::Ordered { order, .. } = record {
            self.today.begin(order);
        }
        let key = self.priced_by(record);
        let before = key.map_or(Amount::ZERO, |key| self.cost_today(key));
        key.into_iter().for_each(|key| self.leave_room(key));
        self.apply(record, genesis);
        key.into_iter().for_each(|key| self.take_room(key));
        let after = key.map_or(Amount::ZERO, |key| self.cost_today(key));
        self.today.change(before, after);
    }

    fn apply(&mut self, record: &ClientRecord, genesis: &Genesis) {
        match record {
            ClientRecord::Submitted(submission) => self.add(submission.clone()),
            ClientRecord::Ordered { key, order, secret } => {
                self.order(*key, order.verified(), *secret);
            }
            ClientRecord::Agreed { open } => {
                self.step(open.accept.said().job, AttemptStep::Agree(open.clone()));
            }
            ClientRecord::Claimed(claim) => self.claimed(claim, genesis),
            ClientRecord::Ticketed(ticket) => self.ticketed(ticket.verified()),
            ClientRecord::Dropped { job, reason } => self.dropped(*job, *reason),
            ClientRecord::Delivered { deliver, timing } => {
                self.delivered(deliver.verified(), *timing);
            }
            ClientRecord::Failed { job, reason } => self.failed(*job, *reason),
            ClientRecord::Closed { job, receipt, proven } => self.closed(*job, *receipt, *proven),
            ClientRecord::Ended { key } => self.end(*key),
            ClientRecord::Cancelled { key } => self.cancelled(*key),
            ClientRecord::Forsaken { job } => self.step(*job, AttemptStep::Forsake),
            ClientRecord::Taken { key } => self.taken(*key),
            ClientRecord::Disputed { job } => self.step(*job, AttemptStep::Doubt(Doubt::Told)),
            ClientRecord::NotDisputed { job } => self.step(*job, AttemptStep::Doubt(Doubt::None)),
        }
    }

    /// Takes a step that was found to be possible before it was saved.
    fn step(&mut self, job: JobId, step: AttemptStep) {
        if let Some(attempt) = self.attempts.get_mut(&job) {
            let taken = attempt.apply(step);
            debug_assert!(taken.is_ok(), "a step that was saved is not in the table");
        }
    }

    /// An attempt, if this peer is its provider or its notary.
    fn attempt_of(&self, job: JobId, by: PeerId) -> Result<&Attempt, Heard> {
        let attempt = self.attempts.get(&job).ok_or(Heard::NotMine)?;
        if attempt.concerns(by) { Ok(attempt) } else { Err(Heard::Misstep(Fault::Stranger)) }
    }
}

impl Default for Client {
    fn default() -> Self {
        Self {
            submissions: BTreeMap::new(),
            ended: VecDeque::new(),
            past: Recent::new(PAST_MAX),
            arrivals: 0,
            queue: VecDeque::new(),
            waiting: BTreeMap::new(),
            attempts: BTreeMap::new(),
            let_go: Vec::new(),
            lanes: BTreeMap::new(),
            none_free: None,
            rooms: BTreeMap::new(),
            room_uses: BTreeMap::new(),
            answers_in: None,
            answered_after: None,
            overdue: BTreeMap::new(),
            lot: LotChance::default(),
            today: SpentToday::default(),
            daily_max: None,
            reliability: Reliability::default(),
        }
    }
}
