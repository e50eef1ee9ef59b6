//! Packs that stay: made once, taken by every process after that, and never trusted.
//!
//! What happens to one is heard of, so nothing here depends on how long anything takes.

use std::{
    fs::{self, File},
    mem,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use assay_protocol::{
    id::Digest,
    manifest::{Meter, TokenWeights},
};
use assay_runtime::{
    outcome::{Completed, RunFailure},
    packs::{self, PackFolder, PackKeeper, PackNews},
    worker::Follower,
};

use crate::world::{Impatient, Job, World, shipped};

const INPUT: &[u8] = b"27+58=";
/// Room for any pack of these tests.
pub(crate) const ROOM: u64 = 1 << 30;

/// Hears what happens to packs, on a disk with so much room.
#[derive(Clone)]
pub(crate) struct Told {
    heard: Arc<Mutex<Vec<PackNews>>>,
    room: u64,
}

impl PackKeeper for Told {
    fn room(&self) -> u64 {
        self.room
    }

    fn is_wanted(&self, _: Digest) -> bool {
        true
    }

    fn hear(&self, _: Digest, news: &PackNews) {
        self.heard.lock().expect("no panic").push(news.clone());
    }
}

impl Told {
    /// What was heard since the last time.
    fn take(&self) -> Vec<PackNews> {
        mem::take(&mut *self.heard.lock().expect("no panic"))
    }
}

/// A world that keeps its packs there, on a disk with so much room.
pub(crate) fn keeping(packs: &Path, room: u64) -> (World, Told) {
    let (world, told) = (World::new(), Told { heard: Arc::default(), room });
    let folder = PackFolder::open(packs, ROOM, told.clone()).expect("a folder");
    world.pool.keep_packs(folder);
    (world, told)
}

pub(crate) fn job(world: &World) -> Job {
    let mut job = world.job_on(&shipped("runners/generate/generate.wasm"), &shipped("models/sums/sums.gguf"));
    job.envelope.meter = Meter::Tokens(TokenWeights { read: 1, written: 4 });
    job.envelope.params = r#"{"temperature":1,"max_tokens":24,"logit_bias":{"1":-1000,"2":-1000}}"#.into();
    job
}

fn try_run(world: &World, job: &Job, follower: &mut dyn Follower) -> Result<Completed, RunFailure> {
    world.pool.run(&job.envelope, job.files(), INPUT.into(), follower)
}

fn run(world: &World, job: &Job) -> Completed {
    try_run(world, job, &mut ()).expect("the job succeeds")
}

/// What the job gives where nothing is kept.
fn expected() -> Completed {
    let world = World::new();
    let completed = run(&world, &job(&world));
    assert!(completed.rows.len() > 2, "there is something to compare");
    completed
}

/// The one file that is kept of the job's model.
fn kept(packs: &Path, job: &Job) -> PathBuf {
    let names = entries(&packs.join(job.envelope.model.to_string()));
    assert_eq!(names.len(), 1, "{names:?}");
    names[0].clone()
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()).collect()
}

/// Has nothing been left half made?
fn is_tidy(packs: &Path) -> bool {
    entries(&packs.join("making")).is_empty()
}

/// Does something once, as soon as there is some output.
struct Once<F: FnMut()>(Option<F>);

impl<F: FnMut()> Follower for Once<F> {
    fn chunk(&mut self, _: &[u8]) {
        if let Some(mut act) = self.0.take() {
            act();
        }
    }
}

