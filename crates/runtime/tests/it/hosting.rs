//! Processes that hold a model: who shares one, who has one alone, and what the end of one is to the others.

use std::{
    process::Command,
    thread,
    time::{Duration, Instant},
};

use assay_protocol::{
    frames,
    id::Digest,
    manifest::{End, Meter, TokenWeights},
};
use assay_runtime::{
    outcome::{Completed, RunFailure},
    worker::{Follower, Given},
};

use crate::world::{Job, World, shipped};

/// Tokens of a text that takes a while.
const LONG: u64 = 100;
/// How soon a process has to be gone whose model nobody wants, on a busy machine.
const GONE_IN: Duration = Duration::from_secs(60);
/// Time for a text whose card a processor plays beside other work.
pub(crate) const AT_LEISURE_MS: u64 = 600_000;
/// More sessions than a process that holds a model has files for.
const SESSIONS: usize = 140;

/// A text that ends where its tokens do.
pub(crate) fn endless(world: &World, tokens: u64) -> Job {
    let mut job = world.job_on(&shipped("runners/generate/generate.wasm"), &shipped("models/sums/sums.gguf"));
    (job.envelope.meter, job.envelope.limits.wall_ms) =
        (Meter::Tokens(TokenWeights { read: 1, written: 4 }), AT_LEISURE_MS);
    job.envelope.params = r#"{"temperature":0}"#.into();
    let whole = world.run(&job, b"27+58=").expect("the job succeeds");
    let end = frames::tokens(&whole.output).pop().expect("an answer has an end");
    job.envelope.params =
        format!(r#"{{"temperature":1,"max_tokens":{tokens},"logit_bias":{{"{end}":-1000}}}}"#);
    job
}

fn run(world: &World, job: &Job, input: &[u8], follower: &mut dyn Follower) -> Result<Completed, RunFailure> {
    world.pool.run(&job.envelope, job.files(), Given::from(input), follower)
}

/// Does something once, as soon as there is some output.
struct Once<F: FnMut()>(Option<F>);

impl<F: FnMut()> Follower for Once<F> {
    fn chunk(&mut self, _: &[u8]) {
        if let Some(mut act) = self.0.take() {
            act();
        }
    }
}

/// Does not want anything any more.
struct Gone;

impl Follower for Gone {
    fn is_cancelled(&self) -> bool {
        true
    }
}

#[test]
fn jobs_at_the_same_time_share_one_model_and_change_no_bit_of_each_other() {
    let world = World::new();
    let job = endless(&world, 40);
    let inputs: Vec<String> = (10..18).map(|number| format!("{number}+{number}=")).collect();
    let alone: Vec<_> = inputs.iter().map(|input| run(&world, &job, input.as_bytes(), &mut ())).collect();
    let together: Vec<_> = thread::scope(|scope| {
        let begun: Vec<_> =
            inputs.iter().map(|input| scope.spawn(|| run(&world, &job, input.as_bytes(), &mut ()))).collect();
        begun.into_iter().map(|begun| begun.join().expect("no panic")).collect()
    });
    assert_eq!(together, alone);
    assert!(alone.iter().all(|ended| ended.as_ref().is_ok_and(|ended| ended.end == End::Length)));
    assert_eq!(world.pool.hosts().len(), 1);
    world.pool.clear();
    assert!(world.pool.hosts().is_empty(), "whom nobody uses is let go");
}

#[test]
fn a_session_that_ended_leaves_no_file_open_where_its_model_is() {
    let world = World::new();
    let job = endless(&world, 1);
    let first = run(&world, &job, b"27+58=", &mut ());
    assert!(first.is_ok(), "{first:?}");
    let hosts = world.pool.hosts();
    for number in 1..SESSIONS {
        assert_eq!(run(&world, &job, b"27+58=", &mut ()), first, "session {number}");
    }
    assert_eq!(world.pool.hosts(), hosts, "one process has served all of them");
}

#[test]
fn a_model_whose_process_dies_fails_its_jobs_and_is_there_for_the_next() {
    let world = World::new();
    let job = endless(&world, LONG);
    let whole = run(&world, &job, b"27+58=", &mut ()).expect("the job succeeds");
    let mut kill = Once(Some(|| {
        let pid = world.pool.hosts()[0].to_string();
        assert!(Command::new("kill").args(["-9", &pid]).status().expect("kill is there").success());
    }));
    let ended = world.follow(&job, b"27+58=", &mut kill);
    assert!(matches!(ended, Err(RunFailure::EngineDied(_))), "{ended:?}");
    assert_eq!(run(&world, &job, b"27+58=", &mut ()), Ok(whole));
}

#[test]
fn a_job_that_is_killed_disturbs_no_other_of_its_model() {
    let world = World::new();
    let job = endless(&world, LONG);
    let whole = run(&world, &job, b"27+58=", &mut ()).expect("the job succeeds");
    let mut short = endless(&world, LONG);
    short.envelope.limits.fuel = 3_000_000;
    let mut failures = Vec::new();
    let mut kill = Once(Some(|| failures.push(run(&world, &short, b"31+15=", &mut ()))));
    let ended = run(&world, &job, b"27+58=", &mut kill);
    assert_eq!(ended, Ok(whole));
    assert!(matches!(failures[..], [Err(RunFailure::OutOfFuel { .. })]), "{failures:?}");
    assert_eq!(world.pool.hosts().len(), 1);
}

#[test]
fn a_model_has_another_process_where_there_is_no_room_in_one() {
    let world = World::new();
    let mut job = endless(&world, LONG);
    job.envelope.limits.host_call_bytes = job.envelope.limits.process_memory_bytes / 2;
    let mut hosts = Vec::new();
    let mut other = Once(Some(|| {
        run(&world, &job, b"31+15=", &mut ()).expect("the job succeeds");
        hosts = world.pool.hosts();
    }));
    run(&world, &job, b"27+58=", &mut other).expect("the job succeeds");
    assert_eq!(hosts.len(), 2);
}

#[test]
fn what_an_asker_goes_on_with_is_as_if_it_were_read_anew() {
    let world = World::new();
    let mut job = endless(&world, 8);
    job.envelope.params = job.envelope.params.replace('{', r#"{"raw":true,"#).replacen(
        r#"bias":{"raw":true,"#,
        r#"bias":{"#,
        1,
    );
    let said: Vec<u8> = (0..5).flat_map(|turn| format!("{turn}+{turn}=").into_bytes().repeat(turn)).collect();
    let run = |length: usize, asker| {
        let given = Given { input: &said[..length], asker, ..Given::default() };
        world.pool.run(&job.envelope, job.files(), given, &mut ()).expect("the job succeeds")
    };
    let asker = Some(Digest::of(b"somebody"));
    for length in [20, 28, said.len(), 24] {
        assert_eq!(run(length, asker), run(length, None), "{length} bytes");
    }
}

#[test]
fn whoever_gives_up_a_model_takes_it_from_nobody_else() {
    let world = World::new();
    let job = endless(&world, 8);
    let alone = run(&world, &job, b"27+58=", &mut ());
    for round in 0..4 {
        world.pool.clear();
        let ended = thread::scope(|scope| {
            let begun: Vec<_> =
                (0..3).map(|_| scope.spawn(|| run(&world, &job, b"27+58=", &mut ()))).collect();
            let gone = scope.spawn(|| run(&world, &job, b"27+58=", &mut Gone));
            drop(gone.join().expect("no panic"));
            begun.into_iter().map(|begun| begun.join().expect("no panic")).collect::<Vec<_>>()
        });
        assert!(ended.iter().all(|ended| *ended == alone), "round {round}: {ended:?}");
    }
}

#[test]
fn a_model_that_cannot_be_read_is_refused_alike_to_all_who_wait_for_it() {
    let world = World::new();
    let job = endless(&world, LONG);
    world.pool.clear();
    job.stretch_model(1 << 28);
    let ended: Vec<_> = thread::scope(|scope| {
        let begun: Vec<_> = (0..3).map(|_| scope.spawn(|| run(&world, &job, b"27+58=", &mut ()))).collect();
        begun.into_iter().map(|begun| begun.join().expect("no panic")).collect()
    });
    assert!(ended.iter().all(|ended| matches!(ended, Err(RunFailure::WrongBytes { .. }))), "{ended:?}");
}

#[test]
fn nobody_waits_for_a_model_that_nobody_wants() {
    let world = World::new();
    let job = endless(&world, LONG);
    world.pool.clear();
    // Which takes a while to be read.
    job.stretch_model(1 << 30);
    let started = Instant::now();
    let ended = world.follow(&job, b"27+58=", &mut Gone);
    assert_eq!(ended, Err(RunFailure::Cancelled));
    assert!(started.elapsed() < GONE_IN && world.pool.hosts().is_empty());
}
