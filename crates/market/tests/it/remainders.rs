//! What goes back to a client at the claim: exactly what that leaves of the price, and nothing of what any end takes.

use assay_market::{ledger::Rejection, policy};
use assay_protocol::{
    claim::Claim,
    genesis::{Founder, Genesis},
    id::Digest,
    job::Misstep,
    journal::Fact,
    manifest::{Manifest, Meter, Policy, TokenWeights, WorkPerMeter},
    order::{Order, Refusal},
    outcome::Outcome,
    receipt::{Happening, Story},
    remainder,
    ticket::Ticket,
    units::Amount,
};

use crate::{
    cheap::Cheap,
    course::{Claimed, output},
    office::{CLIENT, Office, Ordered, PROVIDER, id},
    outcomes::{ended_with, honest, open},
};

type Desk = Office<Cheap>;

/// What the client has to spend, and what its open jobs hold.
fn money(desk: &Desk) -> (i64, i64) {
    let held = desk.ledger.held_of(id::<Cheap>(CLIENT));
    (desk.account(CLIENT).free.0 as i64, held.0 as i64)
}

/// Seven units are ordered, a quarter of a credit each, and four are claimed.
#[test]
fn a_claim_gives_back_what_it_leaves_of_the_price_and_the_next_word_nothing() {
    let mut desk = Desk::new(|_| {});
    desk.spare = 3;
    let (free, _) = money(&desk);
    let job = open(&mut desk, PROVIDER, 0);
    assert_eq!(money(&desk), (free - 2_000_000_000, 2_000_000_000));
    desk.claim(&job, &honest()).unwrap_or_else(|rejection| panic!("{rejection}"));
    let after = (free - 1_250_000_000, 1_250_000_000);
    assert_eq!(money(&desk), after);
    let fewer = Claimed { units: 1, ..honest() };
    assert_eq!(desk.claim(&job, &fewer), Err(Rejection::Misstep(Misstep::Known)), "the first one binds");
    desk.reveal(&job).unwrap_or_else(|rejection| panic!("{rejection}"));
    (0..3).for_each(|_| desk.tick());
    assert_eq!(money(&desk), after);
}

/// What the client put up for a job beside its total.
fn pledged(story: &Story) -> i64 {
    let pledge = story.events.iter().find_map(|event| {
        if let Happening::OpenClaim { pledged, .. } = &event.what { Some(pledged.0 as i64) } else { None }
    });
    pledge.unwrap_or_default()
}

/// What a settlement takes of the client, as its receipt says.
fn cost(story: &Story) -> i64 {
    let open = story.open.said();
    let order = open.order.said();
    order.total_max.0 as i64 + pledged(story) - story.settlement.client.0 as i64
}

#[test]
fn every_end_leaves_the_client_what_its_receipt_says_and_part_of_that_comes_sooner() {
    for outcome in Outcome::ALL {
        let (desk, job) = ended_with::<Cheap>(3, outcome);
        let mut twin = Desk::unopened(desk.genesis.clone());
        let first = money(&twin);
        let mut gave_back = false;
        for fact in &desk.facts {
            let before = money(&twin);
            twin.enter(fact.clone()).unwrap_or_else(|rejection| panic!("{outcome:?}: {rejection}"));
            let Some(claim) = claim_of(fact).filter(|claim| twin.job(claim.job).is_some()) else { continue };
            let open = twin.job(claim.job).map(|open| remainder::of(&twin.genesis, open).0 as i64);
            let back = open.unwrap_or_default();
            assert_eq!(money(&twin), (before.0 + back, before.1 - back), "{outcome:?}");
            gave_back |= back == 750_000_000 && claim.job == job;
        }
        let unclaimed = [Outcome::NoClaim, Outcome::Aborted, Outcome::Withdrawn, Outcome::Cancelled];
        assert_eq!(gave_back, !unclaimed.contains(&outcome), "{outcome:?}");
        let (free, held) = money(&twin);
        let costs: i64 = desk.closed.iter().map(cost).sum();
        assert_eq!(free + held, first.0 - costs, "{outcome:?}");
    }
}

fn claim_of(fact: &Fact) -> Option<Claim> {
    if let Fact::Job(Happening::Claim { claim, .. }) = fact { Some(*claim.said()) } else { None }
}

/// A language model of 134 million weights, as it is added to a network: a token that is written counts as four.
fn language(genesis: &mut Genesis, heaviest_check: u64) {
    let weights = TokenWeights { read: 1, written: 4 };
    genesis.manifests[0] = Manifest {
        policy: Policy::Replay,
        meter: Meter::Tokens(weights),
        work: WorkPerMeter { token_read: 54, token_written: 216, ..WorkPerMeter::default() },
        work_most: 8_192 * 54,
        ..genesis.manifests[0].clone()
    };
    let per_work = Amount(heaviest_check / genesis.manifests[0].work_most);
    (genesis.money.per_work, genesis.money.micros_per_work) = (per_work, 1);
    let is_client = |founder: &&mut Founder| founder.peer == id::<Cheap>(CLIENT);
    let client = genesis.verifiers.iter_mut().find(is_client);
    client.into_iter().for_each(|client| client.free = Amount::credits(5));
}

/// A question whose answer may be 512 units long, at a thousandth of a credit each.
fn question(desk: &Desk, lane: u16) -> (Order, Digest) {
    let (mut order, secret) = desk.order(CLIENT, PROVIDER, lane, 0);
    (order.units_max, order.unit_price, order.work_max) = (512, Amount(1_000_000), 512 * 54);
    order.cancel_fee = Amount::ZERO;
    // What a client puts up that does not know the provider.
    let ticket = Ticket::new(&desk.genesis, &order, policy::newcomer(&desk.genesis));
    order.total_max = ticket.total(&desk.genesis, &order).unwrap_or_default();
    (order, secret)
}

/// Twelve tokens were read and twenty written.
fn short_answer(desk: &mut Desk, job: &Ordered) {
    let (read, written) = (12, 20);
    let work = 54 * read + 216 * written;
    let claimed = Claimed { units: read + 4 * written, work, ..Claimed::new(output(20, 0.0)) };
    let claim = Claim { check_work: 54 * (read + written), ..desk.claim_of(job, &claimed) };
    let (claim, position) = (desk.say(job.order.provider, claim), desk.head.sequence);
    desk.step(Happening::Claim { claim, position }).unwrap_or_else(|rejection| panic!("{rejection}"));
}

/// How many such questions five credits allow before the first of them is closed.
fn questions(heaviest_check: u64, are_answered: bool) -> u64 {
    let mut desk = Desk::new(|genesis| language(genesis, heaviest_check));
    for lane in 0.. {
        let order = question(&desk, lane);
        match desk.open(order) {
            Ok(job) if are_answered => short_answer(&mut desk, &job),
            Ok(_) => {}
            Err(rejection) => {
                assert_eq!(rejection, Rejection::Refused(Refusal::Funds));
                return u64::from(lane);
            }
        }
    }
    unreachable!("lanes end later")
}

/// The figures of decision 095: on a device network, and among friends.
#[test]
fn five_credits_are_enough_for_four_times_as_many_short_answers_at_once() {
    let of = |heaviest_check| [false, true].map(|are_answered| questions(heaviest_check, are_answered));
    assert_eq!([160_000_000, 40_000_000].map(of), [[5, 23], [8, 42]]);
}
