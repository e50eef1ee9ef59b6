//! What the host counts and hears during a run, shared by the session and the engines behind it.
//!
//! **Invariant:** a call or a token is counted before the engine sees it and never uncounted, so that the meters of a run
//! depend on what the guest did and on nothing else.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use assay_protocol::{
    id::Digest,
    manifest::{Meter, Meters, TokenWeights, tokens_read_least},
    transcript::{Misuse, Transcript},
    units::Units,
};

use crate::{
    chances::{ChanceTeller, WrittenChance},
    envelope::Envelope,
    outcome::cut,
};

/// Where a run's output and log go, and where a cancel comes from.
pub(crate) trait Port: Send + Sync {
    /// Takes a piece of output.
    fn chunk(&self, bytes: Vec<u8>);
    /// Takes a line of log.
    fn line(&self, line: String);
    /// True once nobody wants the rest.
    fn is_cancelled(&self) -> bool;
}

/// The counts of one run.
pub(crate) struct RunCounts {
    calls: AtomicU64,
    calls_max: Units,
    tokens_read: AtomicU64,
    /// How many count as read at the least, where tokens are what is paid for.
    tokens_read_least: u64,
    tokens_written: AtomicU64,
    /// What tokens count, and how many units of them there may be; nothing where tokens are not what is paid for.
    tokens_max: Option<(TokenWeights, Units)>,
    exhausted: AtomicBool,
    transcript: Mutex<Transcript>,
    /// Tells how likely each token was, where that is asked.
    chances: Option<Mutex<ChanceTeller>>,
    misuse: Mutex<Option<Misuse>>,
    log_bytes_left: Mutex<u64>,
    /// Bytes that may still go to and come from the vocabulary.
    text_bytes_left: Mutex<u64>,
    complaint: Mutex<Option<String>>,
    /// Why there is no engine any more, if there is none.
    lost_engine: Mutex<Option<String>>,
    port: Arc<dyn Port>,
}

impl RunCounts {
    /// Nothing is counted yet of a run that is given so many bytes.
    pub(crate) fn new(envelope: &Envelope, input_bytes: u64, port: Arc<dyn Port>) -> Self {
        let (calls_max, tokens_max) = match envelope.meter {
            Meter::Calls => (envelope.units_max, None),
            Meter::Tokens(weights) => (Units::MAX, Some((weights, envelope.units_max))),
            Meter::MegaFuel => (Units::MAX, None),
        };
        Self {
            calls: AtomicU64::new(0),
            calls_max,
            tokens_read: AtomicU64::new(0),
            tokens_read_least: tokens_max.map_or(0, |_| tokens_read_least(input_bytes)),
            tokens_written: AtomicU64::new(0),
            tokens_max,
            exhausted: AtomicBool::new(false),
            transcript: Mutex::default(),
            chances: None,
            misuse: Mutex::default(),
            log_bytes_left: Mutex::new(u64::from(envelope.limits.log_bytes)),
            text_bytes_left: Mutex::new(envelope.limits.host_call_bytes),
            complaint: Mutex::new(None),
            lost_engine: Mutex::new(None),
            port,
        }
    }

    /// The same, which tell how likely each token was and so many of the likeliest, where somebody asks.
    pub(crate) fn telling(self, likeliest: Option<u8>) -> Self {
        Self { chances: likeliest.map(|count| Mutex::new(ChanceTeller::new(count))), ..self }
    }

    /// Whether what was ordered pays for the input alone.
    pub(crate) fn is_input_paid(&self) -> bool {
        self.tokens_max.is_none_or(|(weights, most)| weights.units(self.tokens_read_least, 0) <= most)
    }

    /// Counts one call to an engine, unless that would be one too many.
    pub(crate) fn count_call(&self) -> bool {
        if self.calls.load(Ordering::Relaxed) >= self.calls_max {
            self.exhausted.store(true, Ordering::Relaxed);
            return false;
        }
        self.calls.fetch_add(1, Ordering::Relaxed);
        true
    }

    /// Counts what is new of these tokens as read, unless that would be too much.
    pub(crate) fn count_read(&self, tokens: &[u32]) -> bool {
        let new = self.transcript().new_tokens(tokens) as u64;
        self.count_tokens(&self.tokens_read, new)
    }

    /// Counts these tokens as written, and ties them to their rows, unless that would be too much.
    pub(crate) fn count_written(&self, tokens: &[u32]) -> Result<bool, Misuse> {
        if !self.count_tokens(&self.tokens_written, tokens.len() as u64) {
            return Ok(false);
        }
        let mut transcript = self.transcript();
        transcript.write(tokens)?;
        if let Some(mut chances) = self.chances() {
            let evidence = transcript.evidence();
            let own = evidence.get(evidence.len().saturating_sub(tokens.len())..).unwrap_or_default();
            chances.wrote(tokens, own);
        }
        Ok(true)
    }

    fn count_tokens(&self, counter: &AtomicU64, more: u64) -> bool {
        counter.fetch_add(more, Ordering::Relaxed);
        let (read, written) = self.tokens();
        if self.tokens_max.is_some_and(|(weights, most)| weights.units(read, written) > most) {
            counter.fetch_sub(more, Ordering::Relaxed);
            self.exhausted.store(true, Ordering::Relaxed);
            return false;
        }
        true
    }

    fn tokens(&self) -> (u64, u64) {
        let read = self.tokens_read.load(Ordering::Relaxed).max(self.tokens_read_least);
        (read, self.tokens_written.load(Ordering::Relaxed))
    }

