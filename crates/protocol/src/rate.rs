//! How often a job is checked, and what that deters: the arithmetic of p.
//!
//! **Invariant:** integers only, parts per 2³², rounded down; replay gives the same rate on every machine.

use crate::{
    genesis::{Checks, MARGIN_MAX},
    units::{Amount, Rate},
};

/// What the rate of one job depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Circumstances {
    /// Checks passed, decayed, in parts per 2³².
    pub trust: u64,
    /// The price of the job: the most that a cheat can gain.
    pub price: Amount,
    /// What a conviction costs.
    pub slash: Amount,
    /// True below the entry level, under an accusation or after too many grey results.
    pub always: bool,
}

/// What a network's numbers come to for whoever is checked. To find it out costs more than all else that a ticket is made of, and
/// it is the same for every job: whoever makes many tickets finds it out once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConvictionOdds {
    /// By how much the check of a cheat is likelier to convict than that of an honest job.
    net: Rate,
}

impl ConvictionOdds {
    /// By the numbers of this network.
    #[must_use]
    pub fn of(checks: &Checks) -> Self {
        Self { net: convicts(checks).minus_up_to(convicts_honest(checks)) }
    }

    fn deterrence(self, theta: Rate, gain: Amount, slash: Amount) -> Rate {
        let at_stake = u128::from(gain.0) + u128::from(slash.0);
        let Some(share) = (u128::from(gain.0) << 32).checked_div(at_stake) else { return Rate::ONE };
        let Some(rate) = (share * u128::from(theta.0)).checked_div(u128::from(self.net.0)) else {
            return Rate::ONE;
        };
        Rate(u64::try_from(rate).unwrap_or(u64::MAX)).min(Rate::ONE)
    }
}

/// The rate at which such a job is checked.
#[must_use]
pub fn rate(checks: &Checks, job: &Circumstances) -> Rate {
    rate_at(ConvictionOdds::of(checks), checks, job)
}

