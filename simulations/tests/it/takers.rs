//! Whose message is whose: over the pinned worlds each kind is taken by the roles that it is for, and each message by one.

use std::collections::BTreeMap;

use assay_market::node::RoleName::{self, Client, Notary, Provider, Verifier};
use assay_protocol::{account::Grant, message::Message, signed::Signed, units::Amount};
use assay_simulations::{kernel::Span, plan::Plan, world::World};

use crate::pinned;

/// Each kind of message with the roles that take it. An account, a tick and a notary's word on a peer are heard whatever that
/// is; offers and the notary's word in a receipt do not reach a brain.
const TAKEN_BY: [(&str, &[RoleName]); 31] = [
    ("Offer", &[]),
    ("Propose", &[Provider]),
    ("Accept", &[Client]),
    ("Refuse", &[Client]),
    ("Open", &[Notary]),
    ("Ticket", &[Client]),
    ("Start", &[Provider]),
    ("Abort", &[Client, Notary]),
    ("Claim", &[Notary]),
    ("Deliver", &[Client]),
    ("Reveal", &[Notary]),
    ("Check", &[Client, Provider, Verifier]),
    ("Seal", &[Notary]),
    ("Underway", &[Notary]),
    ("Unserved", &[Notary]),
    ("OpenClaim", &[Notary]),
    ("OpenSeal", &[Notary]),
    ("Notice", &[Client, Provider, Verifier]),
    ("Query", &[Notary]),
    ("Account", &[]),
    ("Standing", &[]),
    ("Cancel", &[Notary]),
    ("Dispute", &[Notary]),
    ("Output", &[Client]),
    ("Contradict", &[Notary]),
    ("Stake", &[Notary]),
    ("Unstake", &[Notary]),
    ("Register", &[Notary]),
    ("Grant", &[Notary]),
    ("Tick", &[]),
    ("Settled", &[]),
];

/// A world whose issuer, its notary, gives somebody money: in no pinned one does it.
fn granted() -> World {
    let mut world = World::new(Plan::default());
    world.ask_takers();
    world.open_market();
    let (notary, founder) = (world.plan().notary(), world.plan().founder(0));
    let grant = Grant { notary: world.id(notary), account: world.id(founder), amount: Amount(1), serial: 1 };
    let grant: Message = Signed::seal(grant, &world.key(notary), world.genesis().id()).into();
    world.post(founder, notary, grant.encode());
    world.run_for(Span::seconds(1));
    world
}

#[test]
fn each_kind_of_message_is_taken_by_the_roles_that_it_is_for_and_no_message_by_two() {
    let mut taken: BTreeMap<&str, BTreeMap<RoleName, u64>> =
        Message::KINDS.iter().map(|kind| (*kind, BTreeMap::new())).collect();
    let worlds = (0..pinned::WORLDS.len()).map(|number| pinned::lived(number, World::ask_takers));
    for world in worlds.chain([granted()]) {
        for ((kind, role), count) in world.taken() {
            *taken.entry(kind).or_default().entry(role).or_default() += count;
        }
    }
    let is_as_it_should = TAKEN_BY.iter().all(|(kind, roles)| taken[kind].keys().eq(*roles));
    assert!(is_as_it_should && taken.len() == TAKEN_BY.len(), "{taken:#?}");
}
