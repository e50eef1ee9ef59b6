//! What is told where the daemon went away once a job was ordered, or while it was.
//!
//! **Invariant:** nobody is told to say the same again, where that would order, and pay, another job.

use assay_peer::handle::{CallError, Refused};
use assay_protocol::id::Digest;
use serde_json::json;

use crate::{
    command_error::CommandError,
    printer::{full, short},
};

/// The codes of failures for which the daemon is what went away.
const GONE: [&str; 2] = ["DAEMON_LOST", "DAEMON_ENDING"];
/// What helps where nobody said whether it was ordered.
const PERHAPS_ORDERED: &str = "it may have been ordered all the same: `assay job ls` shows that, and starts the daemon again; to order \
                               the same again would be another job";

/// The same failure, of a job that was ordered: where the daemon is what went away, it is named, for it goes on.
pub(crate) fn amid(key: Digest, failure: CommandError) -> CommandError {
    if !GONE.contains(&failure.code()) {
        return failure;
    }
    let name = short(key);
    let hint = format!(
        "the job {name} is ordered, and goes on once the daemon is started again: `assay job wait {name}` does that, and waits for \
         it; `assay job result {name}` prints it"
    );
    failure.hinting(hint).not_again().with(json!({ "submission": full(key) }))
}

/// Why an order was not acknowledged.
pub(crate) fn unacknowledged(error: CallError) -> CommandError {
    let is_away = matches!(error, CallError::Lost(_) | CallError::Refused(Refused::Ending));
    let failure = CommandError::from(error);
    if is_away { failure.hinting(PERHAPS_ORDERED).not_again() } else { failure }
}

#[cfg(test)]
mod tests {
    use assay_peer::handle::FrameError;

    use super::*;
    use crate::command_error::{Exit, lost};

    #[test]
    fn a_job_whose_daemon_went_away_is_named_and_no_program_orders_it_twice() {
        let key = Digest([0xab; 32]);
        let [gone, ending] = [lost(&FrameError::Ended), Refused::Ending.into()];
        for failure in [gone, ending] {
            let code = failure.code();
            assert_eq!(failure.to_json()["error"]["retryable"], true, "{code}");
            let told = amid(key, failure);
            let error = &told.to_json()["error"];
            assert_eq!((told.exit(), told.code()), (Exit::Daemon, code));
            assert_eq!(
                (&error["retryable"], &error["details"]["submission"]),
                (&json!(false), &json!(full(key)))
            );
            assert!(told.lines()[1].contains("`assay job wait abababababab`"), "{told}");
        }
        let other = amid(key, CommandError::new(Exit::TimedOut, "TIMED_OUT", "late", "wait"));
        assert_eq!((other.code(), other.lines()[1]), ("TIMED_OUT", "wait"));
    }

    #[test]
    fn an_order_that_nobody_acknowledged_may_have_been_made() {
        for error in [CallError::Lost(FrameError::Ended), CallError::Refused(Refused::Ending)] {
            let told = unacknowledged(error);
            assert_eq!(told.to_json()["error"]["retryable"], false, "{told}");
            assert!(told.lines()[1].contains("`assay job ls`"), "{told}");
        }
        let told = unacknowledged(CallError::Refused(Refused::TooManyJobs));
        assert_eq!(told.to_json()["error"]["retryable"], true, "that was refused, and nothing was ordered");
    }
}
