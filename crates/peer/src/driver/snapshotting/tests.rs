//! Snapshots of sealed parts: what they hold, what they are made of, and what goes once two of them stand.

use std::fs;

use assay_market::{command::Instruction, record::OwnerRecord};
use assay_protocol::{codec, genesis::Genesis, units::Amount};
use tempfile::TempDir;

use super::*;
use crate::{
    config::{self, Home, NetworkFile},
    disk::HomeDisk,
    journal::{Base, Journal, Owner, PART_RECORDS},
};

const SECRET: [u8; 32] = [5; 32];
/// Where the journal of these tests ends.
pub(crate) const LAST: u64 = 2 * PART_RECORDS + 1;

/// A home whose journal has two sealed parts and one record more.
pub(crate) struct Filled {
    pub(crate) home: Home,
    pub(crate) journal: Journal,
    genesis: Genesis,
    _folder: TempDir,
}

/// The record of this number: no two of these lead to the same.
fn record(number: u64) -> Record {
    let notary = PeerId([7; 32]);
    let record = if number == 2 || number % 2 == 1 {
        OwnerRecord::Wished { notary, instruction: Instruction::Unstake { amount: Amount(number) } }
    } else {
        OwnerRecord::Ended { notary, carried_out: number.is_multiple_of(4) }
    };
    Record::Owner(Box::new(record))
}

impl Filled {
    /// Of a peer that keeps books, or of one that does not.
    pub(crate) fn new(is_notary: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path().join("home"));
        let own = home.create_key_from(SECRET).unwrap();
        let notary = if is_notary { own } else { PeerId([7; 32]) };
        let genesis = Genesis { notaries: vec![notary], ..config::genesis("test", notary) };
        let file = NetworkFile { genesis: genesis.clone(), contacts: Vec::new() };
        fs::write(home.network(), file.to_toml()).unwrap();
        let owner = Owner { peer: own, network: genesis.id() };
        let journal = Journal::open(&HomeDisk::default(), &home.journal(), owner, &Base::default()).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        for number in 1..=LAST {
            let sequence = journal.append(codec::encode(&record(number))).unwrap();
            if number % PART_RECORDS == 0 || number == LAST {
                runtime.block_on(journal.wait(sequence)).unwrap();
            }
        }
        Self { home, journal, genesis, _folder: folder }
    }

    pub(crate) fn snapshots(&self) -> Snapshots {
        let owner = Owner { peer: Keypair::from_seed(SECRET).id(), network: self.genesis.id() };
        Snapshots::new(&HomeDisk::default(), &self.home.journal(), owner)
    }

    /// Where the snapshot of a record lies.
    pub(crate) fn path(&self, record: u64) -> std::path::PathBuf {
        self.home.journal().join(format!("{record:016}.snapshot"))
    }

    fn maker(&self) -> Arc<Maker> {
        let config = Config::new(self.genesis.clone());
        Snapshotting::new(SECRET, config, self.snapshots(), self.journal.reader()).maker
    }

    fn make(&self, sealed: u64) -> Result<bool, SnapshotError> {
        self.maker().make(sealed)
    }

    /// Makes a snapshot of each part that is sealed.
    pub(crate) fn make_both(&self) {
        assert!(self.make(PART_RECORDS).unwrap());
        assert!(self.make(2 * PART_RECORDS).unwrap());
    }

    /// What all records up to this one lead to.
    fn folded(&self, until: u64) -> Vec<u8> {
        let (key, config) = (Keypair::from_seed(SECRET), Config::new(self.genesis.clone()));
        let saved = (1..=until).map(record);
        Node::restore_from(key, config, [0; 32], None, saved, &mut Effects::new()).snapshot()
    }

    fn body(&self, record: u64) -> Vec<u8> {
        self.snapshots().read(record).unwrap().unwrap().body
    }
}

/// Turns a bit in the middle of a file.
pub(crate) fn damage(path: &std::path::Path) {
    let mut bytes = fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(path, bytes).unwrap();
}

#[test]
fn a_snapshot_is_made_of_the_one_before_and_says_what_all_records_lead_to() {
    let filled = Filled::new(false);
    assert!(filled.make(PART_RECORDS).unwrap());
    assert_eq!(filled.snapshots().list().unwrap(), [PART_RECORDS]);
    assert_eq!(filled.journal.reader().first(), 1, "one snapshot may be damaged");
    assert!(!filled.make(PART_RECORDS).unwrap(), "there is one");
    assert!(filled.make(2 * PART_RECORDS).unwrap());
    assert_eq!(filled.snapshots().list().unwrap(), [2 * PART_RECORDS, PART_RECORDS]);
    assert_eq!(filled.journal.reader().first(), PART_RECORDS + 1);
    for until in [PART_RECORDS, 2 * PART_RECORDS] {
        assert_eq!(filled.body(until), filled.folded(until), "{until}");
    }
    assert_ne!(filled.folded(PART_RECORDS), filled.folded(2 * PART_RECORDS));
}

#[test]
fn of_a_notary_no_record_goes() {
    let filled = Filled::new(true);
    filled.make_both();
    assert_eq!(filled.snapshots().list().unwrap(), [2 * PART_RECORDS, PART_RECORDS]);
    assert_eq!(filled.journal.reader().first(), 1);
}

#[test]
fn a_damaged_snapshot_is_made_again_of_the_one_before() {
    let filled = Filled::new(false);
    filled.make_both();
    damage(&filled.path(2 * PART_RECORDS));
    assert!(filled.make(2 * PART_RECORDS).unwrap());
    assert_eq!(filled.body(2 * PART_RECORDS), filled.folded(2 * PART_RECORDS));
    damage(&filled.path(PART_RECORDS));
    damage(&filled.path(2 * PART_RECORDS));
    assert!(!filled.make(2 * PART_RECORDS).unwrap(), "what led to it is gone");
}

#[test]
fn nothing_goes_for_a_record_that_cannot_be_read_back() {
    let filled = Filled::new(false);
    assert!(filled.make(PART_RECORDS).unwrap());
    let parts = fs::read_dir(filled.home.journal()).unwrap().map(|file| file.unwrap().path());
    let mut parts: Vec<_> =
        parts.filter(|path| path.extension().is_some_and(|end| end == "records")).collect();
    parts.sort();
    damage(&parts[1]);
    assert!(filled.make(2 * PART_RECORDS).is_err());
    assert_eq!(filled.snapshots().list().unwrap(), [PART_RECORDS]);
    assert_eq!(filled.journal.reader().first(), 1);
}

#[test]
fn nothing_is_written_and_nothing_goes_once_the_home_is_anothers() {
    let filled = Filled::new(false);
    assert!(filled.make(PART_RECORDS).unwrap());
    let maker = filled.maker();
    maker.disown();
    assert!(!maker.make(2 * PART_RECORDS).unwrap());
    assert_eq!(filled.snapshots().list().unwrap(), [PART_RECORDS]);
    assert_eq!(filled.journal.reader().first(), 1);
}
