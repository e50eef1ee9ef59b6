//! What hostile peers send: noise, damaged encodings, and statements with false contents and true signatures.

use assay_protocol::{id::Digest, message::Message, receipt::Receipt, units::Amount};
use assay_simulations::{
    kernel::Span,
    plan::{LABEL, Plan, TENSOR},
    random::Stream,
    world::Wish,
};

use crate::{
    crook::{Crook, Tamperer, damaged, pick},
    support::{LIMIT, market, settle},
};

/// Messages in each test.
const MESSAGES: u64 = 100_000;
/// Kinds of messages that are said in a market without losses: all but `Refuse`, `Abort` and `Unserved`.
const KINDS: usize = 16;

#[test]
fn statements_with_false_contents_and_true_signatures_harm_nobody_else() {
    let plan = Plan { founders: 8, clients: 2, slots: 4, ..Plan::default() };
    let (honest, crooks) = (plan.client(0), [plan.client(1), plan.founder(6), plan.founder(7)]);
    let mut world = market(plan);
    crooks.iter().for_each(|crook| world.disown(*crook));
    world.overhear();
    let mut wishes = Vec::new();
    let mut crook = Crook::new(&world, &crooks);
    crooks.iter().for_each(|place| world.behave(*place, Tamperer(Crook::new(&world, &[*place]))));
    for number in 0..MESSAGES {
        if number % 2_000 == 0 {
            let manifest = if number % 4_000 == 0 { LABEL } else { TENSOR };
            wishes.push(world.submit(honest, Wish { manifest, number, ..Wish::default() }));
            world.run_for(Span::millis(400));
        }
        if number % 500 == 0 {
            world.submit(crooks[0], Wish { number, ..Wish::default() });
        }
        if number % 50 == 0 {
            world.run_for(Span::millis(30));
            crook.listen(&world);
        }
        while !crook.send(&mut world) {}
    }
    settle(&mut world, LIMIT, "hostile");
    let closed =
        |key: &&Digest| world.attempt(honest, **key).is_some_and(|attempt| attempt.receipt.is_some());
    let unclosed = wishes.iter().find(|key| !closed(key)).map(|key| world.submission(honest, *key));
    assert_eq!(unclosed, None, "every honest job ends with a receipt");
    assert!(crook.sent.len() >= KINDS, "only these were sent: {:?}", crook.sent);
    for number in 0..6 {
        let wealth = world.wealth(world.plan().founder(number)).unwrap_or_default();
        assert!(wealth > Amount::credits(11), "founder {number} was robbed: {wealth} is left");
    }
}

#[test]
fn bytes_that_are_no_message_and_no_receipt_are_refused() {
    let mut world = market(Plan::default());
    world.overhear();
    let (client, provider) = (world.plan().client(0), world.plan().founder(0));
    let key = world.submit(client, Wish { provider: Some(provider), ..Wish::default() });
    world.settle(LIMIT).unwrap_or_else(|unsettled| panic!("{unsettled}"));
    let receipt = world.receipt(client, key).expect("a receipt").to_bytes();
    let messages: Vec<Vec<u8>> = world.overheard().iter().map(|bytes| bytes.to_vec()).collect();
    let mut luck = Stream::new(1, "noise", 0);
    for number in 0..MESSAGES {
        let bytes = match number % 3 {
            0 => (0..luck.below(600)).map(|_| luck.number() as u8).collect(),
            1 => damaged(&messages[pick(&mut luck, messages.len())], &mut luck, &[]),
            _ => damaged(&receipt, &mut luck, &[]),
        };
        let accepted = Message::decode(&bytes).is_ok_and(|message| message.encode() != bytes)
            || Receipt::from_bytes(&bytes).is_ok_and(|receipt| receipt.to_bytes() != bytes);
        assert!(!accepted, "a second encoding of one value was accepted");
    }
}
