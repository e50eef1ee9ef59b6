//! Computes on a machine that is a little off: too far for a match, too near for a lie.

use assay_market::effect::Run;

use super::Behaviour;

/// By how much every number is off: twice to six times what a network of these simulations lets pass.
const DRIFT: f32 = 1e-4;

/// A provider whose numbers are all a little too large; where outputs must agree in each byte it is honest, and so are
/// its checks.
#[derive(Clone, Copy, Debug)]
pub struct Drifter;

impl Behaviour for Drifter {
    fn compute(&mut self, run: &Run, output: Vec<u8>) -> Vec<u8> {
        if run.id.check || run.manifest.policy.opens_itself() {
            return output;
        }
        let numbers = output.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes));
        numbers.flat_map(|number| (number + DRIFT).to_le_bytes()).collect()
    }
}
