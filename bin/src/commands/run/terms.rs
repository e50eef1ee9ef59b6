//! What a client is willing to pay, and whom: the flags that shape an order.
//!
//! **Invariant:** a quote and a run take the same flags, so that what was quoted can be ordered by typing the same.

use assay_peer::handle::{ListOffers, OfferView, Submit};
use assay_protocol::{
    id::PeerId,
    manifest::Manifest,
    order::ORDER_CHECKS_MAX,
    units::{Amount, Units},
};

use super::{ceiling::CeilingNames, follow::Goal};
use crate::{
    command_error::CommandError,
    credits::credits,
    daemon::RunningDaemon,
    invocation::Invocation,
    peer_name::PeerName,
    printer::{Printer, short},
};

/// The flags that shape an order.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Terms {
    /// Only this provider, by its name or the first digits of it
    #[arg(long, value_name = "PEER")]
    provider: Option<PeerName>,
    /// Not this provider, by its name or the first digits of it; may be given several times
    #[arg(long, value_name = "PEER")]
    ignore: Vec<PeerName>,
    /// The most that may be spent, fees included, in credits
    #[arg(long, value_name = "CREDITS", value_parser = credits, allow_negative_numbers = true)]
    max_cost: Option<Amount>,
    /// The most that a unit may cost, in credits
    #[arg(long, value_name = "CREDITS", value_parser = credits, allow_negative_numbers = true)]
    max_price: Option<Amount>,
    /// The most units that are paid, such as calls or tokens; as many as usual for the model if not given
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..), allow_negative_numbers = true)]
    units: Option<Units>,
    /// How it is checked: `spot` leaves that to the draw, `always` pays for one re-execution, a number for so many; what is
    /// paid for must agree before anything is shown
    #[arg(long, value_name = "spot|always|N", value_parser = checks, default_value = "spot", hide_default_value = true)]
    check: PaidChecks,
}

/// Re-executions that are paid in advance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct PaidChecks(u16);

fn checks(text: &str) -> Result<PaidChecks, String> {
    let number = match text {
        "spot" => Some(0),
        "always" => Some(1),
        number => number.parse().ok().filter(|number| (1..=ORDER_CHECKS_MAX).contains(number)),
    };
    let expected = || format!("expected spot, always or a number from 1 to {ORDER_CHECKS_MAX}");
    number.map(PaidChecks).ok_or_else(expected)
}

impl Terms {
    /// What is waited for before anything is shown: of what is checked for sure, that the check agrees.
    pub(crate) fn goal(&self) -> Goal {
        if self.check == PaidChecks(0) { Goal::Delivered } else { Goal::Confirmed }
    }

    /// Where its limits are from.
    pub(crate) fn ceilings(&self, invocation: &Invocation) -> CeilingNames {
        CeilingNames::of(self.max_cost, self.max_price, invocation)
    }

    /// A job on these terms, without an input.
    pub(crate) async fn submit(
        &self,
        manifest: &Manifest,
        daemon: &RunningDaemon,
        printer: &Printer,
    ) -> Result<Submit, CommandError> {
        let names_some = self.provider.is_some() || !self.ignore.is_empty();
        let offers = if names_some { daemon.call(ListOffers).await? } else { Vec::new() };
        let meant = |name: &PeerName| {
            name.among(offers.iter().map(|offer| offer.provider), "`assay offers` lists those that are")
        };
        let provider = self.provider.as_ref().map(meant).transpose()?;
        let ignored = self.ignore.iter().map(meant).collect::<Result<Vec<PeerId>, CommandError>>()?;
        // Nobody else sends an order there.
        if let Some(provider) = provider.filter(|provider| is_convicted(*provider, &offers)) {
            let name = short(provider);
            printer.note(format!("note: {name} was convicted of a false result in the last 30 days"));
        }
        Ok(Submit {
            manifest: manifest.digest().to_string(),
            cost_max: self.max_cost,
            unit_price_max: self.max_price,
            provider,
            ignored,
            units_max: self.units,
            checks: self.check.0,
            ..Submit::default()
        })
    }
}

/// Whether this provider is one of those that were convicted lately.
fn is_convicted(provider: PeerId, offers: &[OfferView]) -> bool {
    offers.iter().any(|offer| offer.provider == provider && offer.convicted)
}

#[cfg(test)]
mod tests {
    use assay_protocol::{
        offer::Reachability,
        units::{Duration, Timestamp},
    };

    use super::*;

    #[test]
    fn who_was_convicted_is_told_from_those_who_were_not() {
        let offer = |number, convicted| OfferView {
            provider: PeerId([number; 32]),
            sequence: 1,
            age: Duration(0),
            valid_until: Timestamp(0),
            benches: Vec::new(),
            notaries: Vec::new(),
            addresses: Vec::new(),
            reachability: Reachability::Unknown,
            convicted,
            lost: None,
            overdue: false,
        };
        let offers = [offer(1, false), offer(2, true)];
        let are = [1, 2, 3].map(|number| is_convicted(PeerId([number; 32]), &offers));
        assert_eq!(are, [false, true, false]);
    }

    #[test]
    fn a_check_is_left_to_the_draw_or_paid_for() {
        for (text, expected) in [("spot", 0), ("always", 1), ("1", 1), ("16", 16)] {
            assert_eq!(checks(text), Ok(PaidChecks(expected)), "{text}");
        }
        for text in ["0", "17", "-1", "never", ""] {
            assert!(checks(text).is_err(), "{text}");
        }
    }
}
