//! A batch that is being carried out: its lines are ordered, and what comes of them is recorded.
//!
//! **Invariant:** a line has one order at a time, whose name follows from the batch, the line and how often it was tried: who
//! goes on after an end finds each order that was made, and makes no other. A line is recorded once its job is closed, so that
//! what is recorded was paid for, and checked if the lot fell so.

mod fruitless;
mod line_price;

use std::{collections::HashMap, time::Duration};

use assay_market::{submission::Unmatched, view::SubmissionView};
use assay_peer::handle::{CallError, CancelJob, KNOWN_JOBS_MAX, KnownJob, Refused, Submit};
use assay_protocol::{id::Digest, manifest::Manifest, units::Amount};
use tokio::{
    sync::Notify,
    time::{Instant, sleep_until},
};

use super::{
    batch_budget::BatchBudget,
    batch_daemon::{BatchDaemon, is_away},
    batch_error::BatchError,
    batch_gear::{BatchGear, BatchSign, cancelled, nudged},
    batch_payer::BatchPayer,
    batch_stop::BatchStop,
    harvest::{self, Harvest},
    line_log::{LineLog, LineRecord, LineState},
    line_queue::LineQueue,
    line_reach::LineReach,
    open_line::OpenLine,
};
use crate::{BatchedFailure, BatchedRequest, failure::HttpFailure};

/// Orders that are open at a time, those included whose answer is here and not closed.
const OPEN_MAX: usize = 512;
/// How long nobody may take anything, where nothing of the batch is under way.
const PATIENCE: Duration = Duration::from_secs(60);
/// Before something is tried again that nobody took, at first and at most.
const STEP: Duration = Duration::from_secs(1);
const STEP_MAX: Duration = Duration::from_secs(30);
/// How long a result is waited for that is paid already: the daemon asks for it about as long.
const PAID_WAIT: Duration = Duration::from_secs(5 * 60);

/// A batch that is being carried out.
pub struct BatchCourse<'a> {
    gear: BatchGear<'a>,
    daemon: BatchDaemon<'a>,
    log: LineLog,
    budget: BatchBudget,
    payer: BatchPayer,
    /// By which it is told that something changed which it cannot hear of.
    nudge: Option<&'a Notify>,
    /// Lines that are to be ordered.
    queue: LineQueue,
    open: HashMap<Digest, OpenLine>,
    /// How many of them may wait for somebody.
    reach: LineReach,
    /// Nothing is ordered before.
    next_order: Instant,
    step: Duration,
    /// Nothing is ordered until an order is answered or over: there was no money for it.
    waits_for_end: bool,
    /// When something last went on.
    moved: Instant,
    /// How often the runs of a line failed that was ordered again for it.
    failures: HashMap<usize, u16>,
    stop: Option<BatchStop>,
}

impl<'a> BatchCourse<'a> {
    /// Goes on with a batch where it was.
    ///
    /// # Errors
    /// [`BatchError`]; what was ordered goes on, and is found by whoever begins again.
    pub async fn begin(
        gear: BatchGear<'a>,
        daemon: BatchDaemon<'a>,
        log: LineLog,
    ) -> Result<Self, BatchError> {
        Self::begin_for(gear, daemon, log, (BatchPayer::default(), None)).await
    }

