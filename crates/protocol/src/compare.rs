//! Comparison: whether two peers that ran the same job found the same.
//!
//! **Invariant:** evidence that is empty, incomplete or not finite never passes for a match.

use alloc::{collections::BTreeMap, vec::Vec};

use crate::{
    claim::Written,
    genesis::Threshold,
    id::Digest,
    manifest::{End, Policy, TensorFormat},
    units::{Rate, Units, Work},
};

/// How two findings compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Agreement {
    /// The same.
    Match,
    /// Too far apart to be the same, too close to be wrong.
    Grey,
    /// Not the same.
    Mismatch,
}

/// What one peer found and opened.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Testimony {
    /// The output.
    pub written: Written,
    /// The root over the evidence's records.
    pub evidence_root: Digest,
    /// How many records of evidence there are.
    pub records: u64,
    /// What is billed.
    pub units: Units,
    /// What it cost to compute.
    pub work: Work,
    /// What it costs to check.
    pub check_work: Work,
    /// Why the run ended.
    pub end: End,
    /// The root mean square of the whole output, as the bits of a 64-bit float.
    pub rms: u64,
    /// The opened records by position.
    pub shown: BTreeMap<u64, Vec<u8>>,
}

impl Testimony {
    /// True if it wrote nothing, or shows nothing that would prove it.
    fn is_empty(&self) -> bool {
        self.records == 0 || self.written.records == 0
    }
}

/// How `claimed` compares with what a verifier found. A claim that the client cut short is run again up to where it
/// ended, so only its end is of another kind.
#[must_use]
pub fn compare(
    policy: Policy,
    threshold: Option<&Threshold>,
    claimed: &Testimony,
    found: &Testimony,
) -> Agreement {
    let ended_alike = claimed.end == End::Cancelled || claimed.end == found.end;
    if claimed.is_empty() || found.is_empty() || !ended_alike {
        return Agreement::Mismatch;
    }
    match (policy, threshold) {
        (Policy::Exact, _) => exact(claimed, found),
        (Policy::Replay, _) => replay(claimed, found),
        (Policy::Tensor(TensorFormat::F32), Some(threshold)) => tensor(threshold, claimed, found),
        (Policy::Tensor(TensorFormat::F32), None) => Agreement::Mismatch,
    }
}

/// True if two verifiers found the same, whichever of them is asked.
#[must_use]
pub fn agree(policy: Policy, threshold: Option<&Threshold>, one: &Testimony, other: &Testimony) -> bool {
    let nothing = one.is_empty() && other.is_empty();
    let matches = |one, other| compare(policy, threshold, one, other) == Agreement::Match;
    nothing || (matches(one, other) && matches(other, one))
}

/// The root mean square that provider and verifier seal with their evidence, as the bits of a 64-bit float; 0 where none is used.
#[must_use]
pub fn rms(policy: Policy, output: &[u8]) -> u64 {
    match policy {
        Policy::Exact | Policy::Replay => 0,
        Policy::Tensor(TensorFormat::F32) => {
            let values = floats(output);
            let squares: f64 = values.iter().map(|value| value * value).sum();
            let measure = libm::sqrt(squares / values.len() as f64);
            // Which of the many numbers that are none a machine gives is its own affair.
            match measure {
                _ if values.is_empty() => 0,
                _ if measure.is_nan() => f64::NAN.to_bits(),
                _ => measure.to_bits(),
            }
        }
    }
}

fn exact(claimed: &Testimony, found: &Testimony) -> Agreement {
    let same = claimed.written == found.written
        && claimed.records == found.records
        && claimed.work == found.work
        && claimed.units == found.units;
    if same { Agreement::Match } else { Agreement::Mismatch }
}

/// The same output, made by the same rows: whoever has the one and not the other has not computed it.
fn replay(claimed: &Testimony, found: &Testimony) -> Agreement {
    let proven = claimed.evidence_root == found.evidence_root && claimed.check_work == found.check_work;
    if proven { exact(claimed, found) } else { Agreement::Mismatch }
}

fn tensor(threshold: &Threshold, claimed: &Testimony, found: &Testimony) -> Agreement {
    if claimed.records != found.records || !within_a_hundredth(claimed.units, found.units) {
        return Agreement::Mismatch;
    }
    if claimed.shown.is_empty() || !claimed.shown.keys().eq(found.shown.keys()) {
        return Agreement::Mismatch;
    }
    let scale = scale(claimed, found);
    let pairs = claimed.shown.values().zip(found.shown.values());
    pairs
        .map(|(claimed, found)| records(threshold, claimed, found, scale))
        .max()
        .unwrap_or(Agreement::Mismatch)
}

