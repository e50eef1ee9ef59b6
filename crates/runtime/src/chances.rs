//! How likely each token was that a run wrote, and which were the likeliest in its place: by the rows that it was given.
//!
//! **Invariant:** nothing of a run depends on whether that is told. Likely is what the model says alone: the share of a token's
//! score among all of its row, before any rule chooses.

use assay_protocol::id::Digest;
use serde::{Deserialize, Serialize};

/// Tokens that are told of one place, at most.
pub const LIKELIEST_MAX: usize = 20;
/// Tokens that are told of all places of a text, at most: those that were written, and the likeliest beside each.
pub const CHANCES_MAX: usize = 1 << 17;
/// Bytes that all of them add to texts, at most.
pub(crate) const TEXTS_BYTES_MAX: usize = 4 << 20;
/// The logarithm that stands for no chance at all.
const NEVER: f64 = -9_999.0;

/// A token, and how likely it was.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TokenChance {
    /// Its number.
    pub token: u32,
    /// What it adds to a text; nothing for a control token.
    pub text: Vec<u8>,
    /// The natural logarithm of its share.
    pub log: f64,
}

/// A token that was written, and the likeliest in its place, the likeliest first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WrittenChance {
    /// What was written.
    pub written: TokenChance,
    /// As many as were asked for.
    pub likeliest: Vec<TokenChance>,
}

/// Tells the chances of a run while it writes.
#[derive(Debug)]
pub(crate) struct ChanceTeller {
    count: usize,
    /// The rows of the step before: a token is written before the next one is read.
    digests: Vec<Digest>,
    logits: Vec<u8>,
    told: Vec<WrittenChance>,
}

impl ChanceTeller {
    /// One that tells so many of each place.
    pub(crate) fn new(count: u8) -> Self {
        let count = usize::from(count).min(LIKELIEST_MAX);
        Self { count, digests: Vec::new(), logits: Vec::new(), told: Vec::new() }
    }

    /// The rows of a step are given.
    pub(crate) fn rows(&mut self, digests: &[Digest], logits: &[u8]) {
        self.digests = digests.to_vec();
        self.logits.clear();
        self.logits.extend_from_slice(logits);
    }

    /// Tokens are written, each chosen from such a row. Of a row that was given before the last step nothing is told, nor of
    /// tokens beyond [`CHANCES_MAX`].
    pub(crate) fn wrote(&mut self, tokens: &[u32], rows: &[Digest]) {
        for (token, row) in tokens.iter().zip(rows) {
            if self.told.len() >= places_max(self.count) {
                return;
            }
            let Some(place) = self.digests.iter().position(|digest| digest == row) else { continue };
            let bytes = self.logits.len() / self.digests.len();
            let row = self.logits.get(place * bytes..(place + 1) * bytes).unwrap_or_default();
            let row: Vec<f32> = row.as_chunks().0.iter().map(|logit| f32::from_le_bytes(*logit)).collect();
            self.told.push(chances(&row, *token, self.count));
        }
    }

    /// All of them, with what each token adds to a text; those at the beginning, where that is too much.
    pub(crate) fn told(&self, text: impl Fn(u32) -> Vec<u8>) -> Vec<WrittenChance> {
        let (mut told, mut bytes) = (Vec::new(), 0);
        for mut one in self.told.iter().cloned() {
            let all = std::iter::once(&mut one.written).chain(&mut one.likeliest);
            all.for_each(|chance| chance.text = text(chance.token));
            bytes += one.text_bytes();
            if bytes > TEXTS_BYTES_MAX {
                break;
            }
            told.push(one);
        }
        told
    }
}

impl WrittenChance {
    /// Bytes that its tokens add to texts.
    pub(crate) fn text_bytes(&self) -> usize {
        self.likeliest.iter().chain([&self.written]).map(|chance| chance.text.len()).sum()
    }
}

/// How many places are told of, where so many of the likeliest are told of each.
#[must_use]
pub const fn places_max(likeliest: usize) -> usize {
    CHANCES_MAX / (likeliest + 1)
}

