//! One process that holds a model, and who has a session there.
//!
//! **Invariant:** the lock is held for a glance at most, so whoever waits for a model to be read can give it up.

use std::{
    fs::File,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use assay_protocol::{
    id::Digest,
    manifest::{Meter, TokenWeights},
};

use crate::{
    engine::far::SessionBounds,
    envelope::Envelope,
    outcome::{RunFailure, cut},
    worker::{EngineLink, Follower, HostedModel, ModelProcess, WorkerSource},
};

/// Berths at one process.
const SESSIONS_MAX: usize = 64;
/// Positions that share a page.
const PAGE: u64 = 256;
/// Bytes of a process beside weights, sessions and what is computed at once: threads, and the model's names.
const BESIDE_BYTES: u64 = 256 * 1024 * 1024;
/// How often whoever waits for a model is asked whether it still wants it.
const GLANCE: Duration = Duration::from_millis(20);

/// One over the part of a process that sessions are kept in which have ended.
const KEPT_PART: u64 = 8;

/// What a job needs of an engine.
#[derive(Clone, Copy)]
struct SessionNeed(SessionBounds);

impl SessionNeed {
    fn of(envelope: &Envelope, asker: Option<Digest>) -> Self {
        let positions = match envelope.meter {
            Meter::Tokens(TokenWeights { read, written }) => {
                envelope.units_max / u64::from(read.min(written).max(1))
            }
            Meter::Calls | Meter::MegaFuel => u64::MAX,
        };
        Self(SessionBounds { positions, rows_bytes: envelope.limits.host_call_bytes, asker })
    }

    /// Bytes of it, where this model is held.
    fn bytes(&self, held: &HostedModel) -> u64 {
        let pages = self.0.positions.min(held.positions).div_ceil(PAGE);
        pages.saturating_mul(held.page_bytes).saturating_add(self.0.rows_bytes)
    }
}

/// Who waits for a session, and until when.
pub(super) struct SessionWait<'a> {
    pub(super) envelope: &'a Envelope,
    /// The model's file.
    pub(super) path: &'a Path,
    /// For whom the session is kept once it has ended.
    pub(super) asker: Option<Digest>,
    pub(super) follower: &'a dyn Follower,
    pub(super) until: Instant,
}

/// A process that holds a model, or is about to.
pub(super) struct ModelHost {
    pub(super) model: Digest,
    /// Bytes that it may write to.
    memory_bytes: u64,
    state: Mutex<HostState>,
}

struct HostState {
    process: Option<ModelProcess>,
    /// What it holds, once it does.
    held: Option<HostedModel>,
    /// Set for good once it is of no use.
    is_spent: bool,
    /// Those who have a session or wait for one.
    users: usize,
    /// Bytes that those with a session may take.
    taken_bytes: u64,
    /// Since when nobody uses it.
    idle_since: Instant,
}

impl HostState {
    fn has_room(&self, memory_bytes: u64, need: &SessionNeed) -> bool {
        let Some(held) = &self.held else { return true };
        let kept = held.kept_bytes.saturating_add(memory_bytes / KEPT_PART);
        let taken = [kept, BESIDE_BYTES, self.taken_bytes, need.bytes(held)];
        let taken = taken.into_iter().fold(0, u64::saturating_add);
        // A job that is alone may try, whatever it may need.
        self.taken_bytes == 0 || (taken <= memory_bytes && self.users < SESSIONS_MAX)
    }

    fn leave(&mut self) {
        self.users -= 1;
        self.idle_since = Instant::now();
    }
}

impl ModelHost {
    /// One that is not started yet, used by one.
    pub(super) fn new(envelope: &Envelope) -> Self {
        let state = HostState {
            process: None,
            held: None,
            is_spent: false,
            users: 1,
            taken_bytes: 0,
            idle_since: Instant::now(),
        };
        let memory_bytes = envelope.limits.process_memory_bytes;
        Self { model: envelope.model, memory_bytes, state: Mutex::new(state) }
    }

    /// Counts one more user, if this job may find a session here.
    pub(super) fn join(&self, envelope: &Envelope) -> bool {
        let mut state = self.lock();
        let fits = self.model == envelope.model
            && self.memory_bytes >= envelope.limits.process_memory_bytes
            && state.has_room(self.memory_bytes, &SessionNeed::of(envelope, None));
        state.users += usize::from(fits);
        fits
    }

