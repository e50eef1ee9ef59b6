//! Who has something to lose by a job, and how the choice falls among those who show nothing of the kind.
//!
//! ```text
//! told by a checkpoint to be convicted: left out, whatever is shown
//! standing shown ─▶ stake ≥ entry level: Staked │ passed a check of this kind: Passed │ convicted: left out
//!                   less at stake: Some │ nothing, or no standing: Nothing     ╰─▶ known ─▶ asked first
//!                   ╰─▶ the lot: asked where nobody is known, and by one job in sixteen
//! ```
//!
//! **Invariant:** names cost nothing, so a share of the known is not touched by how many strangers there are, and among the
//! lot half goes by what is at stake.

use alloc::vec::Vec;

use assay_protocol::{
    codec,
    id::{Digest, PeerId},
    offer::{Bench, Offer},
    signed::{Attested, Verified},
    standing::{KindName, PeerStanding},
    units::{Amount, Timestamp},
};

use super::{Convicted, Criteria, Match};

/// A provider that only passed a check before is chosen among by one job in this many, where others have a stake.
const PASSED_ONE_IN: u64 = 4;
/// Up to how many checks' cost a stake counts within the lot.
const STAKE_CHECKS_MAX: u64 = 4;

/// By what it is told who is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Yardstick {
    /// Whose word counts.
    pub notary: PeerId,
    /// In which epoch that notary is at least.
    pub epoch: u64,
    /// What a check of this job costs.
    pub check: Amount,
    /// True if this job is one of the few that fall on the lot.
    pub falls_on_lot: bool,
}

/// What a provider has to lose by a job, as far as it shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Worth {
    /// A stake that stands for it.
    Staked,
    /// A name for work of this kind.
    Passed,
    /// A stake that does not stand for all of it; what of it counts.
    Some(Amount),
    /// Nothing.
    Nothing,
    /// It was convicted a short while ago.
    Convicted,
}

impl Worth {
    /// What the provider of this offer has to lose by a job with this entry level.
    pub(super) fn of(offer: &Verified<Offer>, bench: &Bench, criteria: &Criteria<'_>, entry: Amount) -> Self {
        let measure = &criteria.yardstick;
        if is_convicted(offer, criteria.convicted, (measure.notary, measure.epoch), criteria.now) {
            return Self::Convicted;
        }
        let Some(standing) = standing_of(offer, measure.notary, measure.epoch) else { return Self::Nothing };
        let kind = KindName::of(&criteria.submission.manifest, bench.class);
        let counts = measure.check.times(STAKE_CHECKS_MAX).unwrap_or(standing.stake).min(standing.stake);
        if standing.stake >= entry && !standing.stake.is_zero() {
            Self::Staked
        } else if standing.passed.contains(&kind) {
            Self::Passed
        } else if counts.is_zero() {
            Self::Nothing
        } else {
            Self::Some(counts)
        }
    }

    /// True for those who are asked first.
    pub(super) fn is_known(self) -> bool {
        matches!(self, Self::Staked | Self::Passed)
    }
}

/// True if this notary convicted the provider of an offer a short while ago, by what it tells everyone or by its word that is
/// shown in the offer.
pub(crate) fn is_convicted(
    offer: &Verified<Offer>,
    convicted: &Convicted,
    (notary, epoch): (PeerId, u64),
    now: Timestamp,
) -> bool {
    convicted.contains(notary, offer.signer(), now)
        || standing_of(offer, notary, epoch).is_some_and(|standing| standing.is_convicted(now))
}

/// What this notary says of the provider of an offer, if that still holds where it has come to this epoch.
pub(crate) fn standing_of(
    offer: &Verified<Offer>,
    notary: PeerId,
    epoch: u64,
) -> Option<Attested<'_, PeerStanding>> {
    offer.standing().filter(|standing| {
        (standing.signer(), standing.peer) == (notary, offer.signer()) && standing.holds_in(epoch)
    })
}

/// Those among whom one is chosen for this job, and those who are not asked now.
pub(super) fn among<'a>(
    fitting: Vec<Match<'a>>,
    criteria: &Criteria<'_>,
) -> (Vec<Match<'a>>, Vec<Match<'a>>) {
    // Not dearer than the dearest of the known, so that a stranger cannot ask for all that the user would pay.
    let dearest = fitting.iter().filter(|fit| fit.is_known()).map(|fit| fit.total).max();
    let in_lot = |fit: &Match<'_>| !fit.is_known() && dearest.is_none_or(|dearest| fit.total <= dearest);
    let has_lot = fitting.iter().any(in_lot);
    if dearest.is_some() && !(criteria.yardstick.falls_on_lot && has_lot) {
        let staked = fitting.iter().any(|fit| fit.worth == Worth::Staked);
        let passed_too = !staked || chance(criteria, "passed") < u64::MAX / PASSED_ONE_IN;
        return fitting
            .into_iter()
            .partition(|fit| fit.worth == Worth::Staked || fit.worth == Worth::Passed && passed_too);
    }
    let has_stake = |fit: &Match<'_>| matches!(fit.worth, Worth::Some(_));
    let halves = [true, false].map(|half| fitting.iter().any(|fit| in_lot(fit) && has_stake(fit) == half));
    let half = if halves == [true, true] { chance(criteria, "half") < u64::MAX / 2 } else { halves[0] };
    fitting.into_iter().partition(|fit| in_lot(fit) && has_stake(fit) == half)
}

/// How likely one is drawn that counts for `weight` by its score: whoever has less at stake than stands for the job, by that.
pub(super) fn share(fit: &Match<'_>, weight: u64, criteria: &Criteria<'_>) -> u64 {
    let Worth::Some(counts) = fit.worth else { return weight };
    let most = criteria.yardstick.check.times(STAKE_CHECKS_MAX).unwrap_or(counts).0.max(1);
    let share = u128::from(weight) * u128::from(counts.0) / u128::from(most);
    u64::try_from(share).unwrap_or(weight).max(weight.min(1))
}

/// A number that nobody but the client can foresee.
fn chance(criteria: &Criteria<'_>, purpose: &'static str) -> u64 {
    let Digest(bytes) = codec::digest(purpose, &(criteria.submission.key, criteria.attempt as u64));
    let [a, b, c, d, e, f, g, h, ..] = bytes;
    u64::from_be_bytes([a, b, c, d, e, f, g, h])
}
