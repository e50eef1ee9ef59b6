//! How often a job is checked, and what that deters: the arithmetic of p.
//!
//! **Invariant:** integers only, parts per 2³², rounded down; replay gives the same rate on every machine.

use crate::{
    genesis::Checks,
    units::{Amount, Rate},
};

/// Scale of intermediate powers; finer than [`Rate`] so that six factors keep their digits.
const FINE: u32 = 60;

/// The greatest margin of any jury: beyond it the chance of an error no longer shows in a [`Rate`].
pub const MARGIN_MAX: u64 = 64;

/// What the rate of one job depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Circumstances {
    /// Checks passed, decayed, in parts per 2³².
    pub trust: u64,
    /// The margin by which a jury convicts.
    pub margin: u64,
    /// The price of the job: the most that a cheat can gain.
    pub price: Amount,
    /// What a conviction costs.
    pub slash: Amount,
    /// True below the entry level, under an accusation or after too many grey results.
    pub always: bool,
}

/// The rate at which such a job is checked.
#[must_use]
pub fn rate(checks: &Checks, job: &Circumstances) -> Rate {
    if job.always {
        return Rate::ONE;
    }
    let deterring = deterrence(checks, job.margin, job.price, job.slash);
    checks.base.max(deterring).max(ramp(checks, job.trust)).min(Rate::ONE)
}

/// The rate that a provider with this much trust works under: `ramp / (v + 1)`.
#[must_use]
pub fn ramp(checks: &Checks, trust: u64) -> Rate {
    let scaled = u128::from(checks.ramp) << 64;
    let rate = scaled / (u128::from(trust) + u128::from(Rate::ONE.0));
    Rate(u64::try_from(rate).unwrap_or(u64::MAX)).min(Rate::ONE)
}

/// The rate from which on a cheat loses more than it gains: `θ·g / ((d − α)(g + slash))`.
#[must_use]
pub fn deterrence(checks: &Checks, margin: u64, gain: Amount, slash: Amount) -> Rate {
    if margin == 0 {
        return Rate::ONE;
    }
    let net = convicts(checks, margin).minus_up_to(convicts_honest(checks, margin));
    let at_stake = u128::from(gain.0) + u128::from(slash.0);
    let Some(share) = (u128::from(gain.0) << 32).checked_div(at_stake) else { return Rate::ONE };
    let Some(rate) = (share * u128::from(checks.theta.0)).checked_div(u128::from(net.0)) else {
        return Rate::ONE;
    };
    Rate(u64::try_from(rate).unwrap_or(u64::MAX)).min(Rate::ONE)
}

/// The chance that the check of a cheat ends in a conviction.
#[must_use]
pub fn convicts(checks: &Checks, margin: u64) -> Rate {
    let honest = Rate::ONE.minus_up_to(checks.collusion);
    checks.power.times(honest).times(Rate::ONE.minus_up_to(errs(checks.collusion, margin)))
}

/// The chance that the check of an honest job ends in a conviction.
#[must_use]
pub fn convicts_honest(checks: &Checks, margin: u64) -> Rate {
    checks.collusion.times(errs(checks.collusion, margin))
}

/// The chance that a jury with symmetric margin errs, if each juror does so with chance `wrong`.
#[must_use]
pub fn errs(wrong: Rate, margin: u64) -> Rate {
    let power = |rate: Rate| {
        let fine = u128::from(rate.0) << (FINE - 32);
        (0..margin.min(MARGIN_MAX)).fold(1_u128 << FINE, |product, _| (product * fine) >> FINE)
    };
    let (wrong, right) = (power(wrong), power(Rate::ONE.minus_up_to(wrong)));
    let chance = (wrong << 32).checked_div(wrong + right).unwrap_or(u128::from(Rate::ONE.0));
    Rate(u64::try_from(chance).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checks() -> Checks {
        Checks::default()
    }

    /// In thousandths, rounded.
    fn per_mille(rate: Rate) -> u64 {
        (rate.0 * 1_000 + (1 << 31)) >> 32
    }

    #[test]
    fn the_chance_of_conviction_is_as_published_for_each_margin() {
        let found: alloc::vec::Vec<u64> =
            (1..=6).map(|margin| per_mille(convicts(&checks(), margin))).collect();
        assert_eq!(found, [608, 715, 748, 757, 759, 760]);
        assert_eq!((errs(Rate::per_mille(200), 4).0 * 100_000) >> 32, 389);
    }

    #[test]
    fn a_hundredfold_stake_and_a_margin_of_six_give_1_95_per_cent() {
        let price = Amount::credits(1);
        let rate = deterrence(&checks(), 6, price, Amount::credits(100));
        assert_eq!((rate.0 * 10_000) >> 32, 195);
    }

    #[test]
    fn trust_lowers_the_rate_to_the_base_and_never_below() {
        let job = |passed: u64| Circumstances {
            trust: passed << 32,
            margin: 6,
            price: Amount::credits(1),
            slash: Amount::credits(1_000),
            always: false,
        };
        let rates: alloc::vec::Vec<Rate> = (0..1_000).map(|passed| rate(&checks(), &job(passed))).collect();
        assert!(rates.is_sorted_by(|earlier, later| earlier >= later));
        assert_eq!((rates[3], rates[4], rates[999]), (Rate::ONE, Rate::ONE, checks().base));
        assert!(rates[5] < Rate::ONE);
        assert_eq!(rate(&checks(), &Circumstances { always: true, ..job(999) }), Rate::ONE);
    }

    #[test]
    fn without_a_stake_every_job_is_checked() {
        assert_eq!(deterrence(&checks(), 6, Amount::credits(1), Amount::ZERO), Rate::ONE);
        assert_eq!(deterrence(&checks(), 0, Amount::credits(1), Amount::credits(9)), Rate::ONE);
    }
}
