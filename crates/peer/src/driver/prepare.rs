//! From what a user asks for to what the brain is given.
//!
//! **Invariant:** what a user leaves out is filled in here, from the home's settings and the manifest, and nowhere else.

use std::io;

use assay_market::submission::{IGNORED_MAX, Submission};
use assay_protocol::{
    codec,
    id::Digest,
    manifest::{Manifest, Meter, Meters, tokens_read_least},
    units::{Amount, Units, Work},
};

use crate::{
    config::ClientSettings,
    executor::SALT_BYTES,
    handle::{INPUT_BYTES_MAX, Refused, Submit},
};

/// Units of a job whose user named none, by what is counted.
const CALLS_ASSUMED: Units = 1;
const TOKENS_ASSUMED: Units = 512;
const MEGA_FUEL_ASSUMED: Units = 1_000;
/// Instructions in a step of [`Meter::MegaFuel`].
const FUEL_PER_MEGA: u64 = 1_000_000;

/// A submission and the blob that it commits to.
pub(crate) struct Prepared {
    /// What the brain is given.
    pub(crate) submission: Submission,
    /// Salt ‖ input.
    pub(crate) blob: Vec<u8>,
}

/// Fills in what the user left out.
pub(crate) fn prepare(
    submit: Submit,
    manifest: Manifest,
    settings: &ClientSettings,
) -> Result<Prepared, Refused> {
    let (bytes, max) = (submit.input.0.len() as u64, INPUT_BYTES_MAX as u64);
    if bytes > max {
        return Err(Refused::InputTooLong { bytes, max });
    }
    if submit.ignored.len() > IGNORED_MAX {
        let reason = format!("an order leaves out {IGNORED_MAX} providers at most");
        return Err(Refused::Unreadable { reason });
    }
    let blob = salted(&submit.input.0)?;
    let key = match &submit.idempotency_key {
        Some(word) => Submit::key_of(word),
        None => Digest(random()?),
    };
    let content = content(&submit, manifest.digest());
    let units_max = submit.units_max.unwrap_or_else(|| units_assumed(&manifest, bytes));
    let submission = Submission {
        checks: submit.checks,
        unchecked_ok: false,
        key,
        content,
        input_commit: Digest::of(&blob),
        input_bytes: blob.len() as u64,
        units_max,
        work_max: submit.work_max.unwrap_or_else(|| work_assumed(&manifest, units_max)),
        run_max: submit.run_max.unwrap_or(settings.run_max),
        cost_max: submit.cost_max.unwrap_or(settings.cost_max),
        unit_price_max: submit.unit_price_max.unwrap_or(settings.unit_price_max),
        provider: submit.provider,
        ignored: submit.ignored,
        returns_to: submit.returns_to,
        attempts_max: submit.attempts_max.unwrap_or(settings.attempts_max),
        cancel_fee: Amount::ZERO,
        until: None,
        manifest,
    };
    Ok(Prepared { submission, blob })
}

/// The blob of an input: salt ‖ input.
pub(crate) fn salted(input: &[u8]) -> Result<Vec<u8>, Refused> {
    Ok([&random()?[..], input].concat())
}

/// What the user said: the same word again names the same job only with the same content. The salt of the input and what
/// the home's settings fill in are none of it.
fn content(submit: &Submit, manifest: Digest) -> Digest {
    let limits = (submit.cost_max, submit.unit_price_max, submit.units_max, submit.work_max, submit.run_max);
    let said = (manifest, Digest::of(&submit.input.0), submit.provider, submit.attempts_max, limits);
    match (submit.checks, submit.ignored.as_slice()) {
        (0, []) => codec::digest("submission content", &said),
        (checks, []) => codec::digest("submission content", &(said, checks)),
        (checks, ignored) => codec::digest("submission content", &(said, checks, ignored)),
    }
}

fn random() -> Result<[u8; SALT_BYTES], Refused> {
    let mut bytes = [0; SALT_BYTES];
    let filled = getrandom::fill(&mut bytes).map_err(io::Error::other);
    filled.map_err(|error| Refused::Disk { reason: error.to_string() })?;
    Ok(bytes)
}