#[test]
fn a_model_is_packed_once_and_every_process_after_that_gives_the_same() {
    let packs = tempfile::tempdir().expect("a temporary directory");
    let (world, told) = keeping(packs.path(), ROOM);
    let (job, expected) = (job(&world), expected());
    assert_eq!(run(&world, &job), expected);
    let file = kept(packs.path(), &job);
    let file_of = |path: &Path| {
        let metadata = fs::metadata(path).expect("a file");
        (metadata.ino(), metadata.len(), metadata.modified().expect("a time"))
    };
    let made = file_of(&file);
    assert_eq!(told.take(), [PackNews::Kept { bytes: made.1 }]);
    assert_eq!(packs::bytes_of(packs.path(), job.envelope.model), Some(made.1));
    assert_eq!(run(&world, &job), expected);
    assert_eq!(told.take(), [], "the process is still there");
    for _ in 0..2 {
        world.pool.clear();
        assert_eq!(run(&world, &job), expected);
        assert_eq!(told.take(), [PackNews::Taken]);
    }
    drop(world);
    let (world, told) = keeping(packs.path(), ROOM);
    assert_eq!(run(&world, &self::job(&world)), expected);
    assert_eq!(told.take(), [PackNews::Taken], "by the next daemon as well");
    assert_eq!(file_of(&file), made, "it is the same file");
    assert!(is_tidy(packs.path()));
}

#[test]
fn a_pack_that_is_not_what_was_written_is_found_out_and_made_anew() {
    let packs = tempfile::tempdir().expect("a temporary directory");
    let (world, told) = keeping(packs.path(), ROOM);
    let (job, expected) = (job(&world), expected());
    assert_eq!(run(&world, &job), expected);
    told.take();
    let file = kept(packs.path(), &job);
    let good = fs::read(&file).expect("a pack");
    let bytes = good.len() as u64;
    let flipped = |at: usize| {
        let mut bad = good.clone();
        bad[at] ^= 1;
        bad
    };
    // A pack by its own word, with weights that are others.
    let mut other = flipped(good.len() / 2);
    let body = other.len() - 32;
    let digest = Digest::of(&other[..body]);
    other[body..].copy_from_slice(&digest.0);
    let cases = [
        ("a weight", flipped(good.len() / 2)),
        ("its head", flipped(0)),
        ("its digest", flipped(good.len() - 1)),
        ("cut", good[..good.len() / 2].to_vec()),
        ("nothing", Vec::new()),
        ("more than it was", [&good[..], &[0; 64]].concat()),
        ("another pack", other),
    ];
    for (what, bad) in cases {
        world.pool.clear();
        fs::write(&file, bad).expect("it can be written to");
        assert_eq!(run(&world, &job), expected, "{what}");
        let heard = told.take();
        let is_made_anew =
            matches!(heard[..], [PackNews::Refused { .. }, PackNews::Kept { bytes: made }] if made == bytes);
        assert!(is_made_anew, "{what}: {heard:?}");
        assert!(fs::read(kept(packs.path(), &job)).expect("a pack") == good, "{what}");
    }
    world.pool.clear();
    assert_eq!(run(&world, &job), expected);
    assert_eq!(told.take(), [PackNews::Taken]);
}

#[test]
fn a_pack_that_is_cut_is_nothing_to_who_has_read_it_and_made_anew_for_who_has_not() {
    let packs = tempfile::tempdir().expect("a temporary directory");
    let (world, told) = keeping(packs.path(), ROOM);
    let (job, expected) = (job(&world), expected());
    assert_eq!(run(&world, &job), expected);
    told.take();
    let file = File::options().write(true).open(kept(packs.path(), &job)).expect("a pack");
    file.set_len(0).expect("it can be cut");
    assert_eq!(run(&world, &job), expected);
    assert_eq!(told.take(), []);
    world.pool.clear();
    assert_eq!(run(&world, &job), expected);
    let heard = told.take();
    assert!(matches!(heard[..], [PackNews::Refused { .. }, PackNews::Kept { .. }]), "{heard:?}");
}

#[test]
fn without_room_a_model_is_packed_into_memory_and_no_job_feels_it() {
    let expected = expected();
    for room in [0, 1_000] {
        let packs = tempfile::tempdir().expect("a temporary directory");
        let (world, told) = keeping(packs.path(), room);
        let job = job(&world);
        for _ in 0..2 {
            world.pool.clear();
            assert_eq!(run(&world, &job), expected);
            let heard = told.take();
            assert!(matches!(heard[..], [PackNews::NotKept { .. }]), "{room} bytes: {heard:?}");
        }
        assert!(is_tidy(packs.path()));
        assert_eq!(packs::bytes_of(packs.path(), job.envelope.model), None);
    }
}

