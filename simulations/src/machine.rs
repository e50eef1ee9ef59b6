//! Machines that only pretend to compute: an output that follows from what was ordered, as a model's would.
//!
//! Under `exact` every honest machine gives the same bytes. Under `tensor` each adds an error of its own, a tenth of
//! what the network lets pass. Under `replay` a pretended language model writes, token by token.
//!
//! **Invariant:** the same run on the same machine gives the same bytes, and on another one an output that matches.

pub mod text;

use assay_market::{effect::Run, input::RunResult};
use assay_protocol::{
    claim::Written,
    codec, compare,
    id::{Digest, PeerId},
    manifest::{End, Manifest, Meters, Policy},
    merkle,
    units::Work,
};

use crate::{kernel::Span, random::Stream};

/// Bytes of a record of evidence that a row leaves.
const ROW_BYTES: usize = 32;
/// The error of a machine, as a share of the largest number that an output holds.
const ERROR_MAX: f32 = 3e-6;

/// What a run made, before its host gives it names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    /// The output.
    pub output: Vec<u8>,
    /// The digests of the rows that it was made by, where they prove it.
    pub rows: Vec<Digest>,
    /// What was counted.
    pub meters: Meters,
    /// Why it ended.
    pub end: End,
}

/// What an honest machine makes, along an output that was claimed if that is at hand.
#[must_use]
pub fn run(run: &Run, input: &[u8], machine: &PeerId, draft: Option<&[u8]>) -> Made {
    if run.manifest.policy.is_proven_by_rows() {
        return text::write(run, input, draft, text::Manner::ordered(run));
    }
    let meters = Meters { calls: 1, fuel: 1_000_000, ..Meters::default() };
    let end = if run.manifest.units(&meters) > run.units_max { End::Length } else { End::Stop };
    Made { output: output(run, input, machine), rows: Vec::new(), meters, end }
}

/// The output that an honest machine gives.
fn output(run: &Run, input: &[u8], machine: &PeerId) -> Vec<u8> {
    let choices = codec::digest("simulated output", &(run.manifest.digest(), run.seed, input));
    let length = output_bytes(&run.manifest);
    match run.manifest.policy {
        Policy::Exact | Policy::Replay => noise(choices, length).collect(),
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
        Policy::Exact | Policy::Replay => noise(choices, length).collect(),
        Policy::Tensor(_) => numbers(choices, length).flat_map(f32::to_le_bytes).collect(),
    }
}

/// The work that it takes to make this.
#[must_use]
pub fn work(run: &Run, made: &Made) -> Work {
    if run.id.check { run.manifest.check_work(&made.meters) } else { run.manifest.work(&made.meters) }
}

/// What the host of a run reports of what it made.
#[must_use]
pub fn result(run: &Run, made: &Made) -> RunResult {
    let (manifest, written) = (&run.manifest, Written::of(&made.output));
    let rows: Vec<u8> = made.rows.iter().flat_map(|row| row.0).collect();
    let (evidence_root, evidence_records) = if manifest.policy.is_proven_by_rows() {
        (merkle::root(&rows, ROW_BYTES), made.rows.len() as u64)
    } else {
        (written.root, written.records)
    };
    RunResult {
        written,
        evidence_root,
        evidence_records,
        units: manifest.units(&made.meters).min(run.units_max),
        work: manifest.work(&made.meters),
        check_work: manifest.check_work(&made.meters),
        end: made.end,
        rms: compare::rms(manifest.policy, &made.output),
    }
}

/// How long a run takes, in whole milliseconds between these two.
pub fn service([least, most]: [Span; 2], luck: &mut Stream) -> Span {
    Span::millis(luck.between(least.whole_millis(), most.whole_millis()))
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
