//! One process that holds a model, and who has a session there.
//!
//! **Invariant:** whoever looks at a process waits for nobody: the lock on what is known of it is held for a few lines, and
//! that on the process itself is only tried. So whoever waits for a model to be read can give it up.

mod opening;

use std::{
    mem,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError},
    thread,
    time::{Duration, Instant},
};

use assay_protocol::{
    id::Digest,
    manifest::{Meter, TokenWeights},
};

use super::card::UsedCard;
use crate::{
    engine::far::SessionBounds,
    envelope::Envelope,
    outcome::{RunFailure, cut},
    packs::PackFolder,
    worker::{EngineLink, Follower, HostedModel, LoadProgress, ModelProcess, WorkerSource},
};

/// Sessions at one process, each with two open files, of which a process has few.
const SESSIONS_MAX: usize = 48;
/// Positions that share a page.
const PAGE: u64 = 256;
/// Bytes of a process beside weights, sessions and what is computed at once: the model's names, and the allocator's own.
const BESIDE_BYTES: u64 = 256 * 1024 * 1024;
/// Of the memory of a process one over this is for sessions that have ended.
const KEPT_PART: u64 = 8;
/// How often whoever waits for a model looks for it.
const GLANCE: Duration = Duration::from_millis(5);

/// What a job may take of an engine.
fn bounds(envelope: &Envelope, asker: Option<Digest>) -> SessionBounds {
    let positions = match envelope.meter {
        // Each position costs a token that is read or written, unless one of these costs nothing.
        Meter::Tokens(TokenWeights { read, written }) => {
            envelope.units_max.checked_div(read.min(written).into()).unwrap_or(u64::MAX)
        }
        Meter::Calls | Meter::MegaFuel => u64::MAX,
    };
    SessionBounds { positions, rows_bytes: envelope.limits.host_call_bytes, asker }
}

/// Bytes that a session may take: of the process, and of the card that its model is on.
#[derive(Clone, Copy, Debug, Default)]
struct SessionBytes {
    process: u64,
    card: u64,
}

impl SessionBytes {
    /// Those of such a session, where this model is held.
    fn of(bounds: &SessionBounds, held: &HostedModel) -> Self {
        let pages = bounds.positions.min(held.positions).div_ceil(PAGE);
        let session = pages.saturating_mul(held.page_bytes);
        Self {
            process: session.saturating_add(held.draft_bytes).saturating_add(bounds.rows_bytes),
            card: held.card.map_or(0, |card| card.session(pages)),
        }
    }

    fn add(&mut self, other: Self) {
        self.process = self.process.saturating_add(other.process);
        self.card = self.card.saturating_add(other.card);
    }

    fn take(&mut self, other: Self) {
        self.process = self.process.saturating_sub(other.process);
        self.card = self.card.saturating_sub(other.card);
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

impl SessionWait<'_> {
    /// Why there is nothing left to wait for, if there is not.
    pub(super) fn is_over(&self) -> Option<RunFailure> {
        if self.follower.is_cancelled() {
            return Some(RunFailure::Cancelled);
        }
        let late = RunFailure::WallTime { ms: self.envelope.limits.wall_ms };
        (Instant::now() >= self.until).then_some(late)
    }
}

/// A process that holds a model, or is about to.
pub(super) struct ModelHost {
    model: Digest,
    /// The card that it is on, if on one; the processor has what that has no room for.
    card: Option<Arc<UsedCard>>,
    /// Where packs are kept, if anywhere.
    packs: Option<Arc<PackFolder>>,
    /// Bytes that it may write to.
    memory_bytes: u64,
    process: Mutex<Option<ModelProcess>>,
    known: Mutex<Known>,
}

/// What is known of a process.
struct Known {
    /// What it holds, once it does.
    held: Option<HostedModel>,
    /// Set for good once it is of no use.
    spent: Option<Spent>,
    /// Those who have a session or wait for one.
    users: usize,
    /// Those who have one.
    sessions: usize,
    /// Bytes that those may take.
    taken: SessionBytes,
    /// Bytes of the card that are always taken.
    card_bytes: u64,
    /// Since when it is started, once it is.
    started: Option<Instant>,
    /// Whether the pack that it was given was of no use.
    is_pack_refused: bool,
    /// Since when nobody uses it.
    idle_since: Instant,
}

/// Why a process is of no use.
#[derive(Clone)]
enum Spent {
    /// Whoever comes begins another.
    Gone,
    /// Whoever comes would fare like this.
    Failed(RunFailure),
}

impl Known {
    fn has_room(&self, memory_bytes: u64, bounds: &SessionBounds) -> bool {
        let Some(held) = &self.held else { return true };
        let kept = held.kept_bytes.saturating_add(memory_bytes / KEPT_PART);
        let taken = [kept, BESIDE_BYTES, self.taken.process, SessionBytes::of(bounds, held).process];
        let taken = taken.into_iter().fold(0, u64::saturating_add);
        // A job that is alone may try, whatever it may need.
        self.sessions == 0 || (taken <= memory_bytes && self.sessions < SESSIONS_MAX)
    }

