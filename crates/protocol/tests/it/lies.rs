//! True stories hold, and a lie against one rule is refused by the step that the rule belongs to, although everything
//! after it is as if it were true, and signed.
//!
//! A lie is told in one of three ways: by a notary that plays a job against one rule ([`Crook`]), by a change to a story
//! that is signed anew ([`told`]), or by a change to the file ([`files`]). Whoever changes the law adds its lies there.

mod files;
mod told;
mod traps;

use std::{
    collections::BTreeMap,
    env,
    fs::File,
    io::{BufWriter, Write},
    path::PathBuf,
};

use assay_protocol::{
    outcome::Outcome,
    receipt::{Happening, Receipt, Refuted, Stop, Story, StoryEvent, verify},
};

use self::{files::FILES, told::TOLD};
use crate::fuzz::{
    dice::Dice,
    noise,
    play::{Crook, Play},
    town::{EXACT, SOUND, Stamp, TEXTS, Town},
};

/// Choices in one story.
const CHOICES: usize = 40;
/// Jobs that are told to have been left alone.
const ALONE: usize = 5;
/// Statements in the stories that are told too late.
const STATEMENTS_MAX: usize = 40;
/// So many lies against each step, and so many true stories, in a moment.
const FEW: usize = 24;
/// The same where there is time: as many against each as make up all of them.
const MANY: usize = LIES.div_ceil(Stop::ALL.len());
/// So many lies then, at least, and so many against each step.
const LIES: usize = 10_000;
const EACH_MIN: usize = 100;
/// So many true stories then, in all.
const TRUE: usize = 10_000;

fn town(number: u64) -> &'static Town {
    [&*SOUND, &EXACT, &TEXTS][number as usize % 3]
}

/// The job of this number as a notary that is crooked in this way plays it.
fn played(number: u64, crook: Crook) -> Play<'static> {
    let choices = noise(number, CHOICES);
    Play::crooked_to_its_end(town(number), &mut Dice::new(&choices), crook)
}

/// The true story of this number; none if it could not be opened, or does not end.
fn truth(number: u64) -> Option<Receipt> {
    let play = played(number, Crook::None);
    if play.is_lawful() { play.receipt() } else { None }
}

fn judged(receipt: &Receipt) -> Result<Outcome, Stop> {
    verify::<Stamp>(receipt).map(|report| report.outcome).map_err(|Refuted { step, .. }| step)
}

/// A job whose client revealed nothing ends as if it were not checked, since it was not drawn.
fn left_alone(story: &mut Story) -> bool {
    let is_draw = |event: &StoryEvent| matches!(event.what, Happening::Draw { .. });
    let Some(at) = story.events.iter().position(is_draw) else { return false };
    let revealed = story.events[..at].iter().any(|event| matches!(event.what, Happening::Reveal(_)));
    if revealed || matches!(story.events[at].what, Happening::Draw { check: true }) {
        return false;
    }
    // Of what came after it nothing is told.
    let last = story.events[at].round;
    story.events.truncate(at + 1);
    story.ticks.retain(|tick| tick.said().round <= last);
    story.outcome = Outcome::NotDrawn;
    true
}

/// The ways to play a job against one rule, and the step that refuses each.
fn crooks() -> Vec<(Stop, Crook)> {
    let each = |row: Stop, many: usize, crook: fn(usize) -> Crook| {
        (0..many).map(move |number| (row, crook(number))).collect::<Vec<_>>()
    };
    [
        each(Stop::InTime, 12, Crook::HearsLate),
        each(Stop::InTime, 6, Crook::Dawdles),
        each(Stop::InTime, 1, |_| Crook::TellsNoPositions),
        each(Stop::Draw, 2, Crook::DrawsOtherwise),
        each(Stop::Draw, 1, |_| Crook::DrawsLate),
        each(Stop::Verifiers, 4, Crook::PassesOver),
        each(Stop::Ticket, 11, Crook::Fixes),
        each(Stop::Ticket, 9, Crook::Opens),
    ]
    .concat()
}

