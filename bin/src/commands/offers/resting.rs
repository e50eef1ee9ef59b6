//! Providers of a model that are there and take nothing new on: whoever pauses tells nobody more than that.

use assay_market::submission::Unmatched;
use assay_peer::handle::{Handle, ListResting, RestingProvider};
use assay_protocol::{id::Digest, units::Timestamp};

use crate::{
    command_error::CommandError,
    printer::{local, number_of, verb},
};

/// What helps where who has a model takes nothing new on.
const REST_HINT: &str = "say the same again once one of them takes jobs: nobody is told how long a pause is; `assay offers` lists \
    what can be ordered now, and `assay offers --history` when the model was offered; nothing was spent";

/// The same failure, where nobody offers a model: with those who would, if some rest.
pub(crate) async fn beside(
    failure: CommandError,
    unmatched: &Unmatched,
    manifest: Digest,
    handle: &Handle,
) -> CommandError {
    if failure.code() != "NO_MATCH" || unmatched.offers != unmatched.other_model {
        return failure;
    }
    // A daemon that does not say knows of none.
    let resting = handle.call(ListResting).await.unwrap_or_default();
    match words(&resting, manifest) {
        Some(words) => {
            let [message, _] = failure.lines();
            let message = format!("{message}; {words}");
            failure.saying(message).hinting(REST_HINT).retryable()
        }
        None => failure,
    }
}

/// How many rest that offered a model, and since when; else how many rest of whom it is not known what they offer.
fn words(resting: &[RestingProvider], manifest: Digest) -> Option<String> {
    let known = resting.iter().filter(|one| one.manifests.contains(&manifest));
    let since: Vec<Timestamp> = known.map(|one| one.since).collect();
    let count = since.len();
    if let Some(since) = since.into_iter().max() {
        return Some(format!(
            "{} of it {} there and {} nothing new since {}: paused, or finished",
            number_of(count, "provider"),
            verb(count, "is", "are"),
            verb(count, "takes", "take"),
            local(since)
        ));
    }
    let unknown = resting.iter().filter(|one| one.manifests.is_empty()).count();
    (unknown > 0).then(|| {
        format!(
            "{} {} there and {} nothing new now, of whom it is not known here what they offer",
            number_of(unknown, "provider"),
            verb(unknown, "is", "are"),
            verb(unknown, "takes", "take")
        )
    })
}

#[cfg(test)]
mod tests {
    use assay_protocol::id::PeerId;

    use super::*;

    #[test]
    fn who_rests_is_told_with_since_when_and_whoever_may_have_the_model_apart() {
        let (digits, sums) = (Digest([1; 32]), Digest([2; 32]));
        let resting = |number, manifests: &[Digest], since| RestingProvider {
            provider: PeerId([number; 32]),
            since: Timestamp(since),
            told: Timestamp(since),
            manifests: manifests.to_vec(),
        };
        let all = [resting(1, &[digits, sums], 1_000), resting(2, &[digits], 2_000), resting(3, &[], 3_000)];
        let told = |manifest| words(&all, manifest).unwrap();
        assert_eq!(
            told(digits),
            format!(
                "2 providers of it are there and take nothing new since {}: paused, or finished",
                local(Timestamp(2_000))
            )
        );
        assert!(
            told(sums).starts_with("1 provider of it is there and takes nothing new since "),
            "{}",
            told(sums)
        );
        assert!(told(Digest([3; 32])).starts_with("1 provider is there and takes nothing new now, of whom"));
        assert_eq!(words(&all[..2], Digest([3; 32])), None, "they offered something else");
    }
}
