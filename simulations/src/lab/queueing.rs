//! Queues whose waits are known from theory, on the calendar that everything else runs on.

use std::collections::VecDeque;

use super::{calendar::Calendar, distribution::Distribution, statistics::Moments};
use crate::{
    kernel::{Instant, Span},
    random::Stream,
};

/// The share of jobs at the beginning of a run that counts for nothing: the queue was empty then.
const WARM_UP: u64 = 10;

/// Servers, and how they are used. The mean service is one second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Queueing {
    /// How many servers.
    pub servers: usize,
    /// The share of their time that is asked for.
    pub load: f64,
    /// How long a job is served, with a mean of one second.
    pub service: Distribution,
    /// How many servers a job looks at before it joins the shortest queue; none for one queue before all.
    pub choices: Option<u32>,
    /// How many jobs come.
    pub jobs: u64,
}

/// What happens.
#[derive(Clone, Copy, Debug)]
enum QueueEvent {
    Comes,
    Leaves(u32),
}

/// The seconds that jobs wait before they are served, of one run.
#[must_use]
pub fn waits(seed: u64, queueing: &Queueing) -> Moments {
    let queues = if queueing.choices.is_some() { queueing.servers } else { 1 };
    let mut run = QueueRun {
        queueing,
        calendar: Calendar::default(),
        queues: vec![VecDeque::new(); queues],
        busy: vec![0; queues],
        each: if queueing.choices.is_some() { 1 } else { queueing.servers },
        services: Stream::new(seed, "services", 0),
        begun: 0,
        waits: Moments::default(),
    };
    run.live(seed);
    run.waits
}

struct QueueRun<'a> {
    queueing: &'a Queueing,
    calendar: Calendar<QueueEvent>,
    /// When those came that wait, before each group of servers.
    queues: Vec<VecDeque<Instant>>,
    busy: Vec<usize>,
    /// Servers of a group.
    each: usize,
    services: Stream,
    begun: u64,
    waits: Moments,
}

impl QueueRun<'_> {
    fn live(&mut self, seed: u64) {
        let between = Distribution::Exponential(1.0 / (self.queueing.load * self.queueing.servers as f64));
        let (mut arrivals, mut choices) = (Stream::new(seed, "arrivals", 0), Stream::new(seed, "choices", 0));
        self.calendar.after(Span::ZERO, QueueEvent::Comes);
        let mut left = self.queueing.jobs;
        while let Some(event) = self.calendar.pop() {
            match event {
                QueueEvent::Comes => {
                    left -= 1;
                    if left > 0 {
                        self.calendar.after(between.span(&mut arrivals), QueueEvent::Comes);
                    }
                    let queue = self.choose(&mut choices);
                    self.queues[queue].push_back(self.calendar.now());
                    self.begin(queue);
                }
                QueueEvent::Leaves(queue) => {
                    self.busy[queue as usize] -= 1;
                    self.begin(queue as usize);
                }
            }
        }
    }

    /// The shortest of some queues, the first that was looked at if there are several.
    fn choose(&self, luck: &mut Stream) -> usize {
        let looked = self.queueing.choices.unwrap_or_default();
        let looked = (0..looked).map(|_| luck.below(self.queues.len() as u64) as usize);
        looked.min_by_key(|queue| self.queues[*queue].len() + self.busy[*queue]).unwrap_or_default()
    }

    fn begin(&mut self, queue: usize) {
        if self.busy[queue] == self.each {
            return;
        }
        let Some(came) = self.queues[queue].pop_front() else { return };
        self.busy[queue] += 1;
        self.begun += 1;
        if self.begun > self.queueing.jobs / WARM_UP {
            self.waits.add((self.calendar.now().0 - came.0) as f64 / 1e9);
        }
        let service = self.queueing.service.span(&mut self.services);
        self.calendar.after(service, QueueEvent::Leaves(queue as u32));
    }
}

/// The mean wait before so many servers, without memory on either side.
#[must_use]
pub fn wait_without_memory(servers: usize, load: f64) -> f64 {
    let offered = load * servers as f64;
    // Blocking by Erlang's recursion, and the chance to wait from it.
    let blocking = (1..=servers).fold(1.0, |blocking, server| {
        let part = offered * blocking;
        part / (server as f64 + part)
    });
    let waits = blocking / (1.0 - load * (1.0 - blocking));
    waits / (servers as f64 * (1.0 - load))
}

/// The mean wait before one server, by the ratio of variance to squared mean of what it does.
#[must_use]
pub fn wait_for_one(load: f64, ratio: f64) -> f64 {
    load * (1.0 + ratio) / (2.0 * (1.0 - load))
}

/// The mean stay where each job joins the shortest of some queues, of infinitely many.
#[must_use]
pub fn stay_by_choices(load: f64, choices: u32) -> f64 {
    let (mut stay, mut exponent, mut term) = (0.0, 0.0, 1.0);
    while term > 1e-12 {
        stay += term;
        exponent = exponent * f64::from(choices) + f64::from(choices);
        term = libm::pow(load, exponent);
    }
    stay
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closed_forms_give_the_published_figures() {
        for (found, expected) in [
            (wait_without_memory(1, 0.9), 9.0),
            (wait_without_memory(4, 0.8), 0.745_541),
            (wait_without_memory(10, 0.95), 1.651_171),
            (wait_without_memory(50, 0.9), 0.072_773),
            (wait_for_one(0.8, 4.0), 10.0),
            (stay_by_choices(0.9, 1), 10.0),
            (stay_by_choices(0.9, 2), 2.6141),
            (stay_by_choices(0.9, 3), 2.0279),
        ] {
            assert!((found - expected).abs() < 5e-5, "{found} instead of {expected}");
        }
    }

    #[test]
    fn a_run_depends_on_its_seed_alone() {
        let queueing = Queueing {
            servers: 4,
            load: 0.8,
            service: Distribution::Exponential(1.0),
            choices: Some(2),
            jobs: 2_000,
        };
        assert_eq!(waits(1, &queueing), waits(1, &queueing));
        assert_ne!(waits(1, &queueing), waits(2, &queueing));
    }
}
