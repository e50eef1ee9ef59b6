//! The ticket: what a notary fixes when it opens a job, so that nothing later can move it.

use serde::{Deserialize, Serialize};

use crate::{
    genesis::Genesis,
    id::{Digest, JobId},
    job,
    order::Order,
    payout,
    rate::{self, Circumstances},
    signed::statements,
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
    /// The margin by which a jury convicts.
    pub margin: u64,
    /// What a conviction costs, as long as the stake lasts.
    pub slash: Amount,
    /// The most that the client pays for checks.
    pub premium: Amount,
    /// The most that the provider pays for checks.
    pub dues: Amount,
    /// True below the entry level.
    pub newcomer: bool,
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
    /// The position of the opening in the notary's journal.
    pub position: u64,
    /// Operators beside the parties that can check the job.
    pub operators: u64,
    /// Who runs the client and the provider: their operators, who cannot check the job.
    pub party_operators: [Digest; 2],
    /// Checks that the provider passed, decayed, in parts per 2³².
    pub trust: u64,
    /// Grey results among the provider's last checks of this kind.
    pub greys: u64,
    /// True if an accusation or a run of grey results calls for a check of every job.
    pub strict: bool,
    /// What the provider has to lose.
    pub stake: Amount,
    /// What fees exceed the expected cost of checks by.
    pub fee_margin: Rate,
}

impl Ticket {
    /// The ticket that follows from an order and the parties' standing.
    #[must_use]
    pub fn new(genesis: &Genesis, order: &Order, standing: Standing) -> Self {
        let checks = &genesis.checks;
        let margin = checks.margin_max.min(standing.operators.saturating_sub(1) / 2);
        let price = order.price().unwrap_or(Amount(u64::MAX));
        let at_most = payout::quote(genesis, order, order.work_max, Rate::ONE, standing.fee_margin);
        let newcomer = standing.stake < at_most.entry;
        let slash = at_most.slash.min(standing.stake);
        let circumstances = Circumstances {
            trust: standing.trust,
            margin,
            price,
            slash,
            always: newcomer || standing.strict,
        };
        let rate = rate::rate(checks, &circumstances);
        let quote = payout::quote(genesis, order, order.work_max, rate, standing.fee_margin);
        Self {
            job: order.id(),
            standing,
            rate,
            margin,
            slash,
            premium: quote.premium,
            dues: if newcomer { Amount::ZERO } else { quote.dues },
            newcomer,
            window: job::window(genesis, order),
            claim_by: standing.opened.after(job::claim_time(genesis, order)),
        }
    }

    /// What the client must put up: price, premium and, for a newcomer, a check.
    #[must_use]
    pub fn total(&self, genesis: &Genesis, order: &Order) -> Option<Amount> {
        let prepaid = if self.newcomer { genesis.check_cost(order.work_max) } else { Amount::ZERO };
        order.price()?.plus(self.premium)?.plus(prepaid)
    }
}

statements!(Ticket);
