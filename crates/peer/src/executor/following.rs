//! How a run is followed: whether anybody wants the rest of it, and who hears what it writes.
//!
//! **Invariant:** what is stopped gives nothing, however it was cut before.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use assay_protocol::{
    frames,
    manifest::{End, Meters},
};
use assay_runtime::{outcome::Completed, worker::Follower};
use tokio::sync::Notify;

use crate::speech::Speaker;

/// Tokens that a peer tells of a text in the middle of which it falls silent.
pub const TOLD_TOKENS: usize = 40;
/// Between two looks whether anybody waits for the rest of it.
const LOOK_STEP: Duration = Duration::from_millis(20);

/// Whether anybody wants the rest of a run.
#[derive(Debug, Default)]
pub(super) struct Course {
    cut: AtomicBool,
    stopped: AtomicBool,
    /// Told as soon as one of them is so.
    broken_off: Notify,
}

impl Course {
    /// It is to end soon, with what it has written.
    pub(super) fn cut(&self) {
        self.cut.store(true, Ordering::Relaxed);
        self.broken_off.notify_one();
    }

    /// Nobody wants anything of it.
    pub(super) fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
        self.broken_off.notify_one();
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    /// Waits until it is cut or stopped. One waits for that: whoever it is to begin for.
    pub(super) async fn is_broken_off(&self) {
        self.broken_off.notified().await;
    }
}

/// Follows one run.
pub(super) struct Following {
    course: Arc<Course>,
    speaker: Option<Speaker>,
    /// What was told of it, where it falls silent in the middle.
    told: Option<ToldBeginning>,
}

/// The beginning of a text in the middle of which a peer falls silent.
#[derive(Clone, Copy, Debug, Default)]
struct ToldBeginning {
    tokens: usize,
    bytes: usize,
    /// True once there was more.
    is_over: bool,
}

impl Following {
    pub(super) fn new(course: Arc<Course>, speaker: Option<Speaker>) -> Self {
        Self { course, speaker, told: None }
    }

    /// The same of a run that falls silent.
    pub(super) fn stalling(self) -> Self {
        Self { told: Some(ToldBeginning::default()), ..self }
    }

    /// Whether these are told; where they are not, once nobody waits for them any more.
    fn tells(&mut self, bytes: &[u8]) -> bool {
        let Some(told) = &mut self.told else { return true };
        let tokens = told.tokens + frames::tokens(bytes).len();
        if !told.is_over && tokens <= TOLD_TOKENS {
            (told.tokens, told.bytes) = (tokens, told.bytes + bytes.len());
            return true;
        }
        told.is_over = true;
        while !self.is_cancelled() {
            thread::sleep(LOOK_STEP);
        }
        false
    }

    /// What a run gave. Of one that fell silent it is what was told, as of a run that was ended there: its worker may have been
    /// done by then.
    pub(super) fn given(&self, completed: Completed) -> Completed {
        let Some(told) = self.told.filter(|told| told.is_over) else { return completed };
        let Completed { mut output, mut rows, mut chances, meters, log, .. } = completed;
        output.truncate(told.bytes);
        rows.truncate(told.tokens);
        chances.truncate(told.tokens);
        let meters = Meters { tokens_written: told.tokens as u64, ..meters };
        Completed { output, end: End::Cancelled, meters, rows, chances, log }
    }

    /// The run has ended in good order.
    pub(super) fn end(self) {
        self.speaker.into_iter().for_each(Speaker::end);
    }
}

impl Follower for Following {
    fn chunk(&mut self, bytes: &[u8]) {
        if self.tells(bytes)
            && let Some(speaker) = &mut self.speaker
        {
            speaker.say(bytes);
        }
    }

    fn is_cancelled(&self) -> bool {
        self.course.is_stopped() || self.course.cut.load(Ordering::Relaxed)
    }

    fn is_awaited(&self) -> bool {
        !self.course.is_stopped()
    }
}

#[cfg(test)]
mod tests {
    use assay_protocol::id::Digest;

    use super::*;

    fn stalling(course: &Arc<Course>) -> Following {
        Following::new(Arc::clone(course), None).stalling()
    }

    #[test]
    fn who_falls_silent_tells_so_many_tokens_and_is_let_go_of_where_nobody_waits() {
        let course = Arc::<Course>::default();
        let mut following = stalling(&course);
        let token = frames::encode(&[1], b"a").unwrap();
        assert!((0..TOLD_TOKENS).all(|_| following.tells(&token)));
        course.cut();
        assert!(!following.tells(&token) && !following.tells(&token));
        let rest = frames::encode(&[], b"a").unwrap();
        assert!(!following.tells(&rest), "nothing is told behind what was not");
    }

    #[test]
    fn what_was_told_is_all_that_comes_of_a_run_that_fell_silent() {
        let token = frames::encode(&[1], b"a").unwrap();
        let written = |count: usize| Completed {
            output: token.repeat(count),
            end: End::Stop,
            meters: Meters { calls: 1, tokens_read: 9, tokens_written: count as u64, fuel: 7 },
            rows: vec![Digest::default(); count],
            chances: Vec::new(),
            log: Vec::new(),
        };
        let course = Arc::<Course>::default();
        course.cut();
        for count in [TOLD_TOKENS, TOLD_TOKENS + 20] {
            let mut following = stalling(&course);
            (0..count).for_each(|_| following.chunk(&token));
            let whole = written(TOLD_TOKENS);
            let end = if count == TOLD_TOKENS { End::Stop } else { End::Cancelled };
            assert_eq!(following.given(written(count)), Completed { end, ..whole }, "{count}");
        }
    }
}
