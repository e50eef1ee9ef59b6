//! Journals that were torn, flipped or cut off from power: what is acknowledged is there.

mod parts;

use std::{
    fs::{self, File, OpenOptions},
    io::Write,
    sync::{Mutex, mpsc},
    time::Duration,
};

use proptest::prelude::*;

use assay_protocol::id::Digest;

use super::{extent::PART_RECORDS, format::HEADER_BYTES, scan::SECTOR_BYTES, *};
use crate::brittle::{Brittle, Lot, Trouble};

const PEER: PeerId = PeerId([7; 32]);
const OWNER: Owner = Owner { peer: PEER, network: Digest([9; 32]) };

/// A journal in a folder of its own; each record waited for, so each a batch.
struct World {
    folder: tempfile::TempDir,
}

impl World {
    fn with(records: &[&[u8]]) -> Self {
        let world = Self { folder: tempfile::tempdir().unwrap() };
        let journal = world.open().unwrap();
        for record in records {
            let sequence = journal.append(record.to_vec()).unwrap();
            wait(&journal, sequence).unwrap();
        }
        journal.close().unwrap();
        world
    }

    fn journal(&self) -> PathBuf {
        self.folder.path().join("journal")
    }

    /// Its first part.
    fn path(&self) -> PathBuf {
        PartPlace { first: 1, entries: 0 }.path(&self.journal())
    }

    fn open(&self) -> Result<Journal, OpenError> {
        open(&HomeDisk::default(), &self.journal(), OWNER)
    }

    fn scan(&self) -> Scan {
        scan(&self.journal(), OWNER, &Base::default()).unwrap().unwrap()
    }

    fn bytes(&self) -> Vec<u8> {
        fs::read(self.path()).unwrap()
    }

    /// What an opening reads when the file has these bytes.
    fn read_from(&self, bytes: &[u8]) -> Result<Vec<Vec<u8>>, OpenError> {
        fs::write(self.path(), bytes).unwrap();
        self.open().map(|journal| records(&journal))
    }
}

fn open(disk: &HomeDisk, folder: &Path, owner: Owner) -> Result<Journal, OpenError> {
    Journal::open(disk, folder, owner, &Base::default())
}

fn records(journal: &Journal) -> Vec<Vec<u8>> {
    let all: Result<Vec<_>, _> = journal.records(1).collect();
    let (sequences, records): (Vec<u64>, Vec<_>) = all.unwrap().into_iter().unzip();
    assert_eq!(sequences, (1..=records.len() as u64).collect::<Vec<_>>());
    records
}

fn wait(journal: &Journal, sequence: u64) -> Result<(), Broken> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(journal.wait(sequence))
}

#[test]
fn a_tail_torn_at_any_byte_is_cut_and_the_journal_goes_on() {
    let world = World::with(&[b"one", b"two"]);
    let two = world.bytes();
    assert_eq!(world.open().unwrap().append(b"three".to_vec()), Ok(3));
    let three = world.bytes();
    for length in two.len()..three.len() {
        let torn = &three[..length];
        assert_eq!(world.read_from(torn).unwrap(), [b"one", b"two"], "cut at {length}");
    }
    let journal = world.open().unwrap();
    assert_eq!(world.bytes(), two);
    wait(&journal, journal.append(b"again".to_vec()).unwrap()).unwrap();
    drop(journal);
    assert_eq!(records(&world.open().unwrap()), [&b"one"[..], b"two", b"again"]);
}

#[test]
fn a_batch_that_lacks_any_of_its_sectors_is_cut() {
    let world = World::with(&[b"one", b"two"]);
    let begun = world.bytes().len();
    let long = vec![3; 8 * SECTOR_BYTES];
    assert_eq!(world.open().unwrap().append(long), Ok(3));
    let whole = world.bytes();
    for sector in begun / SECTOR_BYTES..whole.len().div_ceil(SECTOR_BYTES) {
        let mut torn = whole.clone();
        let end = torn.len().min((sector + 1) * SECTOR_BYTES);
        torn[begun.max(sector * SECTOR_BYTES)..end].fill(0);
        assert_eq!(world.read_from(&torn).unwrap(), [b"one", b"two"], "sector {sector}");
    }
}

