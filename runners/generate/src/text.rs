//! Text as it becomes clear: whole characters, and nothing that may yet be a stop string.
//!
//! **Invariant:** what was given, put together, depends on the bytes alone and not on how they were cut into tokens, but
//! for where the first stop string is seen to be whole.

/// Text that is not given yet.
#[derive(Debug, Default)]
pub(crate) struct Text {
    stops: Vec<String>,
    /// The beginning of a character.
    bytes: Vec<u8>,
    /// Characters that a stop string may begin with.
    held: String,
}

/// What has become clear.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Clear {
    /// Text that is part of the answer.
    pub(crate) text: String,
    /// Whether a stop string came behind it.
    pub(crate) stopped: bool,
}

impl Text {
    pub(crate) fn new(stops: Vec<String>) -> Self {
        Self { stops, ..Self::default() }
    }

    /// Takes the bytes of a token.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Clear {
        self.bytes.extend_from_slice(bytes);
        self.decode();
        if let Some(at) = self.stops.iter().filter_map(|stop| self.held.find(stop)).min() {
            self.held.truncate(at);
            self.bytes.clear();
            return Clear { text: std::mem::take(&mut self.held), stopped: true };
        }
        let unclear = self.held.split_off(self.clear_bytes());
        Clear { text: std::mem::replace(&mut self.held, unclear), stopped: false }
    }

    /// All that is left: nothing more comes.
    pub(crate) fn finish(&mut self) -> String {
        if !self.bytes.is_empty() {
            self.bytes.clear();
            self.held.push(char::REPLACEMENT_CHARACTER);
        }
        std::mem::take(&mut self.held)
    }

    /// Moves whole characters on; what can become none is replaced.
    fn decode(&mut self) {
        let mut bytes = std::mem::take(&mut self.bytes);
        loop {
            match std::str::from_utf8(&bytes) {
                Ok(text) => {
                    self.held += text;
                    return;
                }
                Err(error) => {
                    let rest = bytes.split_off(error.valid_up_to());
                    self.held += &String::from_utf8_lossy(&bytes);
                    let Some(wrong) = error.error_len() else {
                        self.bytes = rest;
                        return;
                    };
                    self.held.push(char::REPLACEMENT_CHARACTER);
                    bytes = rest.get(wrong..).unwrap_or_default().to_vec();
                }
            }
        }
    }

    /// Bytes in front of the first character that a stop string may begin with.
    fn clear_bytes(&self) -> usize {
        let mut places = self.held.char_indices().map(|(at, _)| at);
        let unclear = places.find(|at| {
            let end = self.held.get(*at..).unwrap_or_default();
            self.stops.iter().any(|stop| stop.starts_with(end))
        });
        unclear.unwrap_or(self.held.len())
    }
}

#[cfg(test)]
mod tests;
