//! How many lines of a batch have an order that is open, and until when, as far as a daemon says.

use assay_gateway::{BatchPlan, LineLog, under_way};
use assay_market::held_money::HeldMoney;
use assay_peer::handle::{CallError, Handle, ListHeldMoney};
use assay_protocol::units::Timestamp;

use crate::printer::{local, number_of};

/// Lines that are under way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct LinesUnderWay {
    /// How many there are.
    pub(super) lines: usize,
    /// When the last of them is over at the latest, unless it is disputed; nothing, where nothing is held for any.
    pub(super) until: Option<Timestamp>,
}

impl LinesUnderWay {
    /// What a daemon says of a batch.
    pub(super) async fn asked(handle: &Handle, plan: &BatchPlan, log: &LineLog) -> Result<Self, CallError> {
        let open = under_way(handle, plan, log).await?;
        let held = handle.call(ListHeldMoney).await?;
        let is_open = |held: &&HeldMoney| open.iter().any(|submission| submission.key == held.submission);
        let until = held.iter().filter(is_open).map(|held| held.until).max();
        Ok(Self { lines: open.len(), until })
    }

    /// It in words.
    pub(super) fn words(self) -> String {
        let lines = number_of(self.lines, "line");
        match self.until {
            Some(until) => format!("{lines}, until {} at the latest, longer in a dispute", local(until)),
            None => lines,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_counted_with_the_latest_end_that_is_known() {
        let until = Some(Timestamp(1_000));
        let told = [(1, None), (3, until)].map(|(lines, until)| LinesUnderWay { lines, until }.words());
        let latest = format!("3 lines, until {} at the latest, longer in a dispute", local(Timestamp(1_000)));
        assert_eq!(told, ["1 line".to_owned(), latest]);
    }
}
