//! The ticket: what a notary fixes when it opens a job, so that nothing later can move it.
//!
//! **Invariant:** everything in it but the standing follows from the order, the standing and the network's rules.

use serde::{Deserialize, Serialize};

use crate::{
    codec, costs, deadline, exposure,
    genesis::Genesis,
    id::{Digest, JobId},
    order::Order,
    place,
    rate::{self, Circumstances, ConvictionOdds},
    roster::Checkers,
    signed::{Attested, Signed, Statement, Verified, statements},
    units::{Amount, Duration, Rate, Timestamp},
};

/// The notary holds the money; everything that later steps need is fixed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ticket {
    /// Which job.
    pub job: JobId,
    /// What the notary's books said when it was opened.
    pub standing: Standing,
    /// The rate at which the job is checked.
    pub rate: Rate,
    /// The rate that the provider's dues follow: what the network's policy asks for, whatever else calls for a check.
    pub policy_rate: Rate,
    /// The checks that the client pays in advance.
    pub prepaid: u16,
    /// What a conviction costs, as long as the stake lasts.
    pub slash: Amount,
    /// The most that the client pays for checks that others may need.
    pub premium: Amount,
    /// The most that the provider pays for checks.
    pub dues: Amount,
    /// True below the entry level.
    pub newcomer: bool,
    /// True if the provider's stake stands for the job, and for a jury over it.
    pub covered: bool,
    /// What its place costs for an hour.
    pub place: Amount,
    /// From the draw to the payment, if it is not drawn.
    pub window: Duration,
    /// Until when the claim must be in, if the notary does not pause.
    pub claim_by: Timestamp,
}

/// What a notary's books say of the parties to an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Standing {
    /// The time of the last tick.
    pub opened: Timestamp,
    /// The round of the last tick.
    pub round: u64,
    /// The position of the opening in the notary's journal.
    pub position: u64,
    /// Who can check the job.
    pub checkers: Checkers,
    /// Checks that the provider passed, decayed, in parts per 2³².
    pub trust: u64,
    /// Grey results among the provider's last checks of this kind.
    pub greys: u64,
    /// True if an accusation or a run of grey results calls for a check of every job.
    pub strict: bool,
    /// True while the first checks of this model on this class are done at the endowment's cost.
    pub endowed: bool,
    /// What the provider has at stake.
    pub stake: Amount,
    /// What its open jobs take of its stake.
    pub exposed: Amount,
    /// What the jury over the dearest of them can cost.
    pub reserve: Amount,
    /// Its open jobs.
    pub serving: u64,
    /// All jobs that the notary keeps open.
    pub open: u64,
    /// What fees exceed the expected cost of checks by.
    pub fee_margin: Rate,
}

impl Ticket {
    /// The ticket that follows from an order and the parties' standing.
    #[must_use]
    pub fn new(genesis: &Genesis, order: &Order, standing: Standing) -> Self {
        let odds = ConvictionOdds::of(&genesis.checks);
        Self::for_job(order.id(), odds, genesis, order, standing)
    }

    /// The ticket of an order whose name is known, where it is known what the network's numbers come to: to find out either
    /// costs more than all the rest.
    #[must_use]
    pub fn for_job(
        job: JobId,
        odds: ConvictionOdds,
        genesis: &Genesis,
        order: &Order,
        standing: Standing,
    ) -> Self {
        let checks = &genesis.checks;
        let price = order.price().unwrap_or(Amount(u64::MAX));
        let check_work = order.check_work_max();
        let at_most = costs::of_order(genesis, order, check_work, Rate::ONE, standing.fee_margin);
        let newcomer = standing.stake < at_most.entry;
        let prepaid = order.checks.max(u16::from(newcomer));
        let advance = advance(genesis, order, prepaid, newcomer).unwrap_or(Amount(u64::MAX));
        let slash = costs::slash(genesis, order, advance);
        let policy_rate = rate::rate_at(
            odds,
            checks,
            &Circumstances {
                trust: standing.trust,
                price,
                slash: slash.min(standing.stake),
                always: newcomer || standing.strict,
            },
        );
        let always = prepaid > 0 || standing.endowed;
        let rate = if always { Rate::ONE } else { policy_rate };
        let costs = costs::of_order(genesis, order, check_work, policy_rate, standing.fee_margin);
        let others = (standing.exposed, standing.reserve, standing.serving);
        Self {
            job,
            standing,
            rate,
            policy_rate,
            prepaid,
            slash,
            premium: costs.premium,
            dues: if newcomer { Amount::ZERO } else { costs.dues },
            newcomer,
            covered: exposure::fits(genesis, order, standing.stake, others),
            place: place::hour(genesis, standing.open),
            window: deadline::window(genesis, order),
            claim_by: standing.opened.after(deadline::claim_time(genesis, order)),
        }
    }

    /// The name of the ticket, which the parties' statements quote: no notary can state another one afterwards.
    #[must_use]
    pub fn digest(&self) -> Digest {
        codec::digest(Self::NAME, self)
    }

    /// What it must put up for checks.
    #[must_use]
    pub fn advance(&self, genesis: &Genesis, order: &Order) -> Option<Amount> {
        advance(genesis, order, self.prepaid, self.newcomer)
    }

    /// How many that find what was claimed a first check wants.
    #[must_use]
    pub fn checks_wanted(&self) -> usize {
        usize::from(self.prepaid.max(1))
    }

    /// What the client must put up: price, premium, the checks that it pays in advance, or one, and the place.
    #[must_use]
    pub fn total(&self, genesis: &Genesis, order: &Order) -> Option<Amount> {
        let prepaid = self.advance(genesis, order)?;
        order.price()?.plus(self.premium)?.plus(prepaid)?.plus(place::reserved(genesis, order, self.place)?)
    }
}

/// What is put up for so many checks. That somebody looks again where the provider is accused, there is for newcomers alone.
fn advance(genesis: &Genesis, order: &Order, prepaid: u16, newcomer: bool) -> Option<Amount> {
    let again = if newcomer { costs::second(genesis, order.work_max, order.price()) } else { Rate::ZERO };
    costs::prepaid(costs::looked_at(genesis, order, newcomer), prepaid, again)
}

/// The client shows the provider the ticket: from now on the provider may fetch the input. The order comes along, since
/// a provider that agrees to one keeps nothing of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Start {
    /// The terms.
    pub order: Signed<Order>,
    /// The notary's ticket.
    pub ticket: Signed<Ticket>,
}

impl Verified<Start> {
    /// The terms, as whoever ordered signed them.
    #[must_use]
    pub fn order(&self) -> Attested<'_, Order> {
        self.inside(|start| &start.order)
    }

    /// The ticket, as whoever keeps the books signed it.
    #[must_use]
    pub fn ticket(&self) -> Attested<'_, Ticket> {
        self.inside(|start| &start.ticket)
    }
}

statements!(Ticket, Start { order, ticket });
