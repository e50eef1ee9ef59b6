//! `GET /v1/models`: what can be asked.

use std::{collections::BTreeMap, sync::Arc};

use assay_peer::handle::{ListModels, ListOffers, OfferView, ServiceView};
use axum::{
    Extension,
    extract::{Path, State},
};
use serde_json::{Value, json};

use crate::{Gateway, failure::HttpFailure, guard::Caller, json_answer::JsonAnswer, order_set};

/// A model that somebody offers, or that is known here.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct NamedOffer {
    pub(crate) name: String,
    pub(crate) digest: String,
    /// How many offer it.
    pub(crate) providers: u64,
    /// How many of them have it in memory.
    pub(crate) warm: u64,
    /// Whose word the name is.
    pub(crate) is_known: bool,
}

/// What can be asked, by name; of several that go by one name each with the beginning of its digest.
pub(crate) async fn offered(gateway: &Gateway) -> Result<Vec<NamedOffer>, HttpFailure> {
    let daemon = gateway.link.open().await?;
    let known = daemon.call(ListModels).await?;
    let offers = daemon.call(ListOffers).await?;
    let mut all: BTreeMap<String, NamedOffer> = BTreeMap::new();
    for listed in &known.models {
        let (name, digest) = (listed.manifest.name.clone(), listed.manifest.digest().to_string());
        all.insert(digest.clone(), NamedOffer { name, digest, providers: 0, warm: 0, is_known: true });
    }
    for service in offers.iter().flat_map(services) {
        let digest = service.manifest.to_string();
        let name = service.name.clone();
        let entry = all.entry(digest.clone());
        let entry = entry.or_insert(NamedOffer { name, digest, providers: 0, warm: 0, is_known: false });
        entry.providers += 1;
        entry.warm += u64::from(service.warm);
    }
    let mut all: Vec<NamedOffer> = all.into_values().filter(|offer| offer.providers > 0).collect();
    tell_apart(&mut all);
    all.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(all)
}

/// What a provider offers, each model once.
fn services(offer: &OfferView) -> Vec<&ServiceView> {
    let mut all: BTreeMap<_, &ServiceView> = BTreeMap::new();
    for service in offer.benches.iter().flat_map(|bench| &bench.services) {
        let known = all.entry(service.manifest).or_insert(service);
        if service.warm {
            *known = service;
        }
    }
    all.into_values().collect()
}

/// Digits of a digest that tell models of one name apart.
const PREFIX_DIGITS: usize = 12;

fn tell_apart(all: &mut [NamedOffer]) {
    let mut counts: BTreeMap<String, u32> = BTreeMap::new();
    all.iter().for_each(|offer| *counts.entry(offer.name.clone()).or_default() += 1);
    for offer in all.iter_mut().filter(|offer| counts[&offer.name] > 1 && !offer.is_known) {
        let digits = offer.digest.get(..PREFIX_DIGITS).unwrap_or(&offer.digest);
        offer.name = format!("{}@{digits}", offer.name);
    }
}

/// All of them.
pub(crate) async fn list(
    State(gateway): State<Arc<Gateway>>,
    Extension(caller): Extension<Caller>,
) -> Result<JsonAnswer, HttpFailure> {
    let all = offered(&gateway).await?;
    let allowed = all.iter().filter(|offer| caller.may_ask(&offer.name).is_ok());
    Ok(JsonAnswer(json!({ "object": "list", "data": allowed.map(document).collect::<Vec<_>>() })))
}

/// One of them.
pub(crate) async fn show(
    State(gateway): State<Arc<Gateway>>,
    Extension(caller): Extension<Caller>,
    Path(name): Path<String>,
) -> Result<JsonAnswer, HttpFailure> {
    let manifest = order_set::model(&gateway, &caller, &name).await?;
    let digest = manifest.digest().to_string();
    let all = offered(&gateway).await?;
    let found = all.into_iter().find(|offer| offer.digest == digest);
    let none = NamedOffer { name: manifest.name, digest, providers: 0, warm: 0, is_known: true };
    Ok(JsonAnswer(document(&NamedOffer { name, ..found.unwrap_or(none) })))
}

fn document(offer: &NamedOffer) -> Value {
    json!({
        "id": offer.name, "object": "model", "created": 0, "owned_by": "assay",
        "assay": { "manifest": offer.digest, "providers": offer.providers, "warm": offer.warm, "known": offer.is_known },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strangers_models_of_one_name_are_told_apart() {
        let offer = |digest: &str, is_known| NamedOffer {
            name: "poet".to_owned(),
            digest: digest.to_owned(),
            providers: 1,
            warm: 0,
            is_known,
        };
        let mut all = [offer("aaaaaaaaaaaaaaaa", true), offer("bbbbbbbbbbbbbbbb", false)];
        tell_apart(&mut all);
        assert_eq!(all.each_ref().map(|offer| offer.name.as_str()), ["poet", "poet@bbbbbbbbbbbb"]);
        tell_apart(&mut all[1..]);
        assert_eq!(all[1].name, "poet@bbbbbbbbbbbb");
    }
}
