//! Attacks that the rules answer, each by its name, and what it brings to those who try it, in money.

mod copies;
mod draws;
mod inputs;
mod restores;
mod scenes;
mod silence;
mod slashes;
mod thresholds;
mod verdicts;

use assay_simulations::world::{Place, World};

/// Peers that share what they gain.
#[derive(Clone, Debug)]
pub(crate) struct Coalition {
    members: Vec<Place>,
    before: i128,
}

impl Coalition {
    /// These peers, with what they own now.
    pub(crate) fn new(world: &World, members: impl IntoIterator<Item = Place>) -> Self {
        let members: Vec<Place> = members.into_iter().collect();
        let before = owned(world, &members);
        Self { members, before }
    }

    /// By how much they are richer than at the beginning, in nano-credits. Says so, for who reads along.
    #[allow(clippy::print_stdout, reason = "a figure beside what is asserted of it")]
    pub(crate) fn gain(&self, world: &World, attack: &str) -> i128 {
        let gain = owned(world, &self.members) - self.before;
        println!("{attack}: {:+.6} credits for {} peers", gain as f64 / 1e9, self.members.len());
        gain
    }
}

fn owned(world: &World, members: &[Place]) -> i128 {
    let wealth = |place: &Place| i128::from(world.wealth(*place).unwrap_or_default().0);
    members.iter().map(wealth).sum()
}
