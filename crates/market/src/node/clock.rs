//! What time it is: the wall clock as far as it can be believed.
//!
//! A wall clock that jumps is not followed until it has stayed where it jumped to: somebody who sets it wrong, and right
//! again within minutes, changes nothing. What passes meanwhile passes by the steady clock. How far it is from what
//! notaries say is told, and changes nothing either.
//!
//! **Invariant:** between two readings as much time passes as on the steady clock, but where a jump is followed at last.

use alloc::vec::Vec;

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
    /// How far it is from each notary. They are few, and every peer keeps this.
    skews: Vec<Skew>,
}

/// How far the clock is from a notary's.
#[derive(Clone, Copy, Debug)]
struct Skew {
    notary: PeerId,
    /// How far it is ahead, as last seen.
    ahead_ms: Option<i64>,
    /// The least that what was passed on says of it, and since when that is heard.
    least: Option<(Timestamp, i64)>,
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

    /// Compares the time with what a notary has just said; by how much it is off, if that is news and worth telling.
    pub(super) fn compare(&mut self, notary: PeerId, theirs: Timestamp, now: Timestamp) -> Option<i64> {
        self.skew(notary).settle(signed(now.0).saturating_sub(signed(theirs.0)))
    }

    /// The same with what is said once in so long a time and passed on for a while, so that it may be old when it is heard. It
    /// shows at once that this clock is behind, or right. That it is ahead is shown by the least of all that was heard in a time
    /// in which something must have been new.
    pub(super) fn compare_passed_on(
        &mut self,
        notary: PeerId,
        theirs: Timestamp,
        now: Timestamp,
        between: Duration,
    ) -> Option<i64> {
        let off = signed(now.0).saturating_sub(signed(theirs.0));
        let skew = self.skew(notary);
        if off < 0 || !skew.is_far(off) {
            skew.least = None;
            return skew.settle(off);
        }
        let (since, least) = skew.least.map_or((now, off), |(since, least)| (since, least.min(off)));
        if now.since(since) <= between {
            skew.least = Some((since, least));
            return None;
        }
        skew.least = Some((now, off));
        skew.settle(least)
    }

    fn skew(&mut self, notary: PeerId) -> &mut Skew {
        let place = self.skews.iter().position(|skew| skew.notary == notary).unwrap_or_else(|| {
            self.skews.reserve_exact(1);
            self.skews.push(Skew { notary, ahead_ms: None, least: None });
            self.skews.len() - 1
        });
        &mut self.skews[place]
    }

    /// How the clock stands.
    pub(super) fn view(&self) -> ClockView {
        let unfollowed = self.jump.map(|(to, _)| to.saturating_sub(self.ahead_ms.unwrap_or_default()));
        let skew = |skew: &Skew| Some(SkewView { notary: skew.notary, ahead_ms: skew.ahead_ms? });
        let skews: Vec<SkewView> = self.skews.iter().filter_map(skew).collect();
        ClockView { jumped_ms: unfollowed.unwrap_or_default(), skews }
    }
}

impl Skew {
    fn is_far(&self, ahead_ms: i64) -> bool {
        SkewView { notary: self.notary, ahead_ms }.is_far()
    }

    /// Takes it for so far ahead; by how much, if that is news and worth telling.
    fn settle(&mut self, ahead_ms: i64) -> Option<i64> {
        let known = self.ahead_ms.replace(ahead_ms).is_some_and(|before| self.is_far(before));
        (self.is_far(ahead_ms) && !known).then_some(ahead_ms)
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
    fn an_old_word_that_is_passed_on_puts_no_clock_in_the_wrong_and_new_ones_do() {
        let (notary, epoch) = (PeerId([1; 32]), Duration::seconds(600));
        // Heard at a second, said that long before by a clock that this one is so far ahead of.
        let heard = |clock: &mut Clock, second: u64, old: u64, ahead: i64| {
            let now = Timestamp(WALL + second * 1_000);
            let theirs = Timestamp((now.0 - old * 1_000).saturating_add_signed(-ahead));
            clock.compare_passed_on(notary, theirs, now, epoch)
        };
        let mut right = Clock::default();
        let told = [(0, 419), (1, 1_019), (181, 0), (781, 0), (1_381, 0)];
        assert_eq!(told.map(|(second, old)| heard(&mut right, second, old, 0)), [None; 5]);
        assert!(right.view().skews.iter().all(|skew| !skew.is_far()), "{:?}", right.view());

        let mut fast = Clock::default();
        let told = [(0, 419), (181, 0), (781, 0), (1_381, 0)];
        assert_eq!(
            told.map(|(second, old)| heard(&mut fast, second, old, HOUR)),
            [None, None, Some(HOUR), None],
            "once a new one must be among them"
        );
        let mut slow = Clock::default();
        assert_eq!(
            heard(&mut slow, 0, 419, -HOUR),
            Some(419_000 - HOUR),
            "what is of the future is no old word"
        );
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
