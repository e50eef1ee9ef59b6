//! What time it is: the wall clock as far as it can be believed.
//!
//! A wall clock that jumps is not followed until it has stayed where it jumped to: somebody who sets it wrong, and right
//! again within minutes, changes nothing. What passes meanwhile passes by the steady clock. How far it is from what
//! notaries say is told, and changes nothing either.
//!
//! **Invariant:** between two readings as much time passes as on the steady clock, but where a jump is followed at last.

use alloc::{collections::BTreeMap, vec::Vec};

use assay_protocol::{
    id::PeerId,
    units::{Duration, Timestamp},
};

use crate::{
    moment::{Moment, Steady},
    view::{ClockView, SkewView},
};

/// A wall clock that is put right a little is followed at once.
const DRIFT_MS: i64 = 1_000;
/// How long a jump must last until it is followed.
const JUMP_KEPT: Duration = Duration::seconds(300);

/// This peer's idea of the time.
#[derive(Clone, Debug, Default)]
pub(super) struct Clock {
    /// What the time is more than the steady clock; nothing before the first reading.
    ahead_ms: Option<i64>,
    /// Where the wall clock jumped to, and since when.
    jump: Option<(i64, Steady)>,
    /// How far it is ahead of each notary, as last seen.
    skews: BTreeMap<PeerId, i64>,
}

impl Clock {
    /// The time, and by how much the wall clock has just jumped, if it has.
    pub(super) fn read(&mut self, at: Moment) -> (Timestamp, Option<i64>) {
        let found = signed(at.wall.0).saturating_sub(signed(at.steady.0));
        let ahead = *self.ahead_ms.get_or_insert(found);
        let off = found.saturating_sub(ahead);
        let mut jumped = None;
        if off.abs() <= DRIFT_MS {
            (self.ahead_ms, self.jump) = (Some(found), None);
        } else {
            let stays = self.jump.filter(|(to, _)| found.saturating_sub(*to).abs() <= DRIFT_MS);
            let since = stays.map_or(at.steady, |(_, since)| since);
            if stays.is_none() {
                jumped = Some(off);
            }
            self.jump = Some((found, since));
            if at.steady.since(since) >= JUMP_KEPT {
                (self.ahead_ms, self.jump) = (Some(found), None);
            }
        }
        (self.at(at.steady), jumped)
    }

    /// The time at a moment of the steady clock.
    fn at(&self, steady: Steady) -> Timestamp {
        Timestamp(steady.0.saturating_add_signed(self.ahead_ms.unwrap_or_default()))
    }

    /// Compares the time with a notary's; by how much it is off, if that is news and worth telling.
    pub(super) fn compare(&mut self, notary: PeerId, theirs: Timestamp, now: Timestamp) -> Option<i64> {
        let off = signed(now.0).saturating_sub(signed(theirs.0));
        let is_far = |ahead_ms: i64| SkewView { notary, ahead_ms }.is_far();
        let known = self.skews.insert(notary, off).is_some_and(is_far);
        (is_far(off) && !known).then_some(off)
    }

    /// How the clock stands.
    pub(super) fn view(&self) -> ClockView {
        let unfollowed = self.jump.map(|(to, _)| to.saturating_sub(self.ahead_ms.unwrap_or_default()));
        let skew = |(notary, ahead_ms): (&PeerId, &i64)| SkewView { notary: *notary, ahead_ms: *ahead_ms };
        let skews: Vec<SkewView> = self.skews.iter().map(skew).collect();
        ClockView { jumped_ms: unfollowed.unwrap_or_default(), skews }
    }
}

fn signed(millis: u64) -> i64 {
    i64::try_from(millis).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WALL: u64 = 1_800_000_000_000;
    const HOUR: i64 = 3_600_000;

    /// Reads the clock each second from `from` to `until`, with a wall clock that is off by so much; what it shows last,
    /// against what a right one shows, and the jumps that were told.
    fn live(clock: &mut Clock, seconds: core::ops::Range<u64>, off: i64) -> (i64, Vec<i64>) {
        let (mut shows, mut jumps) = (0, Vec::new());
        for second in seconds {
            let steady = Steady(second * 1_000);
            let wall = Timestamp((WALL + steady.0).saturating_add_signed(off));
            let (now, jumped) = clock.read(Moment { steady, wall });
            shows = signed(now.0) - signed(WALL + steady.0);
            jumps.extend(jumped);
        }
        (shows, jumps)
    }

    #[test]
    fn a_jump_of_an_hour_for_a_minute_changes_nothing_and_is_told_once_each_way() {
        for off in [HOUR, -HOUR] {
            let mut clock = Clock::default();
            assert_eq!(live(&mut clock, 0..10, 0), (0, [].into()));
            assert_eq!(live(&mut clock, 10..70, off), (0, [off].into()));
            assert_eq!(clock.view().jumped_ms, off);
            assert_eq!(live(&mut clock, 70..100, 0), (0, [].into()));
            assert_eq!(clock.view().jumped_ms, 0);
        }
    }

    #[test]
    fn a_jump_that_lasts_is_followed_at_last_and_drift_at_once() {
        let mut clock = Clock::default();
        live(&mut clock, 0..10, 0);
        assert_eq!(live(&mut clock, 10..300, HOUR).0, 0);
        assert_eq!(live(&mut clock, 300..320, HOUR), (HOUR, [].into()));
        assert_eq!(live(&mut clock, 320..330, HOUR + 900), (HOUR + 900, [].into()));
    }

    #[test]
    fn a_clock_that_is_far_from_a_notarys_is_told_of_once() {
        let (mut clock, notary) = (Clock::default(), PeerId([1; 32]));
        let mut compare =
            |off: i64| clock.compare(notary, Timestamp(WALL), Timestamp(WALL.saturating_add_signed(off)));
        assert_eq!([0, 60_000, -4_000].map(&mut compare), [None; 3]);
        assert_eq!([HOUR, HOUR, 0, -6_000].map(&mut compare), [Some(HOUR), None, None, Some(-6_000)]);
    }
}