/// What differences are measured by: the smaller of what the two sealed, so that neither can make its own error small by
/// a scale that it made up.
fn scale(claimed: &Testimony, found: &Testimony) -> Option<f64> {
    let measurable = |bits: u64| Some(f64::from_bits(bits)).filter(|rms| rms.is_finite() && *rms > 0.0);
    Some(measurable(claimed.rms)?.min(measurable(found.rms)?))
}

/// Compares two records; without a scale only equal bytes match.
fn records(threshold: &Threshold, claimed: &[u8], found: &[u8], scale: Option<f64>) -> Agreement {
    if claimed == found {
        return Agreement::Match;
    }
    let (Some(scale), Some(furthest)) = (scale, furthest(claimed, found)) else { return Agreement::Mismatch };
    let limit = |rate: Rate| scale * (rate.0 as f64) / (Rate::ONE.0 as f64);
    if furthest <= limit(threshold.ok) {
        Agreement::Match
    } else if furthest < limit(threshold.bad) {
        Agreement::Grey
    } else {
        Agreement::Mismatch
    }
}

/// How far the numbers in two records are apart at most; none if they are not the same number of finite ones.
fn furthest(one: &[u8], other: &[u8]) -> Option<f64> {
    if one.len() != other.len() || !one.len().is_multiple_of(4) {
        return None;
    }
    let pairs = one.as_chunks::<4>().0.iter().zip(other.as_chunks::<4>().0);
    pairs
        .map(|(one, other)| (f64::from(f32::from_le_bytes(*one)), f64::from(f32::from_le_bytes(*other))))
        .try_fold(0.0, |furthest: f64, (one, other)| {
            let apart = libm::fabs(one - other);
            // Of finite numbers of 32 bits the difference is finite, and of no others.
            apart.is_finite().then(|| furthest.max(apart))
        })
}

/// The numbers in some bytes; what is left over at the end counts as not a number.
fn floats(bytes: &[u8]) -> Vec<f64> {
    let (whole, rest) = bytes.as_chunks::<4>();
    let mut values: Vec<f64> = whole.iter().map(|number| f64::from(f32::from_le_bytes(*number))).collect();
    if !rest.is_empty() {
        values.push(f64::NAN);
    }
    values
}

fn within_a_hundredth(one: u64, other: u64) -> bool {
    one.abs_diff(other) <= one.max(other) / 100
}

#[cfg(test)]
mod tests {
    use super::*;

    const OK: f32 = 5e-5;
    const BAD: f32 = 5e-4;

    fn threshold() -> Threshold {
        let parts = |share: f64| Rate((share * 4_294_967_296.0) as u64);
        Threshold { format: TensorFormat::F32, ok: parts(5e-5), bad: parts(5e-4) }
    }

    fn found(values: &[f32]) -> Testimony {
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        Testimony {
            written: Written::of(&bytes),
            evidence_root: Digest::default(),
            records: 1,
            units: 1,
            work: 1,
            check_work: 1,
            end: End::Stop,
            rms: rms(Policy::Tensor(TensorFormat::F32), &bytes),
            shown: [(0, bytes)].into(),
        }
    }

    fn check(claimed: &Testimony, expected: Agreement) {
        let honest = found(&[1.0, -1.0, 1.0, -1.0]);
        let policy = Policy::Tensor(TensorFormat::F32);
        assert_eq!(compare(policy, Some(&threshold()), claimed, &honest), expected);
        assert_eq!(compare(policy, None, claimed, &honest), Agreement::Mismatch);
    }

    #[test]
    fn tensors_match_up_to_ok_mismatch_from_bad_and_are_grey_between() {
        let shifted = |by: f32| found(&[1.0 + by, -1.0, 1.0, -1.0]);
        check(&shifted(0.0), Agreement::Match);
        check(&shifted(OK * 0.9), Agreement::Match);
        check(&shifted(OK * 1.5), Agreement::Grey);
        check(&shifted(BAD * 0.9), Agreement::Grey);
        check(&shifted(BAD * 1.1), Agreement::Mismatch);
        check(&shifted(f32::NAN), Agreement::Mismatch);
        check(&shifted(f32::INFINITY), Agreement::Mismatch);
    }