    /// The same for whoever pays for it beside the home, and may have it look again.
    pub(crate) async fn begin_for(
        gear: BatchGear<'a>,
        daemon: BatchDaemon<'a>,
        log: LineLog,
        (payer, nudge): (BatchPayer, Option<&'a Notify>),
    ) -> Result<Self, BatchError> {
        let budget = BatchBudget::new(gear.plan.cost_max, log.spent());
        let mut course = Self {
            gear,
            daemon,
            log,
            budget,
            payer,
            nudge,
            queue: LineQueue::default(),
            open: HashMap::new(),
            reach: LineReach::default(),
            next_order: Instant::now(),
            step: STEP,
            waits_for_end: false,
            moved: Instant::now(),
            failures: HashMap::new(),
            stop: None,
        };
        course.find_orders().await?;
        // What kept orders back while nobody carried the batch out need not do so now.
        (course.stop, course.waits_for_end) = (None, false);
        course.go_on();
        Ok(course)
    }

    /// Carries it out to its end, or until it has to stop.
    ///
    /// # Errors
    /// [`BatchError`]; what was ordered goes on, and is found by whoever begins again.
    pub async fn carry_out(&mut self) -> Result<Option<BatchStop>, BatchError> {
        loop {
            while self.daemon.has_missed() {
                self.look_at_all().await?;
            }
            let now = Instant::now();
            self.order(now).await?;
            self.show();
            let has_more = !self.queue.is_empty() && self.stop.is_none();
            if self.open.is_empty() && !has_more {
                return Ok(self.stop.take());
            }
            // What is due since `now` is due at once; whatever else keeps lines back ends with something that happens.
            let next_order = Some(self.next_order).filter(|next| has_more && *next > now);
            let wake = self.open.values().filter_map(|open| open.deadline).chain(next_order).min();
            let (nudge, folder) = (self.nudge, self.gear.folder);
            tokio::select! {
                () = nudged(nudge) => self.go_on(),
                // What was not ordered is not waited for.
                () = cancelled(folder), if has_more => self.stop = Some(BatchStop::Cancelled),
                update = self.daemon.next() => if let Some(job) = update? {
                    self.take(&job.submission, job.awaits.is_some()).await?;
                },
                () = sleep_until(wake.unwrap_or(now)), if wake.is_some() => self.give_up_late().await?,
            }
        }
    }

    /// Finds the orders that were made before, and which lines have none.
    async fn find_orders(&mut self) -> Result<(), BatchError> {
        let states = self.log.lines().iter().enumerate().filter(|(_, state)| state.end.is_none());
        let lines: Vec<(usize, u32)> = states.map(|(line, state)| (line, state.attempt)).collect();
        for some in lines.chunks(KNOWN_JOBS_MAX) {
            let plan = self.gear.plan;
            let keys: Vec<Digest> = some.iter().map(|(line, attempt)| plan.key(*line, *attempt)).collect();
            let known = self.daemon.known(keys.clone()).await?;
            for ((line, attempt), key) in some.iter().copied().zip(keys) {
                match known.iter().find(|job| job.submission.key == key) {
                    Some(job) => self.adopt((line, attempt), job).await?,
                    None => self.queue.add(line),
                }
            }
        }
        Ok(())
    }

    /// Takes an order for this line's that is known to the daemon.
    async fn adopt(&mut self, (line, attempt): (usize, u32), job: &KnownJob) -> Result<(), BatchError> {
        let wanted = self.wanted(&self.gear.lines.request(line)?)?;
        let most = job.cost_max.unwrap_or(wanted);
        self.open_line(job.submission.key, (line, attempt), (most, most < wanted));
        self.take(&job.submission, job.awaits.is_some()).await
    }

    fn open_line(&mut self, key: Digest, (line, attempt): (usize, u32), (most, is_short): (Amount, bool)) {
        let open = OpenLine {
            line,
            attempt,
            most,
            is_short,
            is_taken_up: false,
            is_answered: false,
            deadline: None,
        };
        self.open.insert(key, open);
        self.reserve(key, line, most);
    }

    /// Speaks for what an order may cost, but for what is counted of it already, because it was looked at before.
    fn reserve(&mut self, key: Digest, line: usize, cost: Amount) {
        let counted = self.log.lines().get(line).map_or(Amount::ZERO, LineState::cost);
        self.budget.reserve(key, cost.minus_up_to(counted));
    }

    /// Orders as much as may be under way.
    async fn order(&mut self, now: Instant) -> Result<(), BatchError> {
        while self.stop.is_none() && now >= self.next_order {
            let working = self.open.values().filter(|open| !open.is_answered).count();
            let waiting = self.open.values().filter(|open| open.waits()).count();
            let is_full = working >= self.gear.plan.concurrency.into() || self.open.len() >= OPEN_MAX;
            if is_full || !self.reach.admits_beside(waiting) || self.waits_for_end && !self.open.is_empty() {
                break;
            }
            if self.gear.folder.is_cancelled() {
                self.stop = Some(BatchStop::Cancelled);
                break;
            }
            let Some(line) = self.queue.first() else { break };
            let mut left = self.budget.left();
            let wanted = self.wanted(&self.gear.lines.request(line)?)?;
            // What is spoken for may yet come back: while something is open a line is ordered with less only if it costs less.
            if self.budget.lacks(wanted) && !self.open.is_empty() {
                left = self.likely(line).await?;
                if left.is_none() {
                    break;
                }
            }
            if left.is_some_and(Amount::is_zero) {
                self.stop = Some(BatchStop::Ceiling { enough: None });
                break;
            }
            if self.order_line(line, left).await? {
                self.queue.leave();
            }
        }
        Ok(())
    }

    /// Orders a line; false if it is to be tried again.
    async fn order_line(&mut self, line: usize, left: Option<Amount>) -> Result<bool, BatchError> {
        let (plan, attempt) = (self.gear.plan, self.log.lines()[line].attempt);
        let key = plan.key(line, attempt);
        let request = self.gear.lines.request(line)?;
        let submit = match request.order(self.manifest(&request)?, plan.seed(line)) {
            Ok(submit) => submit,
            Err(failure) => {
                return self.record_failure((line, attempt), &failure, Amount::ZERO).map(|()| true);
            }
        };
        let wanted = self.payer.most(submit.cost_max.unwrap_or(self.gear.settings.cost_max));
        let most = left.map_or(wanted, |left| wanted.min(left));
        let mut submit = Submit {
            idempotency_key: Some(plan.word(line, attempt)),
            cost_max: Some(most),
            // Under a ceiling the batch orders again by itself, as far as that bears what another attempt may cost.
            attempts_max: self.orders_singly().then_some(1),
            ..submit
        };
        if let Err(failure) = self.payer.allow(key, &mut submit).await {
            return self.not_allowed(failure).await;
        }
        let most = submit.cost_max.unwrap_or(most);
        match self.daemon.handle.call(submit).await {
            Ok(_) | Err(CallError::Refused(Refused::KeyInUse)) => {}
            Err(CallError::Refused(refused)) if refused != Refused::Ending => {
                self.payer.settle(key, Amount::ZERO);
                return self.refused(line, refused);
            }
            // It may have been made.
            Err(error) if is_away(&error) => self.daemon.connect().await?,
            Err(error) => return Err(error.into()),
        }
        // It may have been made before, under another ceiling, and be over: then nothing more is told of it.
        let Some(job) = self.daemon.known(vec![key]).await?.pop() else {
            self.payer.settle(key, Amount::ZERO);
            return Ok(false);
        };
        self.open_line(key, (line, attempt), (job.cost_max.unwrap_or(most), most < wanted));
        self.take(&job.submission, job.awaits.is_some()).await?;
        if self.gear.folder.is_cancelled() && self.open.contains_key(&key) {
            // Whoever cancels may have looked for it just before. Where it is too late for that it is gathered.
            let _ = self.daemon.handle.call(CancelJob { name: key.to_string() }).await;
        }
        Ok(true)
    }

    /// Whether each order has one attempt, so that it costs no more than is spoken for.
    fn orders_singly(&self) -> bool {
        self.gear.plan.cost_max.is_some() || self.payer.is_key()
    }

    /// What becomes of a line for which its key does not pay now: it is tried again.
    async fn not_allowed(&mut self, failure: HttpFailure) -> Result<bool, BatchError> {
        if failure.code() == HttpFailure::NO_DAEMON {
            self.daemon.connect().await?;
        } else if failure.passes() {
            self.try_later();
        } else {
            self.lack(BatchStop::NotAllowed(failure.into()));
        }
        Ok(false)
    }

    /// What becomes of a line that the daemon does not take; false if it is to be tried again.
    fn refused(&mut self, line: usize, refused: Refused) -> Result<bool, BatchError> {
        let is_patient = !self.open.is_empty() || self.moved.elapsed() <= PATIENCE;
        if is_patient && matches!(refused, Refused::TooManyJobs | Refused::TooManyCalls { .. }) {
            self.try_later();
            return Ok(false);
        }
        if matches!(refused, Refused::InputTooLong { .. }) {
            let place = (line, self.log.lines()[line].attempt);
            self.record_failure(place, &BatchedFailure::of_refused(refused), Amount::ZERO)?;
            return Ok(true);
        }
        // Nothing more is taken today, or of this home.
        self.lack(BatchStop::Refused(refused));
        Ok(false)
    }

    fn manifest(&self, request: &BatchedRequest) -> Result<&'a Manifest, BatchError> {
        let absent = || BatchError::NoModel { model: request.model().to_owned() };
        self.gear.manifests.get(request.model()).ok_or_else(absent)
    }

