//! The host of one run: what a runner asks of it, as the host of every worker answers it.
//!
//! Tokens are counted before they are read or written, each that is written is tied to the row that it was chosen from, and the
//! frames of the output are made here. What is written is laid beside the answer that was claimed, as it comes.
//!
//! **Invariant:** the same runner, model and input give the same output, units and rows as in a worker, whatever was claimed.

use assay_protocol::{
    frames,
    manifest::{End, TokenWeights, tokens_read_least},
    transcript::{Misuse, Transcript},
};

use crate::{
    comparison::{Beside, Comparison, RanOutput},
    ordered_run::OrderedRun,
    page_model::{NotRerun, PageModel},
};

/// Bytes of the longest output of a run.
const OUTPUT_BYTES_MAX: usize = 16 << 20;
/// Bytes of the rows that are given at once.
const ROWS_BYTES_MAX: usize = 64 << 20;

/// The tokens that a model begins and ends texts with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndTokens {
    /// What a text begins with.
    pub begin: Option<u32>,
    /// Whether every text does.
    pub leads: bool,
    /// All that an answer ends with; the first is what templates mean.
    pub end: Vec<u32>,
}

/// A run, done again.
pub struct Rerun {
    order: OrderedRun,
    weights: TokenWeights,
    model: PageModel,
    beside: Beside,
    transcript: Transcript,
    /// How many tokens count as read at the least.
    tokens_read_least: u64,
    tokens_read: u64,
    tokens_written: u64,
    /// True once more units were wanted than there are.
    is_exhausted: bool,
    misuse: Option<Misuse>,
    /// Why the runner was told to return, if it was.
    told: Option<End>,
    /// Text that came without a token: it goes out with the next one, or with the runner's own end.
    held: Vec<u8>,
    output: Vec<u8>,
}

impl Rerun {
    /// A run of this model, with the answer that somebody says is its output, if there is one.
    ///
    /// # Errors
    /// The order is not for runs that are computed here.
    pub fn new(order: OrderedRun, model: PageModel, answer: Option<Vec<u8>>) -> Result<Self, NotRerun> {
        let weights = order.weights()?;
        Ok(Self {
            model,
            beside: Beside::new(answer),
            order,
            weights,
            transcript: Transcript::default(),
            tokens_read_least: 0,
            tokens_read: 0,
            tokens_written: 0,
            is_exhausted: false,
            misuse: None,
            told: None,
            held: Vec::new(),
            output: Vec::new(),
        })
    }

    /// The same of an input of so many bytes, which count whatever is read of them.
    #[must_use]
    pub fn of_input(self, bytes: u64) -> Self {
        Self { tokens_read_least: tokens_read_least(bytes), ..self }
    }

    /// The model.
    #[must_use]
    pub fn model(&self) -> &PageModel {
        &self.model
    }

    /// The tokens of a text. Control tokens are found in it only if `special` says so.
    ///
    /// # Errors
    /// The text has none.
    pub fn tokenize(&self, text: &str, special: bool) -> Result<Vec<u32>, NotRerun> {
        self.model.vocabulary.tokenize(text, special).map_err(|why| NotRerun::Refused(why.to_string()))
    }

    /// The bytes that tokens add to a text.
    #[must_use]
    pub fn detokenize(&self, tokens: &[u32]) -> Vec<u8> {
        tokens.iter().flat_map(|token| self.model.vocabulary.piece(*token, false)).collect()
    }

    /// What texts and answers begin and end with.
    #[must_use]
    pub fn end_tokens(&self) -> EndTokens {
        let vocabulary = &self.model.vocabulary;
        let mut end = vocabulary.ends().to_vec();
        end.sort_by_key(|token| Some(*token) != vocabulary.eos());
        EndTokens { begin: vocabulary.bos(), leads: vocabulary.begins(), end }
    }

    /// How the model wants conversations to be written.
    #[must_use]
    pub fn chat_template(&self) -> Option<&str> {
        self.model.vocabulary.template()
    }

    /// Begins the one session of the run.
    ///
    /// # Errors
    /// There is one.
    pub fn open(&mut self) -> Result<(), NotRerun> {
        self.transcript.open(self.model.tokens()).map_err(refuse)?;
        self.model.open()
    }

