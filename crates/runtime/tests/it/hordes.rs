//! Many hostile guests, one after another, and many texts: what is left of them once they are gone.

use std::fs;

use assay_runtime::{outcome::RunFailure, worker::Given};

use crate::{
    guests::{ECHO, runner},
    hostile,
    world::{Job, World, shipped},
};

/// Guests that are counted.
const GUESTS: usize = 200;
/// Rounds before that, after which whatever is kept for ever is there.
const ROUNDS_BEFORE: usize = 3;
/// One over what memory may grow by.
const GROWTH_PART: u64 = 20;
/// Files that may be open beside those that were before: some close in a moment.
const FILES_MORE: usize = 8;
const MIB: u64 = 1024 * 1024;

/// Guests and models of each kind, within limits that a test has time for.
fn horde(world: &World) -> Vec<Job> {
    let mut jobs = hostile::horde(world);
    for job in &mut jobs {
        let limits = &mut job.envelope.limits;
        (limits.wall_ms, limits.fuel) = (500, 50_000_000);
        limits.process_memory_bytes = 512 * MIB;
    }
    jobs
}

/// Has one run, which must end, and by nothing that is ours.
fn runs(world: &World, job: &Job) {
    let ended = world.pool.run(&job.envelope, job.files(), Given::default(), &mut ());
    let is_ours = matches!(
        ended,
        Err(RunFailure::WorkerAbsent(_) | RunFailure::RunnerAbsent(_) | RunFailure::ModelAbsent(_))
    );
    assert!(!is_ours, "{ended:?}");
}

/// Bytes of this process that are in memory.
fn resident() -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("the system tells");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("it tells of memory");
    let kibibytes: u64 = line.trim().trim_end_matches(" kB").trim().parse().expect("a number");
    kibibytes * 1024
}

fn open_files() -> usize {
    fs::read_dir("/proc/self/fd").expect("the system tells").count()
}

/// Places of memory that this process has something in.
fn mappings() -> usize {
    fs::read_to_string("/proc/self/maps").expect("the system tells").lines().count()
}

#[test]
#[ignore = "takes minutes: part of .ci/long"]
fn two_hundred_texts_in_a_row_leave_nothing_behind() {
    let world = World::new();
    let mut job = world.job_on(&shipped("runners/generate/generate.wasm"), &shipped("models/sums/sums.gguf"));
    job.envelope.params = r#"{"temperature":0}"#.into();
    let asks = |times: usize| {
        for _ in 0..times {
            let ended = world.pool.run(&job.envelope, job.files(), Given::from(&b"27+58="[..]), &mut ());
            ended.expect("the job succeeds");
        }
    };
    asks(10);
    let (before, files_before, mappings_before) = (resident(), open_files(), mappings());
    asks(GUESTS);
    let (after, files_after, mappings_after) = (resident(), open_files(), mappings());
    println!(
        "{GUESTS} texts: {before} bytes resident before, {after} after; {files_before} and {files_after} files; \
         {mappings_before} and {mappings_after} mappings"
    );
    assert!(after <= before + before / GROWTH_PART, "memory grew from {before} to {after}");
    assert!(files_after <= files_before + FILES_MORE, "open files grew from {files_before} to {files_after}");
    let most = mappings_before + FILES_MORE;
    assert!(mappings_after <= most, "mappings grew from {mappings_before} to {mappings_after}");
}

#[test]
#[ignore = "takes minutes: part of .ci/long"]
fn two_hundred_hostile_guests_in_a_row_leave_nothing_behind() {
    let world = World::new();
    let jobs = horde(&world);
    (0..ROUNDS_BEFORE).for_each(|_| jobs.iter().for_each(|job| runs(&world, job)));
    world.pool.clear();
    let (before, files_before) = (resident(), open_files());
    for number in 0..GUESTS {
        runs(&world, &jobs[number % jobs.len()]);
    }
    let honest = world.job(&runner(ECHO));
    let outcome = world.run(&honest, b"still here").expect("an honest job succeeds");
    assert_eq!(outcome.output, b"still here");
    world.pool.clear();
    let (after, files_after) = (resident(), open_files());
    println!(
        "{GUESTS} guests: {before} bytes resident before, {after} after; {files_before} and {files_after} files"
    );
    assert!(after <= before + before / GROWTH_PART, "memory grew from {before} to {after}");
    assert!(files_after <= files_before + FILES_MORE, "open files grew from {files_before} to {files_after}");
    assert_eq!(world.pool.idle_count(), 0);
}
