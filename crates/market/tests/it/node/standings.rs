//! A notary's word on a peer: to whom it is given, when it is asked for, and whom it is shown to.

use assay_protocol::{
    account::Unstake,
    id::Digest,
    message::Message,
    notice::{Checkpoint, Head, Query, Tick},
    offer::Offer,
    signed::Signed,
    standing::PeerStanding,
    units::{Amount, Duration, Timestamp},
};

use super::table::{Table, account};
use crate::{
    cheap::Cheap,
    office::{CLIENT, NOTARY, PROVIDER, STRANGER, id},
};

/// What the notary last said of a peer, to itself.
fn given(table: &Table) -> Option<(u64, Signed<PeerStanding>)> {
    table.sent().find_map(|(to, message)| {
        let Message::PeerStanding(standing) = message else { return None };
        Some((to, standing.clone()))
    })
}

fn query(standing: bool) -> Query {
    Query { sequence: 1, job: None, standing }
}

#[test]
fn a_notary_gives_its_word_to_the_peer_that_it_is_about_and_the_same_until_it_is_a_step_more_or_less() {
    let mut table = Table::new(NOTARY);
    table.hear(PROVIDER, query(false));
    assert_eq!(given(&table), None, "it was not asked for");
    table.hear(STRANGER, query(true));
    assert_eq!(given(&table), None, "of who has no account there is nothing to say");
    table.hear(PROVIDER, query(true));
    let (to, first) = given(&table).expect("the notary's word");
    assert_eq!(
        (to, first.said().peer, first.said().signer()),
        (PROVIDER, id::<Cheap>(PROVIDER), id::<Cheap>(NOTARY))
    );
    assert!(first.said().means > 0 && !first.said().stake.is_zero());
    let mut unstake = |sequence: u64, amount: Amount| {
        let notary = id::<Cheap>(NOTARY);
        table.hear(PROVIDER, Unstake { notary, sequence, amount });
        table.hear(PROVIDER, query(true));
        given(&table).map(|(_, standing)| standing)
    };
    assert_eq!(unstake(1, Amount(1)), Some(first.clone()), "within a step it is not signed again");
    let less = unstake(2, Amount(first.said().stake.0 / 8 * 7)).expect("the notary's word");
    assert!(less.said().stake < first.said().stake, "{:?}", less.said());
}

#[test]
fn with_its_word_a_notary_tells_what_the_epoch_began_with_and_first_of_all() {
    let mut table = Table::new(NOTARY);
    let kinds = |table: &mut Table, by: u64, standing: bool| -> Vec<&str> {
        table.hear(by, query(standing));
        table.sent().map(|(_, message)| message.kind()).collect()
    };
    assert_eq!(kinds(&mut table, CLIENT, true), ["Standing", "Tick", "Account"]);
    assert_eq!(kinds(&mut table, CLIENT, false), ["Account"]);
    assert_eq!(kinds(&mut table, STRANGER, true), ["Account"], "strangers cost it little");
    table.pass(Duration::seconds(60));
    assert_eq!(kinds(&mut table, CLIENT, true), ["Standing", "Tick", "Account"], "in mid-epoch too");
}

/// What a notary says of a peer in this epoch, with this stake.
fn standing(of: u64, epoch: u64, stake: u64) -> PeerStanding {
    PeerStanding {
        peer: id::<Cheap>(of),
        epoch,
        stake: Amount(stake),
        exposed: Amount::ZERO,
        passed: Vec::new(),
        unclaimed: 0,
        convictions: 0,
        convicted_on: 0,
        means: 9,
    }
}

/// The offers that were told.
fn told(table: &Table) -> Vec<Offer> {
    let told = table.effects.iter().filter_map(|effect| {
        let assay_market::Effect::Publish(Message::Offer(offer)) = effect else { return None };
        Some((*offer.said()).clone())
    });
    told.collect()
}

/// How often the peer asked for its standing.
fn asked(table: &Table) -> usize {
    let asks = |message: &Message| matches!(message, Message::Query(query) if query.said().standing);
    table.sent().filter(|(to, message)| *to == NOTARY && asks(message)).count()
}

