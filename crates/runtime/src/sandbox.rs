//! A compiled runner and the walls around it.
//!
//! **Invariant:** a component is run only if all it imports is what a runner may import, so its import list is its list of
//! permissions; there is no clock, file, socket or random source to ask for. Every run has a store of its own, which is
//! dropped with all the guest left in it.

use std::{
    path::Path,
    sync::{Arc, mpsc},
    thread,
    time::{Duration, Instant},
};

use assay_protocol::{
    id::Digest,
    manifest::{End, Meter, Meters},
    units::Units,
};
use wasmtime::{
    Cache, CacheConfig, Config, Engine, Store, Trap,
    component::{Component, HasSelf, Linker, ResourceTableError},
};

use self::{
    bindings::{Guest, GuestPre, assay::runner::types, exports::assay::runner::running},
    session::GuestSession,
};
use crate::{
    chances::WrittenChance,
    counts::Port,
    envelope::{Envelope, RUNNER_BYTES_MAX},
    models::JobModel,
    outcome::{RunFailure, cut},
};

mod bindings;
mod ceiling;
mod session;
mod text;

/// How often a running guest looks whether its time is over.
const TICK: Duration = Duration::from_millis(10);
/// Instructions of the guest in one unit of [`Meter::MegaFuel`].
const FUEL_PER_UNIT: u64 = 1_000_000;

/// What a component may import.
const IMPORTS: [&str; 7] = [
    "assay:runner/session@2.0.0",
    "assay:runner/text@2.0.0",
    "assay:runner/types@2.0.0",
    "wasi:nn/errors@0.2.0-rc-2024-10-28",
    "wasi:nn/graph@0.2.0-rc-2024-10-28",
    "wasi:nn/inference@0.2.0-rc-2024-10-28",
    "wasi:nn/tensor@0.2.0-rc-2024-10-28",
];
/// What a component must export.
const EXPORT: &str = "assay:runner/running@2.0.0";

/// A runner that can run.
pub(crate) struct Sandbox {
    engine: Engine,
    runner: GuestPre<GuestSession>,
    ticker: mpsc::SyncSender<()>,
}

/// One job, as it is run.
#[derive(Clone, Copy)]
pub(crate) struct SandboxWork<'a> {
    /// The job.
    pub(crate) envelope: &'a Envelope,
    /// Its input.
    pub(crate) input: &'a [u8],
    /// When it is over at the latest.
    pub(crate) deadline: Instant,
    /// How many of the likeliest tokens are told of each place, if chances are.
    pub(crate) chances: Option<u8>,
}

/// What a guest gave back.
pub(crate) struct Finished {
    /// The output, if the runner emitted none.
    pub(crate) output: Vec<u8>,
    /// Why the run ended.
    pub(crate) end: End,
    /// What was counted.
    pub(crate) meters: Meters,
    /// Of each token that was written, the digest of the row that it was chosen from.
    pub(crate) rows: Vec<Digest>,
    /// How likely each was, where that was asked.
    pub(crate) chances: Vec<WrittenChance>,
}

impl Sandbox {
    /// Compiles a component, or finds it compiled in the cache, and checks that it is a runner. With `has_one_nan` whatever is no
    /// number has the same bits in it, whichever processor computes.
    pub(crate) fn compile(
        bytes: &[u8],
        has_one_nan: bool,
        stack_bytes: u32,
        cache: Option<&Path>,
    ) -> Result<Self, RunFailure> {
        let refuse = |error: wasmtime::Error| RunFailure::NotARunner(cut(format!("{error:#}")));
        if bytes.len() as u64 > RUNNER_BYTES_MAX {
            let why = format!("it has {} bytes, and at most {RUNNER_BYTES_MAX} are compiled", bytes.len());
            return Err(RunFailure::NotARunner(why));
        }
        let engine = engine(has_one_nan, stack_bytes, cache).map_err(refuse)?;
        let component = Component::from_binary(&engine, bytes).map_err(refuse)?;
        inspect(&engine, &component)?;
        let instance =
            linker(&engine).and_then(|linker| linker.instantiate_pre(&component)).map_err(refuse)?;
        let runner = GuestPre::new(instance).map_err(refuse)?;
        let ticker = ticker(engine.clone());
        Ok(Self { engine, runner, ticker })
    }

