//! Lies about texts, each by its name: every honest verifier that is drawn finds it out, and its provider is convicted.
//!
//! A text is false if a single one of its tokens, its rows, its end or its counts is not what the order leads to.

use assay_market::{
    Input,
    effect::Run,
    input::{RunId, RunResult},
};
use assay_protocol::{
    id::Digest,
    manifest::{End, Manifest, Meters},
    outcome::Outcome,
    receipt::{Happening, Receipt},
    units::Amount,
};
use assay_simulations::{
    behaviour::Behaviour,
    machine::{
        Made,
        text::{self, Host, Manner, TextSession},
    },
    plan::{Plan, TEXT, TEXT_UNITS},
    world::{Place, Wish, World},
};

use super::{
    Coalition,
    scenes::{drawn, receipt, run_out},
};
use crate::support::{LIMIT, market, settle};

/// Lies of each kind, and worlds in which one may be told.
const TOLD: u64 = 8;
const SEEDS: u64 = 60;
/// Worlds in the other tests.
const WORLDS: u64 = 12;

/// What is false of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lie {
    /// A token that the rule would not have chosen; what comes after it follows from it.
    Token,
    /// The text ends where the rule goes on.
    Stops,
    /// It is said to have ended for another reason.
    End,
    /// One token less is said to have been read.
    Reads,
    /// A check is said to be more work.
    Checks,
    /// It was written by another model.
    Model,
    /// It was written with less precision.
    Precision,
    /// Its choices are bolder.
    Temperature,
    /// Its choices are drawn from another seed.
    Seed,
    /// Tokens stand behind its end.
    Padded,
    /// Its last token is missing, and nothing else.
    Truncated,
    /// A cheap model's text, with the rows that the true model gives along it.
    Cheap,
    /// Made up, with the rows of the true text.
    Forged,
}

const LIES: [Lie; 13] = [
    Lie::Token,
    Lie::Stops,
    Lie::End,
    Lie::Reads,
    Lie::Checks,
    Lie::Model,
    Lie::Precision,
    Lie::Temperature,
    Lie::Seed,
    Lie::Padded,
    Lie::Truncated,
    Lie::Cheap,
    Lie::Forged,
];

/// A provider that lies so.
#[derive(Clone, Copy, Debug)]
struct Liar(Lie);

impl Liar {
    fn tell(self, run: &Run, input: &[u8], honest: Made) -> Made {
        let ordered = Manner::ordered(run);
        let session = |precision| Host::new(TextSession::new(run, precision, input), None);
        let rule = |index, row| text::choose(row, run.seed, ordered.temperature, index);
        let along = |tokens: &[u32]| {
            text::compose(run, input, session(ordered.precision), |index, _| tokens.get(index).copied())
        };
        let cheap = text::write(run, input, None, Manner { precision: "cheap", ..ordered });
        match self.0 {
            Lie::Token => text::compose(run, input, session(ordered.precision), |index, row| {
                if index == 1 { Some(row.0[0].into()) } else { rule(index, row) }
            }),
            Lie::Stops => text::compose(run, input, session(ordered.precision), |index, row| {
                rule(index, row).filter(|_| index < 2)
            }),
            Lie::End => Made { end: if honest.end == End::Stop { End::Length } else { End::Stop }, ..honest },
            Lie::Reads => {
                let tokens_read = honest.meters.tokens_read - 1;
                Made { meters: Meters { tokens_read, ..honest.meters }, ..honest }
            }
            Lie::Checks => honest,
            Lie::Model => {
                let manifest = Manifest { model: Digest([7; 32]), ..run.manifest.clone() };
                let other = TextSession::new(&Run { manifest, ..run.clone() }, ordered.precision, input);
                text::compose(run, input, Host::new(other, None), rule)
            }
            Lie::Precision => text::write(run, input, None, Manner { precision: "halved", ..ordered }),
            Lie::Temperature => text::write(run, input, None, Manner { temperature: 2, ..ordered }),
            Lie::Seed => text::write(run, input, None, Manner { seed: Digest([7; 32]), ..ordered }),
            Lie::Padded => {
                let longer: Vec<u32> = text::tokens(&honest.output).chain([1, 2, 3]).collect();
                along(&longer)
            }
            Lie::Truncated => {
                let shorter = honest.output.len().saturating_sub(text::TOKEN_BYTES);
                Made { output: honest.output[..shorter].to_vec(), ..honest }
            }
            Lie::Cheap => along(&text::tokens(&cheap.output).collect::<Vec<_>>()),
            Lie::Forged => Made { output: honest.output.iter().map(|byte| byte ^ 1).collect(), ..honest },
        }
    }
}

impl Behaviour for Liar {
    fn hear(&mut self, input: Input) -> Option<Input> {
        let Input::Ran { run: run @ RunId { check: false, .. }, result: Ok(result) } = input else {
            return Some(input);
        };
        let more = u64::from(self.0 == Lie::Checks);
        Some(Input::Ran { run, result: Ok(RunResult { check_work: result.check_work + more, ..result }) })
    }

    fn make(&mut self, run: &Run, input: &[u8], made: Made) -> Made {
        if run.id.check { made } else { self.tell(run, input, made) }
    }
}

/// A market in which texts are sold.
fn texts(seed: u64) -> World {
    market(Plan { seed, texts: true, ..Plan::default() })
}

/// Lets the first client order a text, of which so many checks are paid in advance.
fn ask(world: &mut World, provider: Place, number: u64, checks: u16) -> Digest {
    let provider = Some(provider);
    let wish = Wish {
        manifest: TEXT,
        number,
        units_max: TEXT_UNITS,
        provider,
        attempts_max: 1,
        checks,
        ..Wish::default()
    };
    world.submit(world.plan().client(0), wish)
}

