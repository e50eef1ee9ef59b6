//! Honest, on a machine that rounds otherwise.

use assay_market::effect::Run;

use super::{Behaviour, tolerance_surfer::shifted};

/// By how many millionths of their root mean square its numbers are off: four times what fused multiplication was seen to make
/// of them, and less than a third of what passes.
const MILLIONTHS: u64 = 15;

/// A peer that computes whatever it is asked, as a provider and in checks, on hardware whose last digits are others. It wants
/// nothing but its pay, and must never lose stake.
#[derive(Clone, Copy, Debug)]
pub struct OtherHardware;

impl Behaviour for OtherHardware {
    fn compute(&mut self, run: &Run, output: Vec<u8>) -> Vec<u8> {
        shifted(run, output, MILLIONTHS)
    }

    fn toils(&self) -> bool {
        true
    }
}
