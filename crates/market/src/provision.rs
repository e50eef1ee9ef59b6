//! What a provider wants to offer.
//!
//! **Invariant:** it is the user's wish; what is promised to others is the offer that the brain makes of it.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    string::String,
    vec::Vec,
};

use assay_protocol::{
    genesis::Genesis,
    id::{Digest, PeerId},
    manifest::Manifest,
    offer::{Bench, OFFER_ADDRESSES_MAX, OFFER_TEXT_BYTES_MAX, Offer, Reachability, Service, Unreadable},
    signed::Signed,
    standing::PeerStanding,
    units::{Amount, Duration, Timestamp},
};

/// The longest run that a provider takes on.
pub(crate) const RUN_MAX: Duration = Duration::seconds(3_600);

/// What a provider offers.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Provision {
    /// The devices that run what is offered; no two of one class.
    pub benches: Vec<Workbench>,
    /// The least that an order must leave here if it is cancelled.
    pub cancel_fee_min: Amount,
    /// Where this peer can be reached.
    pub addresses: Vec<String>,
    /// What it knows of whether others reach it.
    pub reachability: Reachability,
}

/// One device, and what is offered on it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Workbench {
    /// The class of this machine.
    pub class: Digest,
    /// The class in words.
    pub machine: String,
    /// The processor or card in words.
    pub device: String,
    /// Bytes of memory that are free for a job.
    pub memory_free: u64,
    /// Jobs that run at the same time.
    pub slots: u16,
    /// What is offered.
    pub services: Vec<Stock>,
}

/// One thing that a provider offers.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Stock {
    /// What runs.
    pub manifest: Manifest,
    /// What a unit costs.
    pub unit_price: Amount,
    /// How long a typical run takes here.
    pub run: Duration,
}

impl Workbench {
    /// What is offered of a model here.
    #[must_use]
    pub fn stock(&self, manifest: &Manifest) -> Option<&Stock> {
        self.services.iter().find(|stock| stock.manifest == *manifest)
    }

    fn take_in(&mut self, new: Self) {
        if !self.device.split(", ").any(|device| device == new.device) {
            self.device = new.device + ", " + &self.device;
        }
        self.services.extend(new.services);
    }

    fn told(&self, is_warm: &impl Fn(Digest) -> bool) -> Bench {
        let service = |stock: &Stock| {
            let (manifest, name) = (stock.manifest.digest(), stock.manifest.name.clone());
            Service { manifest, name, unit_price: stock.unit_price, run: stock.run, warm: is_warm(manifest) }
        };
        Bench {
            class: self.class,
            machine: self.machine.clone(),
            device: self.device.clone(),
            memory_free: self.memory_free,
            slots: self.slots,
            services: self.services.iter().map(service).collect(),
        }
    }
}

impl Provision {
    /// The bench of this class.
    #[must_use]
    pub fn bench(&self, class: Digest) -> Option<&Workbench> {
        self.benches.iter().find(|bench| bench.class == class)
    }

    /// All that is offered, with the bench that would run it.
    pub fn stocks(&self) -> impl Iterator<Item = (&Workbench, &Stock)> {
        self.benches.iter().flat_map(|bench| bench.services.iter().map(move |stock| (bench, stock)))
    }

    /// Jobs that run at the same time on all devices: the benches of one share what it runs.
    #[must_use]
    pub fn slots(&self) -> u16 {
        let devices: BTreeMap<&str, u16> =
            self.benches.iter().map(|bench| (bench.device.as_str(), bench.slots)).collect();
        devices.values().fold(0, |sum: u16, slots| sum.saturating_add(*slots))
    }

    /// Offers what this bench does as well, with as many slots in all: what is offered of a model already makes way.
    pub fn add(&mut self, new: Workbench) {
        let slots = self.slots();
        for bench in &mut self.benches {
            bench.services.retain(|stock| new.stock(&stock.manifest).is_none());
        }
        match self.benches.iter_mut().find(|bench| bench.class == new.class) {
            Some(bench) => bench.take_in(new),
            None => self.benches.push(new),
        }
        self.benches.retain(|bench| !bench.services.is_empty());
        self.share_slots(slots);
    }

