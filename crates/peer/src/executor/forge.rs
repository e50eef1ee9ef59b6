//! Made-up outputs, for those who must see a cheat caught.
//!
//! **Invariant:** a forged output has the form of a true one, so that nothing but a re-execution tells them apart.

use assay_protocol::{
    frames,
    id::Digest,
    manifest::{Manifest, Meters, Policy},
};

/// Scores of an output when nothing is known about its form.
const SCORES: usize = 10;
/// Bytes of one score.
const SCORE_BYTES: usize = 4;

/// An output that looks like what was seen of this manifest, and is not.
pub(super) fn forge(
    manifest: &Manifest,
    seed: &Digest,
    seen: Option<(Vec<u8>, Meters)>,
) -> (Vec<u8>, Meters) {
    let (mut output, meters) = seen.unwrap_or_else(|| {
        let one = Meters { calls: 1, tokens_read: 1, tokens_written: 1, fuel: 1_000_000 };
        (scores(manifest, seed), one)
    });
    match manifest.policy {
        Policy::Tensor(_) => swap_largest(&mut output),
        Policy::Replay => output = other_text(&output),
        Policy::Exact => {
            output.iter_mut().zip(seed.0.iter().cycle()).for_each(|(byte, noise)| *byte ^= noise | 1)
        }
    }
    (output, meters)
}

/// Scores between nought and one, as many as the manifest has labels.
fn scores(manifest: &Manifest, seed: &Digest) -> Vec<u8> {
    let params: Option<serde_json::Value> = serde_json::from_str(&manifest.params).ok();
    let labels = params.as_ref().and_then(|params| params.get("labels")?.as_array().map(Vec::len));
    let count = labels.unwrap_or(SCORES);
    let noise = seed.0.iter().cycle().take(count);
    noise.flat_map(|byte| (f32::from(*byte) / 256.0).to_le_bytes()).collect()
}

/// The same frames with another first token.
fn other_text(output: &[u8]) -> Vec<u8> {
    let mut is_first = true;
    let frames = frames::frames(output).filter_map(|frame| {
        let mut tokens: Vec<u32> = frame.tokens().collect();
        if let (true, Some(token)) = (is_first, tokens.first_mut()) {
            *token ^= 1;
            is_first = false;
        }
        frames::encode(&tokens, frame.text)
    });
    frames.flatten().collect()
}

/// Makes the second best the best; what is no list of numbers loses its first byte's sense instead.
fn swap_largest(output: &mut [u8]) {
    let mut places: Vec<(f32, usize)> = output
        .as_chunks::<SCORE_BYTES>()
        .0
        .iter()
        .enumerate()
        .map(|(place, bytes)| (f32::from_le_bytes(*bytes), place))
        .collect();
    places.sort_by(|one, other| other.0.total_cmp(&one.0));
    match (places.as_slice(), output) {
        ([(best, first), (second, other), ..], output) if best != second => {
            output[first * SCORE_BYTES..][..SCORE_BYTES].copy_from_slice(&second.to_le_bytes());
            output[other * SCORE_BYTES..][..SCORE_BYTES].copy_from_slice(&best.to_le_bytes());
        }
        (_, [first, ..]) => *first ^= 0xFF,
        (_, []) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_two_best_scores_change_places_and_nothing_else_does() {
        let mut output: Vec<u8> = [0.1_f32, 0.7, 0.2].iter().flat_map(|score| score.to_le_bytes()).collect();
        swap_largest(&mut output);
        let scores: Vec<f32> = output.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
        assert_eq!(scores, [0.1, 0.2, 0.7]);
    }

    #[test]
    fn an_output_of_any_form_changes() {
        for mut output in [vec![1], vec![0; 4], vec![0; 8]] {
            let before = output.clone();
            swap_largest(&mut output);
            assert_ne!(output, before);
        }
    }

    #[test]
    fn a_text_has_another_token_and_the_same_form() {
        let before =
            [frames::encode(&[], b"a").unwrap(), frames::encode(&[7, 7], b"words").unwrap()].concat();
        let after = other_text(&before);
        assert_eq!(frames::tokens(&after), [6, 7]);
        assert_eq!((after.len(), frames::text(&after)), (before.len(), b"awords".to_vec()));
    }
}
