//! How many lines of a batch have an order that is open, and until when, and how many one that was paid and not gathered yet,
//! as far as a daemon says.

use assay_gateway::{BatchPlan, LineLog, under_way};
use assay_market::{held_money::HeldMoney, view::SubmissionView};
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
    /// How many were answered and paid, and stand among the answers only once somebody carries the batch out again.
    pub(super) ungathered: usize,
}

impl LinesUnderWay {
    /// What a daemon says of a batch.
    pub(super) async fn asked(handle: &Handle, plan: &BatchPlan, log: &LineLog) -> Result<Self, CallError> {
        let orders = under_way(handle, plan, log).await?;
        Ok(Self::of(&orders, &handle.call(ListHeldMoney).await?))
    }

    fn of(orders: &[SubmissionView], held: &[HeldMoney]) -> Self {
        let (over, open): (Vec<&SubmissionView>, Vec<&SubmissionView>) =
            orders.iter().partition(|order| order.ended);
        // Nothing came of the others, such as one that was too dear: those are ordered again.
        let ungathered = over.iter().filter(|order| order.is_paid()).count();
        let is_open = |held: &&HeldMoney| open.iter().any(|order| order.key == held.submission);
        let until = held.iter().filter(is_open).map(|held| held.until).max();
        Self { lines: open.len(), until, ungathered }
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
    use assay_market::view::{AttemptState, AttemptView};
    use assay_protocol::{
        id::{Digest, PeerId},
        outcome::Outcome,
        units::Amount,
    };

    use super::*;

    #[test]
    fn what_was_paid_while_nobody_gathered_it_is_counted_apart_from_what_is_open_or_came_to_nothing() {
        let attempt = AttemptView {
            job: Digest::default(),
            provider: PeerId::default(),
            ordered: Timestamp(0),
            price: Amount(1),
            total_max: Amount(1),
            held: Amount(1),
            state: AttemptState::Closed(Outcome::NotDrawn),
            end: None,
            rate: None,
            output: None,
            receipt: None,
            cost: None,
        };
        let order = |ended, attempts: &[AttemptView]| SubmissionView {
            key: Digest::default(),
            manifest: "sums".to_owned(),
            attempts: attempts.to_vec(),
            cancelled: false,
            ended,
            unmatched: None,
        };
        let orders = [order(true, &[attempt]), order(false, &[]), order(true, &[])];
        let lines = LinesUnderWay::of(&orders, &[]);
        assert_eq!(lines, LinesUnderWay { lines: 1, until: None, ungathered: 1 });
    }

    #[test]
    fn lines_are_counted_with_the_latest_end_that_is_known() {
        let until = Some(Timestamp(1_000));
        let told = [(1, None), (3, until)]
            .map(|(lines, until)| LinesUnderWay { lines, until, ungathered: 0 }.words());
        let latest = format!("3 lines, until {} at the latest, longer in a dispute", local(Timestamp(1_000)));
        assert_eq!(told, ["1 line".to_owned(), latest]);
    }
}