/// Tells stories until so many of them are true, and as many lies against each step; each lie is handed on.
fn tell(many: usize, mut heard: impl FnMut(&[u8], Result<Outcome, Stop>)) -> BTreeMap<Stop, usize> {
    let (mut truths, mut lies) = (0, BTreeMap::<Stop, usize>::new());
    let enough = |lies: &BTreeMap<Stop, usize>| Stop::ALL.iter().all(|row| lies.get(row) >= Some(&many));
    for number in 0.. {
        if truths >= many && enough(&lies) {
            break;
        }
        let Some(receipt) = truth(number) else { continue };
        let holds = judged(&receipt);
        assert_eq!(holds, Ok(receipt.story.outcome), "true story {number} is refused");
        heard(&receipt.to_bytes(), holds);
        truths += 1;
        let wanted = |row: Stop, lies: &BTreeMap<Stop, usize>| lies.get(&row).is_none_or(|told| *told < many);
        for (row, crook) in crooks() {
            let play = if wanted(row, &lies) { played(number, crook) } else { continue };
            let Some(lie) = play.receipt().filter(|_| play.crooked) else { continue };
            let step = judged(&lie);
            assert_eq!(step, Err(row), "story {number} of {crook:?}: {:#?}", lie.story.events);
            heard(&lie.to_bytes(), step);
            *lies.entry(row).or_default() += 1;
        }
        for (row, name, change) in TOLD {
            let mut story = receipt.story.clone();
            let choices = noise(number, CHOICES);
            if !wanted(*row, &lies) || !change(&mut story, &mut Dice::new(&choices)) {
                continue;
            }
            let lie = crate::fuzz::play::attested(story);
            let step = judged(&lie);
            assert_eq!(step, Err(*row), "story {number}: {name}");
            heard(&lie.to_bytes(), step);
            *lies.entry(*row).or_default() += 1;
        }
        for (row, name, change) in FILES {
            let Some(file) = change(&receipt).filter(|_| wanted(*row, &lies)) else { continue };
            let step = Receipt::from_bytes(&file).map_err(|_| Stop::Encoding).and_then(|lie| judged(&lie));
            assert_eq!(step, Err(*row), "story {number}: {name}");
            heard(&file, step);
            *lies.entry(*row).or_default() += 1;
        }
    }
    lies
}

#[test]
fn true_stories_hold_and_each_lie_is_refused_by_the_step_of_its_rule() {
    let lies = tell(FEW, |_, _| {});
    assert!(lies.values().all(|told| *told >= FEW));
}

/// A notary that drops a reveal where the draw with the secret says that the job is checked, and the one without it that it is
/// not, has gained nothing.
#[test]
fn a_job_whose_client_revealed_nothing_is_not_left_alone_because_it_was_not_drawn() {
    let mut told = 0;
    for number in 0..20_000 {
        if told == ALONE {
            break;
        }
        let Some(mut story) = truth(number).map(|receipt| receipt.story) else { continue };
        if left_alone(&mut story) {
            assert_eq!(judged(&crate::fuzz::play::attested(story)), Err(Stop::Outcome), "story {number}");
            told += 1;
        }
    }
    assert_eq!(told, ALONE);
}

#[test]
#[ignore = "takes minutes: part of .ci/long"]
fn ten_thousand_stories_hold_and_as_many_lies_are_refused() {
    let lies = tell(MANY, |_, _| {});
    println!("{} lies: {lies:?}", lies.values().sum::<usize>());
    assert!(lies.values().sum::<usize>() >= LIES && lies.values().all(|told| *told >= EACH_MIN), "{lies:?}");
    let mut ends = BTreeMap::<Outcome, usize>::new();
    for receipt in (0..).filter_map(truth).take(TRUE) {
        assert_eq!(judged(&receipt), Ok(receipt.story.outcome), "a true story is refused: {receipt:#?}");
        *ends.entry(receipt.story.outcome).or_default() += 1;
    }
    println!("{ends:?}");
    assert!(Outcome::ALL.iter().all(|outcome| ends.contains_key(outcome)), "not every end: {ends:?}");
}

/// Where stories are written for another reader, who is to come to the same steps: `contrib/receipts`.
const SWITCH: &str = "ASSAY_STORIES";

#[test]
#[ignore = "takes minutes: part of .ci/long"]
fn every_story_and_lie_is_written_for_another_reader() {
    let path = env::var_os(SWITCH).map(PathBuf::from);
    let path = path.unwrap_or_else(|| PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("stories"));
    let file = File::create(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut file = BufWriter::new(file);
    let mut write = |bytes: &[u8]| {
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_le_bytes();
        let written = file.write_all(&length).and_then(|()| file.write_all(bytes));
        written.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    };
    let mut truths = 0;
    tell(MANY, |story, judged| {
        truths += usize::from(judged.is_ok());
        write(judged.err().map_or("", Stop::name).as_bytes());
        write(story);
    });
    for receipt in (0..).filter_map(truth).take(TRUE).skip(truths) {
        write(b"");
        write(&receipt.to_bytes());
    }
}

#[test]
fn a_statement_in_the_first_round_past_its_deadline_is_refused_whatever_the_job_came_to() {
    let mut told = BTreeMap::<Outcome, usize>::new();
    for number in 0.. {
        if Outcome::ALL.iter().all(|outcome| told.contains_key(outcome)) {
            break;
        }
        assert!(number < 20_000, "no story ended but as {:?}", told.keys());
        let Some(outcome) = truth(number).map(|receipt| receipt.story.outcome) else { continue };
        if told.contains_key(&outcome) {
            continue;
        }
        told.insert(outcome, 0);
        for statement in 0..STATEMENTS_MAX {
            let play = played(number, Crook::HearsLate(statement));
            let Some(lie) = play.receipt().filter(|_| play.crooked) else { continue };
            assert_eq!(judged(&lie), Err(Stop::InTime), "statement {statement} of story {number}");
            *told.entry(outcome).or_default() += 1;
        }
    }
    let silent = [Outcome::NoClaim, Outcome::Withdrawn];
    assert!(told.iter().all(|(outcome, late)| *late > 0 || silent.contains(outcome)), "{told:?}");
}
