//! What hostile runners and models get: a failure that names what they did, and a host that goes on.
//!
//! Each kind stands in a file of its own, and is one of those that [`crate::hordes`] sends by the hundred. The walls around a guest
//! that has left WebAssembly are tried in [`crate::process`], and what no runner of texts may do in [`crate::language`].
//!
//! **Invariant:** once a job has failed, the next one in the same pool runs, and no process is there but those that wait for others.

mod call_bomb;
mod endless_call;
mod endless_loop;
mod forged_handle;
mod forged_name;
mod giant_component;
mod greedy_model;
mod handle_bomb;
mod log_flood;
mod memory_bomb;
mod missing_export;
mod no_model;
mod not_a_number;
mod output_bomb;
mod own_graph;
mod stack_bomb;
mod table_bomb;
mod template_bomb;
mod terminal_escape;
mod unpaid_call;
mod wrong_shape;

use assay_protocol::manifest::{Meter, TokenWeights};
use assay_runtime::outcome::RunFailure;

use crate::{
    process::children_of_this_one,
    world::{Job, World, shipped},
};

const MIB: u64 = 1024 * 1024;
/// Instructions of a guest.
const FUEL: u64 = 50_000_000;
/// How long a run may take, on a busy machine as well: what ends it is something else.
const WALL_MS: u64 = 60_000;
/// Bytes of all its memories.
const MEMORY_BYTES: u64 = 32 * MIB;
/// Bytes that it hands over in one call.
const CALL_BYTES: u64 = 4 * MIB;
/// Bytes of its output.
const OUTPUT_BYTES: u64 = MIB;
/// Handles that it holds at once.
const HANDLES: u32 = 100;

/// The jobs of every kind.
#[cfg(target_os = "linux")]
pub(crate) fn horde(world: &World) -> Vec<Job> {
    let kinds: [fn(&World) -> Vec<Job>; 21] = [
        call_bomb::jobs,
        endless_call::jobs,
        endless_loop::jobs,
        forged_handle::jobs,
        forged_name::jobs,
        giant_component::jobs,
        greedy_model::jobs,
        handle_bomb::jobs,
        log_flood::jobs,
        memory_bomb::jobs,
        missing_export::jobs,
        no_model::jobs,
        not_a_number::jobs,
        output_bomb::jobs,
        own_graph::jobs,
        stack_bomb::jobs,
        table_bomb::jobs,
        template_bomb::jobs,
        terminal_escape::jobs,
        unpaid_call::jobs,
        wrong_shape::jobs,
    ];
    kinds.iter().flat_map(|jobs| jobs(world)).collect()
}

/// The runner of texts, which has answered once: to compile it takes longer than any failure of it, where a machine is busy.
fn generator(world: &World) -> Vec<u8> {
    let generate = shipped("runners/generate/generate.wasm");
    let mut whole = world.job_on(&generate, &shipped("models/sums/sums.gguf"));
    whole.envelope.meter = Meter::Tokens(TokenWeights { read: 1, written: 4 });
    whole.envelope.params = r#"{"temperature":0}"#.into();
    world.run(&whole, b"1+1=").expect("a whole model answers");
    generate
}

/// A job within limits that a test has time for.
fn limited(mut job: Job) -> Job {
    let limits = &mut job.envelope.limits;
    (limits.wall_ms, limits.fuel) = (WALL_MS, FUEL);
    (limits.guest_memory_bytes, limits.host_call_bytes) = (MEMORY_BYTES, CALL_BYTES);
    (limits.output_bytes, limits.handles) = (OUTPUT_BYTES, HANDLES);
    job
}

/// How a job fails, of which nothing is left then.
fn failure(world: &World, job: &Job) -> RunFailure {
    let failure = world.failure(job);
    let waiting = world.pool.idle_count() + world.pool.hosts().len();
    let children = children_of_this_one();
    assert!(children.len() <= waiting, "{children:?} are there, and {waiting} wait for others: {failure}");
    failure
}

/// Has each job fail like this.
fn check(jobs: fn(&World) -> Vec<Job>, expected: &RunFailure) {
    let world = World::new();
    for job in jobs(&world) {
        assert_eq!(failure(&world, &job), *expected);
    }
}

/// The shipped model of language with another text behind a key, which spaces make as long as the one that was there.
fn altered(key: &str, text: &str) -> Vec<u8> {
    let mut file = shipped("models/sums/sums.gguf");
    let place = file.windows(key.len()).position(|bytes| bytes == key.as_bytes());
    // Behind a key stands the type of its value, in four bytes.
    let value = place.expect("the model has the key") + key.len() + 4;
    let (length, rest) = file[value..].split_first_chunk_mut().expect("a text has a length");
    let length = usize::try_from(u64::from_le_bytes(*length)).expect("it fits");
    let old = &mut rest[..length];
    old.fill(b' ');
    old[..text.len()].copy_from_slice(text.as_bytes());
    file
}
