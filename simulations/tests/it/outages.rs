//! Outages of a notary under the times of a network of strangers: they cost nobody a secret, a check or a stake.

use assay_protocol::{
    genesis::Timers,
    receipt::{Happening, Receipt},
};
use assay_simulations::{
    kernel::Span,
    plan::{EXACT, LABEL, Plan},
    world::{Tail, Wish},
};

use crate::support::{market, paid_once, settle};

/// An outage that counts as it is.
const DOWN: Span = Span::seconds(16);
/// Longer than the last job takes with its window.
const LONG: Span = Span::seconds(4 * 3_600);
/// Jobs of a world, one each half tick.
const JOBS: u64 = 24;

/// Jobs over two minutes, in which the notary is away for 16 s twice in a row: their receipts, and how many of them were
/// paid.
fn two_in_a_row(seed: u64) -> (Vec<Receipt>, u64) {
    let mut world = market(Plan { seed, timers: Timers::default(), ..Plan::default() });
    let (notary, client) = (world.plan().notary(), world.plan().client(0));
    world.run_for(Span::seconds(30));
    for number in 0..JOBS {
        let manifest = if number % 2 == 0 { EXACT } else { LABEL };
        let checks = u16::from(number % 3 == 0);
        world.submit(client, Wish { manifest, number, checks, attempts_max: 1, ..Wish::default() });
        world.run_for(Span::seconds(5));
        if number == 8 || number == 12 {
            world.crash(notary, Tail::Kept, DOWN);
        }
    }
    settle(&mut world, LONG, "outages");
    (world.receipts(client), paid_once(&world, &[client], "outages"))
}

/// How many of these jobs were claimed, and how many of those have no secret.
fn secrets(receipts: &[Receipt]) -> (usize, usize) {
    let has = |receipt: &Receipt, is: fn(&Happening) -> bool| {
        receipt.story.events.iter().any(|event| is(&event.what))
    };
    let claimed: Vec<&Receipt> = receipts
        .iter()
        .filter(|receipt| has(receipt, |what| matches!(what, Happening::Claim { .. })))
        .collect();
    let without =
        claimed.iter().filter(|receipt| !has(receipt, |what| matches!(what, Happening::Reveal(_)))).count();
    (claimed.len(), without)
}

#[test]
#[allow(clippy::print_stdout, reason = "figures beside what is asserted of them")]
fn outages_in_a_row_cost_no_job_its_secret_and_nobody_its_pay() {
    for seed in 1..=3 {
        let (receipts, paid) = two_in_a_row(seed);
        let (claimed, without) = secrets(&receipts);
        println!(
            "two outages of 16 s: {paid} of {JOBS} jobs paid, {without} of {claimed} without their secret"
        );
        assert_eq!((claimed as u64, without, paid), (JOBS, 0, JOBS));
    }
}
