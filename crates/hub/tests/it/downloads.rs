//! A file arrives whole, whatever happens on the way, and nothing else does.

use std::{fs, io::Write as _, time::Duration};

use assay_hub::{DownloadError, HubError, NotChosen, Retries, Sha256Sum};

use crate::{
    fake_hub::NamedFile,
    scene::{Refusal, Scene, content},
    server::Ends,
};

/// A file of many reads.
const BYTES: usize = 3 << 20;
/// What one read of a connection may hold.
const READ_BYTES: u64 = 256 * 1024;
/// Where five connections break off, counted from where each begins.
const BREAKS: [Ends; 5] =
    [Ends::After(1), Ends::After(400_000), Ends::After(65_536), Ends::After(1_000_001), Ends::After(500_000)];

/// Nothing is fetched again but what a read held, and what was given joins without a gap.
fn goes_on_where_it_ended(scene: &Scene) {
    let asked = scene.fake.store.asked();
    assert_eq!(asked.len(), BREAKS.len() + 1);
    let mut end = 0;
    for asked in &asked {
        let begin = asked.begins_at() as u64;
        assert!(begin <= end && end - begin <= READ_BYTES, "{begin} after {end}");
        end = begin + asked.sent;
    }
    assert!(scene.sent() <= BYTES as u64 + BREAKS.len() as u64 * READ_BYTES, "{}", scene.sent());
}

#[test]
fn a_file_arrives_whole() {
    let scene = Scene::of(BYTES);
    assert_eq!(scene.fetches("hf:o/r").unwrap(), content(BYTES));
    assert_eq!(scene.fetches("hf:o/r/m.gguf@main").unwrap(), content(BYTES));
    assert_eq!(scene.sent(), BYTES as u64, "what is here is not fetched again");
    let listing = scene.list("hf:o/r").unwrap();
    assert_eq!(listing.licence.as_deref(), Some("apache-2.0"));
    assert_eq!(scene.hub().card(&"hf:o/r".parse().unwrap(), &listing.commit).as_deref(), Some("# A card"));
}

#[test]
fn five_processes_that_are_interrupted_leave_to_the_sixth_what_is_missing() {
    let scene = Scene::of(BYTES);
    scene.fake.change(|script| script.ends = BREAKS.to_vec());
    for _ in BREAKS {
        assert!(matches!(scene.fails("hf:o/r"), DownloadError::Hub(HubError::Lost { .. })));
    }
    assert_eq!(scene.fetches("hf:o/r").unwrap(), content(BYTES));
    goes_on_where_it_ended(&scene);
}

#[test]
fn a_connection_that_breaks_off_five_times_is_made_anew() {
    let scene = Scene { retries: Retries { times: 1, wait: Duration::ZERO }, ..Scene::of(BYTES) };
    scene.fake.change(|script| script.ends = BREAKS.to_vec());
    assert_eq!(scene.fetches("hf:o/r").unwrap(), content(BYTES));
    goes_on_where_it_ended(&scene);
}

#[test]
fn a_connection_that_gives_nothing_is_made_anew_only_so_often() {
    let scene = Scene { retries: Retries { times: 3, wait: Duration::ZERO }, ..Scene::of(BYTES) };
    scene.fake.change(|script| script.ends = vec![Ends::After(0); 9]);
    scene.fails("hf:o/r");
    assert_eq!(scene.fake.store.asked().len(), 3);
}

#[test]
fn a_store_that_gives_a_byte_at_a_time_is_left() {
    let scene = Scene { retries: Retries { times: 5, wait: Duration::ZERO }, ..Scene::of(BYTES) };
    scene.fake.change(|script| script.ends = vec![Ends::After(1); 99]);
    assert!(matches!(scene.fails("hf:o/r"), DownloadError::Hub(HubError::Lost { .. })));
    assert_eq!(scene.fake.store.asked().len(), 20);
    scene.fake.change(|script| script.ends.clear());
    assert_eq!(scene.fetches("hf:o/r").unwrap(), content(BYTES), "what has come stays");
}

