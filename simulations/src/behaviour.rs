//! How peers behave: a strategy stands between a peer's brain and the world and changes what passes.
//!
//! **Invariant:** a behaviour sees what its own peer sees and does what its own peer could do; it forges nobody.

mod aborter;
mod absent_verifier;
mod drifter;
mod false_opener;
mod forger;
mod honest;
mod idler;
mod lazy_verifier;
mod leaks;
mod mute;
mod raver;
mod secretive_client;
mod silent_provider;
mod sleeper;
mod streamer;
mod two_faced;
mod withholder;

use std::fmt::Debug;

use assay_market::{
    effect::{Effect, Run},
    input::Input,
};

use crate::machine::Made;

pub use aborter::Aborter;
pub use absent_verifier::AbsentVerifier;
pub use drifter::Drifter;
pub use false_opener::FalseOpener;
pub use forger::Forger;
pub use honest::Honest;
pub use idler::Idler;
pub use lazy_verifier::LazyVerifier;
pub use leaks::{Bait, Hunter, Leaker, Leaks, Slanderer, Taker};
pub use mute::Mute;
pub use raver::Raver;
pub use secretive_client::SecretiveClient;
pub use silent_provider::SilentProvider;
pub use sleeper::Sleeper;
pub use streamer::Streamer;
pub use two_faced::TwoFaced;
pub use withholder::Withholder;

/// What a peer makes of what passes between its brain and the world.
pub trait Behaviour: Debug {
    /// What the brain hears of an input.
    fn hear(&mut self, input: Input) -> Option<Input> {
        Some(input)
    }

    /// What the world sees of an effect.
    fn act(&mut self, effect: Effect) -> Option<Effect> {
        Some(effect)
    }

    /// What a run of this input makes, where an honest machine would make `made`.
    fn make(&mut self, run: &Run, input: &[u8], made: Made) -> Made {
        let _ = input;
        Made { output: self.compute(run, made.output), ..made }
    }

    /// What a run writes, where an honest machine would write `output`.
    fn compute(&mut self, run: &Run, output: Vec<u8>) -> Vec<u8> {
        let _ = run;
        output
    }
}

impl Behaviour for Box<dyn Behaviour> {
    fn hear(&mut self, input: Input) -> Option<Input> {
        (**self).hear(input)
    }

    fn act(&mut self, effect: Effect) -> Option<Effect> {
        (**self).act(effect)
    }

    fn make(&mut self, run: &Run, input: &[u8], made: Made) -> Made {
        (**self).make(run, input, made)
    }

    fn compute(&mut self, run: &Run, output: Vec<u8>) -> Vec<u8> {
        (**self).compute(run, output)
    }
}
