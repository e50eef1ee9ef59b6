//! What an honest provider pays from its stake that was killed, and its client too, while a check waited for the input:
//! nothing if they are back while that is waited for, and else the fees of those who found something, as the job's receipt
//! says. It is the only way in which a crash costs a stake anything.

use assay_protocol::{
    message::{Message, Opened},
    outcome::Outcome,
    receipt::{Happening, Receipt},
    units::Amount,
};
use assay_simulations::{
    crypto::Simulated,
    kernel::Span,
    plan::{EXACT, Plan},
    world::{Tail, Wish, World},
};

use crate::support::{judge, market, settle};

/// Worlds for each length of time.
const SEEDS: u64 = 8;
/// No job takes longer that nobody could be asked about.
const LONG: Span = Span::seconds(1_200);
/// Seconds: fewer than so many verifiers wait for an input that one of them finds it in time, and more.
const SOON: [u64; 3] = [1, 4, 8];
const LATE: [u64; 4] = [9, 14, 30, 300];

/// Whether a verifier was asked to check something.
fn is_drawn(world: &World) -> bool {
    let network = world.genesis().id();
    world.overheard().iter().any(|bytes| {
        let opened = Message::decode(bytes).ok().and_then(|message| message.open::<Simulated>(network).ok());
        matches!(opened, Some(Opened::Check(_)))
    })
}

/// One job, whose client and provider are killed as the first verifier is asked and are back after a while: its receipt, and
/// what the provider's stake has lost.
fn live(seed: u64, away: Span) -> (Receipt, Amount) {
    let context = format!("seed {seed}, away for {} ms", away.0 / 1_000_000);
    let mut world = market(Plan { seed, founders: 5, ..Plan::default() });
    world.overhear();
    let (client, provider) = (world.plan().client(0), world.plan().founder(0));
    let wish =
        Wish { manifest: EXACT, provider: Some(provider), attempts_max: 1, checks: 1, ..Wish::default() };
    let key = world.submit(client, wish);
    while !is_drawn(&world) {
        world.step();
    }
    [client, provider].into_iter().for_each(|whom| world.crash(whom, Tail::Kept, away));
    world.run_for(away);
    settle(&mut world, LONG, &context);
    let books = world.books().unwrap_or_else(|| panic!("{context}: no books"));
    let account = books.accounts.iter().find(|account| account.peer == world.id(provider));
    let left = account.map_or(Amount::ZERO, |account| account.stake);
    let receipt = world.receipt(client, key).unwrap_or_else(|| panic!("{context}: no receipt"));
    judge(&receipt);
    (receipt, world.plan().stake.minus_up_to(left))
}

fn is_unserved(receipt: &Receipt) -> bool {
    receipt.story.events.iter().any(|event| matches!(event.what, Happening::Unserved(_)))
}

#[test]
fn a_provider_that_is_killed_and_back_in_time_pays_nothing() {
    for (away, seed) in SOON.into_iter().flat_map(|away| (0..SEEDS).map(move |seed| (away, seed))) {
        let (receipt, lost) = live(seed, Span::seconds(away));
        assert_eq!((receipt.story.outcome, lost), (Outcome::Checked, Amount::ZERO), "{away} s, seed {seed}");
    }
}

#[test]
#[allow(clippy::print_stdout, reason = "figures beside what is asserted of them")]
fn one_that_nobody_could_reach_pays_the_fees_of_its_receipt_and_nothing_else() {
    let mut fined = 0;
    for (away, seed) in LATE.into_iter().flat_map(|away| (0..SEEDS).map(move |seed| (away, seed))) {
        let (receipt, lost) = live(seed, Span::seconds(away));
        let (settlement, outcome) = (&receipt.story.settlement, receipt.story.outcome);
        println!("away for {away} s, seed {seed}: {outcome:?}, {lost:?} from the stake");
        let fines = settlement.fines.iter().map(|fine| fine.amount).try_fold(Amount::ZERO, Amount::plus);
        assert_eq!((Some(lost), settlement.slashed), (fines, Amount::ZERO), "{away} s, seed {seed}");
        assert_eq!((outcome, is_unserved(&receipt)), (Outcome::Unreached, true), "{away} s, seed {seed}");
        fined += u64::from(!lost.is_zero());
    }
    assert!(fined > 0, "nobody paid anything: this shows nothing");
}