    /// Takes how a job stands, if it is one of this batch, and whether it waits for a place: at who is busy, or among the jobs that
    /// may be open.
    async fn take(&mut self, submission: &SubmissionView, waits: bool) -> Result<(), BatchError> {
        let key = submission.key;
        let Some(open) = self.open.get_mut(&key) else { return Ok(()) };
        if !submission.ended {
            let is_answered = submission.answer().is_some();
            let turns = is_answered != open.is_answered;
            let is_taken_up = is_answered || submission.running().is_some();
            if waits {
                self.reach.note_busy();
            } else if is_taken_up && open.waits() {
                self.reach.note_calm();
            }
            (open.is_taken_up, open.is_answered) = (is_taken_up, is_answered);
            let (line, cost) = (open.line, open.reserved(submission));
            self.reserve(key, line, cost);
            // With an answer comes back what it leaves of the price of the longest: that may be enough for another order.
            self.payer.lower(key, cost);
            self.waits_for_end &= !turns;
            if turns || submission.running().is_some() {
                self.go_on();
            }
            return Ok(());
        }
        let open = *open;
        match open.waits() {
            true if submission.unmatched.as_ref().is_some_and(Unmatched::is_busy) => self.reach.note_busy(),
            true => self.reach.note_calm(),
            false => {}
        }
        if submission.answer().is_some() {
            return self.gather(submission, open).await;
        }
        if submission.is_paid() {
            // It was closed before its result came; that is on its way.
            let deadline = open.deadline.unwrap_or_else(|| Instant::now() + PAID_WAIT);
            self.open.insert(key, OpenLine { is_answered: true, deadline: Some(deadline), ..open });
            return Ok(());
        }
        self.came_to_nothing(submission, open).await
    }

