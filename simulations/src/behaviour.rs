//! How peers behave: a strategy stands between a peer's brain and the world and changes what passes.
//!
//! The checker's world and the market of the laboratory ask the same trait at the same places, so each behaviour is written
//! once. One that is part of a coalition shares what that knows ([`Coalition`]); one that a program of somebody else decides
//! is an [`ExternalStrategy`].
//!
//! **Invariant:** a behaviour sees what its own peer sees and does what its own peer could do; it forges nobody.

mod aborter;
mod absent_verifier;
mod burst;
mod bystander;
mod cancelling_client;
mod cartel;
mod cheap_verifier;
mod churner;
mod class_spoofer;
mod coalition;
mod copying_verifier;
mod drifter;
mod external;
mod false_opener;
mod flooder;
mod forger;
mod gatekeeper;
mod griefing_client;
mod hoarder;
mod honest;
mod idler;
mod lazy_verifier;
mod leaks;
mod lie;
mod mute;
mod other_hardware;
mod prefiller;
mod program;
mod rate_cheater;
mod raver;
mod replayer;
mod secretive_client;
mod self_dealer;
mod silent_provider;
mod sleeper;
mod started;
mod streamer;
mod substituter;
mod threshold_cheater;
mod tolerance_surfer;
mod truncator;
mod two_faced;
mod value_jumper;
mod whitewasher;
mod window_shopper;
mod withholder;

use std::fmt::Debug;

use assay_market::{
    Command,
    effect::{Effect, Run},
    input::Input,
};

use crate::machine::Made;

pub use aborter::Aborter;
pub use absent_verifier::AbsentVerifier;
pub use burst::Burst;
pub use bystander::Bystander;
pub use cancelling_client::CancellingClient;
pub use cartel::CartelMember;
pub use cheap_verifier::CheapVerifier;
pub use churner::Churner;
pub use class_spoofer::ClassSpoofer;
pub use coalition::Coalition;
pub use copying_verifier::CopyingVerifier;
pub use drifter::Drifter;
pub use external::ExternalStrategy;
pub use false_opener::FalseOpener;
pub use flooder::Flooder;
pub use forger::Forger;
pub use gatekeeper::Gatekeeper;
pub use griefing_client::GriefingClient;
pub use hoarder::Hoarder;
pub use honest::Honest;
pub use idler::Idler;
pub use lazy_verifier::LazyVerifier;
pub use leaks::{Bait, Hunter, Leaker, Leaks, Slanderer, Taker};
pub use lie::Lie;
pub use mute::Mute;
pub use other_hardware::OtherHardware;
pub use prefiller::Prefiller;
pub use program::{StrategyFailure, StrategyProgram};
pub use rate_cheater::RateCheater;
pub use raver::Raver;
pub use replayer::Replayer;
pub use secretive_client::SecretiveClient;
pub use self_dealer::SelfDealer;
pub use silent_provider::SilentProvider;
pub use sleeper::Sleeper;
pub use streamer::Streamer;
pub use substituter::Substituter;
pub use threshold_cheater::ThresholdCheater;
pub use tolerance_surfer::ToleranceSurfer;
pub use truncator::Truncator;
pub use two_faced::TwoFaced;
pub use value_jumper::ValueJumper;
pub use whitewasher::Whitewasher;
pub use window_shopper::WindowShopper;
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

    /// Whether its runs take the work of honest ones although they make something else. Where they do not they are taken to
    /// cost nothing: no cheat saves more.
    fn toils(&self) -> bool {
        false
    }

    /// What its peer's user wants because of what has passed; asked after each input, until that is nothing.
    fn wants(&mut self) -> Option<Command> {
        None
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

    fn toils(&self) -> bool {
        (**self).toils()
    }

    fn wants(&mut self) -> Option<Command> {
        (**self).wants()
    }
}
