//! Replay: a journal, read back as bytes, gives the books that wrote it.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use assay_market::{
    ledger::{Ledger, News},
    witness::state_of,
};
use assay_protocol::{codec, journal::Fact, outcome::Outcome, receipt::Story};

use crate::{
    cheap::Cheap,
    day::{market, serve},
    office::{NOTARY, id},
};

/// Days of the market go by until the journal has so many facts; says how long it took to read and replay them.
fn check(facts: usize) -> Duration {
    let mut office = market();
    let mut copy = Ledger::new(office.genesis.clone(), id::<Cheap>(NOTARY));
    let (mut taken, mut spent, mut ends) = (0, Duration::ZERO, BTreeSet::new());
    for nonce in 0.. {
        if taken + office.facts.len() >= facts {
            break;
        }
        serve(&mut office, nonce);
        taken += office.facts.len();
        let (stories, time) = read_back(&mut copy, &mut office.facts);
        assert!(stories == office.closed, "the stories differ from those that were replayed");
        spent += time;
        ends.extend(office.closed.drain(..).map(|story| story.outcome));
    }
    assert_eq!(state_of(&copy), state_of(&office.ledger), "the books differ from those that were replayed");
    let expected = [Outcome::NotDrawn, Outcome::Checked, Outcome::NoClaim];
    assert!(ends.into_iter().eq(expected), "the days were not as varied as they should be");
    spent
}

/// Takes the facts as they are read from a journal; returns what happened to the jobs that closed, and the time.
fn read_back(copy: &mut Ledger, facts: &mut Vec<Fact>) -> (Vec<Story>, Duration) {
    let entries: Vec<Vec<u8>> = facts.drain(..).map(|fact| codec::encode(&fact)).collect();
    let (begin, mut news) = (Instant::now(), Vec::new());
    for entry in entries {
        let fact = codec::decode::<Fact>(&entry, entry.len());
        let fact = fact.unwrap_or_else(|error| panic!("a journal is not read back: {error}"));
        let taken = copy.apply(&fact);
        news.extend(taken.unwrap_or_else(|rejection| panic!("refused in replay: {rejection}")).news);
    }
    let time = begin.elapsed();
    let story = |news| match news {
        News::Closed { story, .. } => Some(*story),
        News::Opened { .. } | News::Drawn { .. } | News::Accused { .. } => None,
    };
    (news.into_iter().filter_map(story).collect(), time)
}

#[test]
fn a_journal_of_ten_thousand_facts_replays_to_the_same_books() {
    check(10_000);
}

#[test]
#[ignore = "takes minutes; .ci/long runs it"]
#[allow(clippy::print_stdout, reason = "a figure for docs/performance.md")]
fn a_journal_of_a_million_facts_replays_to_the_same_books() {
    let spent = check(1_000_000);
    println!("a million facts are read and replayed in {:.1} s", spent.as_secs_f64());
}