/// The claimed work of a run, and of its check.
fn claimed(receipt: &Receipt) -> Option<(u64, u64)> {
    receipt.story.events.iter().find_map(|event| {
        let Happening::Claim { claim, .. } = &event.what else { return None };
        Some((claim.said().work, claim.said().check_work))
    })
}

#[test]
fn every_lie_about_a_text_is_convicted_whoever_of_the_honest_is_drawn() {
    for lie in LIES {
        let mut convicted = 0;
        for seed in 0..SEEDS {
            if convicted == TOLD {
                break;
            }
            let mut world = texts(seed);
            let liar = world.plan().founder(0);
            world.behave(liar, Liar(lie));
            let coalition = Coalition::new(&world, [liar]);
            let key = ask(&mut world, liar, 0, 1);
            run_out(&mut world);
            let receipt = receipt(&world, key);
            let outcome = receipt.story.outcome;
            // A text of one token, or of none, leaves little to lie about.
            if outcome == Outcome::Aborted || (outcome == Outcome::Checked && is_true(&world, key, lie)) {
                continue;
            }
            assert_eq!(outcome, Outcome::Slashed, "{lie:?}, seed {seed}");
            convicted += 1;
            let stake = i128::from(world.plan().stake.0);
            assert!(coalition.gain(&world, &format!("{lie:?}, seed {seed}")) <= -stake / 2);
        }
        assert_eq!(convicted, TOLD, "{lie:?} was told too seldom");
    }
}

/// True if there was nothing that this lie could change: the text was over before it began.
fn is_true(world: &World, key: Digest, lie: Lie) -> bool {
    let output = world.attempt(world.plan().client(0), key).and_then(|attempt| attempt.output);
    let tokens = output.and_then(|output| world.blob(world.plan().client(0), output)).map(<[u8]>::len);
    let tokens = tokens.unwrap_or_default() / text::TOKEN_BYTES;
    match lie {
        Lie::Token => tokens < 2,
        Lie::Stops => tokens <= 2,
        // There is no room behind the longest.
        Lie::Padded => tokens == 12,
        Lie::End
        | Lie::Reads
        | Lie::Checks
        | Lie::Model
        | Lie::Precision
        | Lie::Temperature
        | Lie::Seed
        | Lie::Truncated
        | Lie::Cheap
        | Lie::Forged => false,
    }
}

/// A verifier that was given what a liar claimed, and seals that.
#[derive(Clone, Copy, Debug)]
struct Taker(Lie);

impl Behaviour for Taker {
    fn make(&mut self, run: &Run, input: &[u8], made: Made) -> Made {
        if run.id.check { Liar(self.0).tell(run, input, made) } else { made }
    }
}

#[test]
fn evidence_that_was_leaked_saves_no_liar_from_an_honest_verifier() {
    let (mut convicted, mut taken) = (0, 0);
    for seed in 0..3 * WORLDS {
        let mut world = market(Plan { seed, founders: 8, texts: true, ..Plan::default() });
        let (liar, friend) = (world.plan().founder(0), world.plan().founder(1));
        world.behave(liar, Liar(Lie::Precision));
        world.behave(friend, Taker(Lie::Precision));
        let key = ask(&mut world, liar, 0, 1);
        run_out(&mut world);
        let receipt = receipt(&world, key);
        let first = drawn(&world, &receipt).first().copied();
        let (outcome, by_friend) = (receipt.story.outcome, first == Some(friend));
        if outcome == Outcome::Checked {
            assert!(by_friend, "seed {seed}: an honest verifier matched a lie");
            taken += 1;
        } else if outcome != Outcome::Aborted {
            assert_eq!((outcome, by_friend), (Outcome::Slashed, false), "seed {seed}");
            convicted += 1;
        }
    }
    assert!(convicted > 2 * WORLDS && taken > 0, "{convicted} convicted, {taken} taken");
}

#[test]
fn a_true_text_costs_its_check_a_reading_and_a_false_one_a_run() {
    let (mut read, mut ran) = (0, 0);
    for seed in 0..WORLDS {
        for lies in [false, true] {
            let mut world = texts(seed);
            let provider = world.plan().founder(0);
            if lies {
                world.behave(provider, Liar(Lie::Seed));
            }
            let key = ask(&mut world, provider, 0, 1);
            settle(&mut world, LIMIT, "a text");
            let receipt = receipt(&world, key);
            let Some((work, check_work)) = claimed(&receipt) else { continue };
            let cost = |work: u64| world.genesis().check_cost(work);
            let fees: Vec<Amount> = receipt.story.settlement.fees.iter().map(|fee| fee.amount).collect();
            if receipt.story.outcome == Outcome::Checked {
                assert_eq!(fees, [cost(check_work)], "seed {seed}");
                assert!(check_work < work, "seed {seed}");
                read += 1;
                continue;
            }
            // A verifier may have found a shorter text than was claimed: it is paid for what it ran.
            assert_eq!(receipt.story.outcome, Outcome::Slashed, "seed {seed}");
            assert!(fees[1..].iter().all(|fee| *fee <= cost(work)), "seed {seed}: {fees:?}");
            assert!(fees[1..].iter().all(|fee| *fee == fees[1]), "seed {seed}: {fees:?}");
            ran += 1;
        }
    }
    assert!(read > WORLDS / 2 && ran > WORLDS / 2, "{read} read, {ran} run");
}
