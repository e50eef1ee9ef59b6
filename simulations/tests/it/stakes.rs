//! Peers that join later: they stake, provide, register, check, and withdraw what they had at stake.

use assay_market::{
    Command, Event,
    command::{Instruction, NotCarriedOut},
};
use assay_protocol::{
    check::Check,
    id::{Digest, PeerId},
    message::Message,
    receipt::Happening,
    signed::Signed,
    units::{Amount, Duration, Timestamp},
};
use assay_simulations::{
    behaviour::SecretiveClient,
    kernel::Span,
    network::Conditions,
    plan::{self, LABEL, Plan, TENSOR},
    world::{Place, Tail, Wish, World},
};

use crate::support::{LIMIT, judge, market, settle};

/// What newcomers put at stake.
const STAKE: Amount = Amount::credits(10);
/// What it withdraws while a job of it is open: all but what stands for that.
const RUNS: Amount = Amount(9_900_000_000);
/// Milliseconds in an epoch of the simulated network.
const EPOCH_MILLIS: u64 = 10_000;

fn plan() -> Plan {
    Plan { founders: 5, clients: 2, slots: 4, ..Plan::default() }
}

/// The peer that joins.
fn newcomer(world: &World) -> Place {
    world.plan().client(1)
}

fn stake(world: &mut World, amount: Amount) {
    let (place, notary) = (newcomer(world), notary(world));
    world.command(place, Command::Stake { notary, amount, target: Some(STAKE) });
}

fn unstake(world: &mut World, amount: Amount) {
    let (place, notary) = (newcomer(world), notary(world));
    world.command(place, Command::Unstake { notary, amount });
}

fn register(world: &mut World) {
    let (place, notary) = (newcomer(world), notary(world));
    let kinds = world.genesis().manifests.iter().map(|manifest| manifest.kind(plan::class())).collect();
    world.command(place, Command::Register { notary, kinds });
}

fn notary(world: &World) -> PeerId {
    world.id(world.plan().notary())
}

/// What the newcomer can spend, has at stake, and waits for.
fn boxes(world: &World) -> [Amount; 3] {
    let peer = world.id(newcomer(world));
    let account = world.books().expect("books").accounts.into_iter().find(|account| account.peer == peer);
    account.map_or([Amount::ZERO; 3], |account| [account.free, account.stake, account.unbonding])
}

/// How often the newcomer's instructions were carried out, and why they were not.
fn answers(world: &World) -> (usize, Vec<NotCarriedOut>) {
    let told = world.told(newcomer(world)).iter();
    let carried = told.clone().filter(|(_, event)| matches!(event, Event::CarriedOut { .. })).count();
    let refused = told.filter_map(|(_, event)| {
        let Event::NotCarriedOut { reason, .. } = event else { return None };
        Some(*reason)
    });
    (carried, refused.collect())
}

fn submit(world: &mut World, number: u64) -> Digest {
    let provider = Some(newcomer(world));
    world.submit(world.plan().client(0), Wish { number, provider, attempts_max: 1, ..Wish::default() })
}

#[test]
fn a_provider_stakes_serves_and_is_paid_out_only_after_its_jobs_have_closed() {
    let mut world = market(Plan { unbonding: Duration::seconds(1), ..plan() });
    stake(&mut world, STAKE);
    settle(&mut world, LIMIT, "staked");
    assert_eq!((boxes(&world)[1], answers(&world)), (STAKE, (1, Vec::new())));
    let place = newcomer(&world);
    world.provide(place);
    world.run_for(Span::seconds(3));

    // The client keeps its secret, so that the job stays open for a while.
    world.behave(world.plan().client(0), SecretiveClient);
    let key = submit(&mut world, 0);
    world.run_for(Span::millis(600));
    // What stands for the job, and for a jury over it, stays.
    unstake(&mut world, RUNS);
    world.run_for(Span::millis(2_600));
    let open = world.books().map(|books| books.open);
    assert_eq!((open, boxes(&world)[2]), (Some(1), RUNS), "its time is over, its job is not");
    let free = boxes(&world)[0];
    settle(&mut world, LIMIT, "served");
    world.run_for(Span::seconds(2));
    let [after, _, unbonding] = boxes(&world);
    assert_eq!(unbonding, Amount::ZERO);
    assert!(after >= free.plus(RUNS).unwrap_or_default(), "{after} after {free}");
    assert_eq!(answers(&world), (2, Vec::new()));
    let receipt = world.receipt(world.plan().client(0), key).expect("a receipt");
    let report = judge(&receipt);
    assert!(report.outcome.is_paid(), "{:?}", report.outcome);
    assert!(!receipt.story.ticket.newcomer, "it served above the entry level");
}

