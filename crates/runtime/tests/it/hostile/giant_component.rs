//! A component of a hundred megabytes, of which hardly anything is code.

use assay_runtime::{envelope::RUNNER_BYTES_MAX, outcome::RunFailure};

use super::{failure, limited};
use crate::{
    guests::{ECHO, runner},
    world::{Job, World},
};

const SECTION_BYTES: usize = 100_000_000;

/// A runner with a section of whatever its writer liked: the length is told in seven bits a byte, the least first.
fn padded(bytes: usize) -> Vec<u8> {
    let mut component = runner(ECHO);
    component.push(0);
    let mut length = bytes + 2;
    while length >= 128 {
        component.push((length & 127) as u8 | 128);
        length >>= 7;
    }
    component.extend([length as u8, 1, b'x']);
    component.resize(component.len() + bytes, 0);
    component
}

pub(super) fn jobs(world: &World) -> Vec<Job> {
    vec![limited(world.job(&padded(SECTION_BYTES)))]
}

#[test]
fn a_component_of_a_hundred_megabytes_is_refused_by_its_length() {
    let world = World::new();
    let job = world.job(&padded(1 << 20));
    assert_eq!(world.run(&job, b"it").expect("it is longer, and works").output, b"it");
    let bytes = padded(SECTION_BYTES).len();
    let why = format!("it has {bytes} bytes, and at most {RUNNER_BYTES_MAX} are compiled");
    for job in jobs(&world) {
        assert_eq!(failure(&world, &job), RunFailure::NotARunner(why.clone()));
    }
}
