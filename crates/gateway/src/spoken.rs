//! What a model says, taken apart while it comes: what it thinks, what it answers, and the tools that it wants to be called.
//!
//! **Invariant:** what is told, put together, depends on the text alone and not on how it was cut; what is no whole call is told
//! as words, so that nothing of an answer is lost.

pub(crate) mod call_reader;
mod json_end;
pub(crate) mod thought_reader;

use std::ops::Range;

use self::{
    call_reader::{CallReader, ToolCall},
    thought_reader::ThoughtReader,
};

/// A piece of what a model says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Spoken {
    /// Of what it thinks before it answers.
    Thought(String),
    /// Of its answer.
    Words(String),
    /// A tool that it wants to be called.
    Call(ToolCall),
}

/// Takes apart what a model says.
#[derive(Clone, Debug)]
pub(crate) struct SpokenReader {
    thoughts: ThoughtReader,
    calls: Option<CallReader>,
}

impl SpokenReader {
    /// Of a model that thinks from its first word on or not, and calls tools or none.
    pub(crate) fn new(is_thinking: bool, calls: Option<CallReader>) -> Self {
        Self { thoughts: ThoughtReader::new(is_thinking), calls }
    }

    /// Of a text whose every word is one, as where nothing but the prompt says what it is.
    pub(crate) fn untouched() -> Self {
        Self { thoughts: ThoughtReader::over(), calls: None }
    }

    /// What becomes clear with these words.
    pub(crate) fn take(&mut self, words: &str) -> Vec<Spoken> {
        self.read(words, false)
    }

    /// All that is left: nothing more comes.
    pub(crate) fn end(&mut self) -> Vec<Spoken> {
        self.read("", true)
    }

    /// Bytes that were taken and of which nothing was told yet.
    fn held_bytes(&self) -> usize {
        self.thoughts.held_bytes() + self.calls.as_ref().map_or(0, CallReader::held_bytes)
    }

    fn read(&mut self, words: &str, is_end: bool) -> Vec<Spoken> {
        let clear = self.thoughts.take(words, is_end);
        let mut told = Vec::new();
        if !clear.thought.is_empty() {
            told.push(Spoken::Thought(clear.thought));
        }
        match &mut self.calls {
            Some(calls) => told.extend(calls.take(&clear.words, is_end)),
            None if clear.words.is_empty() => {}
            None => told.push(Spoken::Words(clear.words)),
        }
        told
    }
}

/// All that a model said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct SpokenAnswer {
    pub(crate) thoughts: String,
    pub(crate) words: String,
    pub(crate) calls: Vec<ToolCall>,
}

impl SpokenAnswer {
    /// What a whole text says to such a reader.
    pub(crate) fn of(mut reader: SpokenReader, text: &str) -> Self {
        let mut answer = Self::default();
        reader.take(text).into_iter().chain(reader.end()).for_each(|piece| answer.add(piece));
        answer
    }

    /// One piece alone.
    pub(crate) fn of_piece(piece: Spoken) -> Self {
        let mut answer = Self::default();
        answer.add(piece);
        answer
    }

    fn add(&mut self, piece: Spoken) {
        match piece {
            Spoken::Thought(thought) => self.thoughts.push_str(&thought),
            Spoken::Words(words) => self.words.push_str(&words),
            Spoken::Call(call) => self.calls.push(call),
        }
    }
}

/// Where the words of an answer stand in its text: for each run of them that no thought or call interrupts, its parts.
pub(crate) fn word_places(mut reader: SpokenReader, text: &str) -> Vec<Vec<Range<usize>>> {
    let mut places = WordPlaces { text, runs: Vec::new(), is_open: false };
    // What is not clear yet stands at the end of what was read: so it shows behind each letter where the words before it end.
    for (at, letter) in text.char_indices() {
        let read = at + letter.len_utf8();
        let told = reader.take(letter.encode_utf8(&mut [0; 4]));
        places.add(told, read.saturating_sub(reader.held_bytes()));
    }
    let told = reader.end();
    places.add(told, text.len());
    places.runs
}

/// The places of words in a text, as they become clear.
struct WordPlaces<'a> {
    text: &'a str,
    runs: Vec<Vec<Range<usize>>>,
    /// Whether words that come next belong to the last run.
    is_open: bool,
}

impl WordPlaces<'_> {
    /// Adds what was told at once, of a part of the text that ends there.
    fn add(&mut self, told: Vec<Spoken>, end: usize) {
        let mut end = end;
        let found = told.into_iter().rev().map(|piece| {
            let Spoken::Words(words) = piece else { return None };
            let start = self.text.get(..end).and_then(|before| before.rfind(&words))?;
            end = start;
            Some(start..start + words.len())
        });
        let found: Vec<Option<Range<usize>>> = found.collect();
        for place in found.into_iter().rev() {
            match (place, self.runs.last_mut().filter(|_| self.is_open)) {
                (None, _) => self.is_open = false,
                (Some(place), None) => {
                    self.runs.push(vec![place]);
                    self.is_open = true;
                }
                (Some(place), Some(run)) => match run.last_mut().filter(|last| last.end == place.start) {
                    Some(last) => last.end = place.end,
                    None => run.push(place),
                },
            }
        }
    }
}

/// The longest end of a text with which a mark may begin that is not whole yet, in bytes.
fn begun_mark(text: &str, mark: &str) -> usize {
    let beginnings = (1..mark.len()).rev().filter_map(|bytes| mark.get(..bytes));
    beginnings.filter(|begun| text.ends_with(*begun)).map(str::len).next().unwrap_or_default()
}

#[cfg(test)]
mod tests;
