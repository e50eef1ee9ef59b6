//! What a job waits for of which nobody is asked, in a word and in words.

use assay_market::view::AwaitedPlace;

/// In a word that programs compare.
pub(super) fn word(awaited: AwaitedPlace) -> &'static str {
    match awaited {
        AwaitedPlace::Room | AwaitedPlace::OwnRoom { .. } => "waiting",
        AwaitedPlace::Lane { .. } => "queued",
    }
}

/// In a few words.
pub(super) fn words(awaited: AwaitedPlace) -> String {
    match awaited {
        AwaitedPlace::Room => "waiting for a free provider".to_owned(),
        AwaitedPlace::OwnRoom { .. } => "waiting for room that other jobs of this home take".to_owned(),
        AwaitedPlace::Lane { most } => {
            format!("waiting until one of {most} orders is over, the most there may be under way")
        }
    }
}

#[cfg(test)]
mod tests {
    use assay_market::ledger::LANES_MAX;
    use assay_protocol::units::Timestamp;

    use super::*;

    #[test]
    fn whoever_waits_for_its_own_jobs_is_told_so() {
        let own = AwaitedPlace::OwnRoom { since: Timestamp(0) };
        assert_eq!(
            (word(own), &*words(own)),
            ("waiting", "waiting for room that other jobs of this home take")
        );
        let lane = AwaitedPlace::Lane { most: LANES_MAX };
        let said =
            format!("waiting until one of {LANES_MAX} orders is over, the most there may be under way");
        assert_eq!((word(lane), words(lane)), ("queued", said));
    }
}
