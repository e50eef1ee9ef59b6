//! When a peer says that it last heard its notary.

use assay_protocol::{
    id::Digest,
    notice::Tick,
    units::{Duration, Timestamp},
};

use super::table::{Table, account};
use crate::{
    cheap::Cheap,
    office::{CLIENT, NOTARY, STRANGER, id},
};

/// How long ago the one notary of the network was heard, as the peer says.
fn ago(table: &Table) -> Option<Duration> {
    let heard = table.node().notaries_heard(table.moment());
    let [heard] = heard[..] else { panic!("{heard:?}") };
    assert_eq!(heard.notary, id::<Cheap>(NOTARY));
    heard.ago
}

/// What the notary says at a time.
fn tick(round: u64, time: Timestamp) -> Tick {
    Tick { round, time, live: time, beacon: Digest::default(), checkpoint: None }
}

#[test]
fn a_notary_was_heard_when_it_spoke_to_this_peer_or_when_it_said_what_all_pass_on() {
    let mut table = Table::new(CLIENT);
    assert_eq!(ago(&table), None);
    table.hear(STRANGER, account(1, 0));
    assert_eq!(ago(&table), None, "it must be the notary's");
    let begin = table.now;
    table.pass(Duration::seconds(10));
    table.hear(NOTARY, tick(1, begin));
    assert_eq!(ago(&table), Some(Duration::seconds(10)), "whoever told it may have kept it for a while");
    table.hear(NOTARY, account(1, 0));
    assert_eq!(ago(&table), Some(Duration(0)));
    table.pass(Duration::seconds(3));
    table.hear(NOTARY, tick(2, begin));
    assert_eq!(ago(&table), Some(Duration::seconds(3)), "what is older makes it no older");
    let ahead = table.now.after(Duration::seconds(60));
    table.hear(NOTARY, tick(3, ahead));
    assert_eq!(ago(&table), Some(Duration(0)), "a clock that is ahead is not heard from later than now");
    table.pass(Duration::seconds(2));
    assert_eq!(ago(&table), Some(Duration::seconds(2)));
    table.restart();
    assert_eq!(ago(&table), None, "it is of this life");
}

#[test]
fn a_notary_does_not_hear_itself() {
    assert!(Table::new(NOTARY).node().notaries_heard(Table::new(NOTARY).moment()).is_empty());
}
