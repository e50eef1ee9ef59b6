//! Machines that only pretend to compute: an output that follows from what was ordered, as a model's would.
//!
//! Under `exact` every honest machine gives the same bytes. Under `tensor` each adds an error of its own, a tenth of
//! what the network lets pass.
//!
//! **Invariant:** the same run on the same machine gives the same bytes, and on another one an output that matches.

use assay_market::{effect::Run, input::RunResult};
use assay_protocol::{
    claim::Written,
    codec, compare,
    id::{Digest, PeerId},
    manifest::{End, Manifest, Meters, Policy},
};

use crate::{kernel::Span, random::Stream};

/// The error of a machine, as a share of the largest number that an output holds.
const ERROR_MAX: f32 = 3e-6;

/// The output that an honest machine gives.
#[must_use]
pub fn output(run: &Run, input: &[u8], machine: &PeerId) -> Vec<u8> {
    let choices = codec::digest("simulated output", &(run.manifest.digest(), run.seed, input));
    let length = output_bytes(&run.manifest);
    match run.manifest.policy {
        Policy::Exact => noise(choices, length).collect(),
        Policy::Tensor(_) => {
            let error = codec::digest("simulated error", &(choices, machine));
            let (exact, error) = (numbers(choices, length), numbers(error, length));
            exact.zip(error).flat_map(|(number, error)| (number + error * ERROR_MAX).to_le_bytes()).collect()
        }
    }
}

/// An output of the same length that has nothing to do with the order.
#[must_use]
pub fn forgery(run: &Run, purpose: &str) -> Vec<u8> {
    let choices = codec::digest("simulated forgery", &(purpose, run.id));
    let length = output_bytes(&run.manifest);
    match run.manifest.policy {
        Policy::Exact => noise(choices, length).collect(),
        Policy::Tensor(_) => numbers(choices, length).flat_map(f32::to_le_bytes).collect(),
    }
}

/// What the host of a run reports of an output.
#[must_use]
pub fn result(run: &Run, output: &[u8]) -> RunResult {
    let meters = Meters { calls: 1, fuel: 1_000_000, ..Meters::default() };
    let units = run.manifest.units(&meters);
    RunResult {
        written: Written::of(output),
        units: units.min(run.units_max),
        work: run.manifest.work(&meters),
        end: if units > run.units_max { End::Length } else { End::Stop },
        rms: compare::rms(run.manifest.policy, output),
    }
}

/// How long a run takes: 60 to 140 ms.
pub fn service(luck: &mut Stream) -> Span {
    Span::millis(luck.between(60, 140))
}

/// The number of bytes stands in the parameters.
fn output_bytes(manifest: &Manifest) -> usize {
    manifest.params.parse().unwrap_or_default()
}

fn noise(choices: Digest, length: usize) -> impl Iterator<Item = u8> {
    let block = move |number: u64| codec::digest("simulated block", &(choices, number)).0;
    (0..).flat_map(block).take(length)
}

/// Numbers between −1 and 1, in as many bytes as asked for.
fn numbers(choices: Digest, length: usize) -> impl Iterator<Item = f32> {
    let bytes: Vec<u8> = noise(choices, length / 4 * 4).collect();
    let number = |bytes: &[u8]| {
        (i32::from(bytes[0]) * 65_536 + i32::from(bytes[1]) * 256 + i32::from(bytes[2])) as f32
    };
    let numbers: Vec<f32> = bytes.chunks_exact(4).map(|four| number(four) / 8_388_608.0 - 1.0).collect();
    numbers.into_iter()
}