    /// Records what came of a line. Its result is kept by the daemon until that is on the disk.
    async fn gather(&mut self, submission: &SubmissionView, open: OpenLine) -> Result<(), BatchError> {
        let request = self.gear.lines.request(open.line)?;
        let (manifest, cost) = (self.manifest(&request)?, submission.cost_max());
        let (place, drawn) = ((open.line, open.attempt), (manifest, self.gear.plan.seed(open.line)));
        match harvest::gather(&self.daemon.handle, submission, &request, drawn).await {
            Ok((harvest, pieces)) => {
                let is_kept = harvest.is_answer();
                self.record(place, harvest, cost)?;
                // What is no answer stays with the daemon, for who wants to see it. Where this is not heard, so does the rest.
                if is_kept {
                    let _ = pieces.take().await;
                }
                Ok(())
            }
            // It is looked at again once the daemon is back.
            Err(error) if is_away(&error) => self.daemon.connect().await,
            Err(CallError::Refused(refused @ Refused::BlobAbsent { .. })) => {
                self.record_failure(place, &BatchedFailure::of_refused(refused), cost)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// An order is not open any more, and what it has cost is recorded.
    fn forget(&mut self, key: Digest) {
        self.open.remove(&key);
        self.budget.settle(key, self.log.spent());
    }

    fn record_failure(
        &mut self,
        (line, attempt): (usize, u32),
        failure: &BatchedFailure,
        cost: Amount,
    ) -> Result<(), BatchError> {
        let request = self.gear.lines.request(line)?;
        let harvest = Harvest::failed(self.gear.plan.key(line, attempt), &request, failure);
        self.record((line, attempt), harvest, cost)
    }

    fn record(&mut self, place: (usize, u32), harvest: Harvest, cost: Amount) -> Result<(), BatchError> {
        let key = self.gear.plan.key(place.0, place.1);
        self.log_all(&[LineRecord::Over(harvest.result(place, cost))])?;
        self.payer.settle(key, cost);
        self.forget(key);
        self.waits_for_end = false;
        self.go_on();
        Ok(())
    }

    fn log_all(&mut self, records: &[LineRecord]) -> Result<(), BatchError> {
        self.gear.folder.add(&mut self.log, records)
    }

    /// Looks at each job of which something may have been missed.
    async fn look_at_all(&mut self) -> Result<(), BatchError> {
        let keys: Vec<Digest> = self.open.keys().copied().collect();
        for some in keys.chunks(KNOWN_JOBS_MAX) {
            let known = self.daemon.known(some.to_vec()).await?;
            for key in some {
                match known.iter().find(|job| job.submission.key == *key) {
                    Some(job) => self.take(&job.submission, job.awaits.is_some()).await?,
                    // The daemon lost the end of what it remembered.
                    None => self.order_again(*key),
                }
            }
        }
        Ok(())
    }

    fn order_again(&mut self, key: Digest) {
        if let Some(open) = self.open.get(&key) {
            self.queue.add(open.line);
            self.payer.lose(key);
            self.forget(key);
        }
    }

    /// Says how far it is.
    fn show(&self) {
        let (tally, open, spent) = (self.log.tally(), self.open.len(), self.budget.spent());
        let lacks = self.waits_for_end || self.budget.is_short();
        let is_held = lacks && open > 0 && !self.queue.is_empty();
        let is_cancelled = self.stop == Some(BatchStop::Cancelled);
        (self.gear.tell)(BatchSign::Progress { tally, open, spent, is_held, is_cancelled });
    }
}