#[test]
fn instructions_that_cannot_be_carried_out_are_answered_with_the_reason_and_hold_up_nothing() {
    let mut world = market(plan());
    let place = newcomer(&world);
    stake(&mut world, Amount::credits(1_000));
    unstake(&mut world, Amount::credits(1));
    stake(&mut world, STAKE);
    let nobody = world.id(place);
    world.command(place, Command::Unstake { notary: nobody, amount: STAKE });
    settle(&mut world, LIMIT, "instructed");
    let (carried, reasons) = answers(&world);
    assert_eq!(carried, 1);
    assert_eq!(reasons, [NotCarriedOut::Notary, NotCarriedOut::Funds, NotCarriedOut::Funds]);
    assert_eq!(boxes(&world)[1], STAKE);
}

#[test]
fn too_many_instructions_are_refused_at_once() {
    let mut world = market(plan());
    (0..40).for_each(|_| stake(&mut world, Amount(1)));
    settle(&mut world, LIMIT, "instructed");
    let (carried, reasons) = answers(&world);
    assert_eq!((carried, reasons.len()), (32, 8));
    assert!(reasons.iter().all(|reason| *reason == NotCarriedOut::TooMuch));
    assert_eq!(boxes(&world)[1], Amount(32));
}

#[test]
fn every_instruction_is_carried_out_once_on_a_bad_network_and_through_crashes() {
    for seed in 0..20 {
        let mut world = market(Plan { seed, conditions: Conditions::bad(), ..plan() });
        let before = boxes(&world);
        let mut staked = 0;
        for number in 0..12_u64 {
            stake(&mut world, Amount(1 << number));
            staked += 1 << number;
            world.run_for(Span::millis(seed * 40));
            if number % 3 == 0 {
                let place = if number % 2 == 0 { newcomer(&world) } else { world.plan().notary() };
                world.crash(place, if seed % 2 == 0 { Tail::Lost } else { Tail::Kept }, Span::millis(700));
            }
        }
        settle(&mut world, LIMIT, &format!("seed {seed}"));
        let expected = [before[0].minus(Amount(staked)).unwrap_or_default(), Amount(staked), Amount::ZERO];
        assert_eq!(boxes(&world), expected, "seed {seed}: {:?}", answers(&world));
    }
}

/// Who the notary drew in the jobs that one client ordered, by rosters of these epochs.
fn drawn(world: &World, epochs: core::ops::Range<u64>) -> Vec<PeerId> {
    let receipts = world.receipts(world.plan().client(0)).into_iter();
    let receipts = receipts.filter(|receipt| {
        receipt.story.listing.as_ref().is_some_and(|listing| epochs.contains(&listing.roster.epoch))
    });
    let events = receipts.flat_map(|receipt| receipt.story.events);
    let seats = events.filter_map(|event| {
        let Happening::Seat { tries, .. } = event.what else { return None };
        Some(tries.last()?.leaf.peer)
    });
    seats.collect()
}

