//! What a library keeps, and what it says of a file that is not what it was.

use std::fs;

use assay_protocol::{
    manifest::{Meter, TensorFormat, WorkPerMeter},
    signed::{Keypair, Signer},
};

use super::*;
use crate::config;

const ROOM: u64 = 1 << 20;

fn manifest(name: &str) -> Manifest {
    Manifest {
        name: name.into(),
        runner: Digest::of(b"runner"),
        model: Digest::of(name.as_bytes()),
        params: String::new(),
        policy: Policy::Replay,
        meter: Meter::Calls,
        work: WorkPerMeter::default(),
        work_most: 64,
        memory_bytes: 1,
        licence: "MIT".into(),
    }
}

#[test]
fn the_bytes_of_a_manifest_are_what_its_digest_is_over() {
    let manifest = manifest("adder");
    let bytes = bytes_of(&manifest);
    assert_eq!(Digest::of(&bytes), manifest.digest());
    assert_eq!(read(&bytes), Some(manifest.clone()));
    assert_eq!(read(&codec::encode(&manifest)), None, "the same without its tag");
    let longest = Manifest {
        name: "n".repeat(64),
        licence: "l".repeat(64),
        params: "p".repeat(4 * 1024),
        work: WorkPerMeter {
            call: u64::MAX,
            token_read: u64::MAX,
            token_written: u64::MAX,
            mega_fuel: u64::MAX,
        },
        ..manifest
    };
    assert_eq!(read(&bytes_of(&longest)), Some(longest));
}

#[test]
fn a_library_knows_what_was_added_after_it_is_opened_again() {
    let home = tempfile::tempdir().unwrap();
    let (blobs, models) =
        (Blobs::open(&home.path().join("blobs"), ROOM).unwrap(), home.path().join("models"));
    let library = Library::open(&models, &blobs).unwrap();
    let [adder, reader] = [manifest("adder"), manifest("reader")];
    for manifest in [&reader, &adder, &adder] {
        library.add(manifest).unwrap();
    }
    assert_eq!(library.manifests(), [adder.clone(), reader.clone()]);
    library.remove(&reader.digest()).unwrap();
    library.remove(&reader.digest()).unwrap();
    let again = Library::open(&models, &blobs).unwrap();
    assert_eq!((again.manifests(), again.get(&reader.digest())), (vec![adder.clone()], None));
    assert_eq!(again.get(&adder.digest()), Some(adder));
}

#[test]
fn a_damaged_manifest_keeps_nobody_from_the_others() {
    let home = tempfile::tempdir().unwrap();
    let (blobs, models) =
        (Blobs::open(&home.path().join("blobs"), ROOM).unwrap(), home.path().join("models"));
    let library = Library::open(&models, &blobs).unwrap();
    let [adder, reader] = [manifest("adder"), manifest("reader")];
    [&adder, &reader].into_iter().for_each(|manifest| library.add(manifest).unwrap());
    let path = library.folder.path(&adder.digest());
    let mut bytes = fs::read(&path).unwrap();
    bytes[20] ^= 1;
    fs::write(&path, bytes).unwrap();
    let again = Library::open(&models, &blobs).unwrap();
    assert_eq!((again.manifests(), again.damaged()), (vec![reader], vec![adder.digest()]));
    again.add(&adder).unwrap();
    assert_eq!((again.manifests().len(), again.damaged()), (2, Vec::new()));
}

#[test]
fn the_parts_of_a_model_make_no_room_until_the_library_forgets_it() {
    let home = tempfile::tempdir().unwrap();
    let (blobs, models) = (Blobs::open(&home.path().join("blobs"), 64).unwrap(), home.path().join("models"));
    let manifest = Manifest { model: Digest::of(&[7; 40]), ..manifest("adder") };
    Library::open(&models, &blobs).unwrap().add(&manifest).unwrap();
    blobs.put(&[7; 40]).unwrap();
    assert!(blobs.put(&[8; 40]).is_err(), "a model that was added makes room");
    drop(blobs);
    let blobs = Blobs::open(&home.path().join("blobs"), 64).unwrap();
    let library = Library::open(&models, &blobs).unwrap();
    assert!(blobs.put(&[8; 40]).is_err(), "a model makes room after a start");
    library.remove(&manifest.digest()).unwrap();
    blobs.put(&[8; 40]).unwrap();
    assert!(!blobs.contains(&manifest.model));
}

#[test]
fn a_full_library_takes_no_more() {
    let home = tempfile::tempdir().unwrap();
    let blobs = Blobs::open(&home.path().join("blobs"), ROOM).unwrap();
    let library = Library::open(&home.path().join("models"), &blobs).unwrap();
    for number in 0..MODELS_MAX {
        let manifest = manifest(&number.to_string());
        library.known().manifests.insert(manifest.digest(), manifest);
    }
    assert!(matches!(library.add(&manifest("adder")), Err(LibraryError::Full { max: MODELS_MAX })));
    assert!(library.add(&manifest("7")).is_ok(), "one that is there changes nothing");
}