    #[test]
    fn what_is_missing_or_cut_never_matches() {
        let whole = found(&[1.0, -1.0, 1.0, -1.0]);
        check(&found(&[1.0, -1.0, 1.0]), Agreement::Mismatch);
        check(&Testimony { shown: BTreeMap::new(), ..whole.clone() }, Agreement::Mismatch);
        check(&Testimony { records: 0, ..whole.clone() }, Agreement::Mismatch);
        check(&Testimony { end: End::Length, ..whole.clone() }, Agreement::Mismatch);
        check(&Testimony { end: End::Cancelled, ..whole.clone() }, Agreement::Match);
        check(&Testimony { units: 2, ..whole.clone() }, Agreement::Mismatch);
        check(&Testimony { work: 99, ..whole }, Agreement::Match);
    }

    #[test]
    fn outputs_without_scale_demand_equal_bytes() {
        let policy = Policy::Tensor(TensorFormat::F32);
        for values in [[0.0; 4], [f32::NAN; 4]] {
            let honest = found(&values);
            assert_eq!(compare(policy, Some(&threshold()), &honest, &honest), Agreement::Match);
            let other = found(&[0.0, 0.0, 0.0, 1e-30]);
            assert_eq!(compare(policy, Some(&threshold()), &other, &honest), Agreement::Mismatch);
        }
    }

    #[test]
    fn a_scale_that_one_of_them_made_up_makes_no_error_small() {
        let honest = found(&[1.0, -1.0, 1.0, -1.0]);
        let boundless = |values: &[f32]| Testimony { rms: 1e30_f64.to_bits(), ..found(values) };
        let noise = [0.5, 0.5, -0.5, 0.1];
        check(&boundless(&noise), Agreement::Mismatch);
        let policy = Policy::Tensor(TensorFormat::F32);
        let compared = compare(policy, Some(&threshold()), &honest, &boundless(&noise));
        assert_eq!(compared, Agreement::Mismatch, "nor for the verifier");
        check(&Testimony { rms: 0, ..found(&[1.0 + OK * 0.5, -1.0, 1.0, -1.0]) }, Agreement::Mismatch);
    }

    #[test]
    fn replay_demands_the_same_rows_beside_and_some_at_all() {
        let whole = found(&[1.0]);
        let replay = |claimed: &Testimony| compare(Policy::Replay, None, claimed, &found(&[1.0]));
        assert_eq!(replay(&whole), Agreement::Match);
        let rows = Testimony { evidence_root: Digest([1; 32]), ..whole.clone() };
        assert_eq!(replay(&rows), Agreement::Mismatch, "the output alone proves nothing");
        assert_eq!(compare(Policy::Exact, None, &rows, &whole), Agreement::Match);
        assert_eq!(replay(&found(&[1.000_001])), Agreement::Mismatch, "nor do the rows");
        for claimed in [
            Testimony { check_work: 2, ..whole.clone() },
            Testimony { work: 2, ..whole.clone() },
            Testimony { units: 2, ..whole.clone() },
            Testimony { end: End::Length, ..whole.clone() },
            Testimony { written: Written { blob: Digest([2; 32]), ..whole.written }, ..whole.clone() },
        ] {
            assert_eq!(replay(&claimed), Agreement::Mismatch, "{claimed:?}");
        }
        let nothing = Testimony { records: 0, ..whole.clone() };
        assert_eq!(compare(Policy::Replay, None, &nothing, &nothing), Agreement::Mismatch);
        let mute = Testimony { written: Written::of(&[]), ..whole };
        assert_eq!(compare(Policy::Replay, None, &mute, &mute), Agreement::Mismatch);
    }

    #[test]
    fn exact_demands_the_same_bytes_units_and_work() {
        let whole = found(&[1.0]);
        let exact = |claimed: &Testimony| compare(Policy::Exact, None, claimed, &found(&[1.0]));
        assert_eq!(exact(&whole), Agreement::Match);
        assert_eq!(exact(&Testimony { work: 2, ..whole.clone() }), Agreement::Mismatch);
        assert_eq!(exact(&Testimony { units: 2, ..whole.clone() }), Agreement::Mismatch);
        assert_eq!(exact(&Testimony { records: 2, ..whole.clone() }), Agreement::Mismatch);
        let elsewhere = Written { blob: Digest([7; 32]), ..whole.written };
        assert_eq!(exact(&Testimony { written: elsewhere, ..whole.clone() }), Agreement::Mismatch);
        assert_eq!(exact(&found(&[1.000_001])), Agreement::Mismatch);
    }
}
