//! Offers: what a provider promises to anyone who asks in time.

use alloc::{string::String, vec::Vec};

use serde::{Deserialize, Serialize};

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
/// Manifests in one offer.
pub const OFFER_MANIFESTS_MAX: usize = 16;
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
    /// The class of machine that would run the job.
    pub class: Digest,
    /// The class in words.
    #[serde(deserialize_with = "bounded::text::<OFFER_TEXT_BYTES_MAX, _>")]
    pub machine: String,
    /// What can be ordered, and for how much.
    #[serde(deserialize_with = "bounded::list::<OFFER_MANIFESTS_MAX, _, _>")]
    pub services: Vec<Service>,
    /// Jobs that can run at the same time.
    pub slots: u16,
    /// Notaries the provider holds an account with.
    #[serde(deserialize_with = "bounded::list::<NOTARIES_MAX, _, _>")]
    pub notaries: Vec<PeerId>,
    /// Where the provider can be reached.
    #[serde(deserialize_with = "bounded::list::<OFFER_ADDRESSES_MAX, _, _>")]
    pub addresses: Vec<String>,
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

    fn offer(services: usize, addresses: usize, text: usize) -> Offer {
        let service = Service {
            manifest: Digest::of(b"manifest"),
            name: "n".repeat(text / 4),
            unit_price: Amount(u64::MAX),
            run: Duration(u64::MAX),
            warm: true,
        };
        Offer {
            sequence: u64::MAX,
            valid_until: Timestamp::NEVER,
            class: Digest::of(b"class"),
            machine: "m".repeat(text),
            services: vec![service; services],
            slots: u16::MAX,
            notaries: Vec::new(),
            addresses: vec!["a".repeat(text); addresses],
            standing: None,
        }
    }

    #[test]
    fn an_offer_is_told_only_if_whoever_hears_it_can_read_it() {
        let (key, here) = (Keypair::from_seed([1; 32]), Digest::of(b"here"));
        let mut refused = 0;
        for (services, addresses, text) in [0, 1, 7, 8, 9, 16, 17]
            .iter()
            .flat_map(|services| [0, 1, 7, 8, 9].map(|addresses| (*services, addresses)))
            .flat_map(|(services, addresses)| {
                [0, 16, 20, 64, 256, 257].map(|text| (services, addresses, text))
            })
        {
            let offer = offer(services, addresses, text);
            let told = Message::from(Signed::seal(offer.clone(), &key, here)).encode();
            let heard = Message::decode(&told).is_ok() && told.len() <= OFFER_BYTES_MAX;
            assert_eq!(offer.readable().is_ok(), heard, "{services} services, {addresses} addresses, {text}");
            refused += usize::from(!heard);
        }
        assert!((50..200).contains(&refused), "{refused}");
    }
}
