//! What the hub's own tools have fetched is found where they put it.

use std::{fs, path::PathBuf};

use assay_hub::{HubError, Sha256Sum};

use crate::{
    fake_hub::COMMIT,
    scene::{Nowhere, Scene, content},
};

const BYTES: usize = 100_000;

/// Puts the model where the hub's own tools do, and says where it lies.
fn cached(scene: &mut Scene) -> PathBuf {
    let cache = scene.folder.path().join("cache");
    let repository = cache.join("models--o--r");
    let (blobs, snapshot) = (repository.join("blobs"), repository.join("snapshots").join(COMMIT));
    [&blobs, &snapshot, &repository.join("refs")]
        .into_iter()
        .for_each(|path| fs::create_dir_all(path).unwrap());
    let blob = blobs.join(Sha256Sum::of(&content(BYTES)).to_string());
    fs::write(&blob, content(BYTES)).unwrap();
    fs::write(snapshot.join("README.md"), "# A card of before").unwrap();
    fs::write(repository.join("refs/main"), COMMIT).unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink(&blob, snapshot.join("m.gguf")).unwrap();
    scene.variables.push(("HF_HUB_CACHE", cache.to_str().unwrap().to_owned()));
    blob
}

#[test]
fn a_file_of_the_cache_is_found_and_not_fetched() {
    let mut scene = Scene::of(BYTES);
    let blob = cached(&mut scene);
    let name = "hf:o/r".parse().unwrap();
    let listing = scene.list("hf:o/r").unwrap();
    let file = listing.choose(&name).unwrap()[0];
    assert_eq!(scene.hub().find(&name, file), Some(blob.clone()));
    assert_eq!(scene.hub().find(&"hf:o/other".parse().unwrap(), file), None);
    assert!(scene.fake.store.asked().is_empty());
    let mut damaged = content(BYTES);
    damaged[BYTES / 2] ^= 1;
    fs::write(&blob, damaged).unwrap();
    assert_eq!(scene.hub().find(&name, file), None, "it is not what it is called");
    fs::write(&blob, &content(BYTES)[1..]).unwrap();
    assert_eq!(scene.hub().find(&name, file), None, "it is shorter");
}

#[cfg(unix)]
#[test]
fn without_the_hub_the_cache_says_what_there_is() {
    let mut scene = Scene::of(BYTES);
    let blob = cached(&mut scene);
    let with_hub = scene.list("hf:o/r").unwrap();
    let gone = Nowhere::hold();
    scene.variables[0].1 = format!("http://{}", gone.at);
    let (name, listing) = ("hf:o/r".parse().unwrap(), scene.list("hf:o/r").unwrap());
    assert_eq!((&listing.models, &listing.commit), (&with_hub.models, &with_hub.commit));
    assert_eq!(scene.hub().find(&name, listing.choose(&name).unwrap()[0]), Some(blob));
    assert_eq!(scene.hub().card(&name, &listing.commit).as_deref(), Some("# A card of before"));
    assert!(scene.list(&format!("hf:o/r@{COMMIT}")).is_ok());
    for absent in ["hf:o/r@v2", "hf:o/other"] {
        assert!(matches!(scene.list(absent), Err(HubError::Unreachable { .. })), "{absent}");
    }
}

#[test]
fn offline_nobody_is_asked() {
    let mut scene = Scene::of(BYTES);
    cached(&mut scene);
    scene.variables.push(("HF_HUB_OFFLINE", "1".to_owned()));
    let listing = scene.list("hf:o/r").ok();
    assert_eq!(listing.is_some(), cfg!(unix));
    assert_eq!(scene.hub().card(&"hf:o/r".parse().unwrap(), &"f".repeat(40)), None);
    assert!(scene.fake.hub.asked().is_empty());
}