    /// Reads tokens behind the first `keep` that were read before, or behind all, and gives the rows of those from `first` on,
    /// or of the last.
    ///
    /// # Errors
    /// What was asked cannot be, or the units are used up.
    pub fn read(
        &mut self,
        tokens: &[u32],
        first: Option<usize>,
        keep: Option<usize>,
    ) -> Result<Vec<f32>, NotRerun> {
        if let Some(keep) = keep {
            self.model.keep(keep)?;
            self.transcript.keep(keep);
        }
        let first = first.unwrap_or(tokens.len().saturating_sub(1));
        let rows = tokens.len().saturating_sub(first);
        let numbers = rows.saturating_mul(self.model.tokens());
        // Before anything is counted, as in a worker: what was counted is billed.
        if first > tokens.len() || tokens.len() > self.model.positions() || numbers > ROWS_BYTES_MAX / 4 {
            let asked = format!("{} tokens with the rows of those from number {first} on", tokens.len());
            return Err(NotRerun::Refused(format!("{asked} are not read at once")));
        }
        let new = self.transcript.new_tokens(tokens) as u64;
        if !self.can_pay(self.tokens_read.saturating_add(new), self.tokens_written) {
            return Err(NotRerun::Refused("the units ordered are used up".to_owned()));
        }
        self.tokens_read += new;
        let (mut logits, mut given) = (Vec::with_capacity(numbers), Vec::with_capacity(rows));
        self.model.read(tokens, first, |position, digest, row| {
            logits.extend_from_slice(row);
            given.push((position, digest));
        })?;
        self.transcript.read(tokens);
        given.into_iter().for_each(|(position, digest)| self.transcript.row(position, digest));
        Ok(logits)
    }

    /// Takes tokens that were chosen and text that they give; false, if no more is wanted.
    pub fn emit_tokens(&mut self, tokens: &[u32], text: &[u8]) -> bool {
        let said = [self.held.as_slice(), text].concat();
        let Some(frame) = frames::encode(tokens, &said) else { return self.accuse(Misuse::Frame) };
        if !self.has_room(frame.len()) {
            return false;
        }
        if tokens.is_empty() {
            self.held = said;
            return true;
        }
        self.held.clear();
        if !self.can_pay(self.tokens_read, self.tokens_written + tokens.len() as u64) {
            self.told = Some(End::Length);
            return false;
        }
        if let Err(misuse) = self.transcript.write(tokens) {
            return self.accuse(misuse);
        }
        self.tokens_written += tokens.len() as u64;
        self.give(&frame);
        true
    }

    /// How many tokens were written, of how many that were claimed.
    #[must_use]
    pub fn course(&self) -> (u64, Option<u64>) {
        (self.tokens_written, self.beside.tokens())
    }

    /// True once something else was written than was claimed.
    #[must_use]
    pub fn has_parted(&self) -> bool {
        self.beside.has_parted()
    }

    /// What came of it, where the runner says that it ended with `said`; a run that has parted is compared as far as it came.
    ///
    /// # Errors
    /// The runner did what no runner may do.
    pub fn ended(&mut self, said: End) -> Result<Comparison, NotRerun> {
        if let Some(misuse) = self.misuse {
            return Err(refuse(misuse));
        }
        if !self.has_parted() {
            self.flush();
        }
        let end = match (self.told, self.is_exhausted, said) {
            (Some(told), _, _) => told,
            (None, true, _) | (None, false, End::Length) => End::Length,
            (None, false, End::Stop | End::Cancelled) => End::Stop,
        };
        let units = self.units(self.tokens_read, self.tokens_written);
        let rows = self.transcript.evidence();
        let ran = RanOutput { output: &self.output, rows, units, end };
        Ok(self.beside.compare(&self.order, &self.model.vocabulary, &ran))
    }

    /// Gives out the text that no token came for any more, where the runner ended by itself.
    fn flush(&mut self) {
        if self.told.is_some() || self.is_exhausted || self.held.is_empty() {
            return;
        }
        let held = std::mem::take(&mut self.held);
        if let Some(frame) = frames::encode(&[], &held)
            && self.has_room(frame.len())
        {
            self.give(&frame);
        }
    }

    fn give(&mut self, frame: &[u8]) {
        self.beside.lay(frame);
        self.output.extend_from_slice(frame);
    }

    fn has_room(&mut self, bytes: usize) -> bool {
        if self.told.is_none() && self.output.len().saturating_add(bytes) > OUTPUT_BYTES_MAX {
            self.told = Some(End::Length);
        }
        self.told.is_none()
    }

    /// What is billed for so many tokens.
    fn units(&self, read: u64, written: u64) -> u64 {
        self.weights.units(read.max(self.tokens_read_least), written)
    }

    /// Whether so many tokens are within the units of the order.
    fn can_pay(&mut self, read: u64, written: u64) -> bool {
        let is_within = self.units(read, written) <= self.order.units_max;
        self.is_exhausted |= !is_within;
        is_within
    }

    fn accuse(&mut self, misuse: Misuse) -> bool {
        self.misuse.get_or_insert(misuse);
        false
    }
}

fn refuse(misuse: Misuse) -> NotRerun {
    NotRerun::Refused(misuse.to_string())
}
