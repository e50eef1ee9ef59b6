//! An answer as it is written: shown word by word to whoever waits for it.
//!
//! What is heard is the provider's word and no more. What was bought is delivered under its claim, and what was shown before is
//! held against that.
//!
//! **Invariant:** what was shown is never taken back; where another provider goes on, only what is beyond that is shown.

use assay_market::view::{AttemptState, AttemptView};
use assay_protocol::{
    frames::TokenFrame,
    id::{Digest, JobId},
};
use tokio::{sync::mpsc, task::AbortHandle};

use crate::handle::{Handle, HearJob};

/// Pieces that may wait to be shown.
const PIECES_MAX: usize = 64;

/// The answers to one order, attempt after attempt.
#[derive(Debug)]
pub struct Hearing {
    handle: Handle,
    key: Digest,
    pieces: mpsc::Receiver<(JobId, Vec<u8>)>,
    heard: mpsc::Sender<(JobId, Vec<u8>)>,
    /// The attempt that is heard.
    current: Option<(JobId, AbortHandle)>,
    words: HeardWords,
}

impl Hearing {
    /// Hears nobody yet.
    #[must_use]
    pub fn new(handle: Handle, key: Digest) -> Self {
        let (heard, pieces) = mpsc::channel(PIECES_MAX);
        Self { handle, key, pieces, heard, current: None, words: HeardWords::default() }
    }

    /// Hears nobody yet, after this was shown of the answer.
    #[must_use]
    pub fn going_on(handle: Handle, key: Digest, shown: String) -> Self {
        let mut hearing = Self::new(handle, key);
        hearing.words.shown = shown;
        hearing
    }

    /// Hears the provider of an attempt that runs, if it is not heard already.
    pub fn follow(&mut self, attempt: &AttemptView) {
        let is_known = self.current.as_ref().is_some_and(|(job, _)| *job == attempt.job);
        if attempt.state != AttemptState::Running || is_known {
            return;
        }
        self.end();
        self.words.begin_anew();
        let (handle, heard) = (self.handle.clone(), self.heard.clone());
        let (key, job) = (self.key, attempt.job);
        let task = tokio::spawn(async move {
            // Whoever is not heard is waited for: the answer comes whole in the end.
            let Ok(mut flow) = handle.call(HearJob { key, job }).await else { return };
            while let Some(Ok(bytes)) = flow.next().await {
                if heard.send((job, bytes)).await.is_err() {
                    return;
                }
            }
        });
        self.current = Some((attempt.job, task.abort_handle()));
    }

    /// Waits for what is said next, and gives what is to be shown of it.
    pub async fn next(&mut self) -> String {
        let Some((job, bytes)) = self.pieces.recv().await else { unreachable!("this end has a sender") };
        if self.current.as_ref().is_none_or(|(current, _)| *current != job) {
            return String::new();
        }
        self.words.hear(&bytes)
    }

    /// What was shown, and what the provider that was heard last has said of it.
    #[must_use]
    pub fn into_heard(mut self) -> ShownAnswer {
        let HeardWords { shown, said, .. } = std::mem::take(&mut self.words);
        ShownAnswer { shown, said, job: self.current.as_ref().map(|(job, _)| *job) }
    }

    fn end(&mut self) {
        if let Some((_, task)) = self.current.take() {
            task.abort();
        }
    }
}

impl Drop for Hearing {
    fn drop(&mut self) {
        self.end();
    }
}

/// What was shown of an answer before it was delivered.
#[derive(Debug, Default)]
pub struct ShownAnswer {
    /// What was shown.
    pub shown: String,
    /// What the provider of this job said itself, which was heard last.
    pub said: String,
    /// Which job.
    pub job: Option<JobId>,
}

/// What was heard, and what was shown of it.
#[derive(Debug, Default)]
struct HeardWords {
    /// Bytes of a frame that is not whole yet.
    rest: Vec<u8>,
    /// Bytes of a character that is not whole yet.
    letter: Vec<u8>,
    /// What this attempt has said.
    said: String,
    /// It says something else than was shown.
    differs: bool,
    /// What was shown of all attempts.
    shown: String,
}

impl HeardWords {
    /// Another attempt speaks from the beginning.
    fn begin_anew(&mut self) {
        let shown = std::mem::take(&mut self.shown);
        *self = Self { shown, ..Self::default() };
    }

    /// Takes some more of an output, and gives what is to be shown. Where an attempt says something else than the one before,
    /// nothing is: what is delivered says what holds.
    fn hear(&mut self, bytes: &[u8]) -> String {
        self.rest.extend_from_slice(bytes);
        let mut read = 0;
        while let Some((frame, rest)) = TokenFrame::first(&self.rest[read..]) {
            self.letter.extend_from_slice(frame.text);
            read = self.rest.len() - rest.len();
        }
        self.rest.drain(..read);
        let more = whole_letters(&mut self.letter);
        // What of this was shown already, of an attempt before.
        let from = self.said.len().min(self.shown.len());
        let known = (self.shown.len() - from).min(more.len());
        self.differs |= self.shown.as_bytes()[from..from + known] != more.as_bytes()[..known];
        self.said.push_str(&more);
        let new = more.get(known..).filter(|_| !self.differs).unwrap_or_default();
        self.shown.push_str(new);
        new.to_owned()
    }
}

/// Takes all whole characters from the front of some bytes. What can become none is shown with a mark.
fn whole_letters(bytes: &mut Vec<u8>) -> String {
    let mut text = String::new();
    let mut taken = 0;
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        taken += chunk.valid().len();
        let is_cut_off = taken + chunk.invalid().len() == bytes.len() && may_go_on(chunk.invalid());
        if is_cut_off {
            break;
        }
        if !chunk.invalid().is_empty() {
            text.push(char::REPLACEMENT_CHARACTER);
        }
        taken += chunk.invalid().len();
    }
    bytes.drain(..taken);
    text
}

/// Whether these bytes, which are no character, can become one.
fn may_go_on(bytes: &[u8]) -> bool {
    !bytes.is_empty() && std::str::from_utf8(bytes).is_err_and(|error| error.error_len().is_none())
}

#[cfg(test)]
mod tests {
    use assay_protocol::frames;

    use super::*;

    fn output(texts: &[&[u8]]) -> Vec<u8> {
        texts.iter().flat_map(|text| frames::encode(&[1], text).unwrap()).collect()
    }

    #[test]
    fn words_are_shown_once_however_their_bytes_are_cut() {
        let bytes = output(&[b"one ", b"\xE2\x82", b"\xAC", b" \xFFtwo"]);
        for step in 1..bytes.len() {
            let mut words = HeardWords::default();
            let shown: String = bytes.chunks(step).map(|piece| words.hear(piece)).collect();
            assert_eq!(shown, "one € \u{FFFD}two", "in pieces of {step}");
            assert_eq!(words.shown, shown);
        }
    }

    #[test]
    fn whoever_goes_on_for_another_is_heard_from_where_that_one_stopped() {
        let mut words = HeardWords::default();
        assert_eq!(words.hear(&output(&[b"one ", b"two "])), "one two ");
        words.begin_anew();
        assert_eq!(words.hear(&output(&[b"one "])), "");
        assert_eq!(words.hear(&output(&[b"two ", b"three"])), "three");
        // One that says something else is not mixed into it.
        words.begin_anew();
        assert_eq!(words.hear(&output(&[b"one ", b"other"])), "");
        assert_eq!(words.shown, "one two three");
    }
}
