//! What runs write, as they write it, for whoever may hear it.
//!
//! A run speaks for as long as it goes on; its listeners hear all of it, from wherever they want, and wait for the rest. Nobody
//! waits for one to begin. What it wrote in the end is a blob like any other: a speech is for those who do not want to wait for that.
//!
//! **Invariant:** a run waits for no listener; a speech is heard by the one peer that ordered it and by nobody else; one that
//! broke off is never taken for one that ended.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use assay_protocol::{
    id::{Digest, JobId, PeerId},
    merkle::{self, RECORD_BYTES},
};
use tokio::sync::watch;

/// Between two signed words about what was written.
const WORD_EVERY: Duration = Duration::from_secs(1);

/// The speeches of this peer's runs. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Speeches {
    going: Arc<Mutex<BTreeMap<JobId, Speech>>>,
}

/// One of them.
#[derive(Clone, Debug)]
struct Speech {
    to: PeerId,
    said: Arc<SpokenBytes>,
    state: watch::Receiver<SpeechState>,
}

/// How far it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct SpeechState {
    bytes: usize,
    ended: bool,
}

#[derive(Debug, Default)]
struct SpokenBytes {
    bytes: Mutex<Vec<u8>>,
    listeners: AtomicUsize,
}

impl SpokenBytes {
    fn bytes(&self) -> MutexGuard<'_, Vec<u8>> {
        self.bytes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Speeches {
    /// A run begins whose words one peer may hear. `word` is told now and then what was written, while somebody listens.
    pub(crate) fn begin(
        &self,
        job: JobId,
        to: PeerId,
        word: impl Fn(u64, Digest) + Send + 'static,
    ) -> Speaker {
        let (state, seen) = watch::channel(SpeechState::default());
        let said = Arc::<SpokenBytes>::default();
        let speech = Speech { to, said: Arc::clone(&said), state: seen };
        self.going().insert(job, speech);
        Speaker {
            speeches: self.clone(),
            job,
            said,
            state,
            word: Box::new(word),
            word_at: Instant::now() + WORD_EVERY,
            records: 0,
        }
    }

    /// What a run of this job says, if it speaks to this peer. Nothing tells a peer what others may hear.
    pub(crate) fn listen(&self, job: JobId, by: PeerId) -> Option<SpeechListener> {
        let Speech { said, state, .. } = self.going().get(&job).filter(|speech| speech.to == by).cloned()?;
        said.listeners.fetch_add(1, Ordering::Relaxed);
        Some(SpeechListener { said, state })
    }

    fn going(&self) -> MutexGuard<'_, BTreeMap<JobId, Speech>> {
        self.going.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The end of a speech that a run has. Dropped before it ended, it breaks off.
pub(crate) struct Speaker {
    speeches: Speeches,
    job: JobId,
    said: Arc<SpokenBytes>,
    state: watch::Sender<SpeechState>,
    word: Box<dyn Fn(u64, Digest) + Send>,
    word_at: Instant,
    /// Whole records that were told of.
    records: u64,
}

impl Speaker {
    /// Says some more.
    pub(crate) fn say(&mut self, bytes: &[u8]) {
        let length = {
            let mut said = self.said.bytes();
            said.extend_from_slice(bytes);
            said.len()
        };
        self.state.send_modify(|state| state.bytes = length);
        self.give_word(length);
    }

    /// Ends in good order.
    pub(crate) fn end(self) {
        self.state.send_modify(|state| state.ended = true);
    }

    /// Says what was written until now, if somebody hears it and it is time.
    fn give_word(&mut self, length: usize) {
        let (now, records) = (Instant::now(), (length / RECORD_BYTES) as u64);
        let is_heard = self.said.listeners.load(Ordering::Relaxed) > 0;
        if !is_heard || now < self.word_at || records == self.records {
            return;
        }
        let root = merkle::root(&self.said.bytes()[..records as usize * RECORD_BYTES], RECORD_BYTES);
        (self.word_at, self.records) = (now + WORD_EVERY, records);
        (self.word)(records, root);
    }
}

impl Drop for Speaker {
    /// A run of the same job that began meanwhile goes on speaking.
    fn drop(&mut self) {
        let mut going = self.speeches.going();
        if going.get(&self.job).is_some_and(|speech| Arc::ptr_eq(&speech.said, &self.said)) {
            going.remove(&self.job);
        }
    }
}

/// The end of a speech that somebody hears.
pub(crate) struct SpeechListener {
    said: Arc<SpokenBytes>,
    state: watch::Receiver<SpeechState>,
}

/// What is heard next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SpeechPart {
    /// So much more.
    More(Vec<u8>),
    /// That was all.
    End,
    /// It broke off.
    BrokenOff,
}

impl SpeechListener {
    /// What was said from there on, at most so many bytes of it, once there is something.
    pub(crate) async fn next(&mut self, from: usize, bytes_max: usize) -> SpeechPart {
        let state = self.state.wait_for(|state| state.bytes > from || state.ended).await.map(|state| *state);
        let bytes = self.said.bytes();
        match (bytes.get(from..).filter(|rest| !rest.is_empty()), state) {
            (Some(rest), _) => SpeechPart::More(rest[..rest.len().min(bytes_max)].to_vec()),
            (None, Ok(_)) => SpeechPart::End,
            (None, Err(_)) => SpeechPart::BrokenOff,
        }
    }
}

impl Drop for SpeechListener {
    fn drop(&mut self) {
        self.said.listeners.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    const CLIENT: PeerId = PeerId([1; 32]);
    const STRANGER: PeerId = PeerId([2; 32]);
    const JOB: JobId = Digest([3; 32]);

    fn begin(speeches: &Speeches) -> Speaker {
        speeches.begin(JOB, CLIENT, |_, _| {})
    }

    #[tokio::test]
    async fn whoever_ordered_hears_all_of_it_however_late_it_comes_and_nobody_else_anything() {
        let speeches = Speeches::default();
        assert!(speeches.listen(JOB, CLIENT).is_none(), "nobody speaks yet");
        let mut speaker = begin(&speeches);
        assert!(speeches.listen(JOB, STRANGER).is_none());
        let mut early = speeches.listen(JOB, CLIENT).unwrap();
        speaker.say(b"one ");
        let mut late = speeches.listen(JOB, CLIENT).unwrap();
        assert_eq!(early.next(0, 99).await, SpeechPart::More(b"one ".to_vec()));
        assert!(early.next(4, 99).now_or_never().is_none(), "that is all so far");
        speaker.say(b"two");
        assert_eq!(early.next(4, 99).await, SpeechPart::More(b"two".to_vec()));
        assert_eq!(late.next(0, 5).await, SpeechPart::More(b"one t".to_vec()));
        speaker.end();
        assert_eq!(late.next(5, 99).await, SpeechPart::More(b"wo".to_vec()));
        assert_eq!((early.next(7, 99).await, late.next(7, 99).await), (SpeechPart::End, SpeechPart::End));
        assert!(speeches.going().is_empty());
    }

    #[tokio::test]
    async fn what_breaks_off_is_not_taken_for_the_end() {
        let speeches = Speeches::default();
        let mut speaker = begin(&speeches);
        let mut listener = speeches.listen(JOB, CLIENT).unwrap();
        speaker.say(b"one");
        // It was begun anew, and the first is over later.
        let again = begin(&speeches);
        drop(speaker);
        assert_eq!(listener.next(0, 99).await, SpeechPart::More(b"one".to_vec()));
        assert_eq!(listener.next(3, 99).await, SpeechPart::BrokenOff);
        let mut listener = speeches.listen(JOB, CLIENT).unwrap();
        again.end();
        assert_eq!(listener.next(0, 99).await, SpeechPart::End);
    }

    #[test]
    fn a_word_is_given_of_whole_records_and_only_to_whoever_listens() {
        let speeches = Speeches::default();
        let (sender, words) = std::sync::mpsc::channel();
        let mut speaker = speeches.begin(JOB, CLIENT, move |records, root| {
            sender.send((records, root)).unwrap();
        });
        let bytes: Vec<u8> = (0..=255).cycle().take(3 * RECORD_BYTES).collect();
        speaker.word_at = Instant::now();
        speaker.say(&bytes[..300]);
        let _listener = speeches.listen(JOB, CLIENT).unwrap();
        speaker.say(&bytes[300..700]);
        assert_eq!(words.try_recv(), Ok((2, merkle::root(&bytes[..512], RECORD_BYTES))));
        speaker.say(&bytes[700..]);
        assert!(words.try_recv().is_err(), "too soon, and only once");
        speaker.word_at = Instant::now();
        speaker.say(b"");
        assert_eq!(words.try_recv(), Ok((3, merkle::root(&bytes, RECORD_BYTES))));
        speaker.word_at = Instant::now();
        speaker.say(b"");
        assert!(words.try_recv().is_err(), "there is no more");
    }
}