    /// Offers a model no more, with as many slots in all for the others.
    pub fn remove(&mut self, manifest: Digest) {
        let slots = self.slots();
        for bench in &mut self.benches {
            bench.services.retain(|stock| stock.manifest.digest() != manifest);
        }
        self.benches.retain(|bench| !bench.services.is_empty());
        self.share_slots(slots);
    }

    /// Asks for what is offered already as much as is asked for it now.
    pub fn keep_prices(&mut self, now: &Self) {
        for stock in self.benches.iter_mut().flat_map(|bench| &mut bench.services) {
            let same = now.stocks().find(|(_, known)| known.manifest.digest() == stock.manifest.digest());
            if let Some((_, known)) = same {
                stock.unit_price = known.unit_price;
            }
        }
    }

    /// Has so many jobs run at the same time: devices share them, and where there are fewer than devices, all are one.
    pub fn share_slots(&mut self, slots: u16) {
        let names: BTreeSet<String> = self.benches.iter().map(|bench| bench.device.clone()).collect();
        let devices = u16::try_from(names.len()).unwrap_or(u16::MAX).max(1);
        let parts: BTreeSet<&str> = names.iter().flat_map(|name| name.split(", ")).collect();
        let all = parts.into_iter().collect::<Vec<_>>().join(", ");
        for bench in &mut self.benches {
            let place = names.iter().position(|name| *name == bench.device).unwrap_or(0);
            // The first ones have those that are left over.
            let rest = u16::from(place < usize::from(slots % devices));
            bench.slots = if slots < devices { slots } else { slots / devices + rest }.max(1);
            if slots < devices {
                bench.device.clone_from(&all);
            }
        }
    }

