//! How likely the tokens of an output were, by its model on this machine.
//!
//! **Invariant:** what is told is of the very output that was asked about, words and tokens, or nothing is. A run goes on as long
//! as it writes that output and somebody waits for it.

use std::sync::Arc;

use assay_protocol::{
    frames,
    id::Digest,
    manifest::Manifest,
    order::Failure,
    units::{Duration, Units},
};
use assay_runtime::{
    chances::{LIKELIEST_MAX, WrittenChance, places_max},
    outcome::Completed,
    worker::{Follower, Given},
};

use super::{Executor, Inner, envelope, following::Course, mapped};

/// The longest that it takes.
const CHANCES_WAIT: Duration = Duration::seconds(60);

impl Executor {
    /// How likely each token of an output was that came of this input, and so many of the likeliest in its place, in one pass over
    /// all of it; nothing if this machine writes something else. The input says what choices are drawn from. Whoever drops this
    /// waits for it no longer.
    ///
    /// # Errors
    /// [`Failure`], if it cannot be run here, or is more than is told.
    pub(crate) async fn chances(
        &self,
        manifest: Manifest,
        (input, output): (Vec<u8>, Vec<u8>),
        likeliest: u8,
    ) -> Result<Option<Vec<WrittenChance>>, Failure> {
        let waiting = ChanceWait::default();
        let held = self.inner.blobs.hold([manifest.runner, manifest.model]);
        let place = Arc::clone(&self.inner.places).acquire_owned().await.map_err(|_| Failure::Machine)?;
        let course = Arc::clone(&waiting.0);
        let told = self.block(move |inner| {
            // What is run keeps its place and its files until it is over, also where nobody waits for it any more.
            let _kept = (place, held);
            inner.chances(&manifest, (&input, &output), likeliest, course)
        });
        told.await.unwrap_or(Err(Failure::Machine))
    }
}

impl Inner {
    fn chances(
        &self,
        manifest: &Manifest,
        (input, output): (&[u8], &[u8]),
        likeliest: u8,
        course: Arc<Course>,
    ) -> Result<Option<Vec<WrittenChance>>, Failure> {
        self.place(manifest)?;
        let files = self.files(manifest)?;
        if frames::tokens(output).len() > places_max(usize::from(likeliest).min(LIKELIEST_MAX)) {
            return Err(Failure::Limit);
        }
        let envelope = envelope(manifest, Digest::default(), Units::MAX, CHANCES_WAIT, files.model_bytes);
        let given = Given { input, draft: output, chances: Some(likeliest), ..Given::default() };
        let mut again = WrittenAgain { left: output, is_other: false, is_beyond: false, course };
        let ran = self.pool.run(&envelope, files.borrowed(), given, &mut again);
        if again.is_other {
            return Ok(None);
        }
        told(output, ran.map_err(|failure| mapped(&failure))?)
    }
}

/// What is told of an output, by a run that wrote it, or something else.
fn told(output: &[u8], ran: Completed) -> Result<Option<Vec<WrittenChance>>, Failure> {
    if !ran.output.starts_with(output) {
        return Ok(None);
    }
    let (mut chances, written) = (ran.chances, frames::tokens(output).len());
    if chances.len() < written {
        return Err(Failure::Limit);
    }
    // What was broken off is the beginning of what is written here.
    chances.truncate(written);
    Ok(Some(chances))
}

/// Somebody who waits for what is told.
#[derive(Default)]
struct ChanceWait(Arc<Course>);

impl Drop for ChanceWait {
    fn drop(&mut self) {
        self.0.stop();
    }
}

/// Follows a run that is to write an output again.
struct WrittenAgain<'a> {
    /// What of it is not written yet.
    left: &'a [u8],
    /// Something else was written.
    is_other: bool,
    /// More was written: the output was broken off there.
    is_beyond: bool,
    course: Arc<Course>,
}

impl Follower for WrittenAgain<'_> {
    fn chunk(&mut self, bytes: &[u8]) {
        if let Some(left) = self.left.strip_prefix(bytes) {
            self.left = left;
        } else if bytes.starts_with(self.left) {
            self.left = &[];
            self.is_beyond = true;
        } else {
            self.is_other = true;
        }
    }

    fn is_cancelled(&self) -> bool {
        self.is_other || self.is_beyond || self.course.is_stopped()
    }

    fn is_awaited(&self) -> bool {
        !self.is_other && !self.course.is_stopped()
    }
}

#[cfg(test)]
mod tests {
    use assay_protocol::manifest::{End, Meters};
    use assay_runtime::chances::TokenChance;

    use super::*;

    fn frame(token: u32, text: &[u8]) -> Vec<u8> {
        frames::encode(&[token], text).unwrap()
    }

    fn completed(output: Vec<u8>, chances: usize) -> Completed {
        let written = TokenChance { token: 1, text: Vec::new(), log: -0.5 };
        let chances = vec![WrittenChance { written, likeliest: Vec::new() }; chances];
        let (meters, rows, log) = (Meters::default(), Vec::new(), Vec::new());
        Completed { output, end: End::Stop, meters, rows, chances, log }
    }

    #[test]
    fn nothing_is_told_of_other_words_though_their_tokens_are_the_same() {
        let output = [frame(1, b"It is "), frame(2, b"safe.")].concat();
        let counted = |output: &[u8], ran| told(output, ran).map(|told| told.map(|told| told.len()));
        assert_eq!(counted(&output, completed(output.clone(), 2)), Ok(Some(2)));
        let lie = [frame(1, b"It is "), frame(2, b"poison.")].concat();
        assert_eq!(frames::tokens(&lie), frames::tokens(&output));
        assert_eq!(counted(&lie, completed(output.clone(), 2)), Ok(None));
        let broken_off = frame(1, b"It is ");
        assert_eq!(counted(&broken_off, completed(output.clone(), 2)), Ok(Some(1)));
        assert_eq!(counted(&output, completed(broken_off, 1)), Ok(None), "more than is written here");
        assert_eq!(counted(&output, completed(output.clone(), 1)), Err(Failure::Limit));
    }

    #[test]
    fn what_is_written_again_goes_on_no_further_than_it_is_the_same_and_somebody_waits() {
        let (one, two, other) = (frame(1, b"a"), frame(2, b"b"), frame(1, b"b"));
        let output = [one.clone(), two.clone()].concat();
        let waiting = ChanceWait::default();
        let again = || WrittenAgain {
            left: &output,
            is_other: false,
            is_beyond: false,
            course: Arc::clone(&waiting.0),
        };
        let mut same = again();
        same.chunk(&one);
        same.chunk(&two);
        assert!(!same.is_cancelled(), "it may end by itself");
        same.chunk(&one);
        assert!(same.is_cancelled() && same.is_awaited() && !same.is_other);
        let mut another = again();
        another.chunk(&other);
        assert!(another.is_cancelled() && !another.is_awaited() && another.is_other);
        let unheard = again();
        assert!(!unheard.is_cancelled());
        drop(waiting);
        assert!(unheard.is_cancelled() && !unheard.is_awaited(), "whoever asked has gone away");
    }
}
