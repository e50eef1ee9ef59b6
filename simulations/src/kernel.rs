//! Virtual time: the schedule of everything that is still to happen.
//!
//! **Invariant:** events come out in the order (time, sequence), so two events never swap between runs.

use std::collections::BTreeMap;

use assay_protocol::units::Duration;

const NANOS_PER_MILLI: u64 = 1_000_000;

/// A moment: nanoseconds since the run began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(pub u64);

/// A length of virtual time in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span(pub u64);

impl Instant {
    /// The moment `span` later.
    #[must_use]
    pub const fn after(self, span: Span) -> Self {
        Self(self.0.saturating_add(span.0))
    }

    /// Whole milliseconds since the run began.
    #[must_use]
    pub const fn millis(self) -> u64 {
        self.0 / NANOS_PER_MILLI
    }

    /// The moment this many milliseconds after the run began.
    #[must_use]
    pub const fn at_millis(millis: u64) -> Self {
        Self(millis.saturating_mul(NANOS_PER_MILLI))
    }
}

impl Span {
    /// No time at all.
    pub const ZERO: Self = Self(0);

    /// A number of microseconds.
    #[must_use]
    pub const fn micros(count: u64) -> Self {
        Self(count * 1_000)
    }

    /// A number of milliseconds.
    #[must_use]
    pub const fn millis(count: u64) -> Self {
        Self(count.saturating_mul(NANOS_PER_MILLI))
    }

    /// A number of seconds.
    #[must_use]
    pub const fn seconds(count: u64) -> Self {
        Self::millis(count.saturating_mul(1_000))
    }

    /// Whole milliseconds in it.
    #[must_use]
    pub const fn whole_millis(self) -> u64 {
        self.0 / NANOS_PER_MILLI
    }

    /// The sum.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl From<Duration> for Span {
    fn from(length: Duration) -> Self {
        Self::millis(length.0)
    }
}

/// What is still to happen, and the time it is now.
#[derive(Clone, Debug)]
pub struct Schedule<E> {
    pending: BTreeMap<(Instant, u64), E>,
    sequence: u64,
    now: Instant,
}

impl<E> Default for Schedule<E> {
    fn default() -> Self {
        Self { pending: BTreeMap::new(), sequence: 0, now: Instant::default() }
    }
}

impl<E> Schedule<E> {
    /// The time of the event that came out last.
    #[must_use]
    pub fn now(&self) -> Instant {
        self.now
    }

    /// Lets `event` happen `span` from now.
    pub fn after(&mut self, span: Span, event: E) {
        self.at(self.now.after(span), event);
    }

    /// Lets `event` happen at `instant`, or now if that is past.
    pub fn at(&mut self, instant: Instant, event: E) {
        self.pending.insert((instant.max(self.now), self.sequence), event);
        self.sequence += 1;
    }

    /// When the next event happens.
    #[must_use]
    pub fn next_at(&self) -> Option<Instant> {
        self.pending.first_key_value().map(|((instant, _), _)| *instant)
    }

    /// Moves time on, at most to the next event.
    pub fn advance(&mut self, to: Instant) {
        self.now = self.now.max(self.next_at().map_or(to, |next| next.min(to)));
    }

    /// Moves time to the next event.
    pub fn pop(&mut self) -> Option<E> {
        let ((instant, _), event) = self.pending.pop_first()?;
        self.now = instant;
        Some(event)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_come_out_by_time_and_then_in_the_order_they_were_put_in() {
        let mut schedule = Schedule::default();
        for (millis, name) in [(2, 'c'), (1, 'a'), (2, 'd'), (1, 'b')] {
            schedule.after(Span::millis(millis), name);
        }
        let order: String = std::iter::from_fn(|| schedule.pop()).collect();
        assert_eq!((order.as_str(), schedule.now()), ("abcd", Instant::at_millis(2)));
        schedule.at(Instant::at_millis(1), 'e');
        assert_eq!((schedule.pop(), schedule.now()), (Some('e'), Instant::at_millis(2)));
    }
}
