//! What a name means, whoever offers what under it.

use std::fs;

use assay_protocol::{
    manifest::Manifest,
    offer::{Offer, Service},
};

use super::{
    offers::{manifest, offer},
    *,
};
use crate::{
    driver::names::ModelSource,
    handle::{ModelRefused, RemoveModel},
    library::bytes_of,
};

const OWN: [u8; 32] = [1; 32];
const PROVIDER: [u8; 32] = [3; 32];

/// A peer that heard of these models by these names, and has their manifests.
async fn heard(folder: &Path, pinned: &Manifest, offered: &[(&str, &Manifest)]) -> Responder {
    let mut genesis = config::genesis("test", Keypair::from_seed(OWN).id());
    genesis.manifests = vec![pinned.clone()];
    let Started { mut driver, mut inlets, responder, let_through, begins } =
        Started::new(folder, OWN, genesis, 1 << 20).await;
    let mut told: Offer = offer(moment().wall);
    let service = told.benches[0].services[0].clone();
    let named = |(name, manifest): &(&str, &Manifest)| Service {
        manifest: manifest.digest(),
        name: (*name).to_owned(),
        ..service.clone()
    };
    told.benches[0].services = offered.iter().map(named).collect();
    for (_, manifest) in offered {
        driver.background.store.blobs.put(&bytes_of(manifest)).unwrap();
    }
    driver.note_offer(Signed::seal(told, &Keypair::from_seed(PROVIDER), driver.network_id));
    tokio::spawn(async move {
        let _disk = (let_through, begins);
        while let Some(visit) = inlets.visits.recv().await {
            visit(&mut driver).await.unwrap();
        }
    });
    responder
}

#[tokio::test]
async fn what_a_stranger_offers_is_called_what_its_manifest_says() {
    let folder = tempfile::tempdir().unwrap();
    let called = |name: &str| Manifest { name: name.into(), ..manifest() };
    let (pinned, poet) = (manifest(), called("poet"));
    let false_twin = Manifest { licence: "none".into(), ..manifest() };
    let idle = Manifest { work_most: 0, ..called("idle") };
    let offered = [("poet", &poet), ("saint", &poet), ("nothing", &false_twin), ("idle", &idle)];
    let responder = heard(folder.path(), &pinned, &offered).await;
    let meant = |name: String| {
        let responder = responder.clone();
        async move { responder.any_model(&name).await.map(|model| (model.manifest, model.source)) }
    };
    assert_eq!(meant("poet".into()).await, Ok((poet.clone(), ModelSource::Offered)));
    assert_eq!(meant("nothing".into()).await, Ok((pinned, ModelSource::Pinned)));
    let twin = format!("nothing@{}", &false_twin.digest().to_string()[..12]);
    assert_eq!(meant(twin).await, Ok((false_twin, ModelSource::Offered)));
    assert_eq!(meant(poet.digest().to_string()).await, Ok((poet, ModelSource::Offered)));
    let unusable =
        |name: &str, reason: &str| ModelRefused::Unusable { name: name.into(), reason: reason.into() }.into();
    let said = "it is offered by this name, and calls itself poet";
    assert_eq!(meant("saint".into()).await, Err(unusable("saint", said)));
    let said = "its manifest allows a run no work";
    assert_eq!(meant("idle".into()).await, Err(unusable("idle", said)));
}

#[tokio::test]
async fn nobody_fetches_a_model_any_more_that_could_not_be_let_go_of() {
    let folder = tempfile::tempdir().unwrap();
    let parts = (Digest([5; 32]), Digest([6; 32]));
    let poet = Manifest { name: "poet".into(), runner: parts.0, model: parts.1, ..manifest() };
    let responder = heard(folder.path(), &manifest(), &[]).await;
    let (blobs, library) = (responder.store.blobs.clone(), responder.store.library.clone());
    library.add(&poet).unwrap();
    library.publish(&poet.digest()).unwrap();
    responder.open_models.prepare([&poet]).unwrap();
    let is_served = || blobs.is_served(&poet.model, &PeerId([9; 32]));
    assert!(is_served());
    // A folder stands where the mark was, so that it cannot be erased.
    let mark = Home::at(folder.path()).models().join("published").join(poet.digest().to_string());
    fs::remove_file(&mark).unwrap();
    fs::create_dir(&mark).unwrap();
    let refused = RemoveModel { name: poet.name.clone() }.respond(&responder).await;
    assert!(refused.is_err(), "{refused:?}");
    assert!(!is_served() && library.published().is_empty());
}
