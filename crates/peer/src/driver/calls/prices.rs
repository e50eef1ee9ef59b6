//! What is asked for models here, beside what others ask.
//!
//! **Invariant:** a price that changes changes nothing else, and its owner hears of it once it is on the disk.

use std::collections::{BTreeMap, BTreeSet};

use assay_market::{
    pricing::{self, PriceDoubt, Suggestion},
    provision::{Provision, Stock},
};
use assay_protocol::{
    id::Digest,
    manifest::Manifest,
    offer::{Offer, Service},
    signed::Verified,
    units::{Amount, Duration, Units},
};
use serde::{Deserialize, Serialize};

use super::{offered::meant, provide::pays};
use crate::{
    clock::moment,
    config::ClientSettings,
    driver::{
        Driver,
        prepare::{units_assumed, work_assumed},
        responder::{Respond, Responder},
    },
    handle::{Call, Refused},
    price_history::{PriceLook, PricedModel, worthiest},
};

/// What is asked for models here and elsewhere, and what to ask.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShowPrices {
    /// Models that the network pins or the library holds; those that are offered if none.
    pub models: Vec<String>,
}

/// What models were offered for in the last thirty days, hour by hour.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct ShowPriceHistory;

/// Ask another price from now on.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChangePrice {
    /// A model that is offered; all of them if none.
    pub model: Option<String>,
    /// What a unit costs.
    pub unit_price: Amount,
}

/// What is asked for one model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PriceView {
    /// The model.
    pub name: String,
    /// The digest of its manifest.
    pub manifest: Digest,
    /// What a unit costs here, if it is offered.
    pub unit_price: Option<Amount>,
    /// What is odd about that.
    pub doubt: Option<PriceDoubt>,
    /// The units of a usual job: of one whose client names none.
    pub units: Units,
    /// The least price at which the network takes no more of such a job than there is.
    pub floor: Option<Amount>,
    /// How many others offer it.
    pub others: u64,
    /// The least that one of them asks.
    pub least: Option<Amount>,
    /// What is in the middle of what they ask.
    pub median: Option<Amount>,
    /// What to ask.
    pub suggestion: Suggestion,
}

/// A price that was changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repriced {
    /// What a unit did cost.
    pub before: Amount,
    /// What is asked now.
    pub now: PriceView,
}

impl Call for ShowPrices {
    const NAME: &'static str = "show_prices";
    type Answer = Vec<PriceView>;
}

impl Respond for ShowPrices {
    async fn respond(self, responder: &Responder) -> Result<Vec<PriceView>, Refused> {
        let named = self.models.iter().map(|name| Ok(responder.own_model(name)?.manifest));
        let named: Vec<Manifest> = named.collect::<Result<_, Refused>>()?;
        let prices = responder.look(move |driver| {
            let offered = driver.node.provision().into_iter().flat_map(Provision::stocks);
            let offered = offered.map(|(_, stock)| stock.manifest.clone());
            let models: Vec<Manifest> = if named.is_empty() { offered.collect() } else { named };
            if models.is_empty() {
                return Err(Refused::NotOffering);
            }
            Ok(models.iter().map(|manifest| driver.price_view(manifest)).collect())
        });
        prices.await?
    }
}

impl Call for ShowPriceHistory {
    const NAME: &'static str = "show_price_history";
    type Answer = Vec<PricedModel>;
}

impl Respond for ShowPriceHistory {
    async fn respond(self, responder: &Responder) -> Result<Vec<PricedModel>, Refused> {
        Ok(responder.beside.prices.view())
    }
}

impl Call for ChangePrice {
    const NAME: &'static str = "change_price";
    type Answer = Vec<Repriced>;
}

impl Respond for ChangePrice {
    async fn respond(self, responder: &Responder) -> Result<Vec<Repriced>, Refused> {
        let changed = responder.act_and_save(move |driver| {
            Box::pin(async move {
                let changed = driver.change_offer(|provision| self.change(provision)).await?;
                Ok(changed.map(|changed| {
                    let repriced = |(manifest, before): (Manifest, Amount)| Repriced {
                        before,
                        now: driver.price_view(&manifest),
                    };
                    changed.into_iter().map(repriced).collect()
                }))
            })
        });
        changed.await?
    }
}

