//! What a peer that is there again knows of its index: whether it may lack rows.

use assay_market::node::REFILED_ENTRIES;
use assay_protocol::{
    id::NetworkId,
    journal::{Entry, Fact},
    notice::Tick,
    units::Timestamp,
};

use super::*;
use crate::{
    disk::HomeDisk,
    index::OpenedIndex,
    journal::{Base, Journal},
};

/// An entry of a notary.
pub(super) fn tick(round: u64, key: &Keypair, network: NetworkId) -> Record {
    let (time, beacon) = (Timestamp(round), Digest::default());
    let tick = Tick { round, time, live: time, beacon, checkpoint: None };
    let fact = Fact::Tick(Signed::seal(tick, key, network).into_signed());
    Record::Chain(Box::new(Entry { previous: Digest::default(), fact }))
}

/// Whether rows may be missing at a notary with so many entries, of which so many are in the index.
async fn may_lack(entries: u64, indexed: u64) -> bool {
    let (folder, key) = (tempfile::tempdir().unwrap(), Keypair::from_seed([1; 32]));
    let genesis = config::genesis("test", key.id());
    let owner = Owner { peer: key.id(), network: genesis.id() };
    let place = folder.path().join("journal");
    let journal = Journal::open(&HomeDisk::default(), &place, owner, &Base::default()).unwrap();
    for round in 0..entries {
        let entry = tick(round, &key, genesis.id());
        let sequence = journal.append_entry(codec::encode(&entry)).unwrap();
        journal.wait(sequence).await.unwrap();
    }
    let index = Index::open(&folder.path().join("index")).unwrap().index;
    index.fold(indexed, &[]).unwrap();
    let opened = OpenedIndex { index: index.clone(), rebuilt: false };
    let restored = restore(key, genesis, journal, Beginning::default(), opened, false).unwrap();
    assert_eq!(restored.incomplete_index().is_some(), index.is_incomplete().unwrap());
    assert_eq!(index.sequence().unwrap(), entries);
    index.is_incomplete().unwrap()
}

#[tokio::test]
async fn rows_of_more_entries_than_are_filed_again_are_noted_as_missing() {
    assert!(!may_lack(REFILED_ENTRIES, 0).await);
    assert!(may_lack(REFILED_ENTRIES + 1, 0).await);
    assert!(!may_lack(REFILED_ENTRIES + 9, 9).await);
}
