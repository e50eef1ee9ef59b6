//! Offering what this machine runs.
//!
//! **Invariant:** what is offered was tried first; the user hears that it is offered once that is on the disk.

use std::{collections::BTreeMap, sync::Arc};

use assay_market::{
    Command, Input,
    provision::{Provision, Stock, Workbench},
};
use assay_protocol::{manifest::Manifest, offer::Reachability, order::Failure, units::Amount};
use assay_runtime::class::{ARITHMETIC, Class};
use serde::{Deserialize, Serialize};

use super::{BenchView, ServiceView};
use crate::{
    clock::moment,
    devices::{self, LocalProcessor},
    driver::{
        Driver,
        responder::{Respond, Responder},
    },
    executor::{MeasuredRun, ModelCard, sample},
    handle::{Attachment, Call, OfferRefused, Refused},
    journal::Broken,
    library::parts,
};

/// Jobs at the same time that anybody takes on.
const SLOTS_MAX: u16 = 1_024;

/// Offer services from now on.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Provide {
    /// What is offered.
    pub services: Vec<ServiceWish>,
    /// Jobs that run at the same time; if none as many as now, or as this machine has workers where nothing is offered.
    pub slots: Option<u16>,
    /// What is offered by the time that all is tested keeps the price that it has then.
    pub keeps_prices: bool,
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