#[test]
fn a_byte_flipped_in_any_batch_is_refused_with_its_place() {
    let world = World::with(&[b"one", b"two"]);
    let (third, long) = (world.bytes().len(), vec![3; 3 * SECTOR_BYTES]);
    assert_eq!(world.open().unwrap().append(long), Ok(3));
    let whole = world.bytes();
    for at in HEADER_BYTES..whole.len() {
        let mut flipped = whole.clone();
        flipped[at] ^= 1;
        match world.read_from(&flipped) {
            Err(OpenError::Damaged { offset, .. }) => assert!(offset as usize <= at, "{offset} for {at}"),
            other => panic!("byte {at}: {:?}", other.map(|records| records.len())),
        }
    }
    let mut flipped = whole.clone();
    flipped[third + 80] ^= 1;
    assert!(world.read_from(&flipped).is_err());
    let aside = Journal::cut_damage(&HomeDisk::default(), &world.journal(), OWNER, &Base::default())
        .unwrap()
        .expect("something was cut off");
    let lost = aside.join(world.path().file_name().unwrap());
    assert_eq!(fs::read(lost).unwrap(), flipped[third..]);
    assert_eq!(records(&world.open().unwrap()), [b"one", b"two"]);
    assert_eq!(
        Journal::cut_damage(&HomeDisk::default(), &world.journal(), OWNER, &Base::default()).unwrap(),
        None
    );
}

#[test]
fn a_batch_that_is_missing_or_moved_is_refused() {
    let world = World::with(&[b"same", b"same", b"same"]);
    let bytes = world.bytes();
    let batch = (bytes.len() - HEADER_BYTES) / 3;
    let without_first = [&bytes[..HEADER_BYTES], &bytes[HEADER_BYTES + batch..]].concat();
    assert!(matches!(world.read_from(&without_first), Err(OpenError::Damaged { .. })));
}

#[test]
fn a_tail_longer_than_any_batch_is_no_torn_batch() {
    let world = World::with(&[b"one"]);
    let mut bytes = world.bytes();
    bytes.resize(bytes.len() + BATCH_BYTES_MAX + 1024, 0);
    assert!(matches!(world.read_from(&bytes), Err(OpenError::Damaged { .. })));
}

#[test]
fn a_record_that_quotes_a_batch_of_another_journal_does_not_pass_for_one() {
    let other = World::with(&[b"planted"]);
    let planted = other.bytes().split_off(HEADER_BYTES);
    let world = World::with(&[b"one", &planted]);
    let mut torn = world.bytes();
    torn.pop();
    assert_eq!(world.read_from(&torn).unwrap(), [b"one"]);
}

#[test]
fn files_that_are_not_the_peers_journal_are_refused() {
    let world = World::with(&[b"one"]);
    let bytes = world.bytes();
    let stranger = open(&HomeDisk::default(), &world.journal(), Owner { peer: PeerId([8; 32]), ..OWNER });
    assert!(matches!(stranger, Err(OpenError::Foreign { owner: PEER })));
    let elsewhere = open(&HomeDisk::default(), &world.journal(), Owner { network: Digest([8; 32]), ..OWNER });
    assert!(matches!(elsewhere, Err(OpenError::OtherNetwork { network }) if network == OWNER.network));
    for wrong in [&b""[..], b"something else", &bytes[..HEADER_BYTES - 1], &[0; 500]] {
        assert!(matches!(world.read_from(wrong), Err(OpenError::NotAJournal)));
    }
    let mut flipped = bytes.clone();
    flipped[60] ^= 1;
    assert!(matches!(world.read_from(&flipped), Err(OpenError::Damaged { offset: 0, .. })));
}

#[test]
fn reading_starts_at_any_record() {
    let world = World::with(&[]);
    let journal = world.open().unwrap();
    let record = |sequence: u64| vec![sequence as u8; 40 * 1024];
    for sequence in 1..=50 {
        assert_eq!(journal.append(record(sequence)), Ok(sequence));
    }
    wait(&journal, 50).unwrap();
    for journal in [journal, world.open().unwrap()] {
        for first in [1, 2, 17, 50] {
            let read: Vec<_> = journal.records(first).map(Result::unwrap).collect();
            assert_eq!(read, (first..=50).map(|sequence| (sequence, record(sequence))).collect::<Vec<_>>());
        }
        assert_eq!(journal.records(51).count(), 0);
    }
}

