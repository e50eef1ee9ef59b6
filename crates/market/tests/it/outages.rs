//! Outages of a notary: however long, they cost nobody the time to speak; and a notary that makes its days long is named.

use assay_market::audit::{Audit, Divergence};
use assay_protocol::{
    genesis::{Genesis, Timers},
    job::Stage,
    journal::{Entry, Fact, Published},
    notice::Head,
    outcome::Outcome,
    units::Duration,
};

use crate::{
    cheap::{Cheap, CheapScheme},
    course::{Claimed, Conduct},
    office::{NOTARY, Office, PROVIDER, id},
    outcomes::{honest, open, truth},
};

/// Between two ticks of a notary of which whole days are looked at.
const TICK: Duration = Duration::seconds(300);
const HOUR: Duration = Duration::seconds(3_600);
/// Some that count as they are, up to the longest that does, and some that count as one tick.
const OUTAGES: [Duration; 7] = [
    Duration::seconds(10),
    Duration::seconds(16),
    Duration::seconds(20),
    Duration(20_001),
    Duration::seconds(41),
    HOUR,
    Duration::seconds(30 * 24 * 3_600),
];

/// The books of a network whose peers do not know each other.
fn office() -> Office<Cheap> {
    Office::new(|genesis| genesis.timers = Timers { epoch_ticks: 8, ..Timers::default() })
}

#[test]
fn two_outages_in_a_row_cost_no_job_its_claim_or_its_secret_and_so_no_pay() {
    for first in OUTAGES {
        for second in OUTAGES {
            let mut office = office();
            let job = open(&mut office, PROVIDER, 0);
            [first, second].into_iter().for_each(|outage| office.tick_after(outage));
            let claimed: Claimed = honest();
            office.claim(&job, &claimed).unwrap_or_else(|refused| panic!("{first:?}, {second:?}: {refused}"));
            [first, second].into_iter().for_each(|outage| office.tick_after(outage));
            office.reveal(&job).unwrap_or_else(|refused| panic!("{first:?}, {second:?}: {refused}"));
            office.tick_while(&job, |stage| matches!(stage, Stage::Drawing { .. }));
            office.judge(&job, &claimed, Conduct { finding: &|_| truth(), opens: true });
            let trusted = office.receipt(job.id).story.outcome;
            assert!(
                matches!(trusted, Outcome::Checked | Outcome::NotDrawn),
                "{first:?}, {second:?}: {trusted:?}"
            );
        }
    }
}

#[test]
fn a_gap_counts_as_it_is_up_to_the_longest_and_as_one_tick_beyond() {
    let office = office();
    let live =
        |gap: Duration| office.next_tick(gap).said().live.since(office.next_tick(Duration(0)).said().live);
    let timers = office.genesis.timers;
    for gap in OUTAGES {
        assert_eq!(live(gap), if gap > timers.gap_max { timers.tick } else { gap });
    }
}

/// The audit of a journal with ticks that lie so far apart by the clock.
fn audited(gaps: impl Iterator<Item = Duration>) -> Result<(), Divergence> {
    let slow = Timers { tick: TICK, gap_max: TICK.times(2), epoch_ticks: 8, ..Timers::default() };
    let mut office = Office::<Cheap>::new(|genesis: &mut Genesis| genesis.timers = slow);
    gaps.for_each(|gap| office.tick_after(gap));
    let mut audit = Audit::new(office.genesis.clone(), id::<Cheap>(NOTARY));
    let mut head = Head::default();
    for fact in &office.facts {
        let entry = Entry { previous: head.digest, fact: Fact::clone(fact) };
        head = Head { sequence: head.sequence + 1, digest: entry.digest() };
        audit.push::<CheapScheme>(&Published::Whole(entry))?;
    }
    Ok(())
}

fn gaps(of: Duration, many: usize) -> impl Iterator<Item = Duration> {
    core::iter::repeat_n(of, many)
}

#[test]
fn a_day_of_which_less_than_half_counts_is_named_and_an_outage_of_half_a_day_is_none() {
    let quiet = gaps(TICK, 300);
    assert_eq!(audited(quiet), Ok(()));
    // Each gap counts as one tick.
    let stretched = gaps(TICK, 1).chain(gaps(TICK.times(6), 60));
    let named = audited(stretched).map_err(|divergence| divergence.reason);
    assert_eq!(named, Err("less than half of a day counted as live time".to_owned()));
    let outage = |hours: u64| gaps(TICK, 150).chain(gaps(HOUR.times(hours), 1)).chain(gaps(TICK, 150));
    assert_eq!(audited(outage(11)), Ok(()));
    assert!(audited(outage(13)).is_err());
}
