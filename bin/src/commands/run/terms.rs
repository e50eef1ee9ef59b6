//! What a client is willing to pay, and whom: the flags that shape an order.
//!
//! **Invariant:** a quote and a run take the same flags, so that what was quoted can be ordered by typing the same.

use assay_peer::handle::{ListOffers, Submit};
use assay_protocol::{
    manifest::Manifest,
    units::{Amount, Units},
};

use crate::{command_error::CommandError, daemon::RunningDaemon, peer_name::PeerName};

/// The flags that shape an order.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Terms {
    /// Only this provider, by its name or the first digits of it
    #[arg(long, value_name = "PEER")]
    provider: Option<PeerName>,
    /// The most that may be spent, fees included, in credits
    #[arg(long, value_name = "CREDITS")]
    max_cost: Option<Amount>,
    /// The most that a unit may cost, in credits
    #[arg(long, value_name = "CREDITS")]
    max_price: Option<Amount>,
    /// The most units that are paid, such as calls or tokens; as many as usual for the model if not given
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    units: Option<Units>,
}

impl Terms {
    /// A job on these terms, without an input.
    pub(crate) async fn submit(
        &self,
        manifest: &Manifest,
        daemon: &RunningDaemon,
    ) -> Result<Submit, CommandError> {
        let provider = match &self.provider {
            None => None,
            Some(name) => {
                let offers = daemon.call(ListOffers).await?;
                Some(name.among(offers.iter().map(|offer| offer.provider), "`assay offers`")?)
            }
        };
        Ok(Submit {
            manifest: manifest.digest().to_string(),
            cost_max: self.max_cost,
            unit_price_max: self.max_price,
            provider,
            units_max: self.units,
            ..Submit::default()
        })
    }
}
