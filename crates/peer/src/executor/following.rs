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

use assay_protocol::frames;
use assay_runtime::worker::Follower;

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
}

impl Course {
    /// It is to end soon, with what it has written.
    pub(super) fn cut(&self) {
        self.cut.store(true, Ordering::Relaxed);
    }

    /// Nobody wants anything of it.
    pub(super) fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }
}

/// Follows one run.
pub(super) struct Following {
    course: Arc<Course>,
    speaker: Option<Speaker>,
    /// How many tokens are still told, where it falls silent in the middle.
    told_left: Option<usize>,
}

impl Following {
    pub(super) fn new(course: Arc<Course>, speaker: Option<Speaker>) -> Self {
        Self { course, speaker, told_left: None }
    }

    /// The same of a run that falls silent.
    pub(super) fn stalling(self) -> Self {
        Self { told_left: Some(TOLD_TOKENS), ..self }
    }

    /// Whether these are told; where they are not, once nobody waits for them any more.
    fn tells(&mut self, bytes: &[u8]) -> bool {
        let Some(left) = self.told_left else { return true };
        match left.checked_sub(frames::tokens(bytes).len()) {
            Some(rest) => {
                self.told_left = Some(rest);
                true
            }
            None => {
                self.told_left = Some(0);
                while !self.is_cancelled() {
                    thread::sleep(LOOK_STEP);
                }
                false
            }
        }
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
    use super::*;

    #[test]
    fn who_falls_silent_tells_so_many_tokens_and_is_let_go_of_where_nobody_waits() {
        let course = Arc::<Course>::default();
        let mut following = Following::new(Arc::clone(&course), None).stalling();
        let token = frames::encode(&[1], b"a").unwrap();
        assert!((0..TOLD_TOKENS).all(|_| following.tells(&token)));
        course.cut();
        assert!(!following.tells(&token) && !following.tells(&token));
    }
}
