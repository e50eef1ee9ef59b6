//! How long an answer may be where nobody says: as long as usual, or less where that costs more than may be spent.
//!
//! **Invariant:** what was asked for is never made shorter, and people are told before a shorter one is ordered.

use std::time::Duration;

use assay_gateway::{quoted, tokens_read_most};
use assay_peer::handle::{Attachment, Submit, units_assumed};
use assay_protocol::{
    manifest::{Manifest, Meter, TokenWeights},
    units::Units,
};
use serde_json::Value;
use tokio::time::Instant;

use super::wishes::TextWishes;
use crate::{command_error::CommandError, daemon::RunningDaemon, invocation::Invocation, printer::number_of};

/// How long offers are waited for: a daemon that was just started hears of them in a moment.
const OFFERS_WAIT: Duration = Duration::from_secs(5);
/// The shortest answer, in tokens, that one is made.
pub(super) const TOKENS_FEWEST: u64 = 16;

/// An order of this input, with the units that were asked for or those of an answer that can be paid for: what is quoted is what
/// is ordered.
pub(crate) async fn sized(
    submit: Submit,
    (input, wishes): (Vec<u8>, &TextWishes),
    manifest: &Manifest,
    daemon: &RunningDaemon,
    invocation: &Invocation,
) -> Result<Submit, CommandError> {
    let units_max = submit.units_max.or_else(|| wishes.units(&input, manifest));
    let mut submit = Submit { units_max, input: Attachment(input), ..submit };
    // With a key the same command is the same order, whatever may be spent by then.
    if submit.units_max.is_none() && submit.idempotency_key.is_none() {
        submit.units_max = fitting(&submit, manifest, daemon, invocation).await?;
    }
    // A quote is asked for without the input.
    let assumed = units_assumed(manifest, submit.input.0.len() as u64);
    if submit.units_max.is_none() && assumed > units_assumed(manifest, 0) {
        submit.units_max = Some(assumed);
    }
    Ok(submit)
}

/// The units of an answer that can be paid for, where those are fewer than usual.
async fn fitting(
    submit: &Submit,
    manifest: &Manifest,
    daemon: &RunningDaemon,
    invocation: &Invocation,
) -> Result<Option<Units>, CommandError> {
    let Meter::Tokens(weights) = manifest.meter else { return Ok(None) };
    // A program is told nothing on the way; it says how long, or is refused.
    if invocation.printer.is_json() || says_length(&submit.input.0) {
        return Ok(None);
    }
    let read = tokens_read_most(&submit.input.0, manifest);
    let usual = units_assumed(manifest, submit.input.0.len() as u64);
    let fewest = weights.units(read, TOKENS_FEWEST);
    let deadline = Instant::now() + OFFERS_WAIT;
    let mut most = usual;
    let is_enough = loop {
        let wish = Submit { units_max: Some(most), input: Attachment::default(), ..submit.clone() };
        if !quoted(&wish, deadline, &daemon.handle).await?.is_too_dear() {
            break true;
        }
        if most <= fewest {
            // Nothing helps: whoever orders it is told what the shortest lacks, which is the least that there is to lack.
            break false;
        }
        most = (most / 2).max(fewest);
    };
    if most == usual {
        return Ok(None);
    }
    if !is_enough {
        // It is refused, so none ends anywhere.
        return Ok(Some(most));
    }
    invocation.printer.note(format!(
        "note: an answer of usual length may cost more than may be spent: this one ends after {}, or a little more; --max-tokens says how many",
        number_of(tokens_within(most, read, weights), "token")
    ));
    Ok(Some(most))
}

/// The tokens that can be written for so many units, where so many are read.
pub(crate) fn tokens_within(units: Units, read: u64, weights: TokenWeights) -> u64 {
    units.saturating_sub(weights.units(read, 0)) / u64::from(weights.written.max(1))
}

/// Whether an input says itself how long its answer may be.
fn says_length(input: &[u8]) -> bool {
    serde_json::from_slice::<Value>(input).is_ok_and(|said| !said["max_tokens"].is_null())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_units_are_left_of_what_is_read_are_written() {
        let weights = TokenWeights { read: 1, written: 4 };
        assert_eq!(tokens_within(weights.units(100, 16), 100, weights), 16);
        assert_eq!([99, 100, 103, 104].map(|units| tokens_within(units, 100, weights)), [0, 0, 0, 1]);
        assert_eq!(tokens_within(9, 0, TokenWeights { read: 1, written: 0 }), 9);
    }

    #[test]
    fn an_input_says_how_long_its_answer_may_be_or_not() {
        for (input, says) in [
            (r#"{"text":"27+58=","max_tokens":400,"seed":1}"#, true),
            (r#"{"text":"27+58=","seed":1}"#, false),
            ("27+58=", false),
            ("[1]", false),
        ] {
            assert_eq!(says_length(input.as_bytes()), says, "{input}");
        }
    }
}
