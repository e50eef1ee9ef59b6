//! The schedule of millions of small events: a calendar whose days are as long as the events are dense.
//!
//! Events of one day lie together without order and are sorted when the day comes; what lies behind the last day of the
//! calendar waits in a heap.
//!
//! **Invariant:** events come out in the order (time, sequence), as from the schedule of [`crate::kernel`], however the
//! days are laid out.

use std::{
    cmp::{Ordering, Reverse},
    collections::BinaryHeap,
    mem,
};

use crate::kernel::{Instant, Span};

/// Days of the smallest calendar.
const DAYS_MIN: usize = 64;
/// Days of the largest.
const DAYS_MAX: usize = 1 << 20;
/// Events that should share a day.
const DAY_EVENTS: u64 = 3;
/// Steps that were of no use, for each event that came out, at which the days are laid out anew.
const WASTE: u64 = 4;

/// An event with its place in the order.
#[derive(Clone, Copy, Debug)]
struct Scheduled<E> {
    at: u64,
    sequence: u64,
    event: E,
}

impl<E> Scheduled<E> {
    fn place(&self) -> (u64, u64) {
        (self.at, self.sequence)
    }
}

impl<E> PartialEq for Scheduled<E> {
    fn eq(&self, other: &Self) -> bool {
        self.place() == other.place()
    }
}

impl<E> Eq for Scheduled<E> {}

impl<E> PartialOrd for Scheduled<E> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<E> Ord for Scheduled<E> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.place().cmp(&other.place())
    }
}

/// What is still to happen, and the time it is now.
#[derive(Clone, Debug)]
pub struct Calendar<E> {
    /// What happens today, the next at the end.
    today: Vec<Scheduled<E>>,
    /// What happens on the days after, each where its number falls.
    days: Vec<Vec<Scheduled<E>>>,
    /// What happens after all of them.
    later: BinaryHeap<Reverse<Scheduled<E>>>,
    /// The number of today.
    day: u64,
    /// The length of a day, as a power of two of nanoseconds.
    shift: u32,
    /// Events on the days after today.
    ahead: usize,
    sequence: u64,
    now: u64,
    /// Events that came out, and steps that were of no use, since the days were laid out.
    popped: u64,
    wasted: u64,
}

impl<E: Copy> Default for Calendar<E> {
    fn default() -> Self {
        const { assert!(size_of::<E>() <= 16, "an event is small: what is large lies in an arena") };
        Self {
            today: Vec::new(),
            days: (0..DAYS_MIN).map(|_| Vec::new()).collect(),
            later: BinaryHeap::new(),
            day: 0,
            shift: 20,
            ahead: 0,
            sequence: 0,
            now: 0,
            popped: 0,
            wasted: 0,
        }
    }
}

impl<E: Copy> Calendar<E> {
    /// The time of the event that came out last.
    #[must_use]
    pub fn now(&self) -> Instant {
        Instant(self.now)
    }

    /// How many events are still to happen.
    #[must_use]
    pub fn len(&self) -> usize {
        self.today.len() + self.ahead + self.later.len()
    }

    /// True if nothing is still to happen.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Lets `event` happen `span` from now.
    pub fn after(&mut self, span: Span, event: E) {
        self.at(Instant(self.now.saturating_add(span.0)), event);
    }

    /// Lets `event` happen at `instant`, or now if that is past.
    pub fn at(&mut self, instant: Instant, event: E) {
        let scheduled = Scheduled { at: instant.0.max(self.now), sequence: self.sequence, event };
        self.sequence += 1;
        self.put(scheduled);
        if self.ahead > self.days.len() * 4 && self.days.len() < DAYS_MAX {
            self.lay_out();
        }
    }

    /// When the next event happens.
    pub fn next_at(&mut self) -> Option<Instant> {
        if self.today.is_empty() && !self.turn() {
            return None;
        }
        self.today.last().map(|next| Instant(next.at))
    }

    /// Moves time on, at most to the next event.
    pub fn advance(&mut self, to: Instant) {
        let most = self.next_at().map_or(to, |next| next.min(to));
        self.now = self.now.max(most.0);
    }

    /// Moves time to the next event.
    pub fn pop(&mut self) -> Option<E> {
        if self.today.is_empty() && !self.turn() {
            return None;
        }
        let next = self.today.pop()?;
        self.now = next.at;
        self.popped += 1;
        Some(next.event)
    }

