//! How long a client waits for its results while others do what they like, beside how long it waits in peace.

use assay_market::Event;
use assay_protocol::id::Digest;
use assay_simulations::{
    kernel::{Instant, Span},
    world::{Place, Wish, World},
};

/// How often those who disturb have their turn.
pub(super) const TURN_MILLIS: u64 = 50;

/// What came of a client's jobs.
#[derive(Clone, Debug, Default)]
pub(super) struct Deliveries {
    /// How many milliseconds each took that was delivered, the shortest first.
    pub(super) waits: Vec<u64>,
    /// How many jobs there were.
    pub(super) jobs: usize,
}

impl Deliveries {
    /// Submits so many jobs, one each `pause`, and lets `disturb` have a turn each [`TURN_MILLIS`] until `patience` after the last.
    pub(super) fn of(
        world: &mut World,
        client: Place,
        jobs: u64,
        (pause, patience): (Span, Span),
        mut disturb: impl FnMut(&mut World),
    ) -> Self {
        let mut submitted: Vec<(Digest, Instant)> = Vec::new();
        for number in 0..jobs {
            // Somebody in such a crowd tries a few times more than usual.
            let wish = Wish { number, attempts_max: 8, ..Wish::default() };
            submitted.push((world.submit(client, wish), world.now()));
            pass(world, pause, &mut disturb);
        }
        pass(world, patience, &mut disturb);
        let took = |(key, since): &(Digest, Instant)| {
            let at = |(at, event): &(Instant, Event)| {
                matches!(event, Event::Delivered { key: of, .. } if of == key).then_some(*at)
            };
            world.told(client).iter().find_map(at).map(|at| at.millis() - since.millis())
        };
        let mut waits: Vec<u64> = submitted.iter().filter_map(took).collect();
        waits.sort_unstable();
        Self { waits, jobs: submitted.len() }
    }

    /// Asserts that all jobs were delivered, and the one in the middle within twice the time that it takes in peace. Says
    /// so, for who reads along.
    #[allow(clippy::print_stdout, reason = "a figure beside what is asserted of it")]
    pub(super) fn assert_undisturbed(&self, peace: &Self, attack: &str) {
        let (median, quiet) = (self.median(), peace.median());
        println!(
            "figures: {attack}: {} of {} delivered, {median} ms in the middle, {quiet} in peace",
            self.waits.len(),
            self.jobs
        );
        assert_eq!(peace.waits.len(), peace.jobs, "{attack}: even in peace not all are delivered");
        assert_eq!(self.waits.len(), self.jobs, "{attack}: not all are delivered");
        assert!(median <= 2 * quiet, "{attack}: {median} ms instead of {quiet}");
    }

    fn median(&self) -> u64 {
        self.waits.get(self.waits.len() / 2).copied().unwrap_or(u64::MAX)
    }
}

fn pass(world: &mut World, span: Span, disturb: &mut impl FnMut(&mut World)) {
    let end = world.now().after(span);
    while world.now() < end {
        disturb(world);
        world.run_for(Span::millis(TURN_MILLIS));
    }
}
