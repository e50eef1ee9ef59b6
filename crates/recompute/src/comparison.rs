//! What was computed beside what was claimed, and where the two part.
//!
//! **Invariant:** two answers are the same only if their bytes are; where they are not, the first token that differs is named,
//! or that none does and the words alone differ.

use assay_engine::vocabulary::Vocabulary;
use assay_protocol::{
    claim::Written,
    frames::{self, TokenFrame},
    id::Digest,
    manifest::End,
    merkle,
    units::Units,
};
use serde::Serialize;

use crate::ordered_run::OrderedRun;

/// A token with the bytes of text that it stands for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ShownToken {
    /// Its number.
    pub token: u32,
    /// What it says.
    pub text: String,
}

/// Where an answer parts from what is computed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Parting {
    /// How many tokens before it are the same.
    pub tokens_same: u64,
    /// What is the same in words.
    pub text_same: String,
    /// The token that stands in the answer; none where that ends, or is not whole.
    pub claimed: Option<ShownToken>,
    /// The token that is computed; none where that ends.
    pub computed: Option<ShownToken>,
    /// True if no token differs, and how the answer is written does.
    pub is_in_words: bool,
}

/// What came of a run, beside what was claimed of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// The names of what was computed.
    pub written: Written,
    /// The root over the digests of the rows that its tokens were chosen from.
    pub evidence_root: Digest,
    /// What is billed.
    pub units: String,
    /// Why the run ended.
    pub end: End,
    /// How many tokens were computed.
    pub tokens: usize,
    /// What was computed, in words.
    pub text: String,
    /// Whether the answer at hand is what was computed; nothing without one.
    pub is_same_answer: Option<bool>,
    /// Whether the answer at hand is the one that the receipt names; nothing where either is missing.
    pub is_claimed_answer: Option<bool>,
    /// Whether the receipt names what was computed; nothing where it names nothing, or the answer parted.
    pub is_claimed_output: Option<bool>,
    /// The same of the rows.
    pub are_claimed_rows: Option<bool>,
    /// The same of what is billed, and of why it ended.
    pub is_claimed_bill: Option<bool>,
    /// Where the answer parts.
    pub parting: Option<Parting>,
}

/// The answer that was claimed, as far as it was computed again.
#[derive(Debug, Default)]
pub(crate) struct Beside {
    answer: Option<Vec<u8>>,
    /// How many tokens it has.
    tokens: Option<u64>,
    /// How many of its bytes were computed as well.
    same_bytes: usize,
    /// The frame that was computed where the answer has another.
    other: Option<Vec<u8>>,
}

impl Beside {
    pub(crate) fn new(answer: Option<Vec<u8>>) -> Self {
        let tokens = answer.as_ref().map(|answer| frames::tokens(answer).len() as u64);
        Self { answer, tokens, same_bytes: 0, other: None }
    }

    /// How many tokens it has.
    pub(crate) fn tokens(&self) -> Option<u64> {
        self.tokens
    }

    pub(crate) fn has_parted(&self) -> bool {
        self.other.is_some()
    }

    /// Takes the frame that was computed next.
    pub(crate) fn lay(&mut self, frame: &[u8]) {
        let Some(answer) = &self.answer else { return };
        if self.other.is_some() {
            return;
        }
        match answer.get(self.same_bytes..).is_some_and(|rest| rest.starts_with(frame)) {
            true => self.same_bytes += frame.len(),
            false => self.other = Some(frame.to_vec()),
        }
    }

    /// What is computed, beside the answer and what the receipt names.
    pub(crate) fn compare(
        &self,
        order: &OrderedRun,
        vocabulary: &Vocabulary,
        ran: &RanOutput<'_>,
    ) -> Comparison {
        let RanOutput { output, rows, units, end } = *ran;
        let written = Written::of(output);
        let evidence_root = merkle::root_of(rows.iter().map(|row| row.as_bytes().as_slice()));
        let parting = self.parting(vocabulary);
        let is_whole = parting.is_none() || !self.has_parted();
        let claimed = order.claimed.filter(|_| is_whole);
        Comparison {
            written,
            evidence_root,
            units: units.to_string(),
            end,
            tokens: rows.len(),
            text: words(output),
            is_same_answer: self.answer.as_ref().map(|_| parting.is_none()),
            is_claimed_answer: self
                .answer
                .as_ref()
                .zip(order.claimed)
                .map(|(answer, claimed)| Written::of(answer) == claimed.written),
            is_claimed_output: claimed.map(|claimed| claimed.written == written),
            are_claimed_rows: claimed.map(|claimed| claimed.evidence_root == evidence_root),
            is_claimed_bill: claimed.map(|claimed| claimed.units == units && claimed.has_ended(end)),
            parting,
        }
    }

    fn parting(&self, vocabulary: &Vocabulary) -> Option<Parting> {
        let answer = self.answer.as_deref()?;
        let (same, rest) = answer.split_at_checked(self.same_bytes)?;
        if self.other.is_none() && rest.is_empty() {
            return None;
        }
        let claimed = TokenFrame::first(rest).map(|(frame, _)| frame);
        let computed = self.other.as_deref().and_then(TokenFrame::first).map(|(frame, _)| frame);
        let tokens = |frame: Option<TokenFrame<'_>>| -> Vec<u32> {
            frame.map(|frame| frame.tokens().collect()).unwrap_or_default()
        };
        let (ours, theirs) = (tokens(computed), tokens(claimed));
        let before = ours.iter().zip(&theirs).take_while(|(ours, theirs)| ours == theirs).count();
        let is_in_words = claimed.is_some() && computed.is_some() && before == ours.len().min(theirs.len());
        let shown = |tokens: &[u32]| {
            let token = *tokens.get(before).filter(|_| !is_in_words)?;
            let text = String::from_utf8_lossy(&vocabulary.piece(token, false)).into_owned();
            Some(ShownToken { token, text })
        };
        Some(Parting {
            tokens_same: (frames::tokens(same).len() + before) as u64,
            text_same: words(same),
            claimed: shown(&theirs),
            computed: shown(&ours),
            is_in_words,
        })
    }
}

/// What a run gave.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RanOutput<'a> {
    pub(crate) output: &'a [u8],
    pub(crate) rows: &'a [Digest],
    pub(crate) units: Units,
    pub(crate) end: End,
}

fn words(output: &[u8]) -> String {
    String::from_utf8_lossy(&frames::text(output)).into_owned()
}