    /// Runs one job until its end or the deadline.
    pub(crate) fn run(
        &self,
        work: &SandboxWork<'_>,
        model: Option<JobModel>,
        port: Arc<dyn Port>,
    ) -> Result<Finished, RunFailure> {
        let SandboxWork { envelope, input, deadline, .. } = *work;
        let session = GuestSession::new(work, model, port);
        if !session.counts.is_input_paid() {
            return Err(RunFailure::OutOfUnits { units: envelope.units_max });
        }
        let mut store = Store::new(&self.engine, session);
        let fuel = fuel(envelope);
        store.set_fuel(fuel).map_err(|error| RunFailure::Trap(cut(format!("{error:#}"))))?;
        store.limiter(|session| &mut session.ceiling);
        store.set_hostcall_fuel(usize::try_from(envelope.limits.host_call_bytes).unwrap_or(usize::MAX));
        store.set_epoch_deadline(ticks_until(deadline));
        let _ = self.ticker.send(());
        let returned = call(&self.runner, &mut store, envelope, input);
        let _ = self.ticker.send(());
        let fuel_left = store.get_fuel().unwrap_or(0);
        let mut session = store.into_data();
        if let Some(why) = session.counts.lost_engine() {
            return Err(RunFailure::EngineDied(why));
        }
        let returned = returned.map_err(|error| explain(&error, envelope, &session))?;
        let outcome = returned.map_err(|failure| translate(failure, envelope, &session))?;
        session.flush();
        finish(outcome, fuel - fuel_left, envelope, &session)
    }
}

fn engine(has_one_nan: bool, stack_bytes: u32, cache: Option<&Path>) -> wasmtime::Result<Engine> {
    let mut config = Config::new();
    config
        .consume_fuel(true)
        .epoch_interruption(true)
        .max_wasm_stack(stack_bytes as usize)
        .relaxed_simd_deterministic(true)
        .cranelift_nan_canonicalization(has_one_nan)
        .wasm_memory64(false)
        .generate_address_map(false)
        // What a guest's memory begins with is copied: a worker has no memory that it could share.
        .memory_init_cow(false);
    if let Some(directory) = cache {
        let mut cache = CacheConfig::new();
        cache.with_directory(directory);
        config.cache(Some(Cache::new(cache)?));
    }
    Engine::new(&config)
}

fn linker(engine: &Engine) -> wasmtime::Result<Linker<GuestSession>> {
    let mut linker = Linker::new(engine);
    Guest::add_to_linker::<_, HasSelf<GuestSession>>(&mut linker, |session| session)?;
    wasmtime_wasi_nn::wit::add_to_linker(&mut linker, GuestSession::neural)?;
    Ok(linker)
}

/// Refuses by name what the types alone would refuse less clearly.
fn inspect(engine: &Engine, component: &Component) -> Result<(), RunFailure> {
    let kind = component.component_type();
    if let Some((name, _)) = kind.imports(engine).find(|(name, _)| !IMPORTS.contains(name)) {
        return Err(RunFailure::NotARunner(cut(format!("it imports {name}, which runners may not"))));
    }
    if !kind.exports(engine).any(|(name, _)| name == EXPORT) {
        return Err(RunFailure::NotARunner(format!("it does not export {EXPORT}")));
    }
    Ok(())
}

/// Starts the thread that lets a guest's time pass. The first message starts a run, the next ends it.
fn ticker(engine: Engine) -> mpsc::SyncSender<()> {
    let (sender, runs) = mpsc::sync_channel(1);
    thread::spawn(move || {
        while runs.recv().is_ok() {
            while runs.recv_timeout(TICK) == Err(mpsc::RecvTimeoutError::Timeout) {
                engine.increment_epoch();
            }
        }
    });
    sender
}

fn ticks_until(deadline: Instant) -> u64 {
    let left = deadline.saturating_duration_since(Instant::now());
    u64::try_from(left.as_millis() / TICK.as_millis()).unwrap_or(u64::MAX).saturating_add(1)
}

