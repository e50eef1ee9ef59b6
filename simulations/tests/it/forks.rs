//! Notaries that keep two journals, and those that only seem to.

use assay_market::{Command, Event, view::AttemptState};
use assay_protocol::{
    id::Digest,
    message::{Message, Opened},
    notice::{Account, Checkpoint, Head, Tick},
    order::Refusal,
    signed::{Signed, Statement, Verified},
};
use assay_simulations::{
    crypto::Simulated,
    kernel::Span,
    plan::Plan,
    world::{Place, Tail, Wish, World},
};

use crate::support::{LIMIT, market};

/// Says something with the notary's key, past its brain.
fn post<T: Statement>(world: &mut World, to: Place, statement: T)
where
    Message: From<Verified<T>>,
{
    let (notary, network) = (world.plan().notary(), world.genesis().id());
    let message: Message = Signed::seal(statement, &world.key(notary), network).into();
    world.post(notary, to, message.encode());
    world.run_for(Span::seconds(1));
}

/// The statements of this kind that the notary made so far.
fn said<T>(world: &World, pick: impl Fn(Opened) -> Option<T>) -> Vec<T> {
    let network = world.genesis().id();
    let opened = world
        .overheard()
        .iter()
        .filter_map(|bytes| Message::decode(bytes).ok()?.open::<Simulated>(network).ok());
    opened.filter_map(pick).collect()
}

fn accounts(world: &World, of: Place) -> Vec<Account> {
    let asked = world.node(of).map(|node| node.accounts()).unwrap_or_default();
    asked.into_iter().map(|view| view.account).collect()
}

fn checkpoints(world: &World) -> Vec<Tick> {
    said(world, |opened| if let Opened::Tick(tick) = opened { Some(tick.into_body()) } else { None })
}

fn has_left(world: &World, place: Place) -> bool {
    let notary = world.id(world.plan().notary());
    let told = world.told(place).iter();
    let told = told.filter(|(_, event)| *event == Event::Forked { notary }).count();
    let forked = world.node(place).map(|node| node.forked()).unwrap_or_default();
    assert_eq!(told > 0, forked == [notary], "who is told of a fork has left the notary");
    assert!(told <= 1, "and is told once");
    told > 0
}

/// A client that has left its notary orders nothing more, and says why.
fn assert_orders_nothing(world: &mut World) {
    let client = world.plan().client(0);
    let key = world.submit(client, Wish { number: 99, ..Wish::default() });
    world.settle(LIMIT).unwrap_or_else(|unsettled| panic!("{unsettled}"));
    let view = world.submission(client, key).expect("it was taken");
    assert!(view.attempts.is_empty(), "{view:?}");
    assert_eq!(view.unmatched.and_then(|unmatched| unmatched.refusal), Some(Refusal::Notary));
}

#[test]
fn two_journals_of_one_length_are_found_out_and_their_notary_is_left_for_good() {
    let mut world = market(Plan::default());
    let client = world.plan().client(0);
    let account = accounts(&world, client)[0];
    post(&mut world, client, account);
    assert!(!has_left(&world, client), "the same said twice is no fork");
    post(&mut world, client, Account { sequence: account.sequence + 1, ..account });
    assert!(!has_left(&world, client), "nor is another answer from the same journal");
    let head = Head { digest: Digest::of(b"another journal"), ..account.head };
    post(&mut world, client, Account { head, ..account });
    assert!(has_left(&world, client));
    assert_orders_nothing(&mut world);
    world.crash(client, Tail::Lost, Span::millis(10));
    world.run_for(Span::seconds(1));
    assert!(has_left(&world, client), "a restart changes nothing");
}

#[test]
fn a_second_checkpoint_for_one_round_is_found_out_even_after_a_restart() {
    let mut world = World::new(Plan::default());
    world.overhear();
    world.open_market();
    let (client, provider) = (world.plan().client(0), world.plan().founder(0));
    while checkpoints(&world).len() < 2 * world.plan().peers() {
        world.run_for(Span::seconds(1));
    }
    let tick = checkpoints(&world).pop().expect("the notary told of a checkpoint");
    post(&mut world, client, tick.clone());
    assert!(!has_left(&world, client), "the same checkpoint again is no fork");
    world.crash(client, Tail::Lost, Span::millis(10));
    world.run_for(Span::seconds(1));
    let other = Tick { beacon: Digest::of(b"another beacon"), ..tick.clone() };
    post(&mut world, client, other.clone());
    assert!(has_left(&world, client));
    assert!(!has_left(&world, provider));
    // Of both the journal and the beacon there are two: one of them is enough, and told once.
    let begun = tick.checkpoint.expect("it has one");
    let head = Head { digest: Digest::of(b"another journal"), ..begun.head };
    let checkpoint = Some(begun).map(|checkpoint| Checkpoint { head, ..checkpoint });
    post(&mut world, provider, Tick { checkpoint, ..other });
    assert!(has_left(&world, provider));
    assert_orders_nothing(&mut world);
}

#[test]
fn a_provider_that_has_left_a_notary_takes_no_orders_that_name_it() {
    let mut world = market(Plan { founders: 4, ..Plan::default() });
    let client = world.plan().client(0);
    for number in 0..4 {
        let founder = world.plan().founder(number);
        let notary = world.id(world.plan().notary());
        world.command(founder, Command::Ask { notary });
        world.run_for(Span::seconds(1));
        let account = accounts(&world, founder)[0];
        let head = Head { digest: Digest::of(b"another journal"), ..account.head };
        post(&mut world, founder, Account { head, ..account });
        assert!(has_left(&world, founder));
    }
    let key = world.submit(client, Wish { attempts_max: 8, ..Wish::default() });
    world.settle(LIMIT).unwrap_or_else(|unsettled| panic!("{unsettled}"));
    let states: Vec<AttemptState> =
        world.submission(client, key).into_iter().flat_map(|view| view.attempts).map(|at| at.state).collect();
    assert_eq!(states, [AttemptState::Refused(Refusal::Notary); 4]);
}

#[test]
fn a_stranger_cannot_make_a_notary_look_forked() {
    let mut world = market(Plan::default());
    let (client, stranger) = (world.plan().client(0), world.plan().founder(3));
    let (account, network) = (accounts(&world, client)[0], world.genesis().id());
    let head = Head { digest: Digest::of(b"another journal"), ..account.head };
    let forged: Message = Signed::seal(Account { head, ..account }, &world.key(stranger), network).into();
    world.post(stranger, client, forged.encode());
    world.run_for(Span::seconds(1));
    assert!(!has_left(&world, client));
}
