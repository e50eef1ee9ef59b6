//! A crowd of verifiers: a thousand of equal stake check what is ordered as a few do.

use std::collections::BTreeSet;

use assay_protocol::{
    account::{Grant, Register, Stake},
    id::PeerId,
    job::Stage,
    journal::Fact,
    outcome::Outcome,
    receipt::verify,
    units::Amount,
};

use crate::{
    cheap::{Cheap, CheapScheme},
    course::Conduct,
    office::{CLIENT, ISSUER, NOTARY, Office, PROVIDER, STAKE, VERIFIERS, class, id},
    outcomes::{honest, truth},
};

/// Verifiers, those of the first day among them.
const CROWD: u64 = 1_000;
/// The keys of those who come later have numbers from here on.
const FIRST_COMER: u64 = 1_000;
/// Jobs that are all checked.
const JOBS: u16 = 100;
/// So many draws among a thousand fall on this many at least.
const DRAWN_MIN: usize = 80;

/// Books in which a thousand verifiers have the same at stake, and a client can pay for many jobs.
fn crowded() -> Office<Cheap> {
    let mut office = Office::<Cheap>::new(|genesis| {
        let client = genesis.verifiers.iter_mut().find(|founder| founder.peer == id::<Cheap>(CLIENT));
        client.into_iter().for_each(|founder| founder.free = Amount::credits(1_000));
    });
    let (notary, issuer) = (id::<Cheap>(NOTARY), id::<Cheap>(ISSUER));
    let kind = office.genesis.manifests[0].kind(class());
    for (serial, number) in (1..).zip(FIRST_COMER..FIRST_COMER + CROWD - VERIFIERS) {
        office.knows(number);
        let account = id::<Cheap>(number);
        let grant = office.say(issuer, Grant { notary, account, amount: STAKE, serial });
        let stake = office.say(account, Stake { notary, sequence: 1, amount: STAKE, target: None });
        let register = office.say(account, Register { notary, sequence: 2, kinds: vec![kind] });
        for fact in [Fact::Grant(grant), Fact::Stake(stake), Fact::Register(register)] {
            office.enter(fact).unwrap_or_else(|rejection| panic!("comer {serial}: {rejection}"));
        }
    }
    // A registration counts from the second checkpoint behind it.
    let timers = office.genesis.timers;
    office.wait(timers.tick.times(2 * timers.epoch_ticks + 1));
    office
}

#[test]
fn jobs_flow_among_a_thousand_equal_verifiers_and_whoever_is_drawn_checks_them() {
    let mut office = crowded();
    let mut drawn: BTreeSet<PeerId> = BTreeSet::new();
    for lane in 0..JOBS {
        let (mut order, secret) = office.order(CLIENT, PROVIDER, lane, 0);
        order.checks = 1;
        let job = office.open((order, secret)).unwrap_or_else(|rejection| panic!("job {lane}: {rejection}"));
        let checkers = job.ticket.standing.checkers;
        assert_eq!((checkers.leaves, checkers.weight), (CROWD, CROWD * STAKE.0), "job {lane}");
        office.run(&job, &honest());
        office.judge(&job, &honest(), Conduct { finding: &|_| truth(), opens: true });
        assert_eq!(office.stage(job.id), Stage::Closed(Outcome::Checked), "job {lane}");
        let receipt = office.receipt(job.id);
        drawn.extend(receipt.story.settlement.fees.iter().map(|fee| fee.peer));
        let report = verify::<CheapScheme>(&receipt);
        assert!(report.is_ok(), "job {lane}: {report:?}");
    }
    assert!(drawn.len() >= DRAWN_MIN, "{JOBS} checks fell on {}", drawn.len());
}