    fn leave(&mut self) {
        self.users -= 1;
        self.idle_since = Instant::now();
    }
}

/// What a look at a process came to.
enum Look {
    /// What comes of it.
    Decided(SessionPlace),
    /// Nothing yet.
    Wait,
}

/// Where a job has its session.
pub(super) enum SessionPlace {
    /// Here.
    Taken(HostedSession),
    /// This process is of no use, or full: another is asked.
    Elsewhere,
    /// The card has no room for it, perhaps never.
    OnProcessor,
}

impl ModelHost {
    /// One that is not started yet, used by one.
    pub(super) fn new(
        envelope: &Envelope,
        card: Option<Arc<UsedCard>>,
        packs: Option<Arc<PackFolder>>,
    ) -> Self {
        let known = Known {
            held: None,
            spent: None,
            users: 1,
            sessions: 0,
            taken: SessionBytes::default(),
            card_bytes: 0,
            started: None,
            is_pack_refused: false,
            idle_since: Instant::now(),
        };
        let memory_bytes = envelope.limits.process_memory_bytes;
        let (process, known) = (Mutex::default(), Mutex::new(known));
        Self { model: envelope.model, card, packs, memory_bytes, process, known }
    }

    /// Counts one more user, if this job may find a session here.
    pub(super) fn join(&self, envelope: &Envelope, card: Option<&Arc<UsedCard>>) -> bool {
        let fits = self.fits(envelope, card);
        self.known().users += usize::from(fits);
        fits
    }

    /// Whether this job may find a session here.
    pub(super) fn fits(&self, envelope: &Envelope, card: Option<&Arc<UsedCard>>) -> bool {
        let is_placed = match (&self.card, card) {
            (None, None) => true,
            (Some(own), Some(card)) => Arc::ptr_eq(own, card),
            (Some(_), None) | (None, Some(_)) => false,
        };
        let known = self.known();
        self.model == envelope.model
            && is_placed
            && self.memory_bytes >= envelope.limits.process_memory_bytes
            && known.spent.is_none()
            && known.has_room(self.memory_bytes, &bounds(envelope, None))
    }

    /// Whether this model, or any, is on a card here.
    pub(super) fn is_on_card(&self, model: Option<Digest>) -> bool {
        self.card.is_some() && model.is_none_or(|model| self.model == model)
    }

    /// A session for one who joined, with both ends of its way, or where else to ask. Who gets none has left.
    pub(super) fn session(
        self: &Arc<Self>,
        source: &WorkerSource,
        wait: &SessionWait<'_>,
        (ours, theirs): (&EngineLink, &EngineLink),
    ) -> Result<SessionPlace, RunFailure> {
        loop {
            match self.look(source, wait, (ours, theirs)) {
                Ok(Look::Decided(seat)) => {
                    if !matches!(seat, SessionPlace::Taken(_)) {
                        self.known().leave();
                    }
                    return Ok(seat);
                }
                Ok(Look::Wait) => {}
                Err(failure) => {
                    self.spend(Spent::Failed(failure.clone()));
                    self.known().leave();
                    return Err(failure);
                }
            }
            if let Some(failure) = wait.is_over() {
                // What others wait for, and what a late job leaves to the next, is read on.
                let is_last = self.known().users == 1;
                if is_last && failure == RunFailure::Cancelled {
                    self.spend(Spent::Gone);
                }
                self.known().leave();
                return Err(failure);
            }
            thread::sleep(GLANCE);
        }
    }

    fn look(
        self: &Arc<Self>,
        source: &WorkerSource,
        wait: &SessionWait<'_>,
        (ours, theirs): (&EngineLink, &EngineLink),
    ) -> Result<Look, RunFailure> {
        match self.known().spent.clone() {
            None => {}
            Some(Spent::Gone) => return Ok(Look::Decided(SessionPlace::Elsewhere)),
            Some(Spent::Failed(failure)) => return Err(failure),
        }
        // Somebody else starts it, or asks it something.
        let Some(mut process) = self.try_process() else { return Ok(Look::Wait) };
        if self.known().spent.is_some() {
            // Since the look before.
            return Ok(Look::Wait);
        }
        let running = match &mut *process {
            Some(process) => process,
            None => {
                let started = self.start(source, wait).map_err(|failure| self.unopened(failure))?;
                self.known().started = Some(Instant::now());
                process.insert(started)
            }
        };
        if self.known().held.is_none() {
            match running.progress(Instant::now()).map_err(|failure| self.unopened(failure))? {
                LoadProgress::GoesOn => return self.is_opening().map(|()| Look::Wait),
                LoadProgress::PackRefused => {
                    *process = None;
                    self.known().is_pack_refused = true;
                    return Ok(Look::Wait);
                }
                LoadProgress::Loaded(held) => {
                    self.count(&held)?;
                    self.known().held = Some(held);
                }
            }
        }
        let bounds = bounds(wait.envelope, wait.asker);
        let bytes = match self.take_room(&bounds) {
            Ok(bytes) => bytes,
            Err(seat) => return Ok(Look::Decided(seat)),
        };
        let links = theirs.again().and_then(|own| Ok((own, theirs.again()?)));
        let seated = links.map_err(|error| RunFailure::EngineDied(cut(error.to_string())));
        let seated = seated.and_then(|links| running.session(bounds, ours).map(|()| links));
        match seated {
            Ok((own, link)) => {
                let host = Arc::clone(self);
                Ok(Look::Decided(SessionPlace::Taken(HostedSession { host, bytes, own, link: Some(link) })))
            }
            Err(_) => {
                self.give_room(bytes);
                // It died while nobody asked it anything.
                drop(process);
                self.spend(Spent::Gone);
                Ok(Look::Decided(SessionPlace::Elsewhere))
            }
        }
    }

