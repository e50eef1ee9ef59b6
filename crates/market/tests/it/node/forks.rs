//! What a peer remembers of a notary's journal: enough to find out a second one as long as anybody tells of it, and no
//! more.

use assay_market::Event;
use assay_protocol::{
    id::Digest,
    notice::{Checkpoint, Convict, Head, Tick},
    standing::day,
    units::{Duration, Timestamp},
};

use super::table::{Table, account};
use crate::{
    cheap::Cheap,
    office::{CLIENT, NOTARY, PROVIDER, STRANGER, id},
};

/// Ticks in an epoch.
const EPOCH_TICKS: u64 = 60;

/// The checkpoint of an epoch.
fn tick(epoch: u64) -> Tick {
    let time = Timestamp(1_800_000_000_000).after(Duration::seconds(600).times(epoch));
    let head = Head { sequence: 100 * epoch, digest: Digest([epoch as u8; 32]) };
    let checkpoint =
        Checkpoint { anchor: Digest::default(), rosters: Digest::default(), head, convicted: Vec::new() };
    let (round, beacon) = (EPOCH_TICKS * epoch, Digest([epoch as u8; 32]));
    Tick { round, time, live: time, beacon, checkpoint: Some(checkpoint) }
}

/// The checkpoint of an epoch in another journal, of the same length or not.
fn other(epoch: u64, same_length: bool) -> Tick {
    let of = tick(epoch);
    let ends = |checkpoint: Checkpoint| {
        let sequence = checkpoint.head.sequence + u64::from(!same_length);
        Checkpoint { head: Head { sequence, digest: Digest::of(b"another journal") }, ..checkpoint }
    };
    Tick { checkpoint: of.checkpoint.clone().map(ends), round: of.round + u64::from(same_length), ..of }
}

/// A client that heard of these epochs, one after the other.
fn heard(epochs: impl IntoIterator<Item = u64>) -> Table {
    let mut table = Table::new(CLIENT);
    epochs.into_iter().for_each(|epoch| table.hear(NOTARY, tick(epoch)));
    table
}

/// True if the peer leaves the notary for this.
fn leaves(table: &mut Table, told: Tick) -> bool {
    table.hear(NOTARY, told);
    table.told().any(|event| matches!(event, Event::Forked { .. }))
}

#[test]
fn a_second_checkpoint_is_found_out_as_long_as_one_can_be_told_whatever_the_order() {
    for order in [[1, 2, 3, 4, 5, 6, 7, 8], [8, 7, 6, 5, 4, 3, 2, 1], [5, 1, 8, 2, 7, 3, 6, 4]] {
        for epoch in 1..=8 {
            for same_length in [true, false] {
                let mut table = heard(order);
                assert!(!leaves(&mut table, tick(epoch)), "the same again is no fork");
                assert!(leaves(&mut table, other(epoch, same_length)), "{order:?}: epoch {epoch}");
                let mut table = heard(order);
                table.restart();
                assert!(
                    leaves(&mut table, other(epoch, same_length)),
                    "{order:?}: epoch {epoch} of a life before"
                );
            }
        }
    }
}

#[test]
fn each_checkpoint_is_kept_once_and_those_of_long_ago_are_not_kept() {
    let mut table = heard([]);
    for epoch in 1..=9 {
        for times in 0..2 {
            table.hear(NOTARY, tick(epoch));
            assert_eq!(table.saves(), usize::from(times == 0), "epoch {epoch}");
        }
    }
    table.hear(NOTARY, tick(1));
    assert_eq!(table.saves(), 0, "eight later ones are known");
    assert!(!leaves(&mut table, other(1, false)), "nothing is known of it any more");
    assert!(leaves(&mut table, other(2, false)));
}

#[test]
fn a_checkpoint_that_names_convicts_as_none_can_is_not_taken() {
    let of = |days: &[u64]| {
        let mut told = tick(1);
        let convict = |later: &u64| Convict { peer: id::<Cheap>(PROVIDER), on: day(told.time) + later };
        let convicted: Vec<Convict> = days.iter().map(convict).collect();
        told.checkpoint.iter_mut().for_each(|checkpoint| checkpoint.convicted = convicted.clone());
        let mut table = heard([]);
        table.hear(NOTARY, told);
        table.saves()
    };
    assert_eq!([of(&[0]), of(&[0, 0]), of(&[1])], [1, 0, 0], "once, twice, tomorrow");
}

#[test]
fn checkpoints_and_what_the_notary_says_to_this_peer_alone_are_held_against_each_other() {
    let ends = |epoch: u64, digest: Digest| Head { sequence: 100 * epoch, digest };
    let mut table = heard([1, 2]);
    let agreeing = assay_protocol::notice::Account { head: ends(2, Digest([2; 32])), ..account(1, 0) };
    table.hear(NOTARY, agreeing);
    assert!(table.node().forked().is_empty());
    let other = assay_protocol::notice::Account { head: ends(2, Digest::of(b"another journal")), ..agreeing };
    table.hear(STRANGER, other);
    assert!(table.node().forked().is_empty(), "whoever signs it");
    table.hear(NOTARY, other);
    assert_eq!(table.node().forked().len(), 1);
    table.restart();
    assert_eq!(table.node().forked().len(), 1, "for good");

    let mut table = heard([1]);
    table.hear(NOTARY, other);
    assert!(leaves(&mut table, tick(2)), "the other way round");
    assert_eq!(table.saves(), 1, "one record, which proves it, and no checkpoint of whom it left");
}
