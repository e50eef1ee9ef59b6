//! What a client keeps for a trap, whether it sets one or not, and what that leaves it.

use assay_market::ledger::Rejection;
use assay_protocol::{
    account::Stake,
    genesis::Founder,
    job::Stage,
    journal::Fact,
    objection::Dispute,
    order::Refusal,
    outcome::Outcome,
    receipt::Happening,
    units::{Amount, Rate},
};

use super::{CHECK, Desk, FORFEIT, PREMIUM, desk, false_claim, without};
use crate::{
    cheap::Cheap,
    course::Conduct,
    office::{CLIENT, NOTARY, Office, Ordered, PROVIDER, id},
    outcomes::{disclosing, honest, open, to_the_byte, trap_of, truth},
};

/// What a client that has both totals and what is at stake one and a half times may do while one of its claims is a trap is
/// what it may do while none is: neither an order that is opened nor one that is refused tells which.
#[test]
fn what_a_client_may_spend_does_not_tell_whether_it_has_set_a_trap() {
    // The same where a part of the price goes back at the claim.
    [(0, 0), (3, 750_000_000)].into_iter().for_each(|(spare, back)| told_by_no_means(spare, back));
}

fn told_by_no_means(spare: u64, back: u64) {
    let claimed = false_claim();
    let half = FORFEIT as u64 / 2;
    let total = 2_000_000_000;
    let allowed = |is_trap: bool| {
        let mut desk = Office::new(|genesis| {
            to_the_byte(genesis);
            let is_client = |founder: &&mut Founder| founder.peer == id::<Cheap>(CLIENT);
            let client = genesis.verifiers.iter_mut().find(is_client);
            client.into_iter().for_each(|client| client.free = Amount(total + 3 * half));
        });
        desk.spare = spare;
        let job = disclosing(&mut desk, PROVIDER, 0, &claimed);
        let opening = trap_of(&desk, &job, &claimed);
        let opening = if is_trap { opening } else { without(&desk, &job, opening) };
        desk.step(opening).unwrap_or_else(|rejection| panic!("{rejection}"));
        let all = [total - back, half - 1, half, half + 1, 2 * half, 3 * half, 3 * half + 1];
        let amounts = all.map(|amount| amount + back);
        amounts.map(|amount| (may_order(&desk, amount), may_stake(&desk, amount)))
    };
    let expected = [true, true, true, false, false, false, false].map(|may| (may, may));
    assert_eq!(allowed(false), expected);
    assert_eq!(allowed(true), expected);
}

/// True if the client could open another order now that can come to this much.
fn may_order(desk: &Desk, total: u64) -> bool {
    let (mut order, _) = desk.order(CLIENT, PROVIDER, 100, 0);
    (order.units_max, order.unit_price, order.total_max) = (4, Amount(total / 5), Amount(total));
    let opened = desk.ledger.clone().apply(&Fact::Open(desk.agreed(&order, Rate::ONE)));
    assert!(matches!(opened, Ok(_) | Err(Rejection::Refused(Refusal::Funds))), "{total}: {:?}", opened.err());
    opened.is_ok()
}

/// True if the client could put this much at stake now.
fn may_stake(desk: &Desk, amount: u64) -> bool {
    let (notary, sequence) = (id::<Cheap>(NOTARY), desk.instruction(CLIENT));
    let stake = Stake { notary, sequence, amount: Amount(amount), target: None };
    let staked = desk.ledger.clone().apply(&Fact::Stake(desk.say(id::<Cheap>(CLIENT), stake)));
    assert!(matches!(staked, Ok(_) | Err(Rejection::Funds)), "{amount}: {:?}", staked.err());
    staked.is_ok()
}

/// What every client of such jobs keeps is no reason that it could not doubt a result: what a check costs is held already.
#[test]
fn a_client_that_has_what_it_keeps_for_a_trap_and_no_more_can_dispute() {
    let mut desk = desk();
    let job = not_drawn_yet(&mut desk);
    let rest = desk.account(CLIENT).free.0 - FORFEIT as u64;
    let stake = Stake {
        notary: id::<Cheap>(NOTARY),
        sequence: desk.instruction(CLIENT),
        amount: Amount(rest),
        target: None,
    };
    let staked = desk.enter(Fact::Stake(desk.say(id::<Cheap>(CLIENT), stake)));
    staked.unwrap_or_else(|rejection| panic!("{rejection}"));
    assert_eq!(desk.account(CLIENT).free.0, FORFEIT as u64);
    let dispute = Happening::Dispute(desk.say(job.order.client, Dispute { job: job.id }));
    desk.step(dispute).unwrap_or_else(|rejection| panic!("{rejection}"));
    desk.judge(&job, &honest(), Conduct { finding: &|_| truth(), opens: true });
    assert_eq!(desk.stage(job.id), Stage::Closed(Outcome::Checked));
    let total = job.order.total_max.0 as i64;
    let price = (job.order.unit_price.0 * honest().units) as i64;
    let back = desk.account(CLIENT).free.0 as i64 - FORFEIT;
    assert_eq!(back, total - price - PREMIUM - CHECK, "it has paid for the check, out of the total");
}

/// A job whose claim is true and that is left to its window, at a provider that is trusted by then.
fn not_drawn_yet(desk: &mut Desk) -> Ordered {
    for lane in 0.. {
        let job = open(desk, PROVIDER, lane);
        desk.run(&job, &honest());
        if matches!(desk.stage(job.id), Stage::Waiting { .. }) {
            return job;
        }
        desk.judge(&job, &honest(), Conduct { finding: &|_| truth(), opens: true });
    }
    unreachable!("lanes end later")
}
