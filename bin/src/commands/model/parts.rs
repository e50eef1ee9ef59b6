//! The parts of a model that is taken in: joined into one file, which is there until it is stored.
//!
//! **Invariant:** whoever leaves meanwhile leaves none of it behind.

use std::{path::Path, sync::Arc};

use assay_peer::config::Settings;

use super::hub::{blocking, refuse_too_large};
use crate::{
    command_error::CommandError,
    invocation::Invocation,
    own_model::{JoinedFile, PartedModel, WholeFile},
};

/// The file of this name, or what its parts give.
pub(crate) async fn whole_file(path: &Path, invocation: &Invocation) -> Result<WholeFile, CommandError> {
    let Some(parted) = PartedModel::find(path)? else { return Ok(WholeFile::Given(path.to_owned())) };
    let stem = parted.stem();
    join(parted, &stem, invocation).await.map(WholeFile::Joined)
}

/// Joins the parts of a model; `name` is what the file is called meanwhile.
pub(super) async fn join(
    parted: PartedModel,
    name: &str,
    invocation: &Invocation,
) -> Result<JoinedFile, CommandError> {
    let (parts, bytes) = (parted.parts(), parted.bytes());
    refuse_too_large(parted.name().display(), bytes, invocation)?;
    let free_bytes_min = Settings::read(&invocation.home)?.daemon.free_bytes_min;
    let (joined, file) = parted.begin(&invocation.home.hub(), name, free_bytes_min)?;
    let spinner = invocation.printer.spinner("joining the parts");
    let (wanted, teller) = (Arc::new(()), spinner.clone());
    let is_wanted = Arc::downgrade(&wanted);
    let written = blocking(move || {
        parted.write(file, &mut |written: u64| {
            teller.say(&format!(
                "joining {parts} parts ({} of {} MiB)",
                written >> 20,
                bytes.div_ceil(1 << 20)
            ));
            // Whoever waited for it may be gone.
            is_wanted.strong_count() > 0
        })
    });
    let written = written.await;
    spinner.end();
    drop(wanted);
    written??;
    invocation.printer.note(format!("joined {parts} parts into one file of {} MiB", bytes.div_ceil(1 << 20)));
    Ok(joined)
}