/// Orders checked jobs for a while.
fn order(world: &mut World, numbers: core::ops::Range<u64>) {
    for number in numbers {
        let wish = Wish { manifest: LABEL, number, checks: 1, ..Wish::default() };
        world.submit(world.plan().client(0), wish);
        world.run_for(Span::millis(500));
    }
}

#[test]
fn a_registered_verifier_is_drawn_after_one_full_epoch_and_not_before() {
    for conditions in [Conditions::GOOD, Conditions::bad()] {
        let mut world = market(Plan { conditions, ..plan() });
        let verifier = world.id(newcomer(&world));
        // It begins with an epoch, and may be in the books from now on: an answer that is lost comes later.
        let begins = world.now().millis().next_multiple_of(EPOCH_MILLIS) + 100;
        world.run_for(Span::millis(begins - world.now().millis()));
        stake(&mut world, Amount::credits(50));
        register(&mut world);
        while answers(&world).0 < 2 {
            world.run_for(Span::millis(100));
        }
        // Ticks of one epoch: the next checkpoint begins the full one that it has to wait for.
        let ends = begins.next_multiple_of(EPOCH_MILLIS) + EPOCH_MILLIS;
        let left = ends.saturating_sub(world.now().millis());
        order(&mut world, 0..left.saturating_sub(4_000) / 500);
        world.run_for(Span::millis(ends.saturating_sub(world.now().millis())));
        settle(&mut world, LIMIT, "too early");
        // What is claimed late, since messages were lost, may be drawn from the first roster that it stands in.
        let first = begins / EPOCH_MILLIS + 2;
        let early = drawn(&world, 0..first);
        assert!(early.len() > 10, "{conditions:?}: {}", early.len());
        assert!(!early.contains(&verifier), "{conditions:?}: it was drawn too early");
        world.run_for(Span::millis(EPOCH_MILLIS + 5_000));
        order(&mut world, 1_000..1_040);
        settle(&mut world, LIMIT, "checked");
        assert!(drawn(&world, first..u64::MAX).contains(&verifier), "{conditions:?}: it was never drawn");
        let checked = world.told(newcomer(&world)).iter();
        assert!(checked.clone().any(|(_, event)| matches!(event, Event::Checking { .. })));
        assert!(world.closed().values().all(|closed| closed.slashed.is_zero()));
        let free = boxes(&world)[0];
        assert!(free > Amount::credits(50), "{conditions:?}: checks are paid, {free} is left");
    }
}

#[test]
fn a_verifier_ignores_checks_for_what_it_never_registered() {
    let mut world = market(plan());
    let (place, notary) = (newcomer(&world), notary(&world));
    let manifest = |name| world.genesis().manifest(name).cloned().expect("the network pins it");
    let (known, unknown) = (manifest(LABEL), manifest(TENSOR));
    let kinds = vec![known.kind(plan::class())];
    world.command(place, Command::Register { notary, kinds: kinds.clone() });
    settle(&mut world, LIMIT, "registered");
    let instruction = Instruction::Register { kinds };
    let carried = Event::CarriedOut { notary, instruction };
    assert!(world.told(place).iter().any(|(_, event)| *event == carried));

    for (number, manifest) in [(1, unknown), (2, known)] {
        let check = Check {
            job: Digest([number; 32]),
            verifier: world.id(place),
            class: plan::class(),
            manifest,
            units_max: 1,
            run_max: Duration::seconds(1),
            seed: Digest::default(),
            input_commit: Digest::default(),
            sources: [notary; 2],
            seal_by: Timestamp::NEVER,
            draft: None,
            due: Timestamp::NEVER,
        };
        let at = world.plan().notary();
        let check = Signed::seal(check, &world.key(at), world.genesis().id());
        world.post(at, place, Message::from(check).encode());
    }
    world.run_for(Span::seconds(1));
    let checking = |number| Event::Checking { job: Digest([number; 32]) };
    let told = |event| world.told(place).iter().any(|(_, told)| *told == event);
    assert_eq!((told(checking(1)), told(checking(2))), (false, true));
}