/// The same where it is known what the numbers come to.
#[must_use]
pub fn rate_at(odds: ConvictionOdds, checks: &Checks, job: &Circumstances) -> Rate {
    if job.always {
        return Rate::ONE;
    }
    let deterring = odds.deterrence(checks.theta, job.price, job.slash);
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
pub fn deterrence(checks: &Checks, gain: Amount, slash: Amount) -> Rate {
    ConvictionOdds::of(checks).deterrence(checks.theta, gain, slash)
}

/// The chance that the check of a cheat ends in a conviction.
#[must_use]
pub fn convicts(checks: &Checks) -> Rate {
    let honest = Rate::ONE.minus_up_to(checks.collusion);
    checks.power.times(honest).times(jury_convicts(checks, honest))
}

/// The chance that the check of an honest job ends in a conviction.
#[must_use]
pub fn convicts_honest(checks: &Checks) -> Rate {
    checks.collusion.times(jury_convicts(checks, checks.collusion))
}

/// The chance that a jury convicts, if each of its draws is against the provider with this chance and with it otherwise: a
/// walk between the margins that ends after the last draw.
#[must_use]
pub fn jury_convicts(checks: &Checks, against: Rate) -> Rate {
    let with = Rate::ONE.minus_up_to(against);
    let margin = |number: u64| usize::try_from(number.clamp(1, MARGIN_MAX)).unwrap_or(1);
    let (clear, convict) = (margin(checks.clear_margin), margin(checks.convict_margin));
    // Place 0 is cleared, the last one convicted; the walk begins between them.
    let last = clear + convict;
    let mut chances = [Rate::ZERO; 2 * MARGIN_MAX as usize + 1];
    chances[clear] = Rate::ONE;
    for draws in 0..usize::try_from(checks.draws_max).unwrap_or(usize::MAX) {
        // After an even number of draws the walk is an even number of places from where it began.
        let first = 1 + (clear + draws + 1) % 2;
        for at in (first..last).step_by(2) {
            let leaves = core::mem::take(&mut chances[at]);
            chances[at + 1].0 += leaves.times(against).0;
            chances[at - 1].0 += leaves.times(with).0;
        }
    }
    chances[last]
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

    /// The closed form of the gambler's ruin, without an end after the last draw.
    fn ruin(against: f64, convict: i32, clear: i32) -> f64 {
        let odds: f64 = (1.0 - against) / against;
        (odds.powi(clear) - 1.0) / (odds.powi(convict + clear) - 1.0)
    }

    fn share(rate: Rate) -> f64 {
        rate.0 as f64 / Rate::ONE.0 as f64
    }

    #[test]
    fn a_jury_errs_as_the_gamblers_ruin_says_and_hangs_where_it_says_nothing() {
        let fifth = jury_convicts(&checks(), Rate::per_mille(200));
        assert!((share(fifth) - ruin(0.2, 6, 4)).abs() < 1e-6, "{fifth}");
        assert_eq!((fifth.0 * 100_000) >> 32, 24, "an honest provider at a fifth of colluders: .00024");
        let cheat = jury_convicts(&checks(), Rate::per_mille(800));
        assert!((share(cheat) - ruin(0.8, 6, 4)).abs() < 1e-4, "{cheat}");
        let mirrored = Checks { convict_margin: 4, clear_margin: 6, ..checks() };
        let acquitted = jury_convicts(&mirrored, Rate::per_mille(200));
        assert_eq!((acquitted.0 * 10_000) >> 32, 39, "a cheat at a fifth is acquitted: .0039");
        // At a third forty draws are not always enough: .0608 and .0143 instead of .0616 and .0147 are decided wrongly.
        let third = Rate::of(1, 3);
        assert!((ruin(1.0 / 3.0, 6, 4) - 0.014_66).abs() < 1e-5);
        assert!((1.0 - ruin(2.0 / 3.0, 6, 4) - 0.061_6).abs() < 1e-4);
        assert!((share(jury_convicts(&checks(), third)) - 0.014_3).abs() < 1e-4);
        assert!((share(jury_convicts(&mirrored, third)) - 0.060_8).abs() < 1e-4);
        let cheat = jury_convicts(&checks(), Rate(Rate::ONE.0 - third.0));
        let hung = 1.0 - share(cheat) - share(jury_convicts(&mirrored, third));
        assert!((hung - 0.027).abs() < 1e-3, "{hung}");
    }

    #[test]
    fn the_chance_of_conviction_is_as_published() {
        assert_eq!(per_mille(convicts(&checks())), 757);
        assert_eq!((convicts_honest(&checks()).0 * 1_000_000) >> 32, 48, "about .00005");
        let third = Checks { collusion: Rate::of(1, 3), ..checks() };
        assert!((share(convicts(&third)) - 0.95 * 2.0 / 3.0 * 0.912).abs() < 1e-3, "{}", convicts(&third));
    }

    #[test]
    fn a_hundredfold_stake_gives_1_96_per_cent() {
        let price = Amount::credits(1);
        let rate = deterrence(&checks(), price, Amount::credits(100));
        assert_eq!((rate.0 * 10_000 + (1 << 31)) >> 32, 196);
    }

    #[test]
    fn trust_lowers_the_rate_to_the_base_and_never_below() {
        let job = |passed: u64| Circumstances {
            trust: passed << 32,
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
    fn what_the_numbers_come_to_is_the_same_for_every_job() {
        let odds = ConvictionOdds::of(&checks());
        for (trust, price, slash, always) in [(0, 1, 0, false), (99, 1, 100, false), (9, 7, 50, true)] {
            let (price, slash) = (Amount::credits(price), Amount::credits(slash));
            let job = Circumstances { trust: trust << 32, price, slash, always };
            assert_eq!(rate_at(odds, &checks(), &job), rate(&checks(), &job), "{job:?}");
        }
        let deaf = Checks { power: Rate::ZERO, ..checks() };
        assert_ne!(ConvictionOdds::of(&deaf), odds);
    }

    #[test]
    fn without_a_stake_or_without_power_every_job_is_checked() {
        assert_eq!(deterrence(&checks(), Amount::credits(1), Amount::ZERO), Rate::ONE);
        let deaf = Checks { power: Rate::ZERO, ..checks() };
        assert_eq!(deterrence(&deaf, Amount::credits(1), Amount::credits(9)), Rate::ONE);
    }
}