fn fuel(envelope: &Envelope) -> u64 {
    match envelope.meter {
        Meter::MegaFuel => envelope.limits.fuel.min(envelope.units_max.saturating_mul(FUEL_PER_UNIT)),
        Meter::Calls | Meter::Tokens(_) => envelope.limits.fuel,
    }
}

/// The units that a guest is told of. One that writes tokens is told nothing: a check of a text that was broken off has fewer
/// units than its run had, and a guest that saw that could write something else.
fn shown_units(envelope: &Envelope) -> Units {
    match envelope.meter {
        Meter::Tokens(_) => Units::MAX,
        Meter::Calls | Meter::MegaFuel => envelope.units_max,
    }
}

fn call(
    runner: &GuestPre<GuestSession>,
    store: &mut Store<GuestSession>,
    envelope: &Envelope,
    input: &[u8],
) -> wasmtime::Result<Result<types::Outcome, types::Failure>> {
    let job = running::Job {
        params: envelope.params.clone(),
        seed: envelope.seed.to_vec(),
        units_max: shown_units(envelope),
    };
    let instance = runner.instantiate(&mut *store)?;
    instance.assay_runner_running().call_run(store, &job, input)
}

/// The failure behind an error that ended a guest.
fn explain(error: &wasmtime::Error, envelope: &Envelope, session: &GuestSession) -> RunFailure {
    let limits = &envelope.limits;
    match error.downcast_ref::<Trap>() {
        Some(Trap::OutOfFuel) => return RunFailure::OutOfFuel { fuel: fuel(envelope) },
        Some(Trap::Interrupt) => return RunFailure::WallTime { ms: limits.wall_ms },
        Some(Trap::StackOverflow) => return RunFailure::OutOfStack { bytes: limits.stack_bytes },
        Some(_) | None => {}
    }
    if let Some(refused) = session.ceiling.refused() {
        return refused;
    }
    if ceiling::is_of_system(error) {
        // It began with more memory than there was.
        return RunFailure::OutOfProcessMemory { bytes: limits.process_memory_bytes };
    }
    if matches!(error.downcast_ref(), Some(ResourceTableError::Full)) {
        return RunFailure::OutOfHandles { handles: limits.handles };
    }
    let root = error.root_cause().to_string();
    // The type of this error is private to wasmtime.
    if root.contains("fuel allocated for hostcalls") {
        return RunFailure::HostCallTooLong { bytes: limits.host_call_bytes };
    }
    RunFailure::Trap(cut(root))
}

/// The failure that a runner reported, with what the engine had to say about it.
fn translate(failure: types::Failure, envelope: &Envelope, session: &GuestSession) -> RunFailure {
    if session.counts.is_exhausted() {
        return RunFailure::OutOfUnits { units: envelope.units_max };
    }
    match failure {
        types::Failure::BadInput(why) => RunFailure::BadInput(cut(why)),
        types::Failure::BadParams(why) => RunFailure::BadParams(cut(why)),
        types::Failure::Unsupported(why) => RunFailure::Unsupported(cut(why)),
        types::Failure::Internal(why) => RunFailure::Internal(match session.counts.complaint() {
            Some(complaint) => cut(format!("{} (engine: {complaint})", cut(why))),
            None => cut(why),
        }),
    }
}

fn finish(
    outcome: types::Outcome,
    fuel: u64,
    envelope: &Envelope,
    session: &GuestSession,
) -> Result<Finished, RunFailure> {
    if let Some(misuse) = session.counts.misuse() {
        return Err(RunFailure::Internal(misuse.to_string()));
    }
    let bytes = outcome.output.len() as u64;
    if session.emitted_bytes > 0 && bytes > 0 {
        return Err(RunFailure::Internal("it returned an output after it had emitted one".into()));
    }
    if bytes > envelope.limits.output_bytes {
        return Err(RunFailure::OutputTooLong { bytes, max: envelope.limits.output_bytes });
    }
    let meters = Meters { fuel, ..session.counts.meters() };
    let rows = session.counts.transcript().evidence().to_vec();
    let (end, chances) = (session.end(outcome.end), session.chances());
    Ok(Finished { output: outcome.output, end, meters, rows, chances })
}
