//! Offers: what a provider promises to anyone who asks in time.

use alloc::{string::String, vec::Vec};

use serde::{Deserialize, Deserializer, Serialize, de::Error};

use crate::{
    codec::{self, bounded},
    genesis::NOTARIES_MAX,
    id::{Digest, NetworkId, PeerId},
    manifest::NAME_BYTES_MAX,
    signed::{Attested, Forged, Scheme, Signed, Statement, Verified},
    standing::PeerStanding,
    units::{Amount, Duration, Timestamp},
};

/// Bytes in the longest offer, as it is told to everybody: with its header and its signature.
pub const OFFER_BYTES_MAX: usize = 4 * 1024;
/// Benches in one offer.
pub const OFFER_BENCHES_MAX: usize = 4;
/// Services in one offer, of all benches together.
pub const OFFER_SERVICES_MAX: usize = 16;
/// Addresses in one offer.
pub const OFFER_ADDRESSES_MAX: usize = 8;
/// Bytes in the longest text of an offer.
pub const OFFER_TEXT_BYTES_MAX: usize = 256;
/// Bytes that are around an offer when it is told: header, kind, signer and signature.
const AROUND_BYTES: usize = 2 + 1 + 33 + 65;

/// A standing promise, replaced by the next one of the same provider with a higher sequence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offer {
    /// Higher than in every offer before.
    pub sequence: u64,
    /// Until when orders are honoured.
    pub valid_until: Timestamp,
    /// What can be ordered, by the device that would run it; an order names one by its class, which no other has.
    #[serde(deserialize_with = "benches")]
    pub benches: Vec<Bench>,
    /// Notaries the provider holds an account with.
    #[serde(deserialize_with = "bounded::list::<NOTARIES_MAX, _, _>")]
    pub notaries: Vec<PeerId>,
    /// Where the provider can be reached.
    #[serde(deserialize_with = "bounded::list::<OFFER_ADDRESSES_MAX, _, _>")]
    pub addresses: Vec<String>,
    /// What it knows of whether others reach it there.
    pub reachability: Reachability,
    /// What a notary says of the provider.
    pub standing: Option<Signed<PeerStanding>>,
}

impl Statement for Offer {
    const NAME: &'static str = "Offer";

    fn verify_inside<S: Scheme>(&self, network: NetworkId) -> Result<(), Forged> {
        self.standing.as_ref().map_or(Ok(()), |standing| standing.verify::<S>(network))
    }
}

impl Verified<Offer> {
    /// What a notary says of the provider, as it signed it.
    #[must_use]
    pub fn standing(&self) -> Option<Attested<'_, PeerStanding>> {
        self.inside_if(|offer| offer.standing.as_ref())
    }
}

/// An offer that nobody could read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the offer is longer than anybody reads")]
pub struct Unreadable;

impl Offer {
    /// All that can be ordered, with the bench that would run it.
    pub fn services(&self) -> impl Iterator<Item = (&Bench, &Service)> {
        self.benches.iter().flat_map(|bench| bench.services.iter().map(move |service| (bench, service)))
    }

    /// True if somebody could have read it, so many bytes long or not.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        let short = |text: &String| text.len() <= OFFER_TEXT_BYTES_MAX;
        let texts = self.benches.iter().flat_map(|bench| [&bench.machine, &bench.device]);
        are_sound(&self.benches)
            && self.addresses.len() <= OFFER_ADDRESSES_MAX
            && self.addresses.iter().chain(texts).all(short)
            && self.services().all(|(_, service)| service.name.len() <= NAME_BYTES_MAX)
    }

    /// The offer, if others can read it: by the bounds that they read it by.
    ///
    /// # Errors
    /// [`Unreadable`], if a list or a text in it is too long, or all of it.
    pub fn readable(self) -> Result<Self, Unreadable> {
        let bytes = codec::encode(&self);
        let read = codec::decode::<Self>(&bytes, OFFER_BYTES_MAX - AROUND_BYTES);
        read.map(|_| self).map_err(|_| Unreadable)
    }
}

/// One device of a provider, and what it runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bench {
    /// The class of machine that would run the job.
    pub class: Digest,
    /// The class in words.
    #[serde(deserialize_with = "bounded::text::<OFFER_TEXT_BYTES_MAX, _>")]
    pub machine: String,
    /// The processor or card in words.
    #[serde(deserialize_with = "bounded::text::<OFFER_TEXT_BYTES_MAX, _>")]
    pub device: String,
    /// Bytes of memory that are free there for a job.
    pub memory_free: u64,
    /// Jobs that can run at the same time.
    pub slots: u16,
    /// What can be ordered, and for how much.
    #[serde(deserialize_with = "bounded::list::<OFFER_SERVICES_MAX, _, _>")]
    pub services: Vec<Service>,
}