impl Providing {
    /// Jobs that run at the same time on all devices: the benches of one share what it runs.
    #[must_use]
    pub fn slots(&self) -> u16 {
        let devices: BTreeMap<&str, u16> =
            self.benches.iter().map(|bench| (bench.device.as_str(), bench.slots)).collect();
        devices.values().fold(0, |sum: u16, slots| sum.saturating_add(*slots))
    }
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
        let (keeps_prices, slots) = (self.keeps_prices, self.slots);
        let places = u16::try_from(responder.executor.places()).unwrap_or(u16::MAX);
        let (mut provision, left_out) = try_out(self, responder).await?;
        open_to_all(&provision, responder).await?;
        let offered = responder.act_and_save(move |driver| {
            // What its owner changed while it was tested stands.
            let now = driver.node.provision();
            if let (true, Some(now)) = (keeps_prices, now) {
                provision.keep_prices(now);
            }
            provision.share_slots(slots.or(now.map(Provision::slots)).unwrap_or(places));
            Box::pin(driver.offer(provision))
        });
        let offered = offered.await?;
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

/// Whether nothing but this model is in the way.
pub(super) fn is_fault_of_model(refused: &Refused) -> bool {
    matches!(
        refused,
        Refused::PartAbsent { .. }
            | Refused::BlobsFull { .. }
            | Refused::NoClass { .. }
            | Refused::TestFailed { .. }
    )
}

/// Has others fetch what is to be offered; what was let go while others were tested is not.
pub(super) async fn open_to_all(provision: &Provision, responder: &Responder) -> Result<(), Refused> {
    let manifests: Vec<Manifest> = provision.stocks().map(|(_, stock)| stock.manifest.clone()).collect();
    let open_models = responder.open_models.clone();
    let prepared = responder.work(move |_| open_models.prepare(&manifests)).await?;
    prepared.map_err(|error| Refused::Disk { reason: error.to_string() })?;
    // It is kept by now.
    for (_, stock) in provision.stocks() {
        let absent = parts(&stock.manifest).find(|(_, part)| !responder.store.blobs.contains(part));
        if let Some((part, digest)) = absent {
            let manifest = stock.manifest.name.clone();
            return Err(Refused::PartAbsent { manifest, part: part.to_owned(), digest });
        }
    }
    Ok(())
}

/// Whether orders can be made at a price: whoever keeps the books opens none for nothing.
pub(super) fn pays(name: &str, unit_price: Amount) -> Result<(), OfferRefused> {
    if unit_price.is_zero() {
        Err(OfferRefused::NoPrice { name: name.to_owned(), unit_price })
    } else {
        Ok(())
    }
}

/// Whether so many jobs at the same time are no slip of a finger.
pub(super) fn few_enough(slots: u16) -> Result<(), OfferRefused> {
    let max = SLOTS_MAX;
    if slots > max { Err(OfferRefused::TooManySlots { slots, max }) } else { Ok(()) }
}

/// Sees to it that everything that is to be offered is here and works, or says what does not.
async fn try_out(provide: Provide, responder: &Responder) -> Result<(Provision, Vec<LeftOut>), Refused> {
    if provide.services.is_empty() {
        return Err(Refused::NothingToOffer);
    }
    provide.slots.map_or(Ok(()), few_enough)?;
    for ServiceWish { manifest, unit_price, .. } in &provide.services {
        let name = responder.own_model(manifest)?.manifest.name;
        pays(&name, *unit_price)?;
    }
    let (mut stocks, mut left_out, mut first): (Vec<(Class, Vec<PlacedStock>)>, _, _) =
        (Vec::new(), Vec::new(), None);
    for service in provide.services {
        let manifest = responder.own_model(&service.manifest)?.manifest;
        let name = manifest.name.clone();
        let (class, stock) = match stock(manifest, service, responder).await {
            Ok(tried) => tried,
            Err(refused) if provide.what_works && is_fault_of_model(&refused) => {
                left_out.push(LeftOut { manifest: name, reason: refused.to_string() });
                first = first.or(Some(refused));
                continue;
            }
            Err(refused) => return Err(refused),
        };
        match stocks.iter_mut().find(|(other, _)| *other == class) {
            Some((_, services)) => services.push(stock),
            None => stocks.push((class, vec![stock])),
        }
    }
    if let (true, Some(refused)) = (stocks.is_empty(), first) {
        return Err(refused);
    }
    responder.listens().await?;
    let processor = devices::processor();
    let provision = Provision {
        benches: stocks.into_iter().map(|(class, stocks)| bench(&class, stocks, &processor)).collect(),
        cancel_fee_min: Amount::ZERO,
        addresses: responder.network.listening(),
        reachability: Reachability::Unknown,
    };
    Ok((provision, left_out))
}

/// What is offered, and the card that its model is on, if on one.
pub(super) type PlacedStock = (Stock, Option<ModelCard>);

/// A bench names the card that all of its models are on, or the processor too, if that has one of them or a part of one.
pub(super) fn bench(class: &Class, stocks: Vec<PlacedStock>, processor: &LocalProcessor) -> Workbench {
    let (services, cards): (Vec<Stock>, Vec<Option<ModelCard>>) = stocks.into_iter().unzip();
    let LocalProcessor { device, memory_free } = processor.clone();
    let all = cards.iter().all(|placed| placed.as_ref().is_some_and(|placed| placed.is_whole));
    let (device, memory_free) = match cards.into_iter().flatten().next() {
        Some(ModelCard { card, .. }) if all => (card.name, card.memory_bytes.unwrap_or(memory_free)),
        Some(ModelCard { card, .. }) => (format!("{}, {device}", card.name), memory_free),
        None => (device, memory_free),
    };
    Workbench { class: class.digest(), machine: class.to_string(), device, memory_free, slots: 1, services }
}

/// Sees to it that one model is here and works.
pub(super) async fn stock(
    manifest: Manifest,
    service: ServiceWish,
    responder: &Responder,
) -> Result<(Class, PlacedStock), Refused> {
    let (class, MeasuredRun { run, .. }) = tried(&manifest, service.sample, responder).await?;
    // Others are never on one.
    let card = if class == ARITHMETIC { responder.executor.card_of(&manifest) } else { Ok(None) };
    let card = card.map_err(|none| Refused::NoClass { reason: none.reason })?;
    Ok((class, (Stock { manifest, unit_price: service.unit_price, run }, card)))
}

/// Gets a model, and runs it to see that it works: the class in which it does, and what a run takes.
pub(super) async fn tried(
    manifest: &Manifest,
    input: Option<Attachment>,
    responder: &Responder,
) -> Result<(Class, MeasuredRun), Refused> {
    responder.store.library.lets_run(manifest, &responder.genesis)?;
    let equipped = responder.pinned.equip(manifest).await;
    equipped.map_err(|absent| absent.refuses(manifest))?;
    let class = responder.executor.class_of(manifest).await;
    let class = class.map_err(|none| Refused::NoClass { reason: none.reason })?;
    // Offered, it is open to everybody, and a stranger's manifest could name a blob of another kind that is here: what is no
    // whole model the run ends on, before its runner begins.
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
) -> Result<Result<MeasuredRun, Failure>, Refused> {
    let place = Arc::clone(&responder.works).acquire_owned().await.map_err(|_| Refused::Ending)?;
    let executor = responder.executor.clone();
    let tested = tokio::spawn(async move {
        let _place = place;
        executor.measure(manifest, input).await
    });
    tested.await.map_err(|_| Refused::Ending)
}

impl Responder {
    /// Sees to it that others can reach this peer.
    pub(super) async fn listens(&self) -> Result<(), Refused> {
        if self.network.listening().is_empty() {
            let listens = self.network.listen_as_usual().await;
            listens.map_err(|error| Refused::NotListening { reason: error.to_string() })?;
        }
        Ok(())
    }
}

impl Driver {
    /// Whether all of it may run here: leave may have been taken back while it was tested.
    pub(super) fn lets_run_all(&self, provision: &Provision) -> Result<(), OfferRefused> {
        let background = &self.background;
        let library = &background.store.library;
        provision.stocks().try_for_each(|(_, stock)| library.lets_run(&stock.manifest, &background.rules))
    }