impl ChangePrice {
    /// The models that it concerns, with what they did cost.
    fn change(self, provision: &mut Provision) -> Result<Vec<(Manifest, Amount)>, Refused> {
        let only = self.model.as_ref().map(|name| meant(provision, name)).transpose()?;
        let stocks = provision.benches.iter_mut().flat_map(|bench| &mut bench.services);
        let concerned = stocks.filter(|stock| only.is_none_or(|only| stock.manifest.digest() == only));
        let reprice = |stock: &mut Stock| -> Result<_, Refused> {
            pays(&stock.manifest.name, self.unit_price)?;
            let before = std::mem::replace(&mut stock.unit_price, self.unit_price);
            Ok((stock.manifest.clone(), before))
        };
        concerned.map(reprice).collect()
    }
}

impl Responder {
    /// What is asked for models now.
    pub(crate) async fn price_looks(&self) -> Result<Vec<PriceLook>, Refused> {
        self.look(|driver| driver.price_looks()).await
    }
}

impl Driver {
    /// What each provider asks for each model now, as far as models are remembered. Whoever was convicted is no measure.
    fn price_looks(&self) -> Vec<PriceLook> {
        let at = moment();
        let now = self.node.time(at);
        let fair = |offer: &&Verified<Offer>| offer.valid_until > now && !self.node.is_convicted(offer, at);
        let mut asked: BTreeMap<Digest, (&Service, Vec<Amount>)> = BTreeMap::new();
        for offer in self.book.iter().filter(fair) {
            let mut least: BTreeMap<Digest, &Service> = BTreeMap::new();
            for (_, service) in offer.services() {
                let known = least.entry(service.manifest).or_insert(service);
                if service.unit_price < known.unit_price {
                    *known = service;
                }
            }
            for (manifest, service) in least {
                asked.entry(manifest).or_insert((service, Vec::new())).1.push(service.unit_price);
            }
        }
        let pinned: BTreeSet<Digest> = self.genesis.manifests.iter().map(Manifest::digest).collect();
        let look = |(&manifest, (_, asked)): (&Digest, &(&Service, Vec<Amount>))| {
            let mut asked = asked.clone();
            asked.sort_unstable();
            PriceLook { manifest, name: String::new(), pinned: pinned.contains(&manifest), asked }
        };
        let mut looks = worthiest(asked.iter().map(look).collect());
        for look in &mut looks {
            let service = asked.get(&look.manifest).map(|(service, _)| self.service_view(service));
            look.name = service.map(|service| service.name).unwrap_or_default();
        }
        looks
    }

    /// What others ask for a model now, the least first.
    pub(super) fn asked_elsewhere(&self, manifest: Digest) -> Vec<Amount> {
        let at = moment();
        let is_convicted = |offer: &Verified<Offer>| self.node.is_convicted(offer, at);
        pricing::asked(self.book.iter(), manifest, self.own, self.node.time(at), is_convicted)
    }

    pub(super) fn price_view(&self, manifest: &Manifest) -> PriceView {
        let (digest, units) = (manifest.digest(), units_assumed(manifest, 0));
        let mut stocks = self.node.provision().into_iter().flat_map(Provision::stocks);
        let stock = stocks.find(|(_, stock)| stock.manifest == *manifest).map(|(_, stock)| stock);
        let unit_price = stock.map(|stock| stock.unit_price);
        let order = pricing::usual_order(manifest, units, work_assumed(manifest, units));
        // What the machine itself costs its owner, nobody here knows.
        let (run, upkeep) = (stock.map_or(Duration(0), |stock| stock.run), Amount::ZERO);
        let floor = pricing::floor(&self.genesis, &order, run, upkeep, self.node.levy(digest));
        let floor = floor.map(|floor| floor.unit_price);
        let asked = self.asked_elsewhere(digest);
        let pays = ClientSettings::default().cost_max;
        PriceView {
            name: manifest.name.clone(),
            manifest: digest,
            unit_price,
            doubt: unit_price.and_then(|price| pricing::doubt(&self.genesis, price, (units, pays), floor)),
            units,
            floor,
            others: asked.len() as u64,
            least: asked.first().copied(),
            median: pricing::median(&asked),
            suggestion: pricing::suggest(&self.genesis, manifest, &asked, floor.unwrap_or_default()),
        }
    }
}