    /// True if nothing is offered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.stocks().next().is_none()
    }

    /// Whether others could read the offer that is made of it.
    ///
    /// # Errors
    /// [`Unreadable`], if it holds more services than one offer can, or longer ones.
    pub fn examine(&self, genesis: &Genesis) -> Result<(), Unreadable> {
        self.offer(u64::MAX, Timestamp::NEVER, genesis.notaries.clone(), |_| true, None).map(|_| ())
    }

    /// What others are told: of the addresses, as many of the first ones as there is room for.
    pub(crate) fn offer(
        &self,
        sequence: u64,
        valid_until: Timestamp,
        notaries: Vec<PeerId>,
        is_warm: impl Fn(Digest) -> bool,
        standing: Option<Signed<PeerStanding>>,
    ) -> Result<Offer, Unreadable> {
        let told = self.addresses.iter().filter(|address| address.len() <= OFFER_TEXT_BYTES_MAX);
        let mut addresses: Vec<String> = told.take(OFFER_ADDRESSES_MAX).cloned().collect();
        loop {
            let offer = Offer {
                sequence,
                valid_until,
                benches: self.benches.iter().map(|bench| bench.told(&is_warm)).collect(),
                notaries: notaries.clone(),
                addresses: addresses.clone(),
                reachability: self.reachability,
                standing: standing.clone(),
            };
            let offer = offer.readable();
            if offer.is_ok() || addresses.pop().is_none() {
                return offer;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::{string::ToString, vec};

    use assay_protocol::manifest::NAME_BYTES_MAX;

    use super::*;
    use crate::fixture;

    fn provision(services: usize, addresses: usize) -> Provision {
        let (manifest, run) = (fixture::manifest(), Duration(100));
        let bench = Workbench {
            class: Digest::of(b"class"),
            machine: "machine".into(),
            device: "a device".into(),
            memory_free: 1 << 30,
            slots: 1,
            services: vec![Stock { manifest, unit_price: Amount(1), run }; services],
        };
        Provision {
            benches: vec![bench],
            cancel_fee_min: Amount::ZERO,
            addresses: (0..addresses).map(|at| "/ip4/192.0.2.1/tcp/".to_string() + &at.to_string()).collect(),
            reachability: Reachability::Unknown,
        }
    }

    #[test]
    fn a_model_more_or_less_leaves_the_others_and_the_slots_in_all() {
        let offered = |provision: &Provision| -> Vec<(String, u16, usize)> {
            let told = |bench: &Workbench| (bench.device.clone(), bench.slots, bench.services.len());
            provision.benches.iter().map(told).collect()
        };
        let named = |device: &str, slots, services| (device.to_string(), slots, services);
        let stock = |name: &str| Stock {
            manifest: Manifest { name: name.into(), ..fixture::manifest() },
            unit_price: Amount(2),
            run: Duration(7),
        };
        let bench = |class: &[u8], device: &str, name: &str| Workbench {
            class: Digest::of(class),
            device: device.into(),
            services: vec![stock(name)],
            ..provision(0, 0).benches[0].clone()
        };
        let mut all = provision(1, 0);
        all.share_slots(4);
        assert_eq!((offered(&all), all.slots()), (vec![named("a device", 4, 1)], 4));
        all.add(bench(b"class", "a device", "sums"));
        all.add(bench(b"class", "a device", "sums"));
        assert_eq!(offered(&all), [named("a device", 4, 2)], "one is offered once");
        all.add(bench(b"another", "a card", "poet"));
        assert_eq!((offered(&all), all.slots()), (vec![named("a device", 2, 2), named("a card", 2, 1)], 4));
        all.add(bench(b"class", "a card", "saint"));
        assert_eq!(offered(&all), [named("a card, a device", 2, 3), named("a card", 2, 1)]);
        all.add(bench(b"another", "a card", "saint"));
        assert_eq!(offered(&all)[1], named("a card", 2, 2), "what runs in another class now is of that one");
        all.remove(stock("saint").manifest.digest());
        all.remove(stock("poet").manifest.digest());
        assert_eq!(offered(&all), [named("a card, a device", 4, 2)], "who is left has all slots");
        assert_eq!(all.stocks().map(|(_, stock)| stock.unit_price.0).collect::<Vec<_>>(), [1, 2]);
        all.share_slots(1);
        assert_eq!(all.slots(), 1);
    }

    #[test]
    fn what_is_offered_already_keeps_its_price_and_what_is_new_has_its_own() {
        let priced = |models: &[(&str, u64)]| {
            let mut all = provision(models.len(), 0);
            for (stock, (name, price)) in all.benches[0].services.iter_mut().zip(models) {
                (stock.manifest.name, stock.unit_price) = ((*name).into(), Amount(*price));
            }
            all
        };
        let mut tested = priced(&[("digits", 1), ("sums", 2), ("poet", 3)]);
        tested.keep_prices(&priced(&[("sums", 77), ("saint", 4)]));
        let kept: Vec<u64> = tested.stocks().map(|(_, stock)| stock.unit_price.0).collect();
        assert_eq!(kept, [1, 77, 3]);
    }

    #[test]
    fn of_too_many_addresses_the_first_are_told_and_of_too_many_services_none() {
        let genesis = fixture::genesis();
        let told = |services, addresses| {
            let offer = provision(services, addresses).offer(1, fixture::NOW, Vec::new(), |_| true, None);
            offer.map(|offer| (offer.services().count(), offer.addresses.len()))
        };
        assert_eq!((told(1, 3), told(16, 9)), (Ok((1, 3)), Ok((16, 8))));
        assert_eq!(told(17, 0), Err(Unreadable));
        let mut long = provision(1, 2);
        long.addresses[0] = "x".repeat(OFFER_TEXT_BYTES_MAX + 1);
        let offer = long.offer(1, fixture::NOW, Vec::new(), |_| true, None);
        assert_eq!(offer.map(|offer| offer.addresses), Ok(vec!["/ip4/192.0.2.1/tcp/1".to_string()]));
        long.benches[0].machine = "x".repeat(OFFER_TEXT_BYTES_MAX + 1);
        assert_eq!(long.examine(&genesis), Err(Unreadable));
        let mut wide = Provision { addresses: vec!["x".repeat(OFFER_TEXT_BYTES_MAX); 8], ..provision(16, 0) };
        let text = || "x".repeat(OFFER_TEXT_BYTES_MAX);
        (wide.benches[0].machine, wide.benches[0].device) = (text(), text());
        wide.benches[0]
            .services
            .iter_mut()
            .for_each(|stock| stock.manifest.name = "n".repeat(NAME_BYTES_MAX));
        let offer = wide.offer(1, fixture::NOW, Vec::new(), |_| true, None);
        assert!(offer.is_ok_and(|offer| (1..8).contains(&offer.addresses.len())));
    }
}