#[test]
fn bounds_are_refused_before_a_sequence_is_given() {
    let journal = World::with(&[]).open().unwrap();
    let bytes = RECORD_BYTES_MAX + 1;
    assert_eq!(journal.append(vec![0; bytes]), Err(AppendError::TooLong { bytes }));
    assert_eq!(journal.append(vec![0; RECORD_BYTES_MAX]), Ok(1));
}

/// How long a step of another thread may take on a busy machine.
const WAIT_MAX: Duration = Duration::from_secs(240);

/// A disk whose every sync says that it began, and waits to be let through.
struct Gate {
    file: File,
    begun: mpsc::Sender<()>,
    permits: Mutex<mpsc::Receiver<()>>,
}

impl BatchSink for Gate {
    fn begin(&mut self, _: &Header) -> io::Result<()> {
        Ok(())
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.begun.send(()).map_err(io::Error::other)?;
        self.permits.lock().unwrap().recv_timeout(WAIT_MAX).map_err(io::Error::other)
    }
}

/// A disk whose driver is at fault.
struct Faulty;

impl BatchSink for Faulty {
    fn begin(&mut self, _: &Header) -> io::Result<()> {
        Ok(())
    }

    fn append(&mut self, _: &[u8]) -> io::Result<()> {
        panic!("a fault")
    }

    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_thread_that_panics_says_that_nothing_more_is_written() {
    let world = World::with(&[]);
    let journal = Journal::start(&HomeDisk::default(), world.scan(), Box::new(Faulty)).unwrap();
    let broken = wait(&journal, journal.append(b"one".to_vec()).unwrap()).unwrap_err();
    assert!(broken.to_string().contains("panicked"), "{broken}");
    assert!(matches!(journal.append(b"two".to_vec()), Err(AppendError::Broken(_))));
}

/// An empty journal in `folder` whose every sync says that it began, and waits for a permit.
pub(crate) fn held_back(folder: &Path, owner: Owner) -> (Journal, mpsc::Sender<()>, mpsc::Receiver<()>) {
    let (disk, journal) = (HomeDisk::default(), folder.join("journal"));
    open(&disk, &journal, owner).unwrap().close().unwrap();
    let scan = scan(&journal, owner, &Base::default()).unwrap().unwrap();
    let file = last_part(&scan);
    let ((begun, begins), (let_through, permits)) = (mpsc::channel(), mpsc::channel());
    let gate = Gate { file, begun, permits: Mutex::new(permits) };
    (Journal::start(&disk, scan, Box::new(gate)).unwrap(), let_through, begins)
}

fn last_part(scan: &Scan) -> File {
    let path = scan.header.place.path(&scan.extent.folder);
    let mut file = OpenOptions::new().read(true).write(true).open(path).unwrap();
    file.seek(SeekFrom::End(0)).unwrap();
    file
}

fn start_on(world: &World, sink: impl FnOnce(File) -> Box<dyn BatchSink>) -> Journal {
    let scan = world.scan();
    let file = last_part(&scan);
    Journal::start(&HomeDisk::default(), scan, sink(file)).unwrap()
}

#[test]
fn what_queues_during_one_sync_is_the_next_batch() {
    let world = World::with(&[]);
    let ((begun, begins), (let_through, permits)) = (mpsc::channel(), mpsc::channel());
    let journal = start_on(&world, |file| Box::new(Gate { file, begun, permits: Mutex::new(permits) }));
    journal.append(b"first".to_vec()).unwrap();
    begins.recv_timeout(WAIT_MAX).unwrap();
    for number in 0..1000_u32 {
        journal.append(number.to_le_bytes().to_vec()).unwrap();
    }
    assert_eq!(*journal.durable().borrow(), Ok(0), "announced before its sync");
    let_through.send(()).unwrap();
    let_through.send(()).unwrap();
    wait(&journal, 1001).unwrap();
    assert_eq!(begins.try_iter().count(), 1, "one sync for all that queued during the first");
    journal.close().unwrap();
    assert_eq!(records(&world.open().unwrap()).len(), 1001);
}

#[test]
fn a_failed_sync_breaks_the_journal_for_ever() {
    let world = World::with(&[b"one"]);
    let ((begun, _begins), (let_through, permits)) = (mpsc::channel(), mpsc::channel());
    let journal = start_on(&world, |file| Box::new(Gate { file, begun, permits: Mutex::new(permits) }));
    drop(let_through);
    let sequence = journal.append(b"two".to_vec()).unwrap();
    assert!(wait(&journal, sequence).is_err());
    assert!(matches!(journal.append(b"three".to_vec()), Err(AppendError::Broken(_))));
    assert!(wait(&journal, 1).is_err(), "broken is broken, for what was durable too");
    assert!(journal.close().is_err());
}

/// What a life of a journal left: how many records were acknowledged, and whether it ended in good order.
struct Life {
    acknowledged: usize,
    is_whole: bool,
}

/// Opens a journal and appends records until there are `until`, or the disk fails.
fn live(disk: &HomeDisk, path: &Path, until: usize, lot: &mut Lot) -> Result<Life, OpenError> {
    let journal = open(disk, path, OWNER)?;
    let durable = journal.durable();
    let before = durable.borrow().clone().unwrap_or(0) as usize;
    let mut acknowledged = before;
    for index in before..until {
        let Ok(sequence) = journal.append(record(index)) else { break };
        if lot.below(7) == 0 && wait(&journal, sequence).is_err() {
            break;
        }
        if let Ok(reached) = *durable.borrow() {
            acknowledged = reached as usize;
        }
    }
    let is_whole = journal.close().is_ok();
    Ok(Life { acknowledged: if is_whole { until } else { acknowledged }, is_whole })
}

/// The record of this number, of a length of its own.
fn record(index: usize) -> Vec<u8> {
    vec![index as u8; index * 131 % 1500]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_power_loss_takes_nothing_that_was_acknowledged(seed: u64, cuts in 1..5_u64) {
        let (brittle, disk) = Brittle::new();
        let (folder, mut lot) = (tempfile::tempdir().unwrap(), Lot(seed));
        let (path, mut acknowledged, mut until) = (folder.path().join("journal"), 0, 0);
        for _ in 0..cuts {
            until += lot.below(60) as usize;
            brittle.order(1 + lot.below(40), Trouble::Power);
            // An opening that the power cut short has said nothing.
            if let Ok(life) = live(&disk, &path, until, &mut lot) {
                acknowledged = acknowledged.max(life.acknowledged);
            }
            brittle.forget(&mut lot);
            let read = if path.exists() { records(&open(&HomeDisk::default(), &path, OWNER).unwrap()) } else { Vec::new() };
            prop_assert!(read.len() >= acknowledged, "{} of {acknowledged}", read.len());
            prop_assert_eq!(&read, &(0..read.len()).map(record).collect::<Vec<_>>());
            until = until.max(read.len());
        }
    }
}

#[test]
fn a_disk_that_fails_at_any_change_is_told_of_and_loses_nothing() {
    for trouble in [Trouble::Full, Trouble::Fault, Trouble::Short] {
        for at in 1.. {
            let (brittle, disk) = Brittle::new();
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("journal");
            brittle.order(at, trouble);
            let first = live(&disk, &path, 20, &mut Lot(at));
            if !brittle.has_struck() {
                break;
            }
            let acknowledged = first.as_ref().map_or(0, |life| life.acknowledged);
            let is_whole = first.is_ok_and(|life| life.is_whole);
            assert_eq!(is_whole, trouble == Trouble::Short, "{trouble:?} at {at}");
            brittle.mend();
            let kept = records(&open(&disk, &path, OWNER).unwrap()).len();
            assert!(kept >= acknowledged, "{trouble:?} at {at}: {kept} of {acknowledged}");
            let again = live(&disk, &path, 30, &mut Lot(at)).unwrap();
            assert!(again.is_whole, "{trouble:?} at {at}");
            let read = records(&open(&disk, &path, OWNER).unwrap());
            assert_eq!(read, (0..30).map(record).collect::<Vec<_>>(), "{trouble:?} at {at}");
        }
    }
}