    /// Counts a session, if there is room for it, and says how many bytes it may take; else where to ask.
    fn take_room(&self, bounds: &SessionBounds) -> Result<SessionBytes, SessionPlace> {
        let mut known = self.known();
        let Some(held) = known.held else { return Err(SessionPlace::Elsewhere) };
        let bytes = SessionBytes::of(bounds, &held);
        if !known.has_room(self.memory_bytes, bounds) {
            return Err(if self.card.is_some() {
                SessionPlace::OnProcessor
            } else {
                SessionPlace::Elsewhere
            });
        }
        if let (Some(card), Some(room)) = (&self.card, held.card)
            && (bounds.positions.min(held.positions) > room.positions || !card.take(bytes.card))
        {
            // A card's memory is taken at once, not as a session grows.
            return Err(SessionPlace::OnProcessor);
        }
        known.sessions += 1;
        known.taken.add(bytes);
        Ok(bytes)
    }

    fn give_room(&self, bytes: SessionBytes) {
        if let Some(card) = &self.card {
            card.give(bytes.card);
        }
        let mut known = self.known();
        known.sessions -= 1;
        known.taken.take(bytes);
    }

    /// Says for good that it is of no use, and ends its process.
    fn spend(&self, why: Spent) {
        self.known().spent.get_or_insert(why);
        let ended = self.try_process().and_then(|mut process| mem::take(&mut *process));
        drop(ended);
    }

    /// Why sessions here broke off: in the last words of the process, if it died.
    fn why_it_ended(&self, why: RunFailure) -> RunFailure {
        let Some(mut process) = self.try_process() else { return why };
        let Some(process) = process.as_mut() else { return why };
        if process.is_alive() { why } else { process.mourn() }
    }

    /// Whether it is of no use any more.
    pub(super) fn is_dead(&self) -> bool {
        if self.known().spent.is_some() {
            return true;
        }
        self.try_process()
            .is_some_and(|mut process| process.as_mut().is_some_and(|process| !process.is_alive()))
    }

    /// Since when nobody uses it; nothing while somebody does.
    pub(super) fn idle_since(&self) -> Option<Instant> {
        let known = self.known();
        (known.users == 0).then_some(known.idle_since)
    }

    /// The number of its process, for those who watch it.
    pub(super) fn process_id(&self) -> Option<u32> {
        self.try_process()?.as_ref().map(ModelProcess::id)
    }

    fn try_process(&self) -> Option<MutexGuard<'_, Option<ModelProcess>>> {
        match self.process.try_lock() {
            Ok(process) => Some(process),
            Err(TryLockError::Poisoned(process)) => Some(process.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for ModelHost {
    fn drop(&mut self) {
        let Some(card) = &self.card else { return };
        // Its memory is back once the process is gone.
        drop(self.process.get_mut().unwrap_or_else(PoisonError::into_inner).take());
        card.give(self.known.get_mut().unwrap_or_else(PoisonError::into_inner).card_bytes);
    }
}

/// A session that a worker is handed. Dropping it says that its job has ended, and ends it whoever still has the way to it.
pub(crate) struct HostedSession {
    host: Arc<ModelHost>,
    bytes: SessionBytes,
    /// The worker's end once more.
    own: EngineLink,
    link: Option<EngineLink>,
}

impl HostedSession {
    /// The worker's end of the way to the engine.
    pub(crate) fn take_link(&mut self) -> Option<EngineLink> {
        self.link.take()
    }

    /// Why it broke off, as far as the engine said.
    pub(crate) fn why_it_ended(&self, why: RunFailure) -> RunFailure {
        self.host.why_it_ended(why)
    }
}

impl Drop for HostedSession {
    fn drop(&mut self) {
        self.own.end();
        self.host.give_room(self.bytes);
        self.host.known().leave();
    }
}
