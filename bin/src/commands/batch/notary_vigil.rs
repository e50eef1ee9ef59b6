//! Looks after the notary while a batch is carried out, or cancelled: whoever waits is told once it is gone, and is not kept for
//! ever.

use std::time::Duration;

use assay_gateway::{BatchPlan, StopNote};
use assay_peer::{
    config::Home,
    handle::{Handle, LookForNotary, LostNotary},
};
use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::{
    command_error::{CommandError, Exit},
    commands::run::notary_wait::{NOTARY_GONE, gone_words},
    printer::{Printer, full, short},
};

/// How long a notary that is gone is waited for.
const RETURN_WAIT: Duration = Duration::from_secs(30);
/// Between two looks at whether it is there.
const LOOK_STEP: Duration = Duration::from_secs(3);

/// Waits until the notary has been gone for too long, with what to do then; says so as soon as it is gone.
pub(super) async fn until_gone(
    home: &Home,
    plan: &BatchPlan,
    hint: impl Fn(&str) -> String,
    printer: &Printer,
) -> CommandError {
    let mut since = None;
    loop {
        sleep(LOOK_STEP).await;
        match look(home).await {
            Some(lost) => {
                let since = *since.get_or_insert_with(|| {
                    printer.note(format!("{}: what is ordered waits for it", gone_words(&lost)));
                    Instant::now()
                });
                if since.elapsed() >= RETURN_WAIT {
                    return gone(&lost, plan, hint(&short(plan.name)));
                }
            }
            None => since = None,
        }
    }
}

/// The notary, if it is gone. A daemon that is away, too, is waited for by whoever carries the batch out.
async fn look(home: &Home) -> Option<LostNotary> {
    Handle::connect(home).await.ok()?.call(LookForNotary).await.ok()?
}

fn gone(lost: &LostNotary, plan: &BatchPlan, hint: String) -> CommandError {
    CommandError::new(Exit::NoPeers, NOTARY_GONE, gone_words(lost), hint)
        .with(json!({ "batch": full(plan.name) }))
        .retryable()
}

/// What is kept of a failure for which a batch stands, for whoever looks later.
pub(super) fn note_of(failure: &CommandError) -> Option<StopNote> {
    let [why, hint] = failure.lines();
    (failure.code() == NOTARY_GONE).then(|| StopNote {
        code: failure.code().to_owned(),
        why: why.to_owned(),
        hint: hint.to_owned(),
        enough: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn that_the_notary_was_gone_is_kept_and_what_else_ended_a_batch_is_not() {
        let failure = |code| CommandError::new(Exit::NoPeers, code, "no connection", "wait");
        let note = note_of(&failure(NOTARY_GONE)).unwrap();
        assert_eq!((&*note.code, &*note.why, &*note.hint), (NOTARY_GONE, "no connection", "wait"));
        assert_eq!(note_of(&failure("INTERRUPTED")), None);
    }
}
