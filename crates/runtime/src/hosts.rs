//! Processes that hold a model of language for all who run it: its weights are in memory once, and those who run it at the
//! same time share its passes.
//!
//! One process holds one model: what a stranger's file does to its reader it does to the jobs of that model alone, and all
//! its memory is back when the process is gone.
//!
//! **Invariant:** a session is at a process that has room for it by the arithmetic of its model. A process is here as long as
//! somebody uses it, and [`IDLE_WAIT`] longer unless others need the room; one that died is asked by nobody.

mod card;
mod host;

use std::{
    path::Path,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::{Duration, Instant},
};

use self::host::{ModelHost, SessionPlace, SessionWait};
pub(crate) use self::{card::UsedCard, host::HostedSession};
use assay_protocol::id::Digest;

use crate::{
    class::{ARITHMETIC, model_header},
    envelope::Envelope,
    outcome::{RunFailure, cut},
    packs::PackFolder,
    pool::IDLE_WAIT,
    worker::{Follower, WorkerSource, links},
};

/// Processes that nobody uses.
const IDLE_MAX: usize = 4;

/// All processes that hold a model.
pub(crate) struct ModelHosts {
    worker_source: WorkerSource,
    /// The card that models go on, if on one.
    card: Mutex<Option<Arc<UsedCard>>>,
    /// Where packs are kept, if anywhere.
    packs: OnceLock<Arc<PackFolder>>,
    /// Least recently used first.
    hosts: Mutex<Vec<Arc<ModelHost>>>,
}

impl ModelHosts {
    pub(crate) fn new(worker_source: WorkerSource) -> Self {
        Self { worker_source, card: Mutex::default(), packs: OnceLock::new(), hosts: Mutex::default() }
    }

    /// Says on which card models go from now on; on none, on the processor.
    pub(crate) fn use_card(&self, card: Option<Arc<UsedCard>>) {
        *self.card.lock().unwrap_or_else(PoisonError::into_inner) = card;
    }

    /// Says where packs are kept; the first word holds.
    pub(crate) fn keep_packs(&self, packs: PackFolder) {
        let _ = self.packs.set(Arc::new(packs));
    }

    /// The card that models go on.
    pub(crate) fn card(&self) -> Option<Arc<UsedCard>> {
        self.card.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A session for a job; nothing where its model is none of language, or where this system hands over no sessions.
    ///
    /// # Errors
    /// The model cannot be read, or is not there by the end of the job's time.
    pub(crate) fn session(
        &self,
        envelope: &Envelope,
        model: Option<&Path>,
        asker: Option<Digest>,
        follower: &dyn Follower,
    ) -> Result<Option<HostedSession>, RunFailure> {
        let Some(path) = model else { return Ok(None) };
        let absent = |why| RunFailure::ModelAbsent(cut(format!("{}: {why}", path.display())));
        if !ARITHMETIC.runs(&model_header(path).map_err(absent)?) {
            return Ok(None);
        }
        let died = |why: std::io::Error| RunFailure::EngineDied(cut(why.to_string()));
        let Some((ours, theirs)) = links().map_err(died)? else { return Ok(None) };
        let until = Instant::now() + Duration::from_millis(envelope.limits.wall_ms);
        let wait = SessionWait { envelope, path, asker, follower, until };
        let mut card = self.card();
        if let Some(used) = &card
            && let Some(why) = used.refused(envelope.model)
        {
            if used.is_only {
                return Err(RunFailure::CardRefused(why));
            }
            card = None;
        }
        loop {
            let host = self.host(envelope, path, &mut card);
            match host.session(&self.worker_source, &wait, (&ours, &theirs)) {
                Ok(SessionPlace::Taken(session)) => return Ok(Some(session)),
                Ok(SessionPlace::Elsewhere) => {}
                // It gives the same there, and nobody waits for another's job.
                Ok(SessionPlace::OnProcessor) => card = None,
                Err(RunFailure::CardRefused(why)) => {
                    let Some(used) = card.take() else { return Err(RunFailure::CardRefused(why)) };
                    used.refuse(envelope.model, why.clone());
                    if used.is_only {
                        return Err(RunFailure::CardRefused(why));
                    }
                }
                Err(failure) => return Err(failure),
            }
            if let Some(failure) = wait.is_over() {
                return Err(failure);
            }
        }
    }

    /// A process that may have room, used by one more: on the card, if it can be there.
    fn host(&self, envelope: &Envelope, path: &Path, card: &mut Option<Arc<UsedCard>>) -> Arc<ModelHost> {
        let mut hosts = self.lock();
        let mut gone: Vec<_> = hosts.extract_if(.., |host| host.is_dead()).collect();
        if let Some(used) = card.clone() {
            let is_there = |host: &Arc<ModelHost>| host.is_on_card(Some(envelope.model));
            let joins = hosts.iter().any(|host| host.fits(envelope, card.as_ref()));
            if !joins && hosts.iter().any(is_there) {
                // A model is on a card once.
                *card = None;
            } else if !joins {
                let file_bytes = path.metadata().map_or(0, |metadata| metadata.len());
                let is_idle =
                    |host: &mut Arc<ModelHost>| host.is_on_card(None) && host.idle_since().is_some();
                if !used.may_hold(file_bytes) {
                    gone.extend(hosts.extract_if(.., is_idle));
                }
                // Their memory is counted until they are gone.
                gone.clear();
                if !used.may_hold_part(file_bytes) {
                    *card = None;
                }
            }
        }
        let host = match hosts.iter().rposition(|host| host.join(envelope, card.as_ref())) {
            Some(place) => hosts.remove(place),
            None => {
                gone.extend(surplus(&mut hosts, IDLE_MAX - 1));
                Arc::new(ModelHost::new(envelope, card.clone(), self.packs.get().cloned()))
            }
        };
        hosts.push(Arc::clone(&host));
        drop(hosts);
        // It takes a moment, which nobody has to wait for.
        drop(gone);
        host
    }

    /// Lets those go that nobody has used for long, and the oldest of too many.
    pub(crate) fn sweep(&self) {
        let now = Instant::now();
        self.let_go(|since| now.duration_since(since) > IDLE_WAIT);
        let over = surplus(&mut self.lock(), IDLE_MAX);
        drop(over);
    }

    /// Lets all go that nobody uses.
    pub(crate) fn clear(&self) {
        self.let_go(|_| true);
    }

    fn let_go(&self, is_over: impl Fn(Instant) -> bool) {
        let is_over = |host: &mut Arc<ModelHost>| host.idle_since().is_some_and(&is_over);
        let over: Vec<_> = self.lock().extract_if(.., is_over).collect();
        drop(over);
    }

    /// The numbers of the processes, for those who watch them.
    pub(crate) fn process_ids(&self) -> Vec<u32> {
        self.lock().iter().filter_map(|host| host.process_id()).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<ModelHost>>> {
        self.hosts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes out the oldest of those that nobody uses, but for so many.
fn surplus(hosts: &mut Vec<Arc<ModelHost>>, most: usize) -> Vec<Arc<ModelHost>> {
    let idle = hosts.iter().filter(|host| host.idle_since().is_some()).count();
    let mut surplus = idle.saturating_sub(most);
    let is_over = |host: &mut Arc<ModelHost>| {
        let is_over = surplus > 0 && host.idle_since().is_some();
        surplus -= usize::from(is_over);
        is_over
    };
    hosts.extract_if(.., is_over).collect()
}
