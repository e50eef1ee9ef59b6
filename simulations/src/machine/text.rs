//! A language model that only pretends: each row follows from all tokens before it, and each token from its row by a rule.
//!
//! **Invariant:** what a run makes follows from what was ordered alone: a draft decides which rows are made together, and
//! not one bit of them.

use std::collections::VecDeque;

use assay_market::effect::Run;
use assay_protocol::{
    codec,
    id::Digest,
    manifest::{End, Meters},
};

use super::Made;

/// Bytes of a token, in an input and in an output.
pub const TOKEN_BYTES: usize = 4;
/// One token in so many ends a text.
const STOPS: u32 = 16;

/// What the engine knows of a session: a digest of the model and of all tokens up to here.
#[derive(Clone, Copy, Debug)]
pub struct TextSession(Digest);

impl TextSession {
    /// A session of this model, in this precision, that has read a prompt.
    #[must_use]
    pub fn new(run: &Run, precision: &str, prompt: &[u8]) -> Self {
        Self(codec::digest(
            "simulated session",
            &(run.manifest.model, run.manifest.runner, precision, prompt),
        ))
    }

    /// The row of the next token.
    #[must_use]
    pub fn row(self) -> Digest {
        codec::digest("simulated row", &self.0)
    }

    /// The session with one more token.
    #[must_use]
    pub fn with(self, token: u32) -> Self {
        Self(codec::digest("simulated step", &(self.0, token)))
    }
}

/// The sampling rule: which token follows from a row; nothing if the text ends there.
#[must_use]
pub fn choose(row: Digest, seed: Digest, temperature: u32, index: usize) -> Option<u32> {
    let drawn = codec::digest("simulated choice", &(row, seed, temperature, index as u64));
    let token = u32::from_le_bytes([drawn.0[0], drawn.0[1], drawn.0[2], drawn.0[3]]);
    (!token.is_multiple_of(STOPS)).then_some(token)
}

/// The tokens of an output.
pub fn tokens(output: &[u8]) -> impl Iterator<Item = u32> {
    output.as_chunks::<TOKEN_BYTES>().0.iter().map(|bytes| u32::from_le_bytes(*bytes))
}

/// How a model is run: an honest machine does as the order says.
#[derive(Clone, Copy, Debug)]
pub struct Manner {
    /// What it computes with.
    pub precision: &'static str,
    /// What its choices are drawn from.
    pub seed: Digest,
    /// How bold they are.
    pub temperature: u32,
}

impl Manner {
    /// As the order says.
    #[must_use]
    pub fn ordered(run: &Run) -> Self {
        Self { precision: "as stored", seed: run.seed, temperature: 1 }
    }
}

/// Runs a model along a draft, if there is one.
#[must_use]
pub fn write(run: &Run, input: &[u8], draft: Option<&[u8]>, manner: Manner) -> Made {
    let session = TextSession::new(run, manner.precision, input);
    compose(run, input, Host::new(session, draft), |index, row| {
        choose(row, manner.seed, manner.temperature, index)
    })
}

/// What a model writes if each token is chosen so, by its place and its row. The most tokens that are written stand in the
/// parameters.
#[must_use]
pub fn compose(
    run: &Run,
    input: &[u8],
    mut host: Host,
    mut rule: impl FnMut(usize, Digest) -> Option<u32>,
) -> Made {
    let tokens_read = (input.len() / TOKEN_BYTES) as u64;
    let tokens_max: usize = run.manifest.params.parse().unwrap_or_default();
    let (mut output, mut rows) = (Vec::new(), Vec::new());
    let mut meters = Meters { tokens_read, ..Meters::default() };
    let end = loop {
        let longer = Meters { tokens_written: meters.tokens_written + 1, ..meters };
        if rows.len() == tokens_max || run.manifest.units(&longer) > run.units_max {
            break End::Length;
        }
        let row = host.row();
        let Some(token) = rule(rows.len(), row) else { break End::Stop };
        host.take(token);
        output.extend(token.to_le_bytes());
        rows.push(row);
        meters = longer;
    };
    Made { output, rows, meters, end }
}

/// The engine's host: hands out the rows of a draft one by one, as long as the guest goes the way of the draft.
#[derive(Debug)]
pub struct Host {
    session: TextSession,
    /// What is drafted from here on, each token with the session behind it, made in one pass.
    ahead: VecDeque<(u32, TextSession)>,
}

impl Host {
    /// The host of a session with what is drafted from there on.
    #[must_use]
    pub fn new(session: TextSession, draft: Option<&[u8]>) -> Self {
        let step = |session: &mut TextSession, token| {
            *session = session.with(token);
            Some((token, *session))
        };
        Self { session, ahead: tokens(draft.unwrap_or_default()).scan(session, step).collect() }
    }

    fn row(&self) -> Digest {
        self.session.row()
    }

    fn take(&mut self, token: u32) {
        match self.ahead.pop_front() {
            Some((drafted, behind)) if drafted == token => self.session = behind,
            Some(_) | None => {
                self.ahead.clear();
                self.session = self.session.with(token);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use assay_market::input::RunId;
    use assay_protocol::{manifest::Manifest, units::Duration};

    use super::*;
    use crate::plan;

    fn run(number: u8) -> Run {
        let manifest: Manifest = plan::text();
        Run {
            id: RunId { job: Digest([number; 32]), check: false },
            class: Digest::default(),
            input: Digest::default(),
            seed: Digest([number; 32]),
            units_max: 1_000,
            run_max: Duration::seconds(1),
            listener: None,
            draft: None,
            manifest,
        }
    }

    #[test]
    fn a_draft_changes_no_bit_whatever_it_says() {
        let mut ends = [0; 2];
        for number in 0..200 {
            let (run, input) = (run(number), [number; 40]);
            let manner = Manner::ordered(&run);
            let alone = write(&run, &input, None, manner);
            ends[usize::from(alone.end == End::Stop)] += 1;
            let mut other = alone.output.clone();
            let half = other.len() / 2;
            other[half..].iter_mut().for_each(|byte| *byte ^= 1);
            let longer = [&alone.output[..], &[7; 64]].concat();
            let shorter = &alone.output[..alone.output.len() / 2];
            for draft in [&alone.output[..], &other, &longer, shorter, b"no tokens", &[]] {
                assert_eq!(write(&run, &input, Some(draft), manner), alone, "{number}");
            }
        }
        assert!(ends.iter().all(|count| *count > 20), "texts end by both: {ends:?}");
    }

    #[test]
    fn nothing_of_what_was_ordered_can_be_changed_without_changing_the_rows() {
        let (run, input) = (run(1), [1; 40]);
        let ordered = Manner::ordered(&run);
        let honest = write(&run, &input, None, ordered);
        let others = [
            Manner { precision: "halved", ..ordered },
            Manner { seed: Digest([9; 32]), ..ordered },
            Manner { temperature: 2, ..ordered },
        ];
        assert!(others.into_iter().all(|manner| write(&run, &input, None, manner).rows != honest.rows));
        assert_ne!(write(&run, &[2; 40], None, ordered).rows, honest.rows);
    }
}