#[test]
fn two_processes_take_one_pack() {
    let packs = tempfile::tempdir().expect("a temporary directory");
    let (world, told) = keeping(packs.path(), ROOM);
    let mut job = job(&world);
    // More than half of a process, so that two jobs have one each.
    job.envelope.limits.host_call_bytes = job.envelope.limits.process_memory_bytes / 2;
    let alone = run(&world, &job);
    world.pool.clear();
    told.take();
    let (mut beside, mut processes) = (None, 0);
    let first = {
        let mut other = Once(Some(|| {
            beside = Some(run(&world, &job));
            processes = world.pool.hosts().len();
        }));
        try_run(&world, &job, &mut other).expect("the job succeeds")
    };
    assert_eq!((first, beside, processes), (alone.clone(), Some(alone), 2));
    assert_eq!(told.take(), [PackNews::Taken, PackNews::Taken]);
}

#[test]
fn a_model_that_cannot_be_read_leaves_no_pack() {
    let packs = tempfile::tempdir().expect("a temporary directory");
    let (world, told) = keeping(packs.path(), ROOM);
    let job = job(&world);
    job.stretch_model(1 << 22);
    let failed = try_run(&world, &job, &mut ());
    assert!(matches!(failed, Err(RunFailure::WrongBytes { .. })), "{failed:?}");
    assert!(is_tidy(packs.path()));
    assert_eq!((told.take(), packs::bytes_of(packs.path(), job.envelope.model)), (Vec::new(), None));
}

#[test]
fn a_model_that_is_given_up_while_it_is_packed_leaves_no_pack_and_no_promise() {
    let packs = tempfile::tempdir().expect("a temporary directory");
    // Room for one pack at a time.
    let (world, told) = keeping(packs.path(), 1 << 25);
    let job = job(&world);
    let length = fs::metadata(job.files().model.expect("a model")).expect("a file").len();
    // Which takes a while to be read.
    job.stretch_model(1 << 30);
    for _ in 0..3 {
        assert_eq!(try_run(&world, &job, &mut Impatient { bytes_left: 0 }), Err(RunFailure::Cancelled));
        assert!(is_tidy(packs.path()) && world.pool.hosts().is_empty());
    }
    assert_eq!((told.take(), packs::bytes_of(packs.path(), job.envelope.model)), (Vec::new(), None));
    job.stretch_model(length);
    assert_eq!(run(&world, &job), expected());
    let heard = told.take();
    assert!(matches!(heard[..], [PackNews::Kept { .. }]), "{heard:?}");
}

#[test]
fn a_pack_that_went_with_its_model_is_made_again() {
    let packs = tempfile::tempdir().expect("a temporary directory");
    let (world, told) = keeping(packs.path(), ROOM);
    let job = job(&world);
    let first = run(&world, &job);
    packs::remove(packs.path(), job.envelope.model).expect("it can be removed");
    assert_eq!(run(&world, &job), first, "whoever has read it keeps it");
    world.pool.clear();
    assert_eq!(run(&world, &job), first);
    let heard = told.take();
    assert!(matches!(heard[..], [PackNews::Kept { .. }, PackNews::Kept { .. }]), "{heard:?}");
}

#[test]
fn a_card_takes_a_pack_that_was_made_for_the_processor() {
    let packs = tempfile::tempdir().expect("a temporary directory");
    let (world, told) = keeping(packs.path(), ROOM);
    let (job, expected) = (job(&world), expected());
    assert_eq!(run(&world, &job), expected);
    let cards = world.pool.cards().expect("they are listed");
    let Some(card) = cards.first() else {
        eprintln!("no Vulkan device is here: cards are not tried");
        return;
    };
    world.pool.clear();
    world.pool.use_card(Some(card), false);
    assert_eq!(run(&world, &job), expected);
    let heard = told.take();
    assert!(matches!(heard[..], [PackNews::Kept { .. }, PackNews::Taken]), "{heard:?}");
}