/// The notary tells everyone that it has come to this epoch.
fn come_to(table: &mut Table, epoch: u64) {
    let head = Head { sequence: epoch, digest: Digest::of(&epoch.to_be_bytes()) };
    let checkpoint =
        Checkpoint { anchor: Digest::default(), rosters: Digest::default(), head, convicted: Vec::new() };
    let round = epoch * table.office.genesis.timers.epoch_ticks;
    let time = Timestamp(table.now.0);
    table.hear(
        NOTARY,
        Tick { round, time, live: time, beacon: Digest::default(), checkpoint: Some(checkpoint) },
    );
}

#[test]
fn a_provider_asks_at_once_and_shows_what_it_is_told_while_that_holds() {
    let mut table = Table::provider();
    assert_eq!(asked(&table), 1, "{:?}", table.said());
    assert!(told(&table).iter().all(|offer| offer.standing.is_none()));
    for (by, of) in [(STRANGER, PROVIDER), (NOTARY, CLIENT)] {
        table.hear(by, standing(of, 7, 1_000));
        assert_eq!(told(&table), [], "said by {by} of {of}");
    }
    table.hear(NOTARY, standing(PROVIDER, 7, 1_000));
    let shown = |table: &Table| told(table).pop().map(|offer| offer.standing.map(|shown| shown.said().stake));
    assert_eq!(shown(&table), Some(Some(Amount(1_000))), "it is shown at once");
    table.hear(NOTARY, standing(PROVIDER, 7, 1_000));
    assert_eq!(told(&table), [], "it is no news");
    table.hear(NOTARY, standing(PROVIDER, 6, 9_000));
    assert_eq!(told(&table), [], "an older word counts no more");
    come_to(&mut table, 8);
    table.pass(Duration::seconds(300));
    assert_eq!(shown(&table), Some(Some(Amount(1_000))), "it holds through the next epoch");
    come_to(&mut table, 9);
    table.pass(Duration::seconds(300));
    assert_eq!(shown(&table), Some(None), "and no longer");
}

#[test]
fn it_is_asked_for_again_once_an_epoch_at_a_moment_that_differs_and_at_once_where_the_account_is_a_step_more()
{
    let mut moments = Vec::new();
    let mut table = Table::of(PROVIDER, |genesis| genesis.timers.epoch_ticks = 4_000);
    table.provide();
    let epoch = table.office.genesis.timers.tick.times(4_000);
    for number in 0..12 {
        table.hear(NOTARY, standing(PROVIDER, 7 + number, 1_000));
        let since = table.now;
        while asked(&table) == 0 {
            table.pass(Duration::seconds(1));
        }
        moments.push(table.now.since(since).0 * 16 / epoch.0);
    }
    assert!(moments.iter().all(|moment| (7..=16).contains(moment)), "{moments:?}");
    moments.sort_unstable();
    moments.dedup();
    assert!(moments.len() > 3, "{moments:?}");
    table.hear(NOTARY, standing(PROVIDER, 30, 1_000));
    let mut asked_on = |sequence: u64, stake: u64| {
        let mut account = account(0, 0);
        (account.stake, account.free) = (Amount(stake), Amount(4_u64.pow(8)));
        account.head.sequence += sequence;
        table.hear(NOTARY, account);
        let at_once = asked(&table);
        table.pass(Duration::seconds(2));
        (at_once, asked(&table))
    };
    assert_eq!(asked_on(0, 1_001), (0, 0), "within a step");
    assert_eq!(asked_on(1, 4_000), (1, 0), "a step more");
}

#[test]
fn a_client_shows_its_own_to_whom_it_proposes_to() {
    let mut table = Table::client(&[PROVIDER]);
    table.hear(NOTARY, standing(CLIENT, 7, 0));
    table.submit(1, |_| {});
    let shown = table.sent().find_map(|(_, message)| {
        let Message::Propose(propose) = message else { return None };
        propose.said().standing.clone()
    });
    assert_eq!(shown.map(|shown| (shown.said().peer, shown.said().means)), Some((id::<Cheap>(CLIENT), 9)));
}
