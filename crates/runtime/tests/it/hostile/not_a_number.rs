//! A guest that has a model compute with what is no number, of which there are many: their bits would tell machines apart.

use super::limited;
use crate::{
    guests::{caller, runner},
    onnx,
    world::{Job, World, shipped},
};

/// Quiet ones with something in them, of either sign, and one that signals.
const NANS: [u32; 4] = [0x7fc0_0001, 0xffc0_0000, 0x7f80_0001, 0xffff_ffff];
/// The one that leaves.
const NAN: u32 = 0x7fc0_0000;

/// The same of twice the width.
const WIDE_NAN: u64 = 0x7ff8_0000_0000_0000;

/// Divides what it is given by itself, adds to what comes behind that, makes that wider, and gives the bits out.
const MAKER: &str = "
    (f32.store (i32.const 8192) (f32.div (f32.load (local.get $input)) (f32.load (local.get $input))))
    (f32.store (i32.const 8196) (f32.add (f32.load offset=4 (local.get $input)) (f32.const 1)))
    (f64.store (i32.const 8200) (f64.promote_f32 (f32.load offset=4 (local.get $input))))
    (call $return (i32.const 8192) (i32.const 16) (i32.const 0))";

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

#[test]
fn whatever_is_no_number_has_the_same_bits_in_a_runner_of_texts() {
    let world = World::new();
    // Which machine computes it, no text may tell: machines of all kinds check each other's.
    let job = limited(world.job_on(&runner(MAKER), &shipped("models/sums/sums.gguf")));
    for nan in NANS {
        let input = [0.0_f32.to_bits(), nan].map(u32::to_le_bytes).concat();
        let outcome = world.run(&job, &input).expect("the runner returns");
        let expected = [[NAN; 2].map(u32::to_le_bytes).concat(), WIDE_NAN.to_le_bytes().to_vec()].concat();
        assert_eq!(outcome.output, expected, "{nan:#x}");
    }
}
