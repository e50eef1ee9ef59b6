//! Which orders of a batch are open, or over and not gathered yet, whoever carries it out: as its folder and the daemon say.
//!
//! **Invariant:** nothing is ordered, cancelled or recorded here.

use assay_market::view::SubmissionView;
use assay_peer::handle::{CallError, Handle, KNOWN_JOBS_MAX, KnownJobs};
use assay_protocol::id::Digest;

use super::{batch_plan::BatchPlan, line_log::LineLog};

/// Behind so many lines in a row of which none was ever ordered there is none that was: lines are ordered in their order
/// ([`super::line_queue`]).
const UNTOUCHED_MAX: usize = 1_024;

/// How the orders of a batch stand whose lines have come to nothing yet, as its folder says. Those that are over by now are so
/// since somebody left it: whoever carries it out next gathers them.
///
/// # Errors
/// [`CallError`], if the daemon goes away meanwhile.
pub async fn under_way(
    handle: &Handle,
    plan: &BatchPlan,
    log: &LineLog,
) -> Result<Vec<SubmissionView>, CallError> {
    let left = log.lines().iter().enumerate().filter(|(_, state)| state.end.is_none());
    let left: Vec<(usize, u32)> = left.map(|(line, state)| (line, state.attempt)).collect();
    let (mut orders, mut untouched) = (Vec::new(), 0);
    for some in left.chunks(KNOWN_JOBS_MAX) {
        let keys: Vec<Digest> = some.iter().map(|(line, attempt)| plan.key(*line, *attempt)).collect();
        let known = handle.call(KnownJobs { keys }).await?;
        let is_untouched = known.is_empty() && some.iter().all(|(_, attempt)| *attempt == 0);
        untouched = if is_untouched { untouched + some.len() } else { 0 };
        orders.extend(known.into_iter().map(|job| job.submission));
        if untouched >= UNTOUCHED_MAX {
            break;
        }
    }
    Ok(orders)
}
