//! What a model says, taken apart while it comes: what it thinks, what it answers, and the tools that it wants to be called.
//!
//! **Invariant:** what is told, put together, depends on the text alone and not on how it was cut; what is no whole call is told
//! as words, so that nothing of an answer is lost.

pub(crate) mod call_reader;
mod json_end;
pub(crate) mod thought_reader;

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

/// The longest end of a text with which a mark may begin that is not whole yet, in bytes.
fn begun_mark(text: &str, mark: &str) -> usize {
    let beginnings = (1..mark.len()).rev().filter_map(|bytes| mark.get(..bytes));
    beginnings.filter(|begun| text.ends_with(*begun)).map(str::len).next().unwrap_or_default()
}

#[cfg(test)]
mod tests;
