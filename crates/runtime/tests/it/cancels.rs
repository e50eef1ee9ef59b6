//! Texts that nobody wants any longer, given up while their model is read, while they are read and while they are written: what
//! they took is there again.
//!
//! Nothing here depends on how long anything takes: room is counted by the arithmetic of a model, and of a process it is waited
//! until it is as it was.

use std::{
    fs, thread,
    time::{Duration, Instant},
};

use assay_runtime::{
    outcome::{Completed, RunFailure},
    worker::Follower,
};

use crate::{
    hosting::endless,
    process::children_of_this_one,
    world::{Impatient, Job, World},
};

/// Texts that are given up, more than a process has files, or room for sessions at a time.
const TEXTS: usize = 140;
/// Those before them, after which whatever is kept for ever is there.
const TEXTS_BEFORE: usize = 20;
/// Bytes of output that are heard before a text is given up: none while it is read, some while it is written.
const HEARD: [usize; 3] = [0, 1, 40];
/// Bytes of a position of a session of the shipped model: keys and values of 4 layers with 2 heads of 64 numbers.
const POSITION_BYTES: u64 = 4 * 2 * 2 * 64 * 2;
/// How soon what was given up has to be gone on a busy machine.
const GONE_IN: Duration = Duration::from_secs(240);
/// Tokens that a text has at most.
const TOKENS: u64 = 24;

/// A text whose prompt is most of what it reads, and that does not end by itself.
fn text(world: &World) -> Job {
    endless(world, TOKENS)
}

fn input() -> Vec<u8> {
    b"12+34=".repeat(15)
}

fn run(world: &World, job: &Job, follower: &mut dyn Follower) -> Result<Completed, RunFailure> {
    world.pool.run(&job.envelope, job.files(), input().as_slice().into(), follower)
}

/// A number in the state of a process.
fn told(process: u32, name: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).expect("the process is there");
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    let number = line.and_then(|line| line.split_whitespace().next());
    number.unwrap_or_else(|| panic!("no {name} in {status}")).parse().expect("a number")
}

/// Threads of a process, one for each session, and its bytes of memory that are nobody else's.
fn taken(process: u32) -> (u64, u64) {
    (told(process, "Threads"), told(process, "RssAnon") * 1024)
}

#[test]
fn the_room_of_a_text_that_is_given_up_is_there_for_the_next() {
    let world = World::new();
    let mut job = text(&world);
    // More than half of a process, so that there is room for one text in each.
    job.envelope.limits.host_call_bytes = job.envelope.limits.process_memory_bytes / 2;
    let whole = run(&world, &job, &mut ());
    assert!(whole.is_ok(), "{whole:?}");
    let hosts = world.pool.hosts();
    assert_eq!(hosts.len(), 1);
    for heard in HEARD {
        world.give_up(&job, &input(), heard);
        assert_eq!(run(&world, &job, &mut ()), whole, "after {heard} bytes");
        assert_eq!(world.pool.hosts(), hosts, "there was room after {heard} bytes");
    }
}

#[test]
fn a_model_that_is_given_up_while_it_is_read_takes_its_process_with_it() {
    let world = World::new();
    let job = text(&world);
    world.pool.clear();
    // Which takes a while to be read.
    job.stretch_model(1 << 30);
    for _ in 0..3 {
        assert_eq!(run(&world, &job, &mut Impatient { bytes_left: 0 }), Err(RunFailure::Cancelled));
        let (children, waiting) = (children_of_this_one(), world.pool.idle_count());
        assert!(children.len() <= waiting && world.pool.hosts().is_empty(), "{children:?}, {waiting} wait");
    }
}

#[test]
fn a_hundred_texts_that_are_given_up_leave_nothing_where_their_model_is() {
    let world = World::new();
    let job = text(&world);
    let tokens = run(&world, &job, &mut ()).expect("the job succeeds").meters.tokens_read;
    // Those that read together have memory for that of their own.
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| run(&world, &job, &mut ()));
        }
    });
    let give_up = |texts: usize| {
        HEARD.iter().cycle().take(texts).for_each(|heard| world.give_up(&job, &input(), *heard));
    };
    give_up(TEXTS_BEFORE);
    let hosts = world.pool.hosts();
    let (threads_before, bytes_before) = taken(hosts[0]);
    give_up(TEXTS);
    assert_eq!(world.pool.hosts(), hosts, "one process has read all of them");
    // Half of what those would take that were read and kept.
    let growth = TEXTS as u64 * tokens * POSITION_BYTES / 2;
    let until = Instant::now() + GONE_IN;
    loop {
        let (threads, bytes) = taken(hosts[0]);
        if threads <= threads_before && bytes <= bytes_before + growth {
            break;
        }
        let grown = format!("{threads_before} threads became {threads}, {bytes_before} bytes {bytes}");
        assert!(Instant::now() < until, "{grown}, where {growth} more are borne");
        thread::sleep(Duration::from_millis(5));
    }
}
