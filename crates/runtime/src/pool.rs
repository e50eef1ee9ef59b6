//! Workers that are kept warm between jobs.
//!
//! **Invariant:** a worker is either here, idle, or with exactly one job; one that a job left unsound is not taken back. No
//! more than [`IDLE_MAX`] wait, none longer than [`IDLE_WAIT`], and the one used longest ago makes room.

use std::{
    collections::BTreeSet,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use assay_protocol::id::Digest;

use crate::{
    class::ProbedMachine,
    envelope::{Envelope, RunLimits},
    hosts::{HostedSession, ModelHosts, UsedCard},
    outcome::{Completed, RunFailure},
    packs::PackFolder,
    worker::{CardLayers, Files, Follower, FoundCard, Given, Worker, WorkerSource, cards},
};

/// Workers that wait for another job.
pub const IDLE_MAX: usize = 8;
/// How long a worker waits for another job.
pub const IDLE_WAIT: Duration = Duration::from_secs(5 * 60);

/// A place that runs jobs, each in a worker of its own.
pub struct Pool {
    worker_source: WorkerSource,
    hosts: ModelHosts,
    /// Least recently used first.
    idle: Mutex<Vec<Idle>>,
    /// Runners that are in the cache, as far as this pool has seen to it, and whether for models of language.
    compiled: Mutex<BTreeSet<(Digest, bool)>>,
}

struct Idle {
    worker: Worker,
    since: Instant,
}

impl Pool {
    /// A pool without workers.
    #[must_use]
    pub fn new(worker_source: WorkerSource) -> Self {
        let hosts = ModelHosts::new(worker_source.clone());
        Self { worker_source, hosts, idle: Mutex::default(), compiled: Mutex::default() }
    }

    /// Runs one job in a warm worker, or in a new one. Blocks until the job has ended; called by as many threads as jobs
    /// are to run at once.
    ///
    /// # Errors
    /// [`RunFailure`], whatever goes wrong. The next job finds the pool as good as before.
    pub fn run(
        &self,
        envelope: &Envelope,
        files: Files<'_>,
        given: Given<'_>,
        follower: &mut dyn Follower,
    ) -> Result<Completed, RunFailure> {
        let started = Instant::now();
        let mut session = self.hosts.session(envelope, files.model, given.asker, follower)?;
        let mut worker = match self.take(envelope) {
            Some(worker) => worker,
            None => self.hire(envelope, files)?,
        };
        let link = session.as_mut().and_then(HostedSession::take_link);
        let ended = worker.run_at(link, envelope, files, given, (started, follower));
        let ended = ended.map_err(|failure| match (&session, failure) {
            (Some(session), failure @ RunFailure::EngineDied(_)) => session.why_it_ended(failure),
            (_, failure) => failure,
        });
        drop(session);
        if worker.is_alive() {
            self.give_back(worker);
        }
        ended
    }

    /// What this machine is, and what it has not.
    ///
    /// # Errors
    /// Those of [`Worker::classes`].
    pub fn examine(&self) -> Result<ProbedMachine, RunFailure> {
        let examine = |source: &WorkerSource| Worker::spawn(source, &RunLimits::default())?.probe();
        match examine(&self.worker_source) {
            // A library that takes its process with it takes no engine of this program with it.
            Err(failure) if self.worker_source.onnx_runtime.is_some() => {
                let machine = examine(&self.worker_source.without_onnx_runtime())?;
                Ok(ProbedMachine { onnx_runtime_fault: Some(failure.to_string()), ..machine })
            }
            Ok(machine) => Ok(machine),
            Err(failure) => Err(failure),
        }
    }

    /// The graphics cards of this machine.
    ///
    /// # Errors
    /// [`RunFailure`], if no process lists them.
    pub fn cards(&self) -> Result<Vec<FoundCard>, RunFailure> {
        cards(&self.worker_source)
    }

    /// Says on which card models of language go from now on; on none, they are on the processor. One that the card does not
    /// serve is there too, unless the card is the only place for it.
    pub fn use_card(&self, card: Option<&FoundCard>, is_only: bool) {
        self.hosts.use_card(card.map(|card| UsedCard::new(card, is_only)));
    }

    /// Keeps the packs of models of language in a folder, so that the next process which holds one need not make it again.
    /// Said before the first job; the first word holds.
    pub fn keep_packs(&self, packs: PackFolder) {
        self.hosts.keep_packs(packs);
    }

    /// Why the card does not serve a model, if it was tried and does not.
    #[must_use]
    pub fn refused_by_card(&self, model: Digest) -> Option<String> {
        self.hosts.card()?.refused(model)
    }

    /// How much of a model the card has, or had when the model was last loaded; the processor has the rest.
    #[must_use]
    pub fn layers_on_card(&self, model: Digest) -> Option<CardLayers> {
        self.hosts.card()?.layers(model)
    }

    /// Lets the workers go that have waited longer than [`IDLE_WAIT`].
    pub fn sweep(&self) {
        self.hosts.sweep();
        let now = Instant::now();
        let expired: Vec<Idle> =
            lock(&self.idle).extract_if(.., |idle| now.duration_since(idle.since) > IDLE_WAIT).collect();
        drop(expired);
    }

    /// Lets all idle workers go, and the models that nobody runs.
    pub fn clear(&self) {
        self.hosts.clear();
        let idle = std::mem::take(&mut *lock(&self.idle));
        drop(idle);
    }

    /// The numbers of the processes that hold a model, for those who watch them.
    #[must_use]
    pub fn hosts(&self) -> Vec<u32> {
        self.hosts.process_ids()
    }

    /// How many workers are idle.
    #[must_use]
    pub fn idle_count(&self) -> usize {
        lock(&self.idle).len()
    }

    fn take(&self, envelope: &Envelope) -> Option<Worker> {
        let mut idle = lock(&self.idle);
        loop {
            let index = idle.iter().rposition(|idle| idle.worker.fits(envelope))?;
            let mut worker = idle.remove(index).worker;
            // It may have died while it waited, which is no fault of this job.
            if worker.is_alive() {
                return Some(worker);
            }
        }
    }

    /// A new worker, with its runner compiled in the cache beforehand, which a worker that runs guests cannot write to.
    fn hire(&self, envelope: &Envelope, files: Files<'_>) -> Result<Worker, RunFailure> {
        let compiled = (envelope.runner, files.are_of_language());
        if self.worker_source.cache.is_some() && !lock(&self.compiled).contains(&compiled) {
            Worker::compile(&self.worker_source, files, &envelope.limits)?;
            lock(&self.compiled).insert(compiled);
        }
        Worker::spawn(&self.worker_source.for_model(files.model), &envelope.limits)
    }

    fn give_back(&self, worker: Worker) {
        self.sweep();
        let mut idle = lock(&self.idle);
        let excess = if idle.len() >= IDLE_MAX { Some(idle.remove(0)) } else { None };
        idle.push(Idle { worker, since: Instant::now() });
        drop(idle);
        drop(excess);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
