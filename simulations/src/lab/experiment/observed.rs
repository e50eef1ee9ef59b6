//! A run that somebody looks on at who counts something else than figures do.

use super::{
    ExperimentError, course,
    passed::{RunTime, SimulatedTime},
};
use crate::lab::{
    market::{Ground, Market, Observer},
    scenario::{FidelityName, Scenario},
};

/// Lets a scenario take its course in the laboratory, whatever it is run in else, and says what the observer made of it.
pub(crate) fn observe<O: Observer, T>(
    scenario: &Scenario,
    seed: u64,
    observer: O,
    made: impl FnOnce(&O) -> T,
) -> Result<T, ExperimentError> {
    let plan = course::plan(scenario, seed);
    let cast = course::cast(scenario, &plan);
    let ground = match scenario.fidelity {
        FidelityName::Sampled => Ground::of(&plan),
        FidelityName::Full => Ground::hop_by_hop(&plan),
    };
    let mut market = Market::new(plan, ground, observer);
    let passed = SimulatedTime::default();
    course::play(scenario, seed, &mut market, &cast, &RunTime::begin(&passed, scenario.horizon))?;
    Ok(made(market.observer()))
}
