//! What a model thinks before it answers: what stands between `<think>` and `</think>` at the beginning of its text.
//!
//! **Invariant:** a mark anywhere else is a word like others. What is thought and what is answered are told without the blanks
//! between them and the marks; an answer without thoughts is told as it is.

use super::begun_mark;

/// What thoughts stand behind.
pub(crate) const THOUGHTS_OPEN: &str = "<think>";
/// What they end with.
pub(crate) const THOUGHTS_CLOSE: &str = "</think>";

/// Tells thoughts from words.
#[derive(Clone, Debug)]
pub(super) struct ThoughtReader {
    place: ThoughtPlace,
    /// What is not clear yet.
    held: String,
}

/// Where in an answer the reader is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ThoughtPlace {
    /// At its beginning.
    Begin {
        /// Whether the prompt has opened the thoughts.
        is_thinking: bool,
    },
    /// Among the thoughts.
    Within {
        /// Whether any were told.
        has_begun: bool,
    },
    /// Behind them, before the first word.
    Behind,
    /// Among the words.
    Over,
}

/// What has become clear.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ClearSpeech {
    pub(super) thought: String,
    /// What comes behind that.
    pub(super) words: String,
}

impl ThoughtReader {
    pub(super) fn new(is_thinking: bool) -> Self {
        Self { place: ThoughtPlace::Begin { is_thinking }, held: String::new() }
    }

    /// Of a text without thoughts.
    pub(super) fn over() -> Self {
        Self { place: ThoughtPlace::Over, held: String::new() }
    }

    /// What becomes clear with these words, or with the end.
    pub(super) fn take(&mut self, words: &str, is_end: bool) -> ClearSpeech {
        self.held.push_str(words);
        let mut clear = ClearSpeech::default();
        while self.step(is_end, &mut clear) {}
        clear
    }

    /// One step; whether another may follow.
    fn step(&mut self, is_end: bool, clear: &mut ClearSpeech) -> bool {
        match self.place {
            ThoughtPlace::Begin { is_thinking } => {
                let said = self.held.trim_start();
                if let Some(thought) = said.strip_prefix(THOUGHTS_OPEN) {
                    self.held = thought.to_owned();
                    self.place = ThoughtPlace::Within { has_begun: false };
                    return true;
                }
                if THOUGHTS_OPEN.starts_with(said) && !is_end {
                    return false;
                }
                self.place = match is_thinking {
                    true => ThoughtPlace::Within { has_begun: false },
                    false => ThoughtPlace::Over,
                };
                true
            }
            ThoughtPlace::Within { has_begun } => self.think(has_begun, is_end, clear),
            ThoughtPlace::Behind => {
                self.held = self.held.trim_start().to_owned();
                if self.held.is_empty() {
                    return false;
                }
                self.place = ThoughtPlace::Over;
                true
            }
            ThoughtPlace::Over => {
                clear.words.push_str(&std::mem::take(&mut self.held));
                false
            }
        }
    }

    fn think(&mut self, has_begun: bool, is_end: bool, clear: &mut ClearSpeech) -> bool {
        if !has_begun {
            self.held = self.held.trim_start().to_owned();
        }
        if let Some((thought, behind)) = self.held.split_once(THOUGHTS_CLOSE) {
            clear.thought.push_str(thought.trim_end());
            self.held = behind.to_owned();
            self.place = ThoughtPlace::Behind;
            return true;
        }
        let unclear = if is_end { 0 } else { begun_mark(&self.held, THOUGHTS_CLOSE) };
        let said = self.held.get(..self.held.len() - unclear).unwrap_or_default().trim_end().to_owned();
        self.held = self.held.split_off(said.len());
        self.place = ThoughtPlace::Within { has_begun: has_begun || !said.is_empty() };
        clear.thought.push_str(&said);
        false
    }
}
