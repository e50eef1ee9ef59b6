//! A batch that is being carried out: its lines are ordered, and what comes of them is recorded.
//!
//! **Invariant:** a line has one order at a time, whose name follows from the batch, the line and how often it was tried: who
//! goes on after an end finds each order that was made, and makes no other. A line is recorded once its job is closed, so that
//! what is recorded was paid for, and checked if the lot fell so.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    time::Duration,
};

use assay_gateway::{BatchedFailure, BatchedRequest};
use assay_market::view::{AttemptState, SubmissionView};
use assay_peer::{
    config::Home,
    handle::{
        CallError, FrameError, Handle, KNOWN_JOBS_MAX, KnownJobs, Refused, Submit, Update, Updates, WatchUpdates,
    },
};
use assay_protocol::{id::Digest, manifest::Manifest, order::Refusal, units::Amount};
use tokio::time::{Instant, sleep, sleep_until};

use super::{
    batch_budget::BatchBudget,
    batch_folder::{BatchFolder, failed},
    batch_lines::BatchLines,
    batch_plan::BatchPlan,
    harvest,
    line_log::{LineLog, LineRecord},
    stop::BatchStop,
};
use crate::{
    command_error::{CommandError, lost},
    printer::Spinner,
};

/// Orders that are open at a time, those included whose answer is here and not closed.
const OPEN_MAX: usize = 1_024;
/// How long nobody may take anything, where nothing of the batch is under way.
const PATIENCE: Duration = Duration::from_secs(60);
/// Before something is tried again that nobody took, at first and at most.
const STEP: Duration = Duration::from_secs(1);
const STEP_MAX: Duration = Duration::from_secs(30);
/// How long a result is waited for that is paid already.
const PAID_WAIT: Duration = Duration::from_secs(30);
/// How long a daemon may be away.
const AWAY_MAX: Duration = Duration::from_secs(60);
/// Between two looks whether it is back.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// What a batch is carried out with.
pub(super) struct BatchGear<'a> {
    pub(super) home: &'a Home,
    pub(super) folder: &'a BatchFolder,
    pub(super) plan: &'a BatchPlan,
    pub(super) lines: &'a BatchLines,
    pub(super) manifests: &'a BTreeMap<String, Manifest>,
    /// The most that an order may cost where its line does not say.
    pub(super) order_max: Amount,
    pub(super) spinner: &'a Spinner,
}

/// A batch that is being carried out.
pub(super) struct BatchCourse<'a> {
    gear: BatchGear<'a>,
    handle: Handle,
    updates: Updates<Update>,
    log: LineLog,
    budget: BatchBudget,
    /// Lines that are to be ordered.
    queue: VecDeque<usize>,
    open: HashMap<Digest, OpenLine>,
    /// Nothing is ordered before.
    next_order: Instant,
    step: Duration,
    /// Nothing is ordered until an order is over: there was no money for it.
    waits_for_end: bool,
    /// When something last went on.
    moved: Instant,
    stop: Option<BatchStop>,
}

/// A line whose order is not over.
#[derive(Clone, Copy, Debug)]
struct OpenLine {
    line: usize,
    attempt: u32,
    /// Its answer is here.
    is_answered: bool,
    /// The ceiling left less to it than it might have had.
    is_short: bool,
    /// Until when a result is waited for that is paid.
    deadline: Option<Instant>,
}

impl<'a> BatchCourse<'a> {
    /// Goes on with a batch where it was.
    pub(super) async fn begin(gear: BatchGear<'a>, handle: Handle, log: LineLog) -> Result<Self, CommandError> {
        let updates = handle.call(WatchUpdates { name: None }).await?;
        let budget = BatchBudget::new(gear.plan.cost_max, log.spent());
        let mut course = Self {
            gear,
            handle,
            updates,
            log,
            budget,
            queue: VecDeque::new(),
            open: HashMap::new(),
            next_order: Instant::now(),
            step: STEP,
            waits_for_end: false,
            moved: Instant::now(),
            stop: None,
        };
        course.find_orders().await?;
        Ok(course)
    }