    fn put(&mut self, scheduled: Scheduled<E>) {
        let day = scheduled.at >> self.shift;
        if day <= self.day {
            let before = self.today.partition_point(|other| other.place() > scheduled.place());
            self.wasted += (self.today.len() - before) as u64 / 8;
            self.today.insert(before, scheduled);
        } else if day - self.day < self.days.len() as u64 {
            let place = self.place(day);
            self.days[place].push(scheduled);
            self.ahead += 1;
        } else {
            self.later.push(Reverse(scheduled));
        }
    }

    fn place(&self, day: u64) -> usize {
        day as usize & (self.days.len() - 1)
    }

    /// Goes on to the next day on which something happens; false if there is none.
    fn turn(&mut self) -> bool {
        if self.is_empty() {
            return false;
        }
        if self.wasted > WASTE * self.popped + 1_024 && self.popped > self.len() as u64 {
            self.lay_out();
        }
        while self.today.is_empty() {
            self.day = match self.later.peek() {
                Some(Reverse(first)) if self.ahead == 0 => first.at >> self.shift,
                _ => self.day + 1,
            };
            self.draw_near();
            let place = self.place(self.day);
            let coming = mem::take(&mut self.days[place]);
            self.ahead -= coming.len();
            // The empty list of a day that is over serves the day a whole calendar later.
            self.days[place] = mem::replace(&mut self.today, coming);
            self.wasted += u64::from(self.today.is_empty()) + self.today.len() as u64 / 16;
        }
        self.today.sort_unstable_by(|one, other| other.cmp(one));
        true
    }

    /// What waited behind the last day and does so no more gets its day.
    fn draw_near(&mut self) {
        let end = self.day + self.days.len() as u64;
        while let Some(Reverse(first)) = self.later.peek()
            && first.at >> self.shift < end
            && let Some(Reverse(first)) = self.later.pop()
        {
            let place = self.place(first.at >> self.shift);
            self.days[place].push(first);
            self.ahead += 1;
        }
    }

    /// Chooses days by what is still to happen.
    fn lay_out(&mut self) {
        let mut all: Vec<Scheduled<E>> = mem::take(&mut self.today);
        self.days.iter_mut().for_each(|day| all.append(day));
        all.extend(mem::take(&mut self.later).into_iter().map(|Reverse(scheduled)| scheduled));
        all.sort_unstable();
        let middle = all.len() / 2;
        if let (Some(first), Some(median)) = (all.first(), all.get(middle)) {
            let length = (median.at - first.at) / (middle as u64).max(1) * DAY_EVENTS;
            self.shift = length.max(1).next_power_of_two().trailing_zeros().min(40);
        }
        let count = all.len().next_power_of_two().clamp(DAYS_MIN, DAYS_MAX);
        self.days.resize_with(count, Vec::new);
        (self.day, self.ahead, self.popped, self.wasted) = (self.now >> self.shift, 0, 0, 0);
        // The last first: today grows at its end.
        all.into_iter().rev().for_each(|scheduled| self.put(scheduled));
        self.wasted = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{kernel::Schedule, random::Stream};

    /// Lets both schedules live through the same and compares what comes out.
    fn check(name: &str, span: impl Fn(&mut Stream) -> u64) {
        let (mut calendar, mut schedule) = (Calendar::default(), Schedule::default());
        let mut luck = Stream::new(1, name, 0);
        for number in 0..60_000_u64 {
            // It grows, shrinks to nothing and grows again.
            let grows = luck.below(100) < if number / 10_000 % 2 == 0 { 70 } else { 30 };
            if grows {
                let span = Span(span(&mut luck));
                calendar.after(span, number);
                schedule.after(span, number);
            } else {
                if luck.below(4) == 0 {
                    let span = Span(span(&mut luck) / 8);
                    calendar.advance(calendar.now().after(span));
                    schedule.advance(schedule.now().after(span));
                }
                assert_eq!(calendar.next_at(), schedule.next_at(), "{name}");
                assert_eq!(calendar.pop(), schedule.pop(), "{name}");
                assert_eq!(calendar.now(), schedule.now(), "{name}");
            }
        }
        while let Some(event) = schedule.pop() {
            assert_eq!(calendar.pop(), Some(event), "{name}");
        }
        assert!(calendar.is_empty() && calendar.pop().is_none(), "{name}");
    }

    #[test]
    fn events_come_out_as_from_the_plain_schedule_however_they_are_spread() {
        check("even", |luck| luck.below(1_000_000));
        check("at once", |_| 0);
        check("few moments", |luck| luck.below(4) * 1_000_000_000);
        check("near and very far", |luck| 1 << luck.below(60));
        check("crowded", |luck| if luck.below(50) == 0 { 3_600_000_000_000 } else { luck.below(1_000) });
    }
}
