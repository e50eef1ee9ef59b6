//! How long it may take until a job is closed: by the rules of its network, so that nobody has to wonder whether it hangs.

use assay_peer::handle::{ExplainJob, Handle};
use assay_protocol::{deadline, genesis::Genesis, id::Digest, units::Duration};

use crate::printer::{ago, full};

/// From the opening of a submission's last order to its close, where nobody disputes what comes of it; nothing where none is
/// known.
pub(crate) async fn longest(handle: &Handle, genesis: &Genesis, key: Digest) -> Option<Duration> {
    let explained = handle.call(ExplainJob { name: full(key) }).await.ok()?;
    let grounds = explained.grounds?;
    Some(deadline::settle(genesis, &grounds.orders.last()?.order))
}

/// What is waited for, and how long that may take.
pub(crate) fn words(what: &str, longest: Option<Duration>) -> String {
    // By the rules a dispute may take months, which none does: whoever reads of them believes that this may.
    match longest {
        Some(longest) => format!("{what}: {} at most, longer in a dispute", rounded_up(longest)),
        None => format!("{what}: minutes as a rule, longer in a dispute"),
    }
}

/// A length of time that is not shorter than it was.
fn rounded_up(length: Duration) -> String {
    let seconds = length.0.div_ceil(1_000);
    let seconds = match seconds {
        0..120 => seconds,
        120..7_200 => seconds.next_multiple_of(60),
        _ => seconds.checked_next_multiple_of(3_600).unwrap_or(seconds),
    };
    ago(Duration(seconds.saturating_mul(1_000)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_waits_for_a_close_is_told_how_long_that_may_take() {
        let what = "waiting until it is closed";
        let told = words(what, Some(Duration(610_500)));
        assert_eq!(told, "waiting until it is closed: 11 min at most, longer in a dispute");
        assert!(told.chars().count() <= 70, "a terminal shows all of it: {told}");
        let unknown = words(what, None);
        assert_eq!(unknown, "waiting until it is closed: minutes as a rule, longer in a dispute");
    }

    #[test]
    fn no_length_is_told_shorter_than_it_is() {
        let cases =
            [(1, "1 s"), (119_000, "119 s"), (119_001, "2 min"), (7_199_000, "2 h"), (7_200_001, "3 h")];
        for (length, told) in cases {
            assert_eq!(rounded_up(Duration(length)), told, "{length} ms");
        }
    }
}
