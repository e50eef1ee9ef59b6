//! Offering what this machine runs.
//!
//! **Invariant:** what is offered was tried first; the user hears that it is offered once that is on the disk.

use std::sync::Arc;

use assay_market::{
    Command, Input,
    provision::{Provision, Stock, Workbench},
};
use assay_protocol::{
    genesis::Genesis,
    manifest::Manifest,
    offer::Reachability,
    order::Failure,
    units::{Amount, Duration},
};
use assay_runtime::{
    class::{ARITHMETIC, Class},
    worker::FoundCard,
};
use serde::{Deserialize, Serialize};

use super::{BenchView, ServiceView};
use crate::{
    devices::{self, LocalProcessor},
    driver::{
        Driver,
        responder::{Respond, Responder},
    },
    executor::{has_model, sample},
    handle::{Attachment, Call, Refused},
    journal::Broken,
    library::parts,
};

/// Offer services from now on.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Provide {
    /// What is offered.
    pub services: Vec<ServiceWish>,
    /// Jobs that run at the same time; as many as this machine has workers if none.
    pub slots: Option<u16>,
    /// What does not work here is left out, as long as anything does; else nothing is offered then.
    pub what_works: bool,
}

/// One thing that a provider wants to offer.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ServiceWish {
    /// A model that the network pins or the library holds: its name, `name@prefix`, or a unique prefix of its digest.
    pub manifest: String,
    /// What a unit costs.
    pub unit_price: Amount,
    /// What the test run reads; something that fits most runners of pictures if none.
    pub sample: Option<Attachment>,
}

/// Offer nothing any more.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct StopProviding;

/// What this peer offers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Providing {
    /// What is offered, by device.
    pub benches: Vec<BenchView>,
    /// Where this peer can be reached.
    pub addresses: Vec<String>,
    /// What was wished for and does not work here.
    pub left_out: Vec<LeftOut>,
}

/// A model that was to be offered, and is not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// As it was named.
    pub manifest: String,
    /// Why.
    pub reason: String,
}

impl Call for Provide {
    const NAME: &'static str = "provide";
    type Answer = Providing;

    fn attachments(&mut self) -> Vec<&mut Attachment> {
        self.services.iter_mut().filter_map(|service| service.sample.as_mut()).collect()
    }
}

impl Respond for Provide {
    async fn respond(self, responder: &Responder) -> Result<Providing, Refused> {
        responder.takes_new()?;
        let (provision, left_out) = try_out(self, responder).await?;
        let (open_models, offered) = (responder.open_models.clone(), provision.clone());
        let prepared = responder.work(move |_| open_models.prepare(&offered)).await?;
        prepared.map_err(|error| Refused::Disk { reason: error.to_string() })?;
        // It is kept by now; what was let go while others were tested is not offered.
        for (_, stock) in provision.stocks() {
            let absent = parts(&stock.manifest).find(|(_, part)| !responder.store.blobs.contains(part));
            if let Some((part, digest)) = absent {
                let manifest = stock.manifest.name.clone();
                return Err(Refused::PartAbsent { manifest, part: part.to_owned(), digest });
            }
        }
        let offered = responder.act_and_save(|driver| Box::pin(driver.offer(provision))).await?;
        offered.map(|providing| Providing { left_out, ..providing })
    }
}

impl Call for StopProviding {
    const NAME: &'static str = "stop_providing";
    type Answer = ();
}

impl Respond for StopProviding {
    async fn respond(self, responder: &Responder) -> Result<(), Refused> {
        responder.act_and_save(|driver| Box::pin(driver.offer_nothing())).await
    }
}

/// Sees to it that everything that is to be offered is here and works, or says what does not.
async fn try_out(provide: Provide, responder: &Responder) -> Result<(Provision, Vec<LeftOut>), Refused> {
    if provide.services.is_empty() {
        return Err(Refused::NothingToOffer);
    }
    let (mut stocks, mut left_out, mut first): (Vec<(StockPlace, Vec<Stock>)>, _, _) =
        (Vec::new(), Vec::new(), None);
    for service in provide.services {
        let manifest = responder.own_model(&service.manifest)?.manifest;
        let name = manifest.name.clone();
        let (place, stock) = match stock(manifest, service, responder).await {
            Ok(tried) => tried,
            // Anything else is no fault of the model's.
            Err(
                refused @ (Refused::PartAbsent { .. }
                | Refused::BlobsFull { .. }
                | Refused::NoClass { .. }
                | Refused::TestFailed { .. }),
            ) if provide.what_works => {
                left_out.push(LeftOut { manifest: name, reason: refused.to_string() });
                first = first.or(Some(refused));
                continue;
            }
            Err(refused) => return Err(refused),
        };
        match stocks.iter_mut().find(|(other, _)| *other == place) {
            Some((_, services)) => services.push(stock),
            None => stocks.push((place, vec![stock])),
        }
    }
    if let (true, Some(refused)) = (stocks.is_empty(), first) {
        return Err(refused);
    }
    if responder.network.listening().is_empty() {
        let listens = responder.network.listen_as_usual().await;
        listens.map_err(|error| Refused::NotListening { reason: error.to_string() })?;
    }
    let places = u16::try_from(responder.executor.places()).unwrap_or(u16::MAX);
    let provision = Provision {
        benches: benches(stocks, provide.slots, places),
        cancel_fee_min: Amount::ZERO,
        addresses: responder.network.listening(),
        reachability: Reachability::Unknown,
    };
    Ok((provision, left_out))
}