/// Units of a job whose client names none: as many as usual, and beside them what an input of so many bytes counts where it is
/// long.
#[must_use]
pub fn units_assumed(manifest: &Manifest, input_bytes: u64) -> Units {
    match manifest.meter {
        Meter::Calls => CALLS_ASSUMED,
        Meter::Tokens(weights) => {
            TOKENS_ASSUMED.saturating_add(weights.units(tokens_read_least(input_bytes), 0))
        }
        Meter::MegaFuel => MEGA_FUEL_ASSUMED,
    }
}

/// The work of a job that uses up its units, and a usual number of instructions where those are counted beside.
pub(crate) fn work_assumed(manifest: &Manifest, units_max: Units) -> Work {
    let mega_fuel = match manifest.meter {
        Meter::MegaFuel => units_max,
        Meter::Calls | Meter::Tokens(_) => MEGA_FUEL_ASSUMED,
    };
    let (read, written) = (manifest.work.token_read, manifest.work.token_written);
    // The units go furthest on one kind of token alone.
    let of = |weight: u32| units_max.checked_div(weight.into()).unwrap_or(units_max);
    let (all_read, all_written) = match manifest.meter {
        Meter::Tokens(weights) => (of(weights.read), of(weights.written)),
        Meter::Calls | Meter::MegaFuel => (0, 0),
    };
    let reads = all_read.saturating_mul(read) > all_written.saturating_mul(written);
    let (tokens_read, tokens_written) = if reads { (all_read, 0) } else { (0, all_written) };
    let calls = units_max.max(1);
    let fuel = mega_fuel.saturating_mul(FUEL_PER_MEGA);
    manifest.work(&Meters { calls, tokens_read, tokens_written, fuel }).min(manifest.work_most).max(1)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use assay_protocol::{
        id::PeerId,
        manifest::{Policy, WorkPerMeter},
        units::{Amount, Duration},
    };

    use super::*;

    fn submit(change: impl FnOnce(&mut Submit)) -> Submit {
        let mut submit = Submit { idempotency_key: Some("word".to_owned()), ..Submit::default() };
        submit.input.0 = b"input".to_vec();
        change(&mut submit);
        submit
    }

    #[test]
    fn the_content_of_a_job_is_what_its_user_said_of_it() {
        let named = Digest::of(b"manifest");
        let usual = content(&submit(|_| {}), named);
        assert_eq!(usual, content(&submit(|_| {}), named));
        assert_eq!(usual, content(&submit(|other| other.idempotency_key = None), named));
        let others = [
            content(&submit(|_| {}), Digest::of(b"another manifest")),
            content(&submit(|other| other.input.0.push(0)), named),
            content(&submit(|other| other.cost_max = Some(Amount(7))), named),
            content(&submit(|other| other.unit_price_max = Some(Amount(7))), named),
            content(&submit(|other| other.units_max = Some(7)), named),
            content(&submit(|other| other.work_max = Some(7)), named),
            content(&submit(|other| other.run_max = Some(Duration(7))), named),
            content(&submit(|other| other.attempts_max = Some(7)), named),
            content(&submit(|other| other.checks = 7), named),
            content(&submit(|other| other.provider = Some(PeerId([7; 32]))), named),
            content(&submit(|other| other.ignored = vec![PeerId([7; 32])]), named),
            content(&submit(|other| other.ignored = vec![PeerId([8; 32])]), named),
        ];
        let distinct: BTreeSet<&Digest> = others.iter().chain([&usual]).collect();
        assert_eq!(distinct.len(), others.len() + 1);
    }

    #[test]
    fn no_order_leaves_out_more_providers_than_are_looked_for_in_a_moment() {
        let manifest = Manifest {
            name: "digits".into(),
            runner: Digest::default(),
            model: Digest::default(),
            params: String::new(),
            policy: Policy::Exact,
            meter: Meter::Calls,
            work: WorkPerMeter::default(),
            work_most: 1,
            memory_bytes: 1,
            licence: "MIT".into(),
        };
        let prepared = |count: usize| {
            let submit = submit(|submit| submit.ignored = vec![PeerId([7; 32]); count]);
            prepare(submit, manifest.clone(), &ClientSettings::default())
        };
        assert!(prepared(IGNORED_MAX).is_ok());
        assert!(matches!(prepared(IGNORED_MAX + 1), Err(Refused::Unreadable { .. })));
    }
}
