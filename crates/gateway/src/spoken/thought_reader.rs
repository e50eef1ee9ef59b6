//! What a model thinks before it answers: what stands between `<think>` and `</think>` at the beginning of its text.
//!
//! **Invariant:** a mark anywhere else is a word like others. What is thought and what is answered are told without the blanks
//! between them and the marks; an answer without thoughts is told as it is. Blanks are looked at once, however many come.

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
    /// Bytes at its beginning that are known to be blanks.
    blanks: usize,
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
        Self::at(ThoughtPlace::Begin { is_thinking })
    }

    /// Of a text without thoughts.
    pub(super) fn over() -> Self {
        Self::at(ThoughtPlace::Over)
    }

    fn at(place: ThoughtPlace) -> Self {
        Self { place, held: String::new(), blanks: 0 }
    }

    /// Bytes of which it is not clear yet what they are.
    pub(super) fn held_bytes(&self) -> usize {
        self.held.len()
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
                let said = self.held.get(self.blanks..).unwrap_or_default().trim_start();
                self.blanks = self.held.len() - said.len();
                if let Some(thought) = said.strip_prefix(THOUGHTS_OPEN) {
                    let thought = thought.to_owned();
                    self.hold(thought);
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
            self.hold(self.held.trim_start().to_owned());
        }
        // No mark begins among blanks.
        let behind = self.held.get(self.blanks..).unwrap_or_default();
        if let Some((thought, behind)) = behind.split_once(THOUGHTS_CLOSE) {
            let (bytes, behind) = (self.blanks + thought.len(), behind.to_owned());
            clear.thought.push_str(self.held.get(..bytes).unwrap_or_default().trim_end());
            self.hold(behind);
            self.place = ThoughtPlace::Behind;
            return true;
        }
        let unclear = if is_end { 0 } else { begun_mark(behind, THOUGHTS_CLOSE) };
        let end = self.held.len() - unclear;
        let said = self.held.get(self.blanks..end).unwrap_or_default().trim_end();
        if said.is_empty() {
            self.blanks = end;
            return false;
        }
        let bytes = self.blanks + said.len();
        clear.thought.push_str(self.held.get(..bytes).unwrap_or_default());
        self.held.drain(..bytes);
        self.blanks = end - bytes;
        self.place = ThoughtPlace::Within { has_begun: true };
        false
    }

    /// Holds this, of which nothing is known yet.
    fn hold(&mut self, held: String) {
        (self.held, self.blanks) = (held, 0);
    }
}
