//! The batches of a home, by the names that people type.

use assay_gateway::{BatchError, BatchFolder, BatchPlan};
use assay_protocol::id::Digest;

use crate::{
    command_error::{CommandError, Exit},
    invocation::Invocation,
    printer::full,
};

/// All batches of a home, oldest first, with their folders. One that cannot be read is told of and left out.
pub(super) fn all(invocation: &Invocation) -> Result<Vec<(BatchFolder, BatchPlan)>, CommandError> {
    let tell = |error: BatchError| invocation.printer.note(format!("note: left out: {error}"));
    Ok(BatchFolder::all(&invocation.home.batches(), tell)?)
}

/// The batch that goes by a name, which is its own or the first digits of it.
pub(super) fn named(invocation: &Invocation, name: &str) -> Result<(BatchFolder, BatchPlan), CommandError> {
    let mut found = all(invocation)?;
    found.retain(|(_, plan)| !name.is_empty() && full(plan.name).starts_with(name));
    match (found.pop(), found.len()) {
        (Some(one), 0) => Ok(one),
        (None, _) => {
            let message = format!("no batch is called {name}");
            Err(CommandError::new(Exit::NotFound, "UNKNOWN_BATCH", message, "`assay batch ls` lists them"))
        }
        (Some(_), more) => {
            let message = format!("{name} could be any of {} batches", more + 1);
            Err(CommandError::new(Exit::Usage, "AMBIGUOUS", message, "give more digits of the name"))
        }
    }
}

/// The length of answers that these lines were begun with, under this label: whatever offers cost by now, they keep it.
pub(super) fn length_begun_with(
    content: Digest,
    label: Option<&str>,
    invocation: &Invocation,
) -> Result<Option<u32>, CommandError> {
    let mut same = all(invocation)?
        .into_iter()
        .filter(|(_, plan)| plan.content == content && plan.label.as_deref() == label);
    Ok(same.next().map(|(_, plan)| plan.tokens_max))
}
