//! What a notary publishes by its digest alone, and what an audit makes of it.

use assay_market::audit::{Audit, AuditReport, Divergence};
use assay_protocol::{
    deadline,
    genesis::{Genesis, Timers},
    job::Stage,
    journal::{Entry, Published},
    notice::Head,
    order::{Abort, Failure},
    receipt::Happening,
    units::Duration,
};

use crate::{
    cheap::{Cheap, CheapScheme},
    office::{NOTARY, Office, PROVIDER, id},
    outcomes::{honest, open},
};

/// Jobs of others while one stays open.
const OTHERS: u16 = 200;

/// The chain as everybody may see it, but for what `hides` says of a position.
fn published(office: &Office<Cheap>, hides: impl Fn(u64) -> bool) -> Vec<Published> {
    let mut head = Head::default();
    let entries = office.facts.iter().map(|fact| {
        let entry = Entry { previous: head.digest, fact: fact.clone() };
        let position = head.sequence;
        head = Head { sequence: position + 1, digest: entry.digest() };
        if hides(position) { Published::withheld(&entry) } else { Published::Whole(entry) }
    });
    entries.collect()
}

fn audited(office: &Office<Cheap>, chain: &[Published]) -> Result<AuditReport, Divergence> {
    let mut audit = Audit::new(office.genesis.clone(), id::<Cheap>(NOTARY));
    chain.iter().try_for_each(|entry| audit.push::<CheapScheme>(entry))?;
    Ok(audit.finish())
}

fn withheld(office: &Office<Cheap>) -> Vec<u64> {
    office.ledger.withheld(0..u64::MAX).collect()
}

#[test]
fn a_job_that_stays_open_hides_its_own_facts_from_its_claim_on_and_nobody_elses() {
    let mut office = Office::<Cheap>::new(|_| {});
    let job = open(&mut office, PROVIDER, 0);
    office.tick();
    let claimed_at = office.head.sequence;
    office.claim(&job, &honest()).unwrap_or_else(|refused| panic!("{refused}"));
    office.reveal(&job).unwrap_or_else(|refused| panic!("{refused}"));
    for lane in 1..=OTHERS {
        let other = open(&mut office, PROVIDER, lane);
        let abort = Abort { job: other.id, ticket: other.ticket.digest(), reason: Failure::Machine };
        let abort = Happening::Abort(office.say(other.order.provider, abort));
        office.step(abort).unwrap_or_else(|refused| panic!("{refused}"));
    }
    // All behind the reveal would be hidden, if a job hid what comes after it.
    let hidden = withheld(&office);
    let behind = office.head.sequence - claimed_at;
    println!("{} of {behind} facts behind a claim are withheld", hidden.len());
    assert_eq!((hidden.as_slice(), behind), (&[claimed_at, claimed_at + 1][..], 2 + 2 * u64::from(OTHERS)));
    let chain = published(&office, |position| hidden.contains(&position));
    let report = audited(&office, &chain).unwrap_or_else(|divergence| panic!("{divergence}"));
    assert_eq!((report.replayed, report.head), (claimed_at, office.head));

    office.tick_while(&job, |stage| !matches!(stage, Stage::Closed(_)));
    assert!(withheld(&office).is_empty());
    let report = audited(&office, &published(&office, |_| false)).map(|report| report.withheld);
    assert_eq!(report, Ok(0));
}

#[test]
fn a_fact_that_stays_withheld_for_longer_than_a_job_can_be_open_is_named() {
    let (tick, gap_max) = (Duration::seconds(50), Duration::seconds(100));
    let slow = Timers { tick, gap_max, ..Timers::brisk() };
    let mut office = Office::<Cheap>::new(|genesis: &mut Genesis| genesis.timers = slow);
    let job = open(&mut office, PROVIDER, 0);
    let claimed_at = office.head.sequence;
    office.claim(&job, &honest()).unwrap_or_else(|refused| panic!("{refused}"));
    let ticks = deadline::open_max(&office.genesis).0 / gap_max.0;
    (0..ticks).for_each(|_| office.tick_after(gap_max));
    let hides = |position| position == claimed_at;
    let in_time = audited(&office, &published(&office, hides)).map(|report| report.replayed);
    assert_eq!(in_time, Ok(claimed_at));
    office.tick_after(gap_max);
    let named = audited(&office, &published(&office, hides)).map_err(|divergence| divergence.reason);
    assert_eq!(named.map(drop), Err("a fact is withheld for longer than a job can be open".to_owned()));
    assert!(audited(&office, &published(&office, |_| false)).is_ok());
}
