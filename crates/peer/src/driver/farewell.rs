//! What a daemon says last: that it ended, and what goes on once it starts again.

use assay_market::{
    Node,
    view::{RunState, RunView},
};
use assay_protocol::signed::Keypair;

/// What is under way when a daemon ends. All of it is in the journal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct DaemonFarewell {
    /// Jobs of its own that have not ended.
    ordered: usize,
    /// Jobs of others that it runs or checks.
    runs: usize,
    /// Those that it has run or checked, and that are not closed.
    receipts: usize,
    /// Jobs that are open in its books.
    books: u64,
}

impl DaemonFarewell {
    pub(super) fn of(node: &Node<Keypair>) -> Self {
        let runs = node.runs();
        let count = |state| runs.iter().filter(|run: &&RunView| run.state == state).count();
        Self {
            ordered: node.submission_counts().0,
            runs: count(RunState::Running),
            receipts: count(RunState::Committed),
            books: node.books().map_or(0, |books| books.open),
        }
    }

    /// It in a line.
    pub(super) fn words(self) -> String {
        let counts = [
            (self.ordered as u64, "that were ordered here"),
            (self.runs as u64, "that this machine runs or checks"),
            (self.receipts as u64, "of others whose receipts are still to come"),
            (self.books, "that are open in the books here"),
        ];
        let told = counts.iter().filter(|(count, _)| *count > 0);
        let told: Vec<String> = told.map(|(count, of)| format!("{count} {of}")).collect();
        match told.as_slice() {
            [] => "ended in good order; nothing is under way".to_owned(),
            told => format!(
                "ended in good order; what was answered is saved, and these jobs go on when it starts again: {}",
                told.join(", ")
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_ends_a_daemon_is_told_what_goes_on_when_it_starts_again() {
        assert_eq!(DaemonFarewell::default().words(), "ended in good order; nothing is under way");
        let busy = DaemonFarewell { ordered: 2, runs: 0, receipts: 1, books: 0 };
        assert_eq!(
            busy.words(),
            "ended in good order; what was answered is saved, and these jobs go on when it starts again: 2 that were \
             ordered here, 1 of others whose receipts are still to come"
        );
    }
}
