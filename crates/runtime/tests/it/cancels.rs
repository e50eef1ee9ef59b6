//! Texts that nobody wants any longer, given up while their model is read, while they are read and while they are written: what
//! they took is there again.
//!
//! Nothing here depends on how long anything takes, but for what `.ci/long` runs, which says how long that is at each stage: room is
//! counted by the arithmetic of a model, and of a process it is waited until it is as it was.

use std::{
    cell::Cell,
    fs, thread,
    time::{Duration, Instant},
};

use assay_engine::cpu::Isa;
use assay_protocol::manifest::End;
use assay_runtime::{
    outcome::{Completed, RunFailure},
    worker::Follower,
};

use crate::{
    guests::{SPIN, runner},
    hosting::endless,
    packs::{self, ROOM, keeping},
    process::children_of_this_one,
    strangers::{order, real_model},
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
/// Tokens that a text has at most, and one that is to be written for a while.
const TOKENS: u64 = 24;
const LONG_TOKENS: u64 = 100;
/// Words of the prompt that a real model reads for a while.
const WORDS: usize = 1_500;
/// How soon after a cancel nothing is computed any more.
const OVER_IN: Duration = Duration::from_secs(1);
/// The same where a guest does not listen and somebody waits for what it has written; a bit more than it is given.
const CUT_IN: Duration = Duration::from_millis(4_500);
/// Between two looks at what processes have computed, which the system counts in hundredths of a second.
const LOOK_STEP: Duration = Duration::from_millis(50);
/// How often a run is begun that is to be given up at one stage, where it is past that before it is heard.
const TRIES: usize = 100;

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

/// When a run is given up.
#[derive(Clone, Copy)]
enum Moment {
    /// So long after it was begun.
    After(Duration),
    /// Once so many bytes of it were heard.
    Heard(usize),
}

/// Gives a run up, and notes when it was first asked whether it does.
struct Leaver {
    moment: Moment,
    is_awaited: bool,
    begun: Instant,
    heard: usize,
    left: Cell<Option<Instant>>,
}

impl Follower for Leaver {
    fn chunk(&mut self, bytes: &[u8]) {
        self.heard += bytes.len();
    }

    fn is_cancelled(&self) -> bool {
        let is_time = match self.moment {
            Moment::After(wait) => self.begun.elapsed() >= wait,
            Moment::Heard(bytes) => self.heard >= bytes,
        };
        if is_time && self.left.get().is_none() {
            self.left.set(Some(Instant::now()));
        }
        is_time
    }

    fn is_awaited(&self) -> bool {
        self.is_awaited
    }
}

/// Hundredths of a second that all processes of this thread have computed; nothing of those that are gone.
fn computed(world: &World) -> u64 {
    let workers =
        children_of_this_one().into_iter().map(|process| process.as_raw_nonzero().get().unsigned_abs());
    let processes = workers.chain(world.pool.hosts());
    let stats = processes.filter_map(|process| fs::read_to_string(format!("/proc/{process}/stat")).ok());
    let ticks = stats.map(|stat| {
        // Behind the name, which may hold anything.
        let rest = stat.rsplit(')').next().unwrap_or_default();
        let mut numbers = rest.split_whitespace().skip(11).map_while(|number| number.parse::<u64>().ok());
        numbers.next().unwrap_or_default() + numbers.next().unwrap_or_default()
    });
    ticks.sum()
}

/// Has a run given up at one stage, says how long it went on after that and how long anything of it was computed, and holds that
/// against the longest that it may be.
fn is_over_soon(
    stage: &str,
    world: &World,
    job: &Job,
    input: &[u8],
    leaves: (Moment, bool),
    longest: Duration,
) {
    for _ in 0..TRIES {
        let (moment, is_awaited) = leaves;
        let mut leaver =
            Leaver { moment, is_awaited, begun: Instant::now(), heard: 0, left: Cell::new(None) };
        let ended = world.pool.run(&job.envelope, job.files(), input.into(), &mut leaver);
        let cancelled =
            matches!(ended, Ok(Completed { end: End::Cancelled, .. }) | Err(RunFailure::Cancelled));
        let Some(left) = leaver.left.get().filter(|_| cancelled) else { continue };
        let ran = left.elapsed();
        let mut last = ran;
        loop {
            let before = computed(world);
            thread::sleep(LOOK_STEP);
            if computed(world) == before {
                break;
            }
            last = left.elapsed();
            assert!(last < GONE_IN, "{stage}: it goes on");
        }
        let heard = leaver.heard;
        eprintln!(
            "{stage}: over {} ms after the cancel, computed for {} ms; {heard} bytes were written",
            ran.as_millis(),
            last.as_millis()
        );
        assert!(ran <= longest && last <= longest, "{stage}: {ran:?}, computed for {last:?}");
        return;
    }
    panic!("{stage}: it is past that before anybody leaves");
}

/// Writes a little and then nothing more.
const FALLS_SILENT: &str =
    "(drop (call $emit (i32.const 1024) (i32.const 4))) (loop $again (br $again)) (unreachable)";

#[test]
#[ignore = "says how long things take: of what is optimised, on a machine that does little else"]
fn a_text_is_over_within_a_second_of_its_cancel_at_every_stage() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let (begun, soon) = (Moment::After(Duration::ZERO), Moment::After(Duration::from_millis(100)));
    let first = Moment::Heard(1);
    for (stage, world) in
        [("its model is read", World::new()), ("it is packed", keeping(folder.path(), ROOM).0)]
    {
        let job = packs::job(&world);
        // Which takes a while to be read.
        job.stretch_model(1 << 30);
        is_over_soon(stage, &world, &job, &input(), (soon, true), OVER_IN);
        assert!(world.pool.hosts().is_empty(), "whoever reads it is gone");
    }
    for is_awaited in [true, false] {
        let world = World::on(Isa::Scalar);
        let job = endless(&world, LONG_TOKENS);
        is_over_soon("its prompt is read", &world, &job, &input(), (begun, is_awaited), OVER_IN);
        is_over_soon("it is written", &world, &job, b"27+58=", (first, is_awaited), OVER_IN);
    }
    let world = World::new();
    for (stage, guest, moment, is_awaited, longest) in [
        ("a guest that never writes", SPIN, soon, true, OVER_IN),
        ("a guest that falls silent", FALLS_SILENT, first, false, OVER_IN),
        ("a guest that falls silent, and its words are awaited", FALLS_SILENT, first, true, CUT_IN),
    ] {
        let mut job = world.job(&runner(guest));
        job.envelope.limits.fuel = u64::MAX;
        is_over_soon(stage, &world, &job, b"", (moment, is_awaited), longest);
    }
    let Some(real) = real_model() else {
        eprintln!("no real model is named: its prompt and its text are not given up");
        return;
    };
    let job = order(&world, &real, r#"{"temperature":0.8,"seed":1,"max_tokens":512}"#);
    let (short, long) = ("Tell me of the sea.", "The sea is wide and cold. ".repeat(WORDS / 6));
    // The model is there.
    world.give_up(&job, short.as_bytes(), 1);
    is_over_soon("a long prompt is read", &world, &job, long.as_bytes(), (soon, true), OVER_IN);
    is_over_soon("a real text is written", &world, &job, short.as_bytes(), (first, true), OVER_IN);
}
