//! Guests that write more into the log than anybody reads.

use assay_runtime::{outcome::RunFailure, worker::Follower};

use super::{failure, limited};
use crate::{
    guests::runner,
    world::{Job, World},
};

/// Instructions of a guest that would go on for ever; each of its lines takes some.
const LITTLE_FUEL: u64 = 500_000;
/// Bytes of a log, and the lines that it has room for.
const LOG_BYTES: u32 = 50;
const LINES: usize = 10;

/// Logs a line of four bytes, for as long as `more` is not nought.
fn flood(more: &str) -> Vec<u8> {
    runner(&format!(
        "(local $left i32) (local.set $left (i32.const 10000))
        (loop $again
          (call $log (i32.const 1024) (i32.const 4))
          (br_if $again {more}))
        (call $return (i32.const 0) (i32.const 0) (i32.const 0))"
    ))
}

pub(super) fn jobs(world: &World) -> Vec<Job> {
    let mut job = limited(world.job(&flood("(i32.const 1)")));
    (job.envelope.limits.fuel, job.envelope.limits.log_bytes) = (LITTLE_FUEL, LOG_BYTES);
    vec![job]
}

/// Hears the lines of a log as they come.
#[derive(Default)]
struct Heard(Vec<String>);

impl Follower for Heard {
    fn line(&mut self, line: &str) {
        self.0.push(line.to_owned());
    }
}

#[test]
fn a_log_that_is_too_long_is_cut() {
    let world = World::new();
    let mut job = world.job(&flood("(local.tee $left (i32.sub (local.get $left) (i32.const 1)))"));
    job.envelope.limits.log_bytes = LOG_BYTES;
    let outcome = world.run(&job, b"").expect("the runner returns");
    assert_eq!(outcome.log, vec!["oops"; LINES]);
}

#[test]
fn a_log_without_end_is_cut_and_its_writer_runs_out_of_fuel() {
    let world = World::new();
    for job in jobs(&world) {
        let mut heard = Heard::default();
        let ended = world.follow(&job, b"", &mut heard);
        assert_eq!(ended, Err(RunFailure::OutOfFuel { fuel: LITTLE_FUEL }));
        assert_eq!(heard.0, vec!["oops"; LINES]);
        assert_eq!(failure(&world, &job), RunFailure::OutOfFuel { fuel: LITTLE_FUEL });
    }
}