/// Where a model runs: the class, and the card that it is on, if on one.
type StockPlace = (Class, Option<FoundCard>);

/// A bench for each class and device. Those of one device share what it runs at the same time; what this machine has places
/// for is divided among devices.
fn benches(stocks: Vec<(StockPlace, Vec<Stock>)>, slots: Option<u16>, places: u16) -> Vec<Workbench> {
    let processor = devices::processor();
    let is_on_card = |(place, _): &&(StockPlace, Vec<Stock>)| place.1.is_some();
    let cards = stocks.iter().filter(is_on_card).count();
    let devices = u16::from(cards > 0) + u16::from(cards < stocks.len());
    let slots = slots.unwrap_or(places / devices.max(1)).max(1);
    let bench = |((class, card), services): (StockPlace, Vec<Stock>)| {
        let LocalProcessor { device, memory_free } = processor.clone();
        let (device, memory_free) = match card {
            Some(card) => (card.name, card.memory_bytes.unwrap_or(memory_free)),
            None => (device, memory_free),
        };
        Workbench { class: class.digest(), machine: class.to_string(), device, memory_free, slots, services }
    };
    stocks.into_iter().map(bench).collect()
}

async fn stock(
    manifest: Manifest,
    service: ServiceWish,
    responder: &Responder,
) -> Result<(StockPlace, Stock), Refused> {
    let (class, run) = tried(&manifest, service.sample, responder).await?;
    // Others are never on one.
    let card = if class == ARITHMETIC { responder.executor.card_of(&manifest) } else { Ok(None) };
    let card = card.map_err(|none| Refused::NoClass { reason: none.reason })?;
    Ok(((class, card), Stock { manifest, unit_price: service.unit_price, run }))
}

/// Gets a model, and runs it once to see that it works: the class in which it does, and how long a run takes.
pub(super) async fn tried(
    manifest: &Manifest,
    input: Option<Attachment>,
    responder: &Responder,
) -> Result<(Class, Duration), Refused> {
    let equipped = responder.pinned.equip(manifest).await;
    equipped.map_err(|absent| absent.refuses(manifest))?;
    let class = responder.executor.class_of(manifest).await;
    let class = class.map_err(|none| Refused::NoClass { reason: none.reason })?;
    // Offered, it is open to everybody: a stranger's manifest could name a blob of another kind that is here.
    if class != ARITHMETIC && has_model(manifest) && !responder.genesis.manifests.contains(manifest) {
        let reason = format!("{} is no model of language, and no other can be offered", manifest.name);
        return Err(Refused::NoClass { reason });
    }
    let input = input.map_or_else(|| sample(manifest), |input| input.0);
    let tested = test(manifest.clone(), input, responder).await?;
    let run = tested.map_err(|reason| Refused::TestFailed { manifest: manifest.name.clone(), reason })?;
    Ok((class, run))
}

/// A run cannot be called back: it keeps its place until it is over, even if nobody waits for it any more.
async fn test(
    manifest: Manifest,
    input: Vec<u8>,
    responder: &Responder,
) -> Result<Result<Duration, Failure>, Refused> {
    let place = Arc::clone(&responder.works).acquire_owned().await.map_err(|_| Refused::Ending)?;
    let executor = responder.executor.clone();
    let tested = tokio::spawn(async move {
        let _place = place;
        executor.test(manifest, input).await
    });
    tested.await.map_err(|_| Refused::Ending)
}

fn bench_view(bench: &Workbench, genesis: &Genesis) -> BenchView {
    let service = |stock: &Stock| ServiceView {
        manifest: stock.manifest.digest(),
        name: stock.manifest.name.clone(),
        pinned: genesis.manifests.contains(&stock.manifest),
        unit_price: stock.unit_price,
        run: stock.run,
        warm: true,
    };
    BenchView {
        class: bench.class,
        machine: bench.machine.clone(),
        device: bench.device.clone(),
        memory_free: bench.memory_free,
        slots: bench.slots,
        services: bench.services.iter().map(service).collect(),
    }
}

impl Driver {
    async fn offer(&mut self, provision: Provision) -> Result<Result<Providing, Refused>, Broken> {
        if provision.examine(&self.genesis).is_err() {
            self.open_models.settle(self.node.provision());
            return Ok(Err(Refused::TooMuchToOffer));
        }
        let providing = self.providing_view(&provision);
        self.open_models.settle(Some(&provision));
        self.take(Input::Command(Command::Provide(provision))).await?;
        Ok(Ok(providing))
    }

    async fn offer_nothing(&mut self) -> Result<(), Broken> {
        let Some(mut provision) = self.node.provision().cloned() else { return Ok(()) };
        provision.benches.clear();
        self.open_models.settle(None);
        self.unpublished = None;
        self.take(Input::Command(Command::Provide(provision))).await
    }

    /// What is offered, as its owner sees it.
    pub(super) fn providing_view(&self, provision: &Provision) -> Providing {
        let benches = provision.benches.iter().map(|bench| bench_view(bench, &self.genesis)).collect();
        Providing { benches, addresses: provision.addresses.clone(), left_out: Vec::new() }
    }
}