#[test]
fn a_store_that_gives_a_little_more_and_then_less_again_is_left() {
    let scene = Scene { retries: Retries { times: 3, wait: Duration::ZERO }, ..Scene::of(BYTES) };
    let ends = [Ends::After(1_000), Ends::After(2_000)].repeat(20);
    scene.fake.change(|script| (script.ends, script.knows_ranges) = (ends, false));
    assert!(matches!(scene.fails("hf:o/r"), DownloadError::Hub(HubError::Lost { .. })));
    assert_eq!(scene.fake.store.asked().len(), 5, "it is begun, and begun anew four times");
}

#[test]
fn a_store_that_knows_no_parts_gives_the_whole_again() {
    let scene = Scene::of(BYTES);
    scene.fake.change(|script| (script.ends, script.knows_ranges) = (vec![Ends::After(9_999)], false));
    scene.fails("hf:o/r");
    assert_eq!(scene.fetches("hf:o/r").unwrap(), content(BYTES));
    assert_eq!(scene.sent(), BYTES as u64 + 9_999);
}

#[test]
fn a_file_that_changes_between_two_tries_is_begun_anew() {
    let scene = Scene::of(BYTES);
    scene.fake.change(|script| script.ends = vec![Ends::After(1 << 20)]);
    scene.fails("hf:o/r");
    let other: Vec<u8> = content(BYTES).into_iter().map(|byte| !byte).collect();
    scene.fake.change(|script| script.files = vec![NamedFile::of("m.gguf", other.clone())]);
    assert_eq!(scene.fetches("hf:o/r").unwrap(), other);
    assert_eq!(scene.fake.store.asked()[1].begins_at(), 0);
}

#[test]
fn bytes_that_the_store_calls_otherwise_are_not_joined_to_those_that_are_here() {
    let scene = Scene::of(BYTES);
    scene.fake.change(|script| script.ends = vec![Ends::After(1 << 20)]);
    scene.fails("hf:o/r");
    scene.fake.change(|script| script.tag = "\"second\"".to_owned());
    assert_eq!(scene.fetches("hf:o/r").unwrap(), content(BYTES));
    let again = &scene.fake.store.asked()[1];
    assert_eq!((again.header("if-range"), again.sent), (Some("\"first\""), BYTES as u64));
}

#[test]
fn a_store_that_joins_other_bytes_all_the_same_is_found_out() {
    let scene = Scene::of(BYTES);
    scene.fake.change(|script| (script.ends, script.heeds_tags) = (vec![Ends::After(1 << 20)], false));
    scene.fails("hf:o/r");
    scene.fake.change(|script| script.tag = "\"second\"".to_owned());
    assert!(matches!(scene.fails("hf:o/r"), DownloadError::Changed { .. }));
    assert_eq!(scene.fetches("hf:o/r").unwrap(), content(BYTES));
}

#[test]
fn what_has_another_digest_is_removed() {
    let scene = Scene::of(BYTES);
    let wrong = Sha256Sum::of(b"something else");
    scene.fake.change(|script| script.files[1].sha256 = Some(wrong));
    let error = scene.fails("hf:o/r");
    assert!(matches!(error, DownloadError::WrongDigest { sha256, .. } if sha256 == wrong), "{error}");
    assert!(scene.kept().is_empty());
}

#[cfg(unix)]
#[test]
fn what_has_another_name_by_now_is_never_written_over() {
    let scene = Scene::of(BYTES);
    assert_eq!(scene.fetches("hf:o/r").unwrap(), content(BYTES));
    let kept = scene.kept().into_iter().find(|path| path.extension().unwrap() == "part").unwrap();
    let stored = scene.folder.path().join("stored");
    fs::hard_link(kept, &stored).unwrap();
    let other: Vec<u8> = content(BYTES).into_iter().rev().collect();
    scene.fake.change(|script| {
        script.files[1].sha256 = Some(Sha256Sum::of(&other));
        script.files[1].content = other.clone();
    });
    assert_eq!(scene.fetches("hf:o/r").unwrap(), other);
    assert!(fs::read(stored).unwrap() == content(BYTES), "somebody has stored it under that name");
}

