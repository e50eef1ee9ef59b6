//! A market in which it is drawn when what is told to everybody has spread, beside the same of which each hop is carried.
//!
//! Left out are the longest waits: two peers that are far apart stay so where each hop is carried, and each message has luck of its
//! own where it is drawn.

use super::Validated;
use crate::lab::{
    experiment::{self, RunFigures},
    scenario::{FidelityName, KernelName, PopulationRole, Scenario},
    shipped,
    statistics::Moments,
};

/// Peers of the market, with the notary.
const PEERS: u64 = 1_000;
/// What has to be the same within the intervals of both.
const FIGURES: [&str; 7] = [
    "orders paid, share",
    "paid after a check, share",
    "wait for a result, half, s",
    "forged results sold",
    "forged results slashed",
    "gain of one of honest, credits",
    "gain of one of forgers, credits",
];
/// How sure both intervals are.
const CONFIDENCE: f64 = 0.99;
/// What a mean may be off where nothing varies.
const ROUNDING: f64 = 1e-9;

pub(super) fn all(quick: bool) -> Vec<Validated> {
    let scenario = market(quick);
    let run = |fidelity| {
        let scenario = scenario.as_ref().map(|scenario| Scenario { fidelity, ..scenario.clone() });
        scenario.and_then(|scenario| experiment::run_on(1, &scenario, 1, false).ok()).unwrap_or_default()
    };
    let [sampled, full] = [FidelityName::Sampled, FidelityName::Full].map(run);
    FIGURES.map(|figure| beside(figure, &sampled, &full)).into()
}

/// Forgers among a thousand peers.
fn market(quick: bool) -> Option<Scenario> {
    let name = "fraud-vs-check-rate";
    let scenario = Scenario::read(name, &shipped::text(name)?, &shipped::text).ok()?;
    let (seeds, seconds) = if quick { (4, 20) } else { (12, 60) };
    let kernel = KernelName::Laboratory;
    let mut scenario = Scenario { kernel, seeds, horizon: seconds * 1_000_000_000, ..scenario };
    let others = scenario.peers() - scenario.count(PopulationRole::Client);
    let clients = scenario.populations.iter_mut().find(|each| each.role == PopulationRole::Client);
    clients.into_iter().for_each(|each| each.count = PEERS - others);
    Some(scenario)
}

/// A figure without a value is wrong.
fn beside(figure: &str, sampled: &[RunFigures], full: &[RunFigures]) -> Validated {
    let name = format!("sampled beside full: {figure}");
    let Some(([found, by], [target, more])) = of(figure, sampled).zip(of(figure, full)) else {
        return Validated { name, target: 0.0, found: f64::NAN, allowed: [0.0, 0.0] };
    };
    Validated::within(name, target, found, by + more + ROUNDING)
}

/// The mean of a figure, and half of its interval.
fn of(figure: &str, runs: &[RunFigures]) -> Option<[f64; 2]> {
    let value = |run: &RunFigures| {
        let known = run.figures.iter().find(|(name, _)| name == figure);
        known.and_then(|(_, value)| *value)
    };
    let moments: Moments = runs.iter().map(value).collect::<Option<Vec<f64>>>()?.into_iter().collect();
    let interval = moments.interval(CONFIDENCE)?;
    Some([moments.mean(), interval.high - moments.mean()])
}