    /// A session for one who joined, whose other end is `ours`; nothing if there is no room for it after all. Who gets none
    /// has left.
    pub(super) fn session(
        self: &Arc<Self>,
        source: &WorkerSource,
        wait: &SessionWait<'_>,
        (ours, theirs): (&EngineLink, &mut Option<EngineLink>),
    ) -> Result<Option<HostedSession>, RunFailure> {
        let need = SessionNeed::of(wait.envelope, wait.asker);
        loop {
            let mut state = self.lock();
            match self.look(&mut state, source, wait) {
                Ok(None) => {}
                Ok(Some(_)) if !state.has_room(self.memory_bytes, &need) => {
                    state.leave();
                    return Ok(None);
                }
                Ok(Some(held)) => {
                    let process = state.process.as_mut();
                    if let Some(Err(failure)) = process.map(|process| process.session(need.0, ours)) {
                        return Err(spend(&mut state, failure));
                    }
                    let bytes = need.bytes(&held).max(1);
                    state.taken_bytes = state.taken_bytes.saturating_add(bytes);
                    return Ok(Some(HostedSession { host: Arc::clone(self), bytes, link: theirs.take() }));
                }
                Err(failure) => return Err(spend(&mut state, failure)),
            }
            if wait.follower.is_cancelled() {
                // Nobody else may want it; who does begins anew.
                return Err(spend(&mut state, RunFailure::Cancelled));
            }
            if Instant::now() >= wait.until {
                // What was read until now is there for the next job.
                state.leave();
                return Err(RunFailure::WallTime { ms: wait.envelope.limits.wall_ms });
            }
        }
    }

    /// What is held; nothing if the model is still being read after a glance.
    fn look(
        &self,
        state: &mut HostState,
        source: &WorkerSource,
        wait: &SessionWait<'_>,
    ) -> Result<Option<HostedModel>, RunFailure> {
        if state.is_spent {
            return Err(RunFailure::EngineDied("it ended before it had read its model".into()));
        }
        if state.process.is_none() {
            let path = wait.path;
            let absent = |why| RunFailure::ModelAbsent(cut(format!("{}: {why}", path.display())));
            let file = File::open(path).map_err(absent)?;
            let (limits, kept) = (&wait.envelope.limits, self.memory_bytes / KEPT_PART);
            state.process = Some(ModelProcess::start(source, limits, (self.model, file), kept)?);
        }
        if state.held.is_none()
            && let Some(process) = &mut state.process
        {
            state.held = process.held(wait.until.min(Instant::now() + GLANCE))?;
        }
        Ok(state.held)
    }

    /// Whether it is of no use any more.
    pub(super) fn is_dead(&self) -> bool {
        let mut state = self.lock();
        state.is_spent || state.process.as_mut().is_some_and(|process| !process.is_alive())
    }

    /// Since when nobody uses it; nothing while somebody does.
    pub(super) fn idle_since(&self) -> Option<Instant> {
        let state = self.lock();
        (state.users == 0).then_some(state.idle_since)
    }

    /// The number of its process, for those who watch it.
    pub(super) fn process_id(&self) -> Option<u32> {
        self.lock().process.as_ref().map(ModelProcess::id)
    }

    fn lock(&self) -> MutexGuard<'_, HostState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends a process that is of no use, for one who joined.
fn spend(state: &mut HostState, failure: RunFailure) -> RunFailure {
    state.process = None;
    state.is_spent = true;
    state.leave();
    failure
}

/// A session that a worker is handed. Dropping it says that its job has ended.
pub(crate) struct HostedSession {
    host: Arc<ModelHost>,
    bytes: u64,
    link: Option<EngineLink>,
}

impl HostedSession {
    /// The worker's end of the way to the engine.
    pub(crate) fn take_link(&mut self) -> Option<EngineLink> {
        self.link.take()
    }
}

impl Drop for HostedSession {
    fn drop(&mut self) {
        let mut state = self.host.lock();
        state.taken_bytes = state.taken_bytes.saturating_sub(self.bytes);
        state.leave();
    }
}
