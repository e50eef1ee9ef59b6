//! Who behaves how in one run: what the members of each coalition share, and the programs that decide for others.
//!
//! **Invariant:** a program that fails ends the run with that as its error; what one answers is in the digest of the run.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
    time::Duration,
};

use assay_protocol::{
    codec,
    id::{Digest, NetworkId, PeerId},
    signed::Signer,
    units::Rate,
};
use serde_json::json;

use super::{
    ExperimentError,
    course::{Cast, thousandths},
};
use crate::{
    behaviour::{
        Aborter, AbsentVerifier, Behaviour, Burst, Bystander, CancellingClient, CartelMember, CheapVerifier,
        Churner, ClassSpoofer, Coalition, CopyingVerifier, ExternalStrategy, FalseOpener, Flooder, Forger,
        Gatekeeper, GriefingClient, Hoarder, Honest, Idler, LazyVerifier, Mute, OtherHardware, Prefiller,
        RateCheater, Replayer, SecretiveClient, SelfDealer, SilentProvider, Slanderer, Sleeper,
        StrategyFailure, StrategyProgram, Substituter, ThresholdCheater, ToleranceSurfer, Truncator,
        ValueJumper, Whitewasher, WindowShopper, Withholder,
    },
    crypto::SimulatedKey,
    lab::scenario::{BehaviourName, Population, PopulationRole, Scenario, StrategyCommand, WHOLE},
    plan::Plan,
};

/// A program that decides for a population.
type SharedProgram = Rc<RefCell<StrategyProgram>>;

/// What the peers of a run that are not honest know, and who decides for them.
pub(super) struct Company {
    seed: u64,
    network: NetworkId,
    keys: Vec<SimulatedKey>,
    /// The number of each peer within its population.
    numbers: Vec<u64>,
    /// Who was there from the first day.
    founders: Rc<BTreeSet<PeerId>>,
    coalitions: BTreeMap<String, Rc<Coalition>>,
    programs: BTreeMap<String, SharedProgram>,
}

impl Company {
    /// Brings coalitions together, and starts the programs.
    ///
    /// # Errors
    /// [`ExperimentError::Strategy`], if one does not start.
    pub(super) fn gather(
        scenario: &Scenario,
        seed: u64,
        plan: &Plan,
        network: NetworkId,
        cast: &Cast<'_>,
    ) -> Result<Self, ExperimentError> {
        // Those of one population stand behind each other.
        let mut numbers: Vec<u64> = Vec::with_capacity(cast.len());
        for (place, (_, each)) in cast.iter().enumerate() {
            let follows = place > 0 && core::ptr::eq(cast[place - 1].1, *each);
            numbers.push(if follows { numbers[place - 1] + 1 } else { 0 });
        }
        let keys: Vec<SimulatedKey> = cast.iter().map(|(place, _)| plan.key(*place)).collect();
        let founders = keys.iter().zip(cast).filter(|(_, (_, each))| each.role == PopulationRole::Founder);
        let founders = Rc::new(founders.map(|(key, _)| key.id()).collect());
        let crooks = scenario.populations.iter().filter(|each| each.conduct != BehaviourName::Honest);
        let purses = crooks.map(Population::purse);
        let coalitions = purses
            .map(|purse| {
                let coalition = coalition(&purse, &keys, cast);
                (purse, coalition)
            })
            .collect();
        let programs = BTreeMap::new();
        let mut company = Self { seed, network, keys, numbers, founders, coalitions, programs };
        for population in &scenario.populations {
            if let Some(command) = &population.command {
                let program = company.start(population, command, cast)?;
                company.programs.insert(population.name.clone(), Rc::new(RefCell::new(program)));
            }
        }
        Ok(company)
    }

    fn start(
        &self,
        population: &Population,
        command: &StrategyCommand,
        cast: &Cast<'_>,
    ) -> Result<StrategyProgram, ExperimentError> {
        let failed = |why| self.failed(&population.name, why);
        let within = Duration::from_nanos(command.within);
        let mut program = StrategyProgram::start(&command.words, within).map_err(failed)?;
        let members = self.keys.iter().zip(cast).filter(|(_, (_, each))| each.name == population.name);
        let names: Vec<String> = members.map(|(key, _)| key.id().to_string()).collect();
        let friends: Vec<String> =
            self.coalition(population).members().map(|peer| peer.to_string()).collect();
        program.ask(
            "begin",
            json!({
                "version": 1,
                "seed": self.seed,
                "population": population.name,
                "role": population.role.word(),
                "peers": names,
                "coalition": friends,
            }),
        );
        match program.failure() {
            Some(why) => Err(failed(why.clone())),
            None => Ok(program),
        }
    }

    /// How the peer of this number in the cast behaves.
    pub(super) fn behaviour(&self, cast: &Cast<'_>, place: usize) -> Box<dyn Behaviour> {
        let (_, population) = cast[place];
        match self.programs.get(&population.name) {
            Some(program) => {
                let (own, number) = (self.keys[place].id(), self.numbers[place]);
                Box::new(ExternalStrategy::new(own, number, Rc::clone(program), self.coalition(population)))
            }
            None => self.named(population, place),
        }
    }