    /// Carries it out to its end, or until it has to stop.
    pub(super) async fn carry_out(&mut self) -> Result<Option<BatchStop>, CommandError> {
        loop {
            self.order().await?;
            self.show();
            let is_waiting = !self.queue.is_empty() && self.stop.is_none();
            if self.open.is_empty() && !is_waiting {
                return Ok(self.stop.take());
            }
            let deadlines = self.open.values().filter_map(|open| open.deadline);
            let wake = deadlines.chain(is_waiting.then_some(self.next_order)).min();
            let waits = is_waiting && Instant::now() < self.next_order || wake.is_some_and(|wake| wake > Instant::now());
            tokio::select! {
                update = self.updates.next() => match update {
                    Some(Ok(Update::Job(view))) => self.take(&view.submission).await?,
                    Some(Ok(Update::Event(_))) => {}
                    Some(Ok(Update::Missed { .. })) => self.look_at_all().await?,
                    Some(Err(CallError::Refused(Refused::Ending) | CallError::Lost(_))) | None => self.find_daemon().await?,
                    Some(Err(error)) => return Err(error.into()),
                },
                () = sleep_until(wake.unwrap_or_else(Instant::now)), if waits => self.give_up_late().await?,
            }
        }
    }

    /// What has come of the lines.
    pub(super) fn into_log(self) -> LineLog {
        self.log
    }

    /// Finds the orders that were made before, and which lines have none.
    async fn find_orders(&mut self) -> Result<(), CommandError> {
        let states = self.log.lines().iter().enumerate().filter(|(_, state)| state.end.is_none());
        let lines: Vec<(usize, u32)> = states.map(|(line, state)| (line, state.attempt)).collect();
        for some in lines.chunks(KNOWN_JOBS_MAX) {
            let plan = self.gear.plan;
            let key_of = |(line, attempt): (usize, u32)| Submit::key_of(&plan.word(line, attempt));
            let known = self.known(some.iter().copied().map(key_of).collect()).await?;
            for (line, attempt) in some.iter().copied() {
                let key = key_of((line, attempt));
                match known.iter().find(|submission| submission.key == key) {
                    Some(submission) => {
                        self.adopt(key, line, attempt);
                        self.take(submission).await?;
                    }
                    None => self.queue.push_back(line),
                }
            }
        }
        Ok(())
    }

    fn adopt(&mut self, key: Digest, line: usize, attempt: u32) {
        let open = OpenLine { line, attempt, is_answered: false, is_short: false, deadline: None };
        self.open.insert(key, open);
        self.budget.reserve(key, self.gear.order_max);
    }

    /// Orders as much as may be under way.
    async fn order(&mut self) -> Result<(), CommandError> {
        while self.stop.is_none() && Instant::now() >= self.next_order {
            let Some(line) = self.queue.front().copied() else { break };
            let working = self.open.values().filter(|open| !open.is_answered).count();
            let is_full = working >= self.gear.plan.concurrency.into() || self.open.len() >= OPEN_MAX;
            if is_full || self.waits_for_end && !self.open.is_empty() {
                break;
            }
            if self.gear.folder.is_cancelled() {
                self.stop = Some(BatchStop::Cancelled);
                break;
            }
            let left = self.budget.left();
            if left.is_some_and(Amount::is_zero) {
                self.lack(BatchStop::Ceiling);
                continue;
            }
            if self.order_line(line, left).await? {
                self.queue.pop_front();
            }
        }
        Ok(())
    }

    /// There is no money for another order: there may be when one is over.
    fn lack(&mut self, stop: BatchStop) {
        self.waits_for_end = true;
        if self.open.is_empty() {
            self.stop = Some(stop);
        }
    }

    /// Orders a line; false if it is to be tried again.
    async fn order_line(&mut self, line: usize, left: Option<Amount>) -> Result<bool, CommandError> {
        let (plan, attempt) = (self.gear.plan, self.log.lines()[line].attempt);
        let request = self.gear.lines.request(line)?;
        let word = plan.word(line, attempt);
        let key = Submit::key_of(&word);
        let submit = match request.order(self.manifest(&request)?, plan.seed(line)) {
            Ok(submit) => submit,
            Err(failure) => return self.record_failure(key, (line, attempt), &failure, Amount::ZERO).map(|()| true),
        };
        let wanted = submit.cost_max.unwrap_or(self.gear.order_max);
        let most = left.map_or(wanted, |left| wanted.min(left));
        let submit = Submit { idempotency_key: Some(word), cost_max: Some(most), ..submit };
        match self.handle.call(submit).await {
            // The same order under another ceiling was made before.
            Ok(_) | Err(CallError::Refused(Refused::KeyInUse)) => {
                self.adopt(key, line, attempt);
                self.budget.reserve(key, most);
                if let Some(open) = self.open.get_mut(&key) {
                    open.is_short = most < wanted;
                }
                Ok(true)
            }
            // It may have been made.
            Err(CallError::Lost(_) | CallError::Refused(Refused::Ending)) => {
                self.find_daemon().await?;
                let Some(submission) = self.known(vec![key]).await?.pop() else { return Ok(false) };
                self.adopt(key, line, attempt);
                self.take(&submission).await?;
                Ok(true)
            }
            Err(CallError::Refused(refused)) => self.refused(line, refused),
        }
    }

