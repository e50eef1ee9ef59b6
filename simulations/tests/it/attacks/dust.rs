//! Dust: verifiers with as little at stake as can be, and many of them, that find every result wanting. A verifier of a kind has
//! at stake what the jury over its word costs, or it is not drawn.

use assay_market::Command;
use assay_protocol::{receipt::Receipt, units::Amount};
use assay_simulations::{
    behaviour::LazyVerifier,
    kernel::Span,
    plan::{self, EXACT, Plan},
    world::{Place, Wish, World},
};

use super::{
    Coalition, restake, run,
    scenes::{drawn, wealth},
};
use crate::support::market;

/// Names of those who accuse.
const DUST: usize = 40;
/// Jobs that are checked, all of one honest provider.
const JOBS: u64 = 60;
/// Two epochs, and what lies around them: a registration waits for a full one.
const ENROLMENT: Span = Span::seconds(25);

/// A market in which so many verify beside the founders, each with this much less at stake than a verifier needs.
fn dusty(less: u64) -> (World, Vec<Place>) {
    let mut world = market(Plan { clients: 1 + DUST, ..Plan::default() });
    let dust: Vec<Place> = (1..=DUST).map(|number| world.plan().client(number)).collect();
    let notary = world.id(world.plan().notary());
    let manifest = world.genesis().manifest(EXACT).expect("it is pinned").clone();
    let (kinds, least) =
        (vec![manifest.kind(plan::class())], world.genesis().stake_least(manifest.work_most));
    for place in &dust {
        restake(&mut world, *place, least.minus_up_to(Amount(less)));
        world.command(*place, Command::Register { notary, kinds: kinds.clone() });
        world.behave(*place, LazyVerifier);
    }
    world.run_for(ENROLMENT);
    (world, dust)
}

/// What comes of jobs among them: how often one of them was drawn, what they gained, and the least that an honest peer did.
#[allow(clippy::print_stdout, reason = "figures beside what is asserted of them")]
fn accused(world: &mut World, dust: &[Place], attack: &str) -> (usize, i128, i128) {
    let (client, founders) = (world.plan().client(0), world.plan().founders);
    let honest: Vec<Place> = (0..founders).map(|number| world.plan().founder(number)).collect();
    let provider = honest[0];
    let before: Vec<i128> = honest.iter().map(|place| wealth(world, *place)).collect();
    let coalition = Coalition::new(world, dust.iter().copied());
    run(world, client, 0..JOBS, 1, |_| Wish {
        manifest: EXACT,
        provider: Some(provider),
        checks: 1,
        ..Wish::default()
    });
    let receipts: Vec<Receipt> = world.receipts(client);
    assert_eq!(receipts.len() as u64, JOBS);
    assert!(receipts.iter().all(|receipt| receipt.story.outcome.is_paid()), "honest work is paid");
    let by_dust = |receipt: &Receipt| drawn(world, receipt).iter().any(|place| dust.contains(place));
    let drawn = receipts.iter().filter(|receipt| by_dust(receipt)).count();
    let after = honest.iter().map(|place| wealth(world, *place));
    let least = after.zip(&before).map(|(after, before)| after - before).min().unwrap_or_default();
    println!(
        "figures: {attack}: drawn in {drawn} of {JOBS} jobs, an honest peer gains {:+.4} at least",
        least as f64 / 1e9
    );
    coalition.tell_figures(world, attack, &[client]);
    (drawn, coalition.gain(world, attack), least)
}

#[test]
fn dust_below_the_least_stake_of_a_kind_accuses_nobody() {
    let (mut world, dust) = dusty(1);
    let (drawn, gain, _) = accused(&mut world, &dust, "dust below the least stake");
    assert_eq!((drawn, gain), (0, 0), "none of them is drawn");
}

#[test]
fn dust_that_accuses_pays_the_juries_over_its_word_and_nobody_else_loses_by_it() {
    let (mut world, dust) = dusty(0);
    let (drawn, gain, least) = accused(&mut world, &dust, "dust of the least stake");
    assert!(drawn > 0, "none of them was drawn, who hold an eighth of the stake together");
    assert!(gain < 0, "{gain}");
    assert!(least >= 0, "an honest peer lost {least}");
}
