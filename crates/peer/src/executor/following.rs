//! How a run is followed: whether anybody wants the rest of it, and who hears what it writes.
//!
//! **Invariant:** what is stopped gives nothing, however it was cut before.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use assay_runtime::worker::Follower;

use crate::speech::Speaker;

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
}

impl Following {
    pub(super) fn new(course: Arc<Course>, speaker: Option<Speaker>) -> Self {
        Self { course, speaker }
    }

    /// The run has ended in good order.
    pub(super) fn end(self) {
        self.speaker.into_iter().for_each(Speaker::end);
    }
}

impl Follower for Following {
    fn chunk(&mut self, bytes: &[u8]) {
        if let Some(speaker) = &mut self.speaker {
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
