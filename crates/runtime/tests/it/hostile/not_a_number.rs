//! A guest that has a model compute with what is no number, of which there are many: their bits would tell machines apart.

use super::limited;
use crate::{
    guests::caller,
    onnx,
    world::{Job, World},
};

/// Quiet ones with something in them, of either sign, and one that signals.
const NANS: [u32; 4] = [0x7fc0_0001, 0xffc0_0000, 0x7f80_0001, 0xffff_ffff];
/// The one that leaves.
const NAN: u32 = 0x7fc0_0000;

/// Has the model double them, and gives out what comes of that.
fn doubler() -> Vec<u8> {
    let lay = |(place, nan): (usize, u32)| {
        format!("(i32.store (i32.const {}) (i32.const {nan}))", 8192 + 4 * place)
    };
    let laid: String = (0..).zip(NANS).map(lay).collect();
    let body = format!(
        "{laid}
        (if (call $once) (then (return (call $fail (i32.const 3)))))
        (call $data (i32.load offset=8 (i32.load (i32.const 84))) (i32.const 96))
        (call $return (i32.load (i32.const 96)) (i32.load (i32.const 100)) (i32.const 0))"
    );
    caller("model", "x", 4, 16, &body)
}

pub(super) fn jobs(world: &World) -> Vec<Job> {
    vec![limited(world.job_on(&doubler(), &onnx::double()))]
}

#[test]
fn whatever_is_no_number_leaves_a_model_with_the_same_bits() {
    let world = World::new();
    for job in jobs(&world) {
        let outcome = world.run(&job, b"").expect("the runner returns");
        assert_eq!(outcome.output, [NAN; 4].map(u32::to_le_bytes).concat());
    }
}