    fn refused(&mut self, line: usize, refused: Refused) -> Result<bool, CommandError> {
        match refused {
            Refused::TooManyJobs | Refused::TooManyCalls { .. } => {
                self.try_later();
                Ok(false)
            }
            Refused::InputTooLong { .. } => {
                let attempt = self.log.lines()[line].attempt;
                let key = Submit::key_of(&self.gear.plan.word(line, attempt));
                let failure = BatchedFailure::of_refused(refused);
                self.record_failure(key, (line, attempt), &failure, Amount::ZERO)?;
                Ok(true)
            }
            // Nothing more is taken today, or of this home.
            refused => {
                self.stop = Some(BatchStop::Refused(refused.into()));
                Ok(false)
            }
        }
    }

    fn manifest(&self, request: &BatchedRequest) -> Result<&'a Manifest, CommandError> {
        self.gear.manifests.get(request.model()).ok_or_else(|| {
            let error = std::io::Error::other(format!("the batch was begun without {}", request.model()));
            failed(&self.gear.plan.output, &error)
        })
    }

    /// Takes how a job stands, if it is one of this batch.
    async fn take(&mut self, submission: &SubmissionView) -> Result<(), CommandError> {
        let key = submission.key;
        let Some(open) = self.open.get_mut(&key) else { return Ok(()) };
        if !submission.ended {
            let is_answered = submission.answer().is_some();
            if is_answered != open.is_answered || submission.running().is_some() {
                (self.moved, self.step) = (Instant::now(), STEP);
            }
            open.is_answered = is_answered;
            // Until an attempt goes on it may cost as much as it was ordered for.
            let goes_on = submission.attempts.last().is_some_and(|attempt| {
                matches!(attempt.state, AttemptState::Running | AttemptState::Delivered | AttemptState::Closed(_))
            });
            if goes_on {
                self.budget.reserve(key, submission.cost_max());
            }
            return Ok(());
        }
        let open = *open;
        if submission.answer().is_some() {
            return self.gather(submission, open).await;
        }
        if submission.is_paid() {
            // It was closed before its result came; that is on its way.
            let deadline = open.deadline.unwrap_or_else(|| Instant::now() + PAID_WAIT);
            self.open.insert(key, OpenLine { deadline: Some(deadline), ..open });
            return Ok(());
        }
        self.came_to_nothing(submission, open)
    }

    /// Records what came of a line.
    async fn gather(&mut self, submission: &SubmissionView, open: OpenLine) -> Result<(), CommandError> {
        let request = self.gear.lines.request(open.line)?;
        let manifest = self.manifest(&request)?;
        let gathered = harvest::gather(&self.handle, submission, &request, manifest).await;
        match gathered {
            Ok(harvest) => {
                let result = harvest.result((open.line, open.attempt), submission.cost_max());
                self.record(submission.key, result)
            }
            // It is gathered once the daemon is back.
            Err(CallError::Lost(_) | CallError::Refused(Refused::Ending)) => Box::pin(self.find_daemon()).await,
            Err(CallError::Refused(refused)) => {
                let (place, failure) = ((open.line, open.attempt), BatchedFailure::of_refused(refused));
                self.record_failure(submission.key, place, &failure, submission.cost_max())
            }
        }
    }

    /// Nothing came of an order: that is the end of its line, or it is ordered again.
    fn came_to_nothing(&mut self, submission: &SubmissionView, open: OpenLine) -> Result<(), CommandError> {
        let (key, cost) = (submission.key, submission.cost_max());
        let failure = BatchedFailure::of_submission(submission);
        let unmatched = submission.unmatched.clone().unwrap_or_default();
        let lacks = match (unmatched.over_day, unmatched.refusal) {
            _ if submission.cancelled => None,
            (Some(over), _) => Some(BatchStop::Refused(crate::command_error::over_day(over))),
            (None, Some(Refusal::Funds)) => Some(BatchStop::Money(failure.line())),
            (None, _) => (open.is_short && unmatched.cost > 0).then_some(BatchStop::Ceiling),
        };
        if lacks.is_none() && (submission.cancelled || !failure.passes()) {
            return self.record_failure(key, (open.line, open.attempt), &failure, cost);
        }
        let again = LineRecord::Again { line: open.line, attempt: open.attempt + 1 };
        self.add(&[again])?;
        self.open.remove(&key);
        self.budget.settle(key, cost);
        self.queue.push_front(open.line);
        match lacks {
            Some(stop) => self.lack(stop),
            None if self.open.is_empty() && self.moved.elapsed() > PATIENCE => {
                self.stop = Some(BatchStop::Nobody(failure.line()));
            }
            None => {
                self.gear.spinner.say(&failure.line());
                self.try_later();
            }
        }
        Ok(())
    }

    fn try_later(&mut self) {
        self.next_order = Instant::now() + self.step;
        self.step = (self.step * 2).min(STEP_MAX);
    }

    /// Waits no longer for results that are paid and do not come.
    async fn give_up_late(&mut self) -> Result<(), CommandError> {
        let now = Instant::now();
        let is_late = |open: &OpenLine| open.deadline.is_some_and(|deadline| deadline <= now);
        let late: Vec<(Digest, OpenLine)> =
            self.open.iter().filter(|(_, open)| is_late(open)).map(|(key, open)| (*key, *open)).collect();
        for (key, open) in late {
            let cost = self.known(vec![key]).await?.pop().map(|submission| submission.cost_max());
            let failure = BatchedFailure::undelivered(key);
            self.record_failure(key, (open.line, open.attempt), &failure, cost.unwrap_or_default())?;
        }
        Ok(())
    }

    fn record_failure(
        &mut self,
        key: Digest,
        place: (usize, u32),
        failure: &BatchedFailure,
        cost: Amount,
    ) -> Result<(), CommandError> {
        let request = self.gear.lines.request(place.0)?;
        self.record(key, harvest::failed_line(place, key, &request, failure, cost))
    }

    fn record(&mut self, key: Digest, result: super::line_log::LineResult) -> Result<(), CommandError> {
        let cost = result.cost;
        self.add(&[LineRecord::Over(result)])?;
        self.open.remove(&key);
        self.budget.settle(key, cost);
        self.waits_for_end = false;
        (self.moved, self.step) = (Instant::now(), STEP);
        Ok(())
    }

    fn add(&mut self, records: &[LineRecord]) -> Result<(), CommandError> {
        self.log.add(records).map_err(|error| failed(&self.gear.plan.output, &error))
    }

    /// How these jobs stand, but for those that were never ordered.
    async fn known(&mut self, keys: Vec<Digest>) -> Result<Vec<SubmissionView>, CommandError> {
        loop {
            match self.handle.call(KnownJobs { keys: keys.clone() }).await {
                Err(CallError::Lost(_) | CallError::Refused(Refused::Ending)) => self.connect().await?,
                known => return Ok(known?),
            }
        }
    }

    /// Looks at each job of which something may have been missed.
    async fn look_at_all(&mut self) -> Result<(), CommandError> {
        let keys: Vec<Digest> = self.open.keys().copied().collect();
        for some in keys.chunks(KNOWN_JOBS_MAX) {
            for submission in self.known(some.to_vec()).await? {
                Box::pin(self.take(&submission)).await?;
            }
        }
        Ok(())
    }

    /// Waits for a daemon, which goes on with its jobs when it is back.
    async fn find_daemon(&mut self) -> Result<(), CommandError> {
        self.connect().await?;
        self.look_at_all().await
    }

    /// Waits for a daemon. None is started: somebody may have ended it on purpose.
    async fn connect(&mut self) -> Result<(), CommandError> {
        self.gear.spinner.say("the daemon is away; waiting for it");
        let deadline = Instant::now() + AWAY_MAX;
        loop {
            if let Ok(handle) = Handle::connect(self.gear.home).await
                && let Ok(updates) = handle.call(WatchUpdates { name: None }).await
            {
                (self.handle, self.updates) = (handle, updates);
                return Ok(());
            }
            if Instant::now() > deadline {
                return Err(lost(&FrameError::Ended));
            }
            sleep(LOOK_EVERY).await;
        }
    }

    /// Says how far it is.
    fn show(&self) {
        let (all, ends) = (self.log.lines().len(), self.log.lines().iter().filter_map(|line| line.end.as_ref()));
        let (done, failed) = ends.fold((0, 0), |(done, failed), end| (done + 1, failed + usize::from(end.failure.is_some())));
        let (open, spent) = (self.open.len(), self.budget.spent());
        let failed = if failed > 0 { format!(", {failed} failed") } else { String::new() };
        self.gear.spinner.say(&format!("{done} of {all} done{failed}, {open} under way, {spent} spent"));
    }
}
