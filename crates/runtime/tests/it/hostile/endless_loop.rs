//! Guests that never come to an end, in `run` and before anybody has called it.

use assay_protocol::manifest::Meter;
use assay_runtime::outcome::RunFailure;

use super::{FUEL, check, failure, limited};
use crate::{
    guests::{ECHO, SPIN, runner, runner_with},
    world::{Job, World},
};

const WALL_MS: u64 = 300;

pub(super) fn jobs(world: &World) -> Vec<Job> {
    let early = format!("(func $spin {SPIN}) (start $spin)");
    [runner(SPIN), runner_with(&early, ECHO)].map(|component| limited(world.job(&component))).into()
}

#[test]
fn an_endless_loop_runs_out_of_fuel() {
    check(jobs, &RunFailure::OutOfFuel { fuel: FUEL });
}

#[test]
fn an_endless_loop_with_fuel_for_ever_runs_out_of_time() {
    let world = World::new();
    for mut job in jobs(&world) {
        (job.envelope.limits.wall_ms, job.envelope.limits.fuel) = (WALL_MS, u64::MAX);
        assert_eq!(failure(&world, &job), RunFailure::WallTime { ms: WALL_MS });
    }
}

#[test]
fn fuel_is_what_runs_out_where_fuel_is_ordered() {
    let world = World::new();
    for mut job in jobs(&world) {
        (job.envelope.meter, job.envelope.units_max) = (Meter::MegaFuel, 2);
        assert_eq!(failure(&world, &job), RunFailure::OutOfFuel { fuel: 2_000_000 });
    }
}