#[test]
fn a_manifest_that_no_order_can_be_made_by_is_named_unusable() {
    let genesis = config::genesis("test", Keypair::from_seed([1; 32]).id());
    let said = |change: fn(&mut Manifest)| {
        let mut manifest = manifest("adder");
        change(&mut manifest);
        examine(&manifest, &genesis)
    };
    assert_eq!(said(|_| {}), Ok(()));
    assert_eq!(said(|manifest| manifest.licence.clear()), Err(Unusable::Texts));
    assert_eq!(said(|manifest| manifest.name = "adder@0123456789ab".into()), Err(Unusable::Name));
    assert_eq!(said(|manifest| manifest.name = "adder; ls".into()), Err(Unusable::Name));
    assert_eq!(said(|manifest| manifest.meter = UNBILLED), Err(Unusable::Unbilled));
    assert_eq!(said(|manifest| manifest.work_most = 0), Err(Unusable::NoWork));
    assert_eq!(said(|manifest| manifest.work_most = u64::MAX), Err(Unusable::TooMuchWork));
    let has_threshold = genesis.threshold(TensorFormat::F32).is_some();
    let tensor = said(|manifest| manifest.policy = Policy::Tensor(TensorFormat::F32));
    assert_eq!(tensor.is_ok(), has_threshold);
}

#[test]
fn a_library_says_where_a_model_comes_from_until_it_lets_it_go() {
    let home = tempfile::tempdir().unwrap();
    let blobs = Blobs::open(&home.path().join("blobs"), ROOM).unwrap();
    let models = home.path().join("models");
    let library = Library::open(&models, &blobs).unwrap();
    let adder = manifest("adder");
    library.add(&adder).unwrap();
    assert_eq!(library.origin(&adder.digest()), None);
    let origin = ModelOrigin { source: "hf:o/r/m.gguf@0123".into(), card: Some("ü".repeat(200_000)) };
    library.note_origin(&adder.digest(), &origin).unwrap();
    let again = Library::open(&models, &blobs).unwrap();
    let (source, card) = again.origin(&adder.digest()).unwrap();
    assert_eq!(source, origin.source);
    assert_eq!(fs::read_to_string(card.unwrap()).unwrap(), "ü".repeat(128 * 1024));
    assert_eq!((again.manifests(), again.damaged()), (vec![adder.clone()], Vec::new()));
    again.remove(&adder.digest()).unwrap();
    assert_eq!(again.origin(&adder.digest()), None);
}

#[test]
fn a_runner_of_a_stranger_is_allowed_by_the_owner_of_this_home_and_stays_so() {
    let home = tempfile::tempdir().unwrap();
    let (blobs, models) =
        (Blobs::open(&home.path().join("blobs"), ROOM).unwrap(), home.path().join("models"));
    let library = Library::open(&models, &blobs).unwrap();
    let mut genesis = config::genesis("test", Keypair::from_seed([1; 32]).id());
    genesis.manifests = vec![Manifest { runner: Digest::of(b"pinned"), ..manifest("pinned") }];
    let source = |library: &Library, name: &[u8]| library.runner_source(&Digest::of(name), &genesis);
    library.add(&manifest("pulled")).unwrap();
    library.ship([Digest::of(b"shipped")]);
    assert_eq!(source(&library, b"pinned"), Some(RunnerSource::Network));
    assert_eq!(source(&library, b"shipped"), Some(RunnerSource::Program));
    assert_eq!(source(&library, b"runner"), None, "that its model is here is nobody's word");
    for _ in 0..2 {
        library.allow(&Digest::of(b"runner")).unwrap();
        assert_eq!(source(&library, b"runner"), Some(RunnerSource::Owner));
    }
    drop(library);
    let library = Library::open(&models, &blobs).unwrap();
    assert_eq!(library.manifests(), [manifest("pulled")]);
    assert_eq!(source(&library, b"runner"), Some(RunnerSource::Owner));
    assert_eq!(source(&library, b"shipped"), None, "the program says it at each start");
    for _ in 0..2 {
        library.disallow(&Digest::of(b"runner")).unwrap();
        assert_eq!(source(&library, b"runner"), None);
    }
    drop(library);
    let library = Library::open(&models, &blobs).unwrap();
    assert_eq!(source(&library, b"runner"), None, "what is taken back stays so");
    let more = (0..=RUNNERS_MAX as u64).map(|number| Digest::of(&number.to_le_bytes()));
    let full = more.map(|runner| library.allow(&runner)).find_map(Result::err);
    assert!(matches!(full, Some(LibraryError::RunnersFull { .. })), "{full:?}");
    assert_eq!(library.allowed().len(), RUNNERS_MAX);
}

#[test]
fn a_model_is_published_until_its_owner_takes_that_back_or_lets_it_go() {
    let home = tempfile::tempdir().unwrap();
    let (blobs, models) =
        (Blobs::open(&home.path().join("blobs"), ROOM).unwrap(), home.path().join("models"));
    let library = Library::open(&models, &blobs).unwrap();
    let [adder, reader] = [manifest("adder"), manifest("reader")];
    let absent = library.publish(&adder.digest());
    assert!(matches!(absent, Err(LibraryError::Gone)), "{absent:?}");
    for manifest in [&adder, &reader] {
        library.add(manifest).unwrap();
        let published = [(); 2].map(|()| library.publish(&manifest.digest()).unwrap());
        assert_eq!(published, [true, false], "whether it was not before");
    }
    drop(library);
    let library = Library::open(&models, &blobs).unwrap();
    assert_eq!(library.published(), [adder.clone(), reader.clone()]);
    (0..2).for_each(|_| library.withdraw(&adder.digest()).unwrap());
    library.remove(&reader.digest()).unwrap();
    library.add(&reader).unwrap();
    assert_eq!(library.published(), [], "one that is added again is published by nobody");
    drop(library);
    let library = Library::open(&models, &blobs).unwrap();
    assert_eq!((library.published(), library.manifests()), (Vec::new(), vec![adder, reader]));
}
