//! Stays just within what passes for the same.

use assay_market::effect::Run;
use assay_protocol::compare;

use super::Behaviour;

/// A provider whose numbers are off by as much as a network lets pass, to save the work of the last digits; where each byte
/// counts it has nothing to save. It checks honestly.
#[derive(Clone, Copy, Debug)]
pub struct ToleranceSurfer {
    /// By how many millionths of their root mean square its numbers are off.
    pub millionths: u64,
}

impl Behaviour for ToleranceSurfer {
    fn compute(&mut self, run: &Run, output: Vec<u8>) -> Vec<u8> {
        if run.id.check { output } else { shifted(run, output, self.millionths) }
    }

    fn toils(&self) -> bool {
        true
    }
}

/// These numbers, each larger by so many millionths of their root mean square; as they are where each byte counts.
pub(super) fn shifted(run: &Run, output: Vec<u8>, millionths: u64) -> Vec<u8> {
    if run.manifest.policy.opens_itself() {
        return output;
    }
    let scale = f64::from_bits(compare::rms(run.manifest.policy, &output));
    let by = (scale * millionths as f64 / 1e6) as f32;
    let numbers = output.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes));
    numbers.flat_map(|number| (number + by).to_le_bytes()).collect()
}
