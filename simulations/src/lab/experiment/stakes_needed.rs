//! Stakes at which something changes for their owner.

use assay_protocol::{genesis::Genesis, units::NANO_PER_CREDIT};

use super::course;
use crate::{
    lab::scenario::Scenario,
    plan::{self, UNIT_PRICE},
};

/// What an order needs of its provider, and what a manifest needs of who checks it, in what is ordered in a market; in thousandths of
/// a credit. With less a provider is a newcomer, and a verifier is never drawn.
pub(in crate::lab) fn stakes_needed(scenario: &Scenario) -> [u64; 2] {
    let genesis: Genesis = course::plan(scenario, 0).genesis();
    let Some(manifest) = genesis.manifest(scenario.work) else { return [0; 2] };
    let (units, work) = match scenario.work == plan::TEXT {
        true => (plan::TEXT_UNITS, manifest.work_most),
        false => (1, manifest.work.call),
    };
    let entry = UNIT_PRICE
        .times(units)
        .and_then(|price| price.plus(genesis.check_cost(work).times(genesis.money.entry_checks)?));
    let least = genesis.stake_least(manifest.work_most);
    [entry.unwrap_or(least), least].map(|amount| amount.0.div_ceil(NANO_PER_CREDIT / 1_000))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::shipped;

    #[test]
    fn a_label_takes_a_price_and_fourteen_runs_and_its_check_twelve_of_the_largest() {
        let text = shipped::text("market").unwrap();
        let market = Scenario::read("market", &text, &shipped::text).unwrap();
        // Of .01 for a unit, .004 for a run, and .016 for the largest that the manifest allows.
        assert_eq!(stakes_needed(&market), [66, 192]);
    }
}
