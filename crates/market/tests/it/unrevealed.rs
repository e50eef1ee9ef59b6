//! Jobs whose client keeps its secret: all of them are checked, and it pays for that.

use assay_protocol::{
    genesis::Pair,
    job::Stage,
    outcome::Outcome,
    receipt::Happening,
    units::{Amount, Rate},
};

use crate::{
    cheap::Cheap,
    course::Conduct,
    office::{CLIENT, Office, Ordered, PROVIDER, class},
    outcomes::{honest, judged_in, open, truth},
};

type Desk = Office<Cheap>;

const CHECK: u64 = 40_000_000;
const PRICE: u64 = 1_000_000_000;

/// Books that trust the provider, so that one job in two is drawn, or in which the endowment has every one of them checked.
fn desk(is_endowed: bool) -> Desk {
    let mut desk = Desk::new(|genesis| {
        if is_endowed {
            genesis.endowed = vec![Pair { model: genesis.manifests[0].model, class: class() }];
            (genesis.money.endowment, genesis.checks.endowed_checks) = (Amount::credits(10), 30);
        }
    });
    judged_in(&mut desk, 0, &|_| truth(), true);
    desk
}

/// What the client can spend, the pool, and the endowment.
fn boxes(desk: &Desk) -> [u64; 3] {
    let pool = desk.ledger.pool_minted_burned().0;
    [desk.account(CLIENT).free.0, pool.0, desk.ledger.endowment().0]
}

/// A true result, whose client takes it and says nothing.
fn keeps_its_secret(desk: &mut Desk, lane: u16) -> Ordered {
    let job = open(desk, PROVIDER, lane);
    desk.claim(&job, &honest()).unwrap_or_else(|rejection| panic!("{rejection}"));
    desk.tick_while(&job, |stage| matches!(stage, Stage::Claimed { .. } | Stage::Drawing { .. }));
    desk.judge(&job, &honest(), Conduct { finding: &|_| truth(), opens: true });
    job
}

#[test]
fn a_client_that_keeps_its_secret_pays_one_check_whatever_is_drawn_and_neither_pool_nor_endowment_does() {
    for is_endowed in [false, true] {
        let mut desk = desk(is_endowed);
        let mut seen = [0, 0];
        for lane in 1..17 {
            let [client, pool, endowment] = boxes(&desk);
            let job = keeps_its_secret(&mut desk, lane);
            assert!(job.ticket.policy_rate >= Rate::per_mille(500), "it has earned trust");
            let Some(story) = desk.closed.iter().find(|story| story.ticket.job == job.id) else {
                panic!("the job is closed")
            };
            assert_eq!(story.outcome, Outcome::Checked);
            let drawn = story.events.iter().find_map(|event| {
                if let Happening::Draw { check } = &event.what { Some(*check) } else { None }
            });
            let drawn = drawn.unwrap_or_default();
            let fees: Vec<u64> = story.settlement.fees.iter().map(|fee| fee.amount.0).collect();
            let (premium, dues) = (job.ticket.premium.0, job.ticket.dues.0);
            assert_eq!((story.settlement.provider.0, fees), (PRICE - dues, vec![CHECK]));
            let expected = [client - PRICE - premium - CHECK, pool + premium + dues, endowment];
            assert_eq!(boxes(&desk), expected, "drawn {drawn}, endowed {is_endowed}");
            seen[usize::from(drawn)] += 1;
        }
        assert!(is_endowed || seen.iter().all(|count| *count > 0), "{seen:?}");
    }
}
