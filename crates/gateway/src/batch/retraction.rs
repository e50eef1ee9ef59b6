//! The end of what is under way of a batch whose user wants no more of it.
//!
//! **Invariant:** whoever retracts has said before that the batch is cancelled ([`super::BatchFolder::cancel`]), so that nothing
//! is ordered behind what is looked at here.

use assay_peer::handle::{CallError, CancelJob, Handle, KNOWN_JOBS_MAX, KnownJobs, Refused};
use assay_protocol::id::Digest;

use super::{batch_plan::BatchPlan, line_log::LineLog};

/// What became of the orders that were open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retracted {
    /// That were cancelled.
    pub cancelled: usize,
    /// Whose answer was here already.
    pub too_late: usize,
}

/// Cancels the orders of a batch that are open.
///
/// # Errors
/// [`CallError`], if the daemon goes away meanwhile; what was cancelled stays so.
pub async fn retract(handle: &Handle, plan: &BatchPlan, log: &LineLog) -> Result<Retracted, CallError> {
    let open = log.lines().iter().enumerate().filter(|(_, state)| state.end.is_none());
    let keys: Vec<Digest> = open.map(|(line, state)| plan.key(line, state.attempt)).collect();
    let mut retracted = Retracted::default();
    for some in keys.chunks(KNOWN_JOBS_MAX) {
        let known = handle.call(KnownJobs { keys: some.to_vec() }).await?;
        for job in known.into_iter().filter(|job| !job.submission.ended) {
            match handle.call(CancelJob { name: job.submission.key.to_string() }).await {
                Ok(_) => retracted.cancelled += 1,
                Err(CallError::Refused(Refused::NotCancelled { .. })) => retracted.too_late += 1,
                Err(error) => return Err(error),
            }
        }
    }
    Ok(retracted)
}
