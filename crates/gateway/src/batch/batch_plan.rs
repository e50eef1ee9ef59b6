//! What a batch is to do, as it is kept in its folder.
//!
//! **Invariant:** the same lines for the same models under the same label are the same batch, wherever they came from and
//! wherever the answers go: to say the same again carries nothing out twice.

use std::{collections::BTreeMap, path::PathBuf};

use assay_peer::handle::Submit;
use assay_protocol::{codec, id::Digest, units::Amount};
use serde::{Deserialize, Serialize};

/// What a batch is to do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BatchPlan {
    /// Names it.
    pub name: Digest,
    /// What tells it from another of the same lines.
    pub label: Option<String>,
    /// The digest of its lines.
    pub content: Digest,
    /// Where the lines came from, as it was typed.
    pub input: String,
    /// Where the answers go.
    pub output: PathBuf,
    /// When it was begun.
    pub begun: jiff::Timestamp,
    /// How many lines it has.
    pub lines: usize,
    /// The most tokens of an answer where a line does not say.
    pub tokens_max: u32,
    /// What the models are that its lines name.
    pub models: BTreeMap<String, Digest>,
    /// The most that all of it may cost.
    pub cost_max: Option<Amount>,
    /// Answers that are being written at a time.
    pub concurrency: u16,
}

impl BatchPlan {
    /// What a batch is called.
    #[must_use]
    pub fn name_of(
        content: Digest,
        tokens_max: u32,
        models: &BTreeMap<String, Digest>,
        label: Option<&str>,
    ) -> Digest {
        let models: Vec<(&str, Digest)> =
            models.iter().map(|(name, model)| (name.as_str(), *model)).collect();
        codec::digest("batch", &(content, tokens_max, models, label))
    }

    /// When it was begun, as every other moment is told.
    #[must_use]
    pub fn begun_text(&self) -> String {
        format!("{:.3}", self.begun)
    }

    /// By what word an order of a line is known to the daemon.
    pub(super) fn word(&self, line: usize, attempt: u32) -> String {
        format!("batch {} {line} {attempt}", self.name)
    }

    /// What that order is called.
    #[must_use]
    pub fn key(&self, line: usize, attempt: u32) -> Digest {
        Submit::key_of(&self.word(line, attempt))
    }

    /// What the answer to a line is drawn from where it does not say: the same for every order of it.
    pub(super) fn seed(&self, line: usize) -> u32 {
        let [first, second, third, fourth, ..] = codec::digest("batch seed", &(self.name, line as u64)).0;
        u32::from_le_bytes([first, second, third, fourth])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_moment_a_batch_was_begun_is_told_like_others() {
        let plan = BatchPlan {
            name: Digest::of(b"name"),
            label: None,
            content: Digest::of(b"lines"),
            input: "lines".to_owned(),
            output: PathBuf::from("answers"),
            begun: "2026-11-29T09:10:58.105123456Z".parse().unwrap(),
            lines: 1,
            tokens_max: 256,
            models: BTreeMap::new(),
            cost_max: None,
            concurrency: 1,
        };
        assert_eq!(plan.begun_text(), "2026-11-29T09:10:58.105Z");
    }

    #[test]
    fn a_batch_is_called_after_what_is_asked_and_nothing_else() {
        let models = BTreeMap::from([("poet".to_owned(), Digest::of(b"poet"))]);
        let other = BTreeMap::from([("poet".to_owned(), Digest::of(b"another"))]);
        let name = BatchPlan::name_of(Digest::of(b"lines"), 256, &models, None);
        assert_eq!(BatchPlan::name_of(Digest::of(b"lines"), 256, &models, None), name);
        let others = [
            BatchPlan::name_of(Digest::of(b"line"), 256, &models, None),
            BatchPlan::name_of(Digest::of(b"lines"), 255, &models, None),
            BatchPlan::name_of(Digest::of(b"lines"), 256, &other, None),
            BatchPlan::name_of(Digest::of(b"lines"), 256, &models, Some("again")),
        ];
        assert!(others.iter().all(|other| *other != name));
    }
}
