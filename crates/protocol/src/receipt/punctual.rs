//! Whether a story goes on in time: nobody is heard after a deadline, and no tick is passed over that moves the job.
//!
//! **Invariant:** what is judged here are rounds and live time alone; who said what, and whether it is true, is judged
//! elsewhere.

use super::Happening;
use crate::{
    job::{Job, LiveTime, Stage},
    units::{Duration, Timestamp},
};

/// When something happened, among the ticks that are told.
#[derive(Clone, Copy, Debug)]
pub(super) struct ToldTime {
    /// The live time of the tick that is told before.
    pub(super) before: Timestamp,
    /// The last tick before what happened.
    pub(super) now: LiveTime,
    /// The most that live time grows by at one tick.
    pub(super) gap_max: Duration,
}

/// What should have happened instead, if the next event of a job comes too late.
///
/// A statement is heard before the deadline of its stage, before a round that a draw is due at, and before one that the
/// records to be opened are drawn at: at that tick the notary moves the job by itself.
pub(super) fn overdue(job: &Job, what: &Happening, at: ToldTime) -> Option<&'static str> {
    let ToldTime { before, now, gap_max } = at;
    let (until, draw) = job.due();
    let positions = job.awaited_positions();
    let round = now.beacon.round;
    let awaited = || [draw, positions].into_iter().flatten();
    // How long a freeze holds a payment back is the notary's word; a client disputes within the window all the same.
    let held = matches!(job.stage(), Stage::Waiting { .. }) && !matches!(what, Happening::Dispute(_));
    let until = until.filter(|_| !held);
    let (late, drawn) = match what {
        // These come at a tick, before what is drawn at it. The first at or past a deadline is less than a gap behind it.
        Happening::Tick | Happening::Convicted | Happening::Unreached => (
            until.is_some_and(|until| before >= until || now.live >= until.after(gap_max)),
            awaited().any(|awaited| awaited < round),
        ),
        // Whether its round is the one that was due is for the draw itself to say.
        Happening::Draw { .. } | Happening::Seat { .. } => {
            (false, positions.is_some_and(|awaited| awaited <= round))
        }
        Happening::Claim { .. }
        | Happening::Abort(_)
        | Happening::Cancel(_)
        | Happening::Reveal(_)
        | Happening::Dispute(_)
        | Happening::Contradict(_)
        | Happening::Seal(_)
        | Happening::Underway(_)
        | Happening::Unserved(_)
        | Happening::OpenClaim { .. }
        | Happening::OpenSeal(_) => {
            (until.is_some_and(|until| now.live >= until), awaited().any(|awaited| awaited <= round))
        }
    };
    match (late, drawn) {
        (true, _) => Some("what the table does once a deadline has passed"),
        (false, true) => Some("what was to be drawn before"),
        (false, false) => None,
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;
    use crate::job::{
        Beacon,
        tests::world::{Terms, World},
    };

    /// Whether something comes too late to a job, told behind ticks with these live times; the last is of this round.
    fn late(job: &Job, what: &Happening, before: Timestamp, live: Timestamp, round: u64) -> bool {
        let now = LiveTime { live, beacon: Beacon { round, ..Beacon::default() } };
        overdue(job, what, ToldTime { before, now, gap_max: Duration(20_000) }).is_some()
    }

    #[test]
    fn a_tick_is_told_less_than_a_gap_behind_the_deadline_that_it_acts_on() {
        let job = World::after(&Terms::SPOT, "claim").job;
        let until = job.due().0.expect("a secret is due");
        let (earlier, gap) = (Timestamp(until.0 - 1), until.after(Duration(20_000)));
        for (before, live, expected) in [
            (earlier, until, false),
            (earlier, Timestamp(gap.0 - 1), false),
            (earlier, gap, true),
            (until, until, true),
        ] {
            assert_eq!(late(&job, &Happening::Tick, before, live, 0), expected, "{before:?}, {live:?}");
        }
    }

    #[test]
    fn nothing_is_drawn_once_the_records_to_be_opened_were_to_be() {
        let world = World::after(&Terms::LONG, "drawn rounds seat seal:same");
        let awaited = world.job.awaited_positions().expect("records are to be drawn");
        let draws = [Happening::Draw { check: true }, Happening::Seat { tries: Vec::new(), after: None }];
        for (round, expected) in [(awaited - 1, false), (awaited, true)] {
            for what in &draws {
                assert_eq!(
                    late(&world.job, what, world.now.live, world.now.live, round),
                    expected,
                    "{what:?}"
                );
            }
        }
    }
}