    /// How many tokens could still be written and paid for.
    pub(crate) fn tokens_left(&self) -> u64 {
        let Some((weights, most)) = self.tokens_max else { return u64::MAX };
        let (read, written) = self.tokens();
        most.saturating_sub(weights.units(read, written))
            .checked_div(weights.written.into())
            .unwrap_or(u64::MAX)
    }

    /// Takes so many bytes of what may be asked of a vocabulary; false, if there are not as many left.
    pub(crate) fn take_text(&self, bytes: usize) -> bool {
        let mut left = self.text_bytes_left.lock().unwrap_or_else(PoisonError::into_inner);
        let rest = left.checked_sub(bytes as u64);
        *left = rest.unwrap_or_default();
        rest.is_some()
    }

    /// What was counted, but for the guest's own instructions.
    pub(crate) fn meters(&self) -> Meters {
        let (tokens_read, tokens_written) = self.tokens();
        Meters { calls: self.calls.load(Ordering::Relaxed), tokens_read, tokens_written, fuel: 0 }
    }

    /// What was read and written.
    pub(crate) fn transcript(&self) -> MutexGuard<'_, Transcript> {
        self.transcript.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Rows are given.
    pub(crate) fn note_rows(&self, digests: &[Digest], logits: &[u8]) {
        if let Some(mut chances) = self.chances() {
            chances.rows(digests, logits);
        }
    }

    /// How likely each token was, with what each adds to a text; nothing where nobody asked.
    pub(crate) fn told_chances(&self, text: impl Fn(u32) -> Vec<u8>) -> Vec<WrittenChance> {
        self.chances().map(|chances| chances.told(text)).unwrap_or_default()
    }

    fn chances(&self) -> Option<MutexGuard<'_, ChanceTeller>> {
        Some(self.chances.as_ref()?.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Notes that the guest did what no runner may do, after which nothing of the run counts.
    pub(crate) fn accuse(&self, misuse: Misuse) {
        self.misuse.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(misuse);
    }

    /// What the guest did first that no runner may do.
    pub(crate) fn misuse(&self) -> Option<Misuse> {
        *self.misuse.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// True once a call was refused.
    pub(crate) fn is_exhausted(&self) -> bool {
        self.exhausted.load(Ordering::Relaxed)
    }

    /// Passes a line on, as long as the log has room for it.
    pub(crate) fn log(&self, line: &str) {
        let cost = line.len() as u64 + 1;
        let mut left = self.log_bytes_left.lock().unwrap_or_else(PoisonError::into_inner);
        if cost > *left {
            *left = 0;
            return;
        }
        *left -= cost;
        self.port.line(line.to_owned());
    }

    /// Notes why an engine refused a guest, which `wasi:nn` errors do not carry.
    pub(crate) fn complain(&self, why: &str) {
        let why = cut(why.to_owned());
        self.log(&format!("engine: {why}"));
        *self.complaint.lock().unwrap_or_else(PoisonError::into_inner) = Some(why);
    }

    /// Notes that the engine is gone, which is no fault of the guest.
    pub(crate) fn lose_engine(&self, why: &str) {
        let mut lost = self.lost_engine.lock().unwrap_or_else(PoisonError::into_inner);
        lost.get_or_insert_with(|| cut(why.to_owned()));
    }

    /// Why there is no engine any more, if there is none.
    pub(crate) fn lost_engine(&self) -> Option<String> {
        self.lost_engine.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The last complaint.
    pub(crate) fn complaint(&self) -> Option<String> {
        self.complaint.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Somebody who hears nothing of a run.
    pub(crate) struct Nobody;

    impl Port for Nobody {
        fn chunk(&self, _: Vec<u8>) {}
        fn line(&self, _: String) {}
        fn is_cancelled(&self) -> bool {
            false
        }
    }

    fn counts(units_max: Units) -> RunCounts {
        counts_of(units_max, 0)
    }

    fn counts_of(units_max: Units, input_bytes: u64) -> RunCounts {
        let mut envelope = Envelope::new(Digest::default(), Digest::default());
        envelope.meter = Meter::Tokens(TokenWeights { read: 2, written: 5 });
        envelope.units_max = units_max;
        envelope.limits.host_call_bytes = 10;
        RunCounts::new(&envelope, input_bytes, Arc::new(Nobody))
    }

    #[test]
    fn what_was_read_is_not_there_to_be_written() {
        let counts = counts(29);
        assert_eq!(counts.tokens_left(), 5);
        assert!(counts.count_read(&[1, 2, 3]));
        assert_eq!(counts.tokens_left(), 4);
        assert!(!counts.count_read(&[0; 12]) && counts.is_exhausted());
        assert_eq!(counts.meters(), Meters { tokens_read: 3, ..Meters::default() });
    }

    #[test]
    fn what_is_not_read_of_a_long_input_counts_and_what_is_read_is_a_part_of_that() {
        let counts = counts_of(29, 256 + 5 * 16);
        assert!(counts.is_input_paid());
        assert_eq!((counts.tokens_left(), counts.meters().tokens_read), (3, 5));
        assert!(counts.count_read(&[1, 2, 3]));
        assert_eq!((counts.tokens_left(), counts.meters().tokens_read), (3, 5));
        assert!(counts.count_read(&[4, 5, 6, 7]));
        assert_eq!((counts.tokens_left(), counts.meters().tokens_read), (3, 7));
        assert!(!counts_of(9, 256 + 5 * 16).is_input_paid());
    }

    #[test]
    fn all_text_of_a_run_has_one_bound() {
        let counts = counts(1);
        assert!(counts.take_text(6) && counts.take_text(4));
        assert!(!counts.take_text(1));
    }
}
