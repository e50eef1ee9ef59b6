//! Offers: what a provider promises to anyone who asks in time.

use alloc::{string::String, vec::Vec};

use serde::{Deserialize, Serialize};

use crate::{
    codec::bounded,
    genesis::NOTARIES_MAX,
    id::{Digest, PeerId},
    manifest::NAME_BYTES_MAX,
    signed::statements,
    units::{Amount, Duration, Timestamp},
};

/// Bytes in the longest offer.
pub const OFFER_BYTES_MAX: usize = 2 * 1024;
/// Manifests in one offer.
pub const OFFER_MANIFESTS_MAX: usize = 16;
/// Addresses in one offer.
pub const OFFER_ADDRESSES_MAX: usize = 8;
/// Bytes in the longest text of an offer.
pub const OFFER_TEXT_BYTES_MAX: usize = 256;

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

statements!(Offer);
