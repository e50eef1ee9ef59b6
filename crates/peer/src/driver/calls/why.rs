//! Why a provider gets the jobs that it gets, or none: what others know of its offer, who is cheaper, what became of those
//! who asked, and what of it does not run on this machine by now.
//!
//! **Invariant:** what others know is asked of them; whoever does not answer has said nothing. Whoever asks why waits for no
//! machine that is slow to look at itself.

use std::time::Duration;

use assay_market::{provision::Provision, view::DemandView};
use assay_protocol::{
    id::{Digest, PeerId},
    manifest::Manifest,
    units::Amount,
};
use assay_runtime::class::Class;
use futures::{StreamExt, stream};
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, timeout_at};

use crate::{
    driver::{
        Driver,
        pages::{self, BOOK, OFFERS_MAX},
        responder::{Respond, Responder},
    },
    executor::NoClass,
    handle::{Call, Refused},
    network::Network,
};

/// Neighbours that are asked.
const ASKED_MAX: usize = 8;
/// How long each has to answer.
const ANSWER_WAIT: Duration = Duration::from_secs(5);
/// How long this machine has to look at all that it offers. Once after a start each model is read whole for that, and on some systems
/// each time.
const LOOK_WAIT: Duration = Duration::from_secs(30);

/// What others see of what this peer offers.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct ShowDemand;

/// What others see of what a peer offers, and what became of those who asked.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Demanded {
    /// What became of orders that were shown here since the daemon started.
    pub demand: DemandView,
    /// What neighbours say that they know.
    pub neighbours: Vec<Sighting>,
    /// What is offered here, beside others' offers of the same.
    pub rivals: Vec<Rivals>,
    /// What of that does not run here as it is offered: nothing comes of its orders.
    #[serde(default)]
    pub unfit: Vec<UnfitModel>,
}

/// A model that this machine offers and does not run so: it is another machine by now, or lacks what the model was on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnfitModel {
    /// The model.
    pub name: String,
    /// Why.
    pub reason: String,
}

/// What one neighbour knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sighting {
    /// Who.
    pub peer: PeerId,
    /// Whether it knows this peer's offer; nothing if it did not say.
    pub sees: Option<bool>,
}

/// One model that is offered here and by others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rivals {
    /// The model.
    pub name: String,
    /// The class in which it is offered here.
    pub class: Digest,
    /// What a unit costs here.
    pub unit_price: Amount,
    /// How many others offer it.
    pub others: u64,
    /// How many of them for less.
    pub cheaper: u64,
    /// The least that one of them asks.
    pub least: Option<Amount>,
}

impl Call for ShowDemand {
    const NAME: &'static str = "show_demand";
    type Answer = Demanded;
}

impl Respond for ShowDemand {
    async fn respond(self, responder: &Responder) -> Result<Demanded, Refused> {
        let looked = responder.look(|driver| (driver.node.demand(), driver.rivals(), driver.offered_as()));
        let (demand, rivals, offered) = looked.await?;
        let (network, own) = (&responder.network, responder.own);
        let asked = network.peers().into_iter().take(ASKED_MAX);
        let asked = asked.map(|peer| async move { Sighting { peer, sees: sees(network, peer, own).await } });
        let neighbours = stream::iter(asked).buffer_unordered(ASKED_MAX).collect::<Vec<Sighting>>();
        let own_class = |manifest: Manifest| async move { responder.executor.class_of(&manifest).await };
        let (neighbours, unfit) = tokio::join!(neighbours, unfit(offered, own_class));
        Ok(Demanded { demand, neighbours, rivals, unfit })
    }
}

/// A model, and as what machine it is offered here.
struct OfferedAs {
    manifest: Manifest,
    class: Digest,
    machine: String,
}

/// Which of these a run here would refuse, as it would refuse each order. Of what is not known in time nothing is said.
async fn unfit<F>(offered: Vec<OfferedAs>, own_class: impl Fn(Manifest) -> F) -> Vec<UnfitModel>
where
    F: Future<Output = Result<Class, NoClass>>,
{
    let (until, mut unfit) = (Instant::now() + LOOK_WAIT, Vec::new());
    for OfferedAs { manifest, class, machine } in offered {
        let name = manifest.name.clone();
        let Ok(own) = timeout_at(until, own_class(manifest)).await else { break };
        let reason = match own {
            Ok(own) if own.digest() == class => continue,
            Ok(own) => format!("it is offered on {machine}, and runs here on {own}"),
            Err(none) => none.reason,
        };
        unfit.push(UnfitModel { name, reason });
    }
    unfit
}

/// Whether a neighbour knows the offer of this peer.
async fn sees(network: &Network, peer: PeerId, own: PeerId) -> Option<bool> {
    let answer = tokio::time::timeout(ANSWER_WAIT, network.ask(peer, BOOK, Vec::new())).await.ok()?.ok()?;
    let book = pages::read_book(&answer).ok()?;
    let is_there =
        book.iter().any(|offer| offer.said().signer() == own && offer.said().services().next().is_some());
    // A longer book was not told whole.
    (is_there || book.len() < OFFERS_MAX).then_some(is_there)
}

impl Driver {
    /// What is offered here, and as what machine.
    fn offered_as(&self) -> Vec<OfferedAs> {
        let stocks = self.node.provision().into_iter().flat_map(Provision::stocks);
        let offered = stocks.map(|(bench, stock)| OfferedAs {
            manifest: stock.manifest.clone(),
            class: bench.class,
            machine: bench.machine.clone(),
        });
        offered.collect()
    }

    /// What is offered here, beside what others offer.
    fn rivals(&self) -> Vec<Rivals> {
        let Some(provision) = self.node.provision() else { return Vec::new() };
        let rivals = provision.stocks().map(|(bench, stock)| {
            let prices = self.asked_elsewhere(stock.manifest.digest());
            Rivals {
                name: stock.manifest.name.clone(),
                class: bench.class,
                unit_price: stock.unit_price,
                others: prices.len() as u64,
                cheaper: prices.iter().filter(|price| **price < stock.unit_price).count() as u64,
                least: prices.first().copied(),
            }
        });
        rivals.collect()
    }
}

#[cfg(test)]
mod tests {
    use assay_runtime::class::ARITHMETIC;

    use super::*;
    use crate::driver::tests::offers::manifest;

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_until_a_large_model_is_read_to_hear_why() {
        let offered = ["sound", "odd", "large", "behind it"].map(|name| OfferedAs {
            manifest: Manifest { name: name.to_owned(), ..manifest() },
            class: ARITHMETIC.digest(),
            machine: "another".to_owned(),
        });
        let own_class = |manifest: Manifest| async move {
            match manifest.name.as_str() {
                "sound" => Ok(ARITHMETIC),
                "large" => std::future::pending().await,
                _ => Err(NoClass { reason: "no card".to_owned() }),
            }
        };
        let found = unfit(offered.into(), own_class).await;
        assert_eq!(found, [UnfitModel { name: "odd".to_owned(), reason: "no card".to_owned() }]);
    }
}
