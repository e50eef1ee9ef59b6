//! How many lines wait for somebody at a time: nobody says how much is taken at once, and each line that nobody has room for is an
//! order in vain. So a batch begins with one and goes on with twice as many while all are taken up; once one meets nobody but
//! who is busy, one alone stands in line behind those that are worked on, and now and then one more is tried.
//!
//! **Invariant:** at least one may wait, so that a batch goes on as soon as there is room.

/// Lines that meet nobody busy, one after another, before one more is tried.
const CALM: u32 = 8;
/// The most; how many are worked on at a time is another bound.
const REACH_MAX: usize = 1 << 16;

/// How many lines may wait for somebody at a time.
#[derive(Clone, Copy, Debug)]
pub(super) struct LineReach {
    lines: usize,
    /// Lines that met nobody busy since that last changed.
    calm: u32,
    has_met_busy: bool,
}

impl LineReach {
    /// True if one more may, beside so many.
    pub(super) fn admits_beside(self, waiting: usize) -> bool {
        waiting < self.lines
    }

    /// A line was taken up, or is over for another reason than that everybody was busy.
    pub(super) fn note_calm(&mut self) {
        self.calm += 1;
        if !self.has_met_busy {
            (self.lines, self.calm) = ((self.lines * 2).min(REACH_MAX), 0);
        } else if self.calm >= CALM {
            (self.lines, self.calm) = ((self.lines + 1).min(REACH_MAX), 0);
        }
    }

    /// A line waits for whoever is busy.
    pub(super) fn note_busy(&mut self) {
        *self = Self { has_met_busy: true, ..Self::default() };
    }
}

impl Default for LineReach {
    fn default() -> Self {
        Self { lines: 1, calm: 0, has_met_busy: false }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn most(reach: LineReach) -> usize {
        (0..).find(|waiting| !reach.admits_beside(*waiting)).unwrap_or_default()
    }

    #[test]
    fn it_doubles_until_somebody_is_busy_and_then_grows_by_one_after_a_while() {
        let mut reach = LineReach::default();
        let mut grown = vec![most(reach)];
        for _ in 0..4 {
            reach.note_calm();
            grown.push(most(reach));
        }
        assert_eq!(grown, [1, 2, 4, 8, 16]);
        reach.note_busy();
        assert_eq!(most(reach), 1, "one stands in line");
        (1..CALM).for_each(|_| reach.note_calm());
        assert_eq!(most(reach), 1);
        reach.note_calm();
        assert_eq!(most(reach), 2, "one more is tried");
        (1..CALM).for_each(|_| reach.note_calm());
        reach.note_busy();
        reach.note_calm();
        assert_eq!(most(reach), 1, "it was one too many, and the calm begins anew");
    }

    #[test]
    fn it_has_a_bound() {
        let mut reach = LineReach::default();
        (0..100).for_each(|_| reach.note_calm());
        assert_eq!(most(reach), REACH_MAX);
    }
}
