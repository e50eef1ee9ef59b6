//! Claims a class of machines that it has not.

use assay_market::effect::Run;
use assay_protocol::manifest::Policy;

use super::{Behaviour, tolerance_surfer::shifted};
use crate::machine::{
    Made,
    text::{self, Manner},
};

/// By how many millionths of their root mean square the numbers of its machine are off: four times what no jury takes for an
/// error.
const MILLIONTHS: u64 = 2_000;

/// A peer whose machine is not of the class that it says: whatever it runs or checks gives what a machine of that class would
/// not. It hopes to be paid for work on cheap hardware.
#[derive(Clone, Copy, Debug)]
pub struct ClassSpoofer;

impl Behaviour for ClassSpoofer {
    fn make(&mut self, run: &Run, input: &[u8], made: Made) -> Made {
        match run.manifest.policy {
            Policy::Tensor(_) => Made { output: shifted(run, made.output, MILLIONTHS), ..made },
            Policy::Exact => {
                let mut output = made.output;
                output.last_mut().into_iter().for_each(|byte| *byte ^= 1);
                Made { output, ..made }
            }
            Policy::Replay => {
                text::write(run, input, None, Manner { precision: "another machine", ..Manner::ordered(run) })
            }
        }
    }

    fn toils(&self) -> bool {
        true
    }
}