/// How likely a token is by a row, and so many of the likeliest; of equals the one of the smaller number first.
fn chances(row: &[f32], token: u32, count: usize) -> WrittenChance {
    let numbers = || row.iter().copied().filter(|logit| !logit.is_nan());
    let greatest = f64::from(numbers().fold(f32::NEG_INFINITY, f32::max));
    let sum: f64 = numbers().map(|logit| (f64::from(logit) - greatest).exp()).sum();
    let whole = greatest + sum.ln();
    let chance = |token: u32, logit: f32| {
        let log = f64::from(logit) - whole;
        TokenChance {
            token,
            text: Vec::new(),
            log: if log.is_finite() { log.clamp(NEVER, 0.0) } else { NEVER },
        }
    };
    let mut likeliest: Vec<(u32, f32)> = Vec::new();
    for (other, logit) in (0_u32..).zip(row.iter().copied()).filter(|(_, logit)| !logit.is_nan()) {
        let is_less = likeliest.last().is_none_or(|(_, least)| logit <= *least);
        if likeliest.len() >= count && is_less {
            continue;
        }
        let place = likeliest.partition_point(|(_, known)| *known >= logit);
        likeliest.insert(place, (other, logit));
        likeliest.truncate(count);
    }
    let own = usize::try_from(token).ok().and_then(|token| row.get(token)).copied().unwrap_or(f32::NAN);
    let likeliest = likeliest.into_iter().map(|(token, logit)| chance(token, logit)).collect();
    WrittenChance { written: chance(token, own), likeliest }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn logs(chances: &WrittenChance) -> Vec<(u32, f64)> {
        chances.likeliest.iter().map(|chance| (chance.token, (chance.log * 1e4).round() / 1e4)).collect()
    }

    #[test]
    fn a_chance_is_a_share_of_the_whole_row() {
        let row = [0.0, 3_f32.ln(), f32::NAN, 0.0, f32::NEG_INFINITY];
        let told = chances(&row, 3, 2);
        assert!((told.written.log - 0.2_f64.ln()).abs() < 1e-6, "{told:?}");
        assert_eq!(logs(&told), [(1, -0.5108), (0, -1.6094)], "of equals the first");
        assert!(chances(&row, 1, 0).likeliest.is_empty());
        for never in [2, 4, 99] {
            assert!((chances(&row, never, 1).written.log - NEVER).abs() < 1e-9, "{never}");
        }
        assert_eq!(logs(&chances(&row, 0, 9)).len(), 4, "no more than there are");
        assert!(chances(&[f32::NEG_INFINITY; 2], 0, 2).written.log.is_finite());
    }

    #[test]
    fn a_token_is_told_by_its_own_row() {
        let rows: Vec<u8> =
            [[0_f32, 1.0], [1.0, 0.0]].as_flattened().iter().flat_map(|it| it.to_le_bytes()).collect();
        let (first, second, gone) = (Digest([1; 32]), Digest([2; 32]), Digest([3; 32]));
        let mut teller = ChanceTeller::new(u8::MAX);
        teller.rows(&[first, second], &rows);
        teller.wrote(&[1, 1, 0], &[first, second, gone]);
        let told = teller.told(|token| vec![b'0' + token as u8]);
        let written: Vec<(&[u8], u32)> =
            told.iter().map(|one| (one.written.text.as_slice(), one.likeliest[0].token)).collect();
        assert_eq!(written, [(&b"1"[..], 1), (&b"1"[..], 0)]);
    }

    #[test]
    fn no_more_is_told_than_there_may_be_however_long_a_text_and_its_tokens_are() {
        let (row, logits) = (Digest([1; 32]), 1_f32.to_le_bytes());
        let teller = |count, written: usize| {
            let mut teller = ChanceTeller::new(count);
            teller.rows(&[row], &logits);
            teller.wrote(&vec![0; written], &vec![row; written]);
            teller
        };
        assert_eq!(places_max(LIKELIEST_MAX), 6_241);
        let most = places_max(1);
        assert_eq!(teller(1, most + 1).told(|_| Vec::new()).len(), most);
        let fits = TEXTS_BYTES_MAX / 2 / 1_024;
        assert_eq!(teller(1, fits + 1).told(|_| vec![b'a'; 1_024]).len(), fits);
    }
}