/// What a provider knows of whether others reach it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reachability {
    /// Nothing.
    #[default]
    Unknown,
    /// Others have reached it at one of its addresses.
    Reached,
    /// Nobody reaches it; it reaches others.
    Hidden,
}

/// Benches as they can be told: so many services in all, and each class once.
fn benches<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Bench>, D::Error> {
    let benches: Vec<Bench> = bounded::list::<OFFER_BENCHES_MAX, _, _>(deserializer)?;
    if are_sound(&benches) {
        Ok(benches)
    } else {
        Err(D::Error::custom("benches that cannot be told apart, or too much on them"))
    }
}

fn are_sound(benches: &[Bench]) -> bool {
    let services: usize = benches.iter().map(|bench| bench.services.len()).sum();
    let is_first =
        |(place, bench): (usize, &Bench)| benches[..place].iter().all(|other| other.class != bench.class);
    benches.len() <= OFFER_BENCHES_MAX
        && services <= OFFER_SERVICES_MAX
        && benches.iter().enumerate().all(is_first)
}

/// One manifest on offer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Service {
    /// The digest of the manifest.
    pub manifest: Digest,
    /// What people call it.
    #[serde(deserialize_with = "bounded::text::<NAME_BYTES_MAX, _>")]
    pub name: String,
    /// What a unit costs.
    pub unit_price: Amount,
    /// How long a typical run takes here, as the provider measured it.
    pub run: Duration,
    /// True while runner and model are loaded.
    pub warm: bool,
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;
    use crate::{
        message::Message,
        signed::{Keypair, Signed},
    };

    fn offer(benches: usize, services: usize, addresses: usize, text: usize) -> Offer {
        let service = Service {
            manifest: Digest::of(b"manifest"),
            name: "n".repeat(text / 4),
            unit_price: Amount(u64::MAX),
            run: Duration(u64::MAX),
            warm: true,
        };
        let bench = |number: usize| Bench {
            class: Digest::of(&number.to_be_bytes()),
            machine: "m".repeat(text),
            device: String::new(),
            memory_free: u64::MAX,
            slots: u16::MAX,
            services: vec![service.clone(); services / benches + usize::from(number < services % benches)],
        };
        Offer {
            sequence: u64::MAX,
            valid_until: Timestamp::NEVER,
            benches: (0..benches).map(bench).collect(),
            notaries: Vec::new(),
            addresses: vec!["a".repeat(text); addresses],
            reachability: Reachability::Reached,
            standing: None,
        }
    }

    #[test]
    fn an_offer_is_told_only_if_whoever_hears_it_can_read_it() {
        let (key, here) = (Keypair::from_seed([1; 32]), Digest::of(b"here"));
        let mut refused = 0;
        for (benches, services, addresses, text) in
            [(1, 0), (1, 1), (1, 16), (1, 17), (4, 16), (4, 17), (5, 5)]
                .iter()
                .flat_map(|(benches, services)| {
                    [0, 1, 7, 8, 9].map(|addresses| (*benches, *services, addresses))
                })
                .flat_map(|(benches, services, addresses)| {
                    [0, 16, 20, 64, 256, 257].map(|text| (benches, services, addresses, text))
                })
        {
            let offer = offer(benches, services, addresses, text);
            let told = Message::from(Signed::seal(offer.clone(), &key, here)).encode();
            let heard = Message::decode(&told).is_ok() && told.len() <= OFFER_BYTES_MAX;
            assert_eq!(
                offer.readable().is_ok(),
                heard,
                "{benches} benches, {services} services, {addresses} addresses, {text}"
            );
            refused += usize::from(!heard);
        }
        assert!((50..200).contains(&refused), "{refused}");
    }

    #[test]
    fn two_benches_of_one_offer_have_two_classes() {
        let mut twice = offer(2, 2, 1, 9);
        assert!(twice.is_sound() && twice.clone().readable().is_ok());
        twice.benches[1].class = twice.benches[0].class;
        assert!(!twice.is_sound() && twice.readable().is_err());
        let pairs = offer(4, 9, 0, 4);
        let counts: Vec<usize> = pairs.benches.iter().map(|bench| bench.services.len()).collect();
        assert_eq!((counts, pairs.services().count()), (vec![3, 2, 2, 2], 9));
    }
}