    fn named(&self, population: &Population, place: usize) -> Box<dyn Behaviour> {
        let (key, settings) = (self.keys[place], population.settings);
        let (peer, coalition, lie) = (key.id(), self.coalition(population), settings.sells);
        let (share, below) = (part(settings.share), part(settings.below));
        match population.conduct {
            // A program decides for those that are external.
            BehaviourName::Honest | BehaviourName::External => Box::new(Honest),
            BehaviourName::Forger => Box::new(Forger),
            BehaviourName::LazyVerifier => Box::new(LazyVerifier),
            BehaviourName::AbsentVerifier => Box::new(AbsentVerifier),
            BehaviourName::SilentProvider => Box::new(SilentProvider),
            BehaviourName::SecretiveClient => Box::new(SecretiveClient),
            BehaviourName::Withholder => Box::new(Withholder),
            BehaviourName::Aborter => Box::new(Aborter),
            BehaviourName::Mute => Box::new(Mute),
            BehaviourName::Sleeper => Box::new(Sleeper),
            BehaviourName::Idler => Box::new(Idler),
            BehaviourName::Slanderer => Box::new(Slanderer),
            BehaviourName::FalseOpener => Box::new(FalseOpener(key, self.network)),
            BehaviourName::RateCheater => Box::new(RateCheater { peer, share, lie }),
            BehaviourName::ThresholdCheater => Box::new(ThresholdCheater::new(below, lie, coalition)),
            BehaviourName::Burst => Box::new(Burst::new(settings.after, settings.jobs, lie)),
            BehaviourName::ValueJumper => Box::new(ValueJumper::new(thousandths(settings.price), lie)),
            BehaviourName::Substituter => Box::new(Substituter),
            BehaviourName::Truncator => Box::new(Truncator),
            BehaviourName::Prefiller => Box::new(Prefiller),
            BehaviourName::Replayer => Box::new(Replayer::default()),
            BehaviourName::CopyingVerifier => Box::new(CopyingVerifier),
            BehaviourName::CheapVerifier => Box::new(CheapVerifier),
            BehaviourName::CartelMember => Box::new(CartelMember { peer, share, lie, coalition }),
            BehaviourName::Whitewasher => {
                let name = Whitewasher::new(self.numbers[place], settings.live, coalition);
                Box::new(name.after(settings.after))
            }
            BehaviourName::SelfDealer => Box::new(SelfDealer::new(coalition)),
            BehaviourName::GriefingClient => Box::new(GriefingClient::default()),
            BehaviourName::ClassSpoofer => Box::new(ClassSpoofer),
            BehaviourName::ToleranceSurfer => Box::new(ToleranceSurfer { millionths: settings.error }),
            BehaviourName::OtherHardware => Box::new(OtherHardware),
            BehaviourName::Churner => Box::new(Churner { peer, share }),
            BehaviourName::Gatekeeper => Box::new(Gatekeeper::new(Rc::clone(&self.founders), settings.jobs)),
            BehaviourName::Hoarder => Box::new(Hoarder { units: settings.units }),
            BehaviourName::WindowShopper => Box::new(WindowShopper { peer, share }),
            BehaviourName::CancellingClient => Box::new(CancellingClient::default()),
            BehaviourName::Flooder => Box::new(Flooder::new(settings.jobs)),
            BehaviourName::Bystander => Box::new(Bystander),
        }
    }

    fn coalition(&self, population: &Population) -> Rc<Coalition> {
        let known = self.coalitions.get(&population.purse()).map(Rc::clone);
        known.unwrap_or_else(|| Coalition::new(Vec::new(), Vec::new()))
    }

    /// Whether every program still decides.
    ///
    /// # Errors
    /// [`ExperimentError::Strategy`], for the first that does not.
    pub(super) fn examine(&self) -> Result<(), ExperimentError> {
        for (population, program) in &self.programs {
            if let Some(why) = program.borrow().failure() {
                return Err(self.failed(population, why.clone()));
            }
        }
        Ok(())
    }

    /// Tells every program that the run is over, and returns what stands for all that they answered; nothing if there are
    /// none.
    ///
    /// # Errors
    /// [`ExperimentError::Strategy`], if one failed.
    pub(super) fn end(&self) -> Result<Option<Digest>, ExperimentError> {
        for program in self.programs.values() {
            program.borrow_mut().ask("end", json!({}));
        }
        self.examine()?;
        let answers: Vec<Digest> = self.programs.values().map(|program| program.borrow().digest()).collect();
        Ok((!answers.is_empty()).then(|| codec::digest("strategies", &answers)))
    }

    fn failed(&self, population: &str, why: StrategyFailure) -> ExperimentError {
        ExperimentError::Strategy { seed: self.seed, population: population.to_owned(), why }
    }
}

/// Those who share a purse.
fn coalition(purse: &str, keys: &[SimulatedKey], cast: &Cast<'_>) -> Rc<Coalition> {
    let members = || keys.iter().zip(cast).filter(|(_, (_, each))| each.purse() == purse);
    let names = |orders: bool| -> Vec<PeerId> {
        members().filter(|(_, (_, each))| each.orders() == orders).map(|(key, _)| key.id()).collect()
    };
    Coalition::new(names(false), names(true))
}

/// Parts of a million.
fn part(parts: u64) -> Rate {
    Rate::of(parts, WHOLE)
}