#[test]
fn what_was_damaged_here_is_found_out_and_fetched_anew() {
    let scene = Scene::of(BYTES);
    scene.fake.change(|script| script.ends = vec![Ends::After(1 << 20)]);
    scene.fails("hf:o/r");
    let part = fs::read_dir(scene.arriving()).unwrap().map(|entry| entry.unwrap().path());
    let part = part.into_iter().find(|path| path.extension().unwrap() == "part").unwrap();
    let mut file = fs::OpenOptions::new().write(true).open(part).unwrap();
    file.write_all(b"damage").unwrap();
    assert!(matches!(scene.fails("hf:o/r"), DownloadError::WrongDigest { .. }));
    assert_eq!(scene.fetches("hf:o/r").unwrap(), content(BYTES));
}

#[test]
fn a_length_that_is_not_the_one_named_is_refused_before_anything_is_read() {
    let scene = Scene::of(BYTES);
    for named in [BYTES as u64 - 1, BYTES as u64 + 1] {
        scene.fake.change(|script| script.files[1].bytes = named);
        let error = scene.fails("hf:o/r");
        assert!(matches!(error, DownloadError::WrongLength { bytes, .. } if bytes == named), "{error}");
    }
    let part = fs::read_dir(scene.arriving()).unwrap().map(|entry| entry.unwrap());
    let lengths: u64 = part
        .filter(|part| part.path().extension().unwrap() == "part")
        .map(|part| part.metadata().unwrap().len())
        .sum();
    assert_eq!(lengths, 0);
}

#[test]
fn a_file_that_goes_on_behind_its_end_is_cut_off() {
    let scene = Scene::of(BYTES);
    scene.fake.change(|script| script.ends = vec![Ends::Never]);
    assert!(matches!(scene.fails("hf:o/r"), DownloadError::WrongLength { .. }));
    assert!(scene.sent() < 4 * BYTES as u64);
}

#[test]
fn a_disk_that_is_too_full_is_told_before_anything_is_fetched() {
    let scene = Scene { free_bytes: Some(BYTES as u64), ..Scene::of(BYTES) };
    assert!(matches!(scene.fails("hf:o/r"), DownloadError::DiskFull { .. }));
    assert!(scene.fake.store.asked().is_empty());
}

#[test]
fn of_several_files_one_must_be_named() {
    let two = ["a.gguf", "b.gguf"].map(|path| NamedFile::of(path, path.as_bytes().to_vec()));
    let scene = Scene::with(two.to_vec());
    let refused = scene.fetches("hf:o/r");
    assert!(matches!(&refused, Err(Refusal::Choice(NotChosen::Several { files, .. })) if files.len() == 2));
    assert_eq!(scene.fetches("hf:o/r/b.gguf").unwrap(), b"b.gguf");
    assert!(matches!(scene.fetches("hf:o/r/c.gguf"), Err(Refusal::Choice(NotChosen::Absent { .. }))));
}

#[test]
fn a_small_file_of_which_no_digest_is_named_is_given_out_as_unproven() {
    let scene = Scene::of(1_000);
    scene.fake.change(|script| (script.files[1].sha256, script.ends) = (None, vec![Ends::After(9)]));
    scene.fails("hf:o/r");
    assert_eq!(scene.fetches("hf:o/r").unwrap(), content(1_000));
    assert_eq!(scene.fake.store.asked()[1].begins_at(), 0, "nobody knows that two halves belong together");
}

#[test]
fn one_process_at_a_time_fetches_a_file() {
    let scene = Scene::of(BYTES);
    let (hub, name) = (scene.hub(), "hf:o/r".parse().unwrap());
    let listing = hub.list(&name).unwrap();
    let file = listing.models[0].clone();
    let name = name.at(&file.path, &listing.commit);
    let folder = scene.arriving();
    let download =
        assay_hub::HubDownload { name, file, folder: &folder, free_bytes: None, retries: scene.retries };
    let arrived = hub.fetch(&download, &mut |_| {}).unwrap();
    assert!(matches!(scene.fails("hf:o/r"), DownloadError::UnderWay { .. }));
    arrived.remove().unwrap();
    assert!(scene.kept().is_empty());
}
