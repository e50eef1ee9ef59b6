//! How likely the tokens of an output were, by its model on this machine.
//!
//! **Invariant:** what is told is of the very tokens that were asked about, or nothing is.

use assay_protocol::{
    frames,
    id::Digest,
    manifest::Manifest,
    order::Failure,
    units::{Duration, Units},
};
use assay_runtime::{chances::WrittenChance, worker::Given};

use super::{Executor, envelope, mapped};

/// The longest that it takes.
const CHANCES_WAIT: Duration = Duration::seconds(60);

impl Executor {
    /// How likely each token of an output was that came of this input, and so many of the likeliest in its place, in one pass over
    /// all of it; nothing if this machine writes something else. The input says what choices are drawn from.
    ///
    /// # Errors
    /// [`Failure`], if it cannot be run here.
    pub(crate) async fn chances(
        &self,
        manifest: Manifest,
        (input, output): (Vec<u8>, Vec<u8>),
        likeliest: u8,
    ) -> Result<Option<Vec<WrittenChance>>, Failure> {
        let _place = self.inner.enter(false).await.map_err(|_| Failure::Machine)?;
        let told = self.block(move |inner| {
            inner.place(&manifest)?;
            let files = inner.files(&manifest)?;
            let envelope =
                envelope(&manifest, Digest::default(), Units::MAX, CHANCES_WAIT, files.model_bytes);
            let given = Given { input: &input, draft: &output, chances: Some(likeliest), ..Given::default() };
            let ran = inner.pool.run(&envelope, files.borrowed(), given, &mut ());
            let ran = ran.map_err(|failure| mapped(&failure))?;
            let written = frames::tokens(&output);
            let is_same = frames::tokens(&ran.output).starts_with(&written);
            let mut chances = ran.chances;
            // What was broken off is the beginning of what is written here.
            chances.truncate(written.len());
            Ok((is_same && chances.len() == written.len()).then_some(chances))
        });
        told.await.unwrap_or(Err(Failure::Machine))
    }
}