    async fn offer(&mut self, provision: Provision) -> Result<Result<Providing, Refused>, Broken> {
        if let Err(refused) = self.lets_run_all(&provision) {
            self.open_models.settle(self.node.provision());
            return Ok(Err(refused.into()));
        }
        if provision.examine(&self.genesis).is_err() {
            self.open_models.settle(self.node.provision());
            return Ok(Err(Refused::TooMuchToOffer));
        }
        let providing = self.providing_view(&provision);
        self.open_models.settle(Some(&provision));
        self.take(Input::Command(Command::Provide(provision))).await?;
        // Whoever offers wants jobs.
        self.take(Input::Command(Command::EndPause)).await?;
        Ok(Ok(providing))
    }

    async fn offer_nothing(&mut self) -> Result<(), Broken> {
        let Some(mut provision) = self.node.provision().cloned() else { return Ok(()) };
        provision.benches.clear();
        self.open_models.settle(None);
        self.unpublished = None;
        self.take(Input::Command(Command::Provide(provision))).await?;
        self.take(Input::Command(Command::EndPause)).await
    }

    fn stock_view(&self, stock: &Stock) -> ServiceView {
        let manifest = stock.manifest.digest();
        ServiceView {
            manifest,
            name: stock.manifest.name.clone(),
            pinned: self.genesis.manifests.contains(&stock.manifest),
            unit_price: stock.unit_price,
            run: stock.run,
            warm: self.node.is_warm(manifest, moment()),
        }
    }

    fn workbench_view(&self, bench: &Workbench) -> BenchView {
        BenchView {
            class: bench.class,
            machine: bench.machine.clone(),
            device: bench.device.clone(),
            memory_free: bench.memory_free,
            slots: bench.slots,
            services: bench.services.iter().map(|stock| self.stock_view(stock)).collect(),
        }
    }

    /// What is offered, as its owner sees it.
    pub(super) fn providing_view(&self, provision: &Provision) -> Providing {
        let benches = provision.benches.iter().map(|bench| self.workbench_view(bench)).collect();
        Providing { benches, addresses: provision.addresses.clone(), left_out: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use assay_protocol::units::Duration;
    use assay_runtime::worker::FoundCard;

    use super::*;
    use crate::driver::tests::offers::manifest;

    fn stock(card: Option<&str>) -> PlacedStock {
        let stock = Stock { manifest: manifest(), unit_price: Amount::ZERO, run: Duration(1) };
        let found = |name: &str| FoundCard {
            index: 0,
            name: name.to_owned(),
            driver: String::new(),
            is_hardware: true,
            is_integrated: false,
            memory_bytes: Some(1 << 34),
        };
        (stock, card.map(|name| ModelCard { card: found(name), is_whole: true }))
    }

    fn told(stocks: &[(Class, Vec<PlacedStock>)], places: u16) -> Vec<(String, u16)> {
        let processor = LocalProcessor { device: "processor".to_owned(), memory_free: 1 << 30 };
        let benches = stocks.iter().map(|(class, stocks)| bench(class, stocks.clone(), &processor));
        let mut provision = Provision {
            benches: benches.collect(),
            cancel_fee_min: Amount::ZERO,
            addresses: Vec::new(),
            reachability: Reachability::Unknown,
        };
        provision.share_slots(places);
        assert_eq!(provision.slots(), places, "as many in all as were asked for");
        provision.benches.into_iter().map(|bench| (bench.device, bench.slots)).collect()
    }

    #[test]
    fn a_class_is_one_bench_whatever_its_models_are_on_and_places_are_given_once() {
        let other = Class::Arithmetic(2);
        let texts = |cards: &[Option<&str>]| (ARITHMETIC, cards.iter().map(|card| stock(*card)).collect());
        let digits = (other, vec![stock(None)]);
        let named = |name: &str, slots| (name.to_owned(), slots);
        let both = [texts(&[Some("card")]), digits.clone()];
        assert_eq!(told(&both, 4), [named("card", 2), named("processor", 2)]);
        assert_eq!(told(&both, 1), [named("card, processor", 1), named("card, processor", 1)]);
        assert_eq!(told(&[texts(&[Some("card"), None])], 4), [named("card, processor", 4)]);
        let mut divided = stock(Some("card"));
        divided.1.as_mut().unwrap().is_whole = false;
        assert_eq!(told(&[(ARITHMETIC, vec![divided])], 4), [named("card, processor", 4)]);
        let none = [texts(&[None]), digits];
        assert_eq!(told(&none, 3), [named("processor", 3), named("processor", 3)], "one device, shared");
    }
}
