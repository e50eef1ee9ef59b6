//! Sweeps of small markets: whoever runs which cell, the whole is the same.

use std::sync::{Arc, mpsc};

use super::*;
use crate::lab::{
    experiment::{ExperimentError, RunFigures},
    scenario::Scenario,
    shipped,
};

/// Which build of a program makes them.
const BUILD: &str = "0123456789ab";

fn base() -> Scenario {
    let text = shipped::text("fraud-vs-check-rate").unwrap();
    let scenario = Scenario::read("fraud-vs-check-rate", &text, &shipped::text).unwrap();
    Scenario { seeds: 2, horizon: 2_000_000_000, ..scenario }
}

fn planned(overs: &[&str]) -> Result<SweepPlan, SweepError> {
    let axes = overs.iter().map(|over| SweepAxis::read(over)).collect::<Result<Vec<_>, _>>()?;
    SweepPlan::new(base(), axes, 1)
}

fn plan(overs: &[&str]) -> SweepPlan {
    planned(overs).unwrap()
}

fn refused(overs: &[&str]) -> String {
    planned(overs).expect_err("it is no grid").to_string()
}

/// Runs these cells on so many threads; the first run that failed, if one did.
fn run(
    plan: &SweepPlan,
    cells: Vec<usize>,
    threads: usize,
) -> Result<Vec<SweptCell>, (usize, ExperimentError)> {
    let (plan, (sender, ran)) = (Arc::new(plan.clone()), mpsc::sync_channel(threads));
    begin(&plan, cells, threads, move |run| sender.send(run).is_ok());
    let (mut under_way, mut whole, mut failed) =
        (CellsUnderWay::of(BUILD.to_owned()), Vec::new(), Vec::new());
    for SweptRun { cell, seed, ended } in ran {
        match ended.unwrap() {
            Ok(run) => whole.extend(under_way.take(&plan, cell, run)),
            Err(error) => failed.push((cell, seed, error)),
        }
    }
    failed.sort_by_key(|(cell, seed, _)| (*cell, *seed));
    match failed.into_iter().next() {
        Some((cell, _, error)) => Err((cell, error)),
        None => Ok(whole),
    }
}

#[test]
fn the_last_key_changes_from_each_cell_to_the_next() {
    let plan = plan(&["network.loss=0..10x5 %", "population.forgers.count=1,2"]);
    assert_eq!(plan.cells(), 6);
    assert_eq!(plan.settings(1), [("network.loss", "0 %"), ("population.forgers.count", "1")]);
    assert_eq!(plan.settings(4), [("network.loss", "5 %"), ("population.forgers.count", "2")]);
    let cell = plan.cell(6);
    assert_eq!((cell.loss, cell.populations[1].count, cell.slots), (100_000, 2, base().slots));
    assert_eq!(plan.called(4), "cell 4 (network.loss = 5 %, population.forgers.count = 2)");
    assert_eq!(plan.seeds().collect::<Vec<_>>(), [1, 2]);
}

#[test]
fn a_key_or_a_value_that_makes_no_sense_is_told_with_the_nearest_key_or_the_cell() {
    for (over, expected) in [
        ("market.slotz=1,2", "--over `market.slotz` is not known here; the nearest is `market.slots`"),
        ("p_base=2 %,4 %", "--over `p_base` is not known here; the nearest is `verification.base`"),
        ("slots=1,2", "--over `slots` is not known here; the nearest is `market.slots`"),
        (
            "population.forger.count=1,2",
            "--over `population.forger.count` is not known here; the nearest is `population.forgers.count`",
        ),
        ("run.seeds=1,2", "--over `run.seeds` changes nothing of a run"),
        ("population.forgers.name=a,b", "--over `population.forgers.name` changes nothing of a run"),
        ("name=a,b", "--over `name` is not known here"),
        (
            "market.slots=1,0",
            "cell 2 (market.slots = 0): `market.slots`: must be a whole number from 1 to 1000",
        ),
        ("network.loss=1", "cell 1 (network.loss = 1): `network.loss`: has no unit"),
        (
            "population.honest.count=10,1",
            "cell 2 (population.honest.count = 1): `population`: an impossible market",
        ),
        (
            "population.forgers.behaviour=forgr",
            "cell 1 (population.forgers.behaviour = forgr): `population.behaviour`: there is no `forgr`; the nearest is `forger`",
        ),
        (
            "run.horizon=1 s,1000 ms",
            "cell 1 (run.horizon = 1 s) and cell 2 (run.horizon = 1000 ms) are the same scenario",
        ),
    ] {
        let error = refused(&[over]);
        assert!(error.starts_with(expected), "{error}");
    }
    assert!(refused(&["market.slots=1,2", "market.slots=3"]).contains("swept before"));
    let large = ["market.slots=1..100", "workload.attempts=1..64", "verification.ramp=1..10"];
    assert_eq!(refused(&large), "the grid has more than 10000 cells");
}

#[test]
fn a_plan_is_read_as_it_was_written_and_never_beside_another_scenario() {
    let plan = plan(&["network.loss=0 %,2.5 %", "workload.work=label,exact"]);
    let resolved = plan.scenario().resolved();
    assert_eq!(SweepPlan::read(&plan.text(), &resolved), Ok(plan.clone()));
    assert!(plan.command().ends_with(
        "--over 'network.loss=0 %,2.5 %' --over workload.work=label,exact --seeds 2 --first-seed 1"
    ));
    let text = "extends = \"fraud-vs-check-rate\"\n[[population]]\nname = \"theirs\"\ncount = 9\n\
                behaviour = { command = [\"mine\"] }\n[[population]]\nrole = \"client\"\n";
    let theirs = Scenario::read("mine.toml", text, &shipped::text).unwrap();
    let theirs = SweepPlan::new(theirs, vec![SweepAxis::read("market.slots=1,2").unwrap()], 1).unwrap();
    assert!(theirs.command().ends_with(" --first-seed 1 --allow-programs"), "{}", theirs.command());
    assert!(plan.folder().starts_with("fraud-vs-check-rate-"), "{}", plan.folder());
    for (from, into) in [
        ("seeds = 2", "seeds = 3"),
        ("first_seed = 1", ""),
        ("2.5 %", "2.4 %\"\n# \""),
        ("key = ", "keys = "),
        ("scenario_hash = \"", "scenario_hash = \"0"),
        ("[[over]]", "[over"),
    ] {
        let changed = plan.text().replacen(from, into, 1);
        assert!(matches!(SweepPlan::read(&changed, &resolved), Err(SweepError::BadPlan { .. })), "{changed}");
    }
    let whole = plan.text();
    let (head, _) = whole.split_once("\n[[over]]").unwrap();
    assert!(matches!(SweepPlan::read(head, &resolved), Err(SweepError::BadPlan { .. })), "no key is swept");
    let other = Scenario { slots: 3, ..base() }.resolved();
    assert!(matches!(SweepPlan::read(&plan.text(), &other), Err(SweepError::BadPlan { .. })));
}

#[test]
fn plans_that_differ_say_by_what() {
    let one = plan(&["market.slots=1,2"]);
    let axes = one.axes().to_vec();
    let of = |scenario: Scenario, first: u64| SweepPlan::new(scenario, axes.clone(), first).unwrap();
    for (other, difference) in [
        (one.clone(), None),
        (plan(&["market.slots=2,1"]), Some("grid")),
        (of(base(), 2), Some("seeds")),
        (of(Scenario { seeds: 3, ..base() }, 1), Some("seeds")),
        (of(Scenario { horizon: 3_000_000_000, ..base() }, 1), Some("scenario")),
    ] {
        assert_eq!(one.difference(&other), difference);
    }
}

#[test]
fn shares_have_each_cell_once() {
    let shares: Vec<CellShare> =
        (1..=3).map(|number| CellShare::read(&format!("{number}/3")).unwrap()).collect();
    for cell in 1..=20 {
        assert_eq!(shares.iter().filter(|share| share.has(cell)).count(), 1, "{cell}");
        assert!(CellShare::WHOLE.has(cell));
    }
    assert_eq!((1..=7).filter(|cell| shares[0].has(*cell)).collect::<Vec<_>>(), [1, 4, 7]);
    for wrong in ["", "3", "0/3", "4/3", "1/0", "a/3", "1/3/3", "-1/3"] {
        assert_eq!(CellShare::read(wrong), None, "{wrong}");
    }
}

#[test]
fn a_file_of_a_cell_is_taken_whole_and_for_its_own_cell_alone() {
    let plan = plan(&["market.slots=1,2"]);
    let run = |seed: u64| RunFigures {
        seed,
        digest: "ab".into(),
        events: 7,
        figures: vec![("share".into(), Some(0.1 + seed as f64)), ("time".into(), None)],
        series: Vec::new(),
    };
    let of = |build: &str, runs| SweptCell { number: 2, build: build.to_owned(), runs };
    let cell = of(BUILD, vec![run(1), run(2)]);
    let text = cell.text(&plan);
    assert_eq!(SweptCell::read(&plan, 2, &text), Some(cell));
    let rebuilt = of("another", vec![run(1), run(2)]);
    assert_ne!(rebuilt.text(&plan), text, "it says which build made it");
    assert_eq!(SweptCell::read(&plan, 2, &rebuilt.text(&plan)), Some(rebuilt));
    let unsaid = text.replacen(", build 0123456789ab", "", 1);
    assert_eq!(SweptCell::read(&plan, 2, &unsaid), None, "nobody knows which build made it");
    assert_eq!(SweptCell::file(2), "00002.csv");
    assert_eq!(SweptCell::read(&plan, 1, &text), None, "another cell");
    assert_eq!(SweptCell::read(&self::plan(&["market.slots=1,3"]), 2, &text), None, "another plan");
    for end in 0..text.len() {
        assert_eq!(SweptCell::read(&plan, 2, &text[..end]), None, "cut at {end}");
    }
    assert_eq!(SweptCell::read(&plan, 2, &text.replace("1.1", "1.2")), None, "changed");
    let one = of(BUILD, vec![run(1)]);
    assert_eq!(SweptCell::read(&plan, 2, &one.text(&plan)), None, "a seed is missing");
}

#[test]
fn a_whole_sweep_is_the_same_on_any_number_of_threads_and_in_any_shares() {
    let plan = plan(&["population.forgers.behaviour=forger,honest", "market.slots=1,4"]);
    let all: Vec<usize> = (1..=plan.cells()).collect();
    let whole = |cells: Vec<SweptCell>| SweepArtefact::new(plan.clone(), cells).unwrap();
    let one = whole(run(&plan, all.clone(), 1).unwrap());
    let three = whole(run(&plan, all.clone(), 3).unwrap());
    assert_eq!(one.files(), three.files());
    let shares = [3, 1, 2].map(|number| {
        let share = CellShare { number, of: 3 };
        run(&plan, all.iter().copied().filter(|cell| share.has(*cell)).collect(), 2).unwrap()
    });
    assert!(SweepArtefact::new(plan.clone(), shares[0].clone()).is_none(), "cells are missing");
    let doubled = [one.cells(), &shares[0]].concat();
    assert!(SweepArtefact::new(plan.clone(), doubled).is_none(), "cells are doubled");
    assert_eq!(whole(shares.concat()).files(), one.files());
    // Each cell gives what its scenario gives alone, and those without forgers have no figure of a conviction.
    let alone = crate::lab::experiment::run(plan.cell(3), 1, false).unwrap();
    assert!(alone.iter().all(|run| !run.series.is_empty()), "stretches are those of a run alone");
    let alone: Vec<RunFigures> =
        alone.into_iter().map(|run| RunFigures { series: Vec::new(), ..run }).collect();
    assert_eq!(one.cells()[2].runs, alone);
    let convicted =
        one.figures().into_iter().find(|figure| figure.name.contains("that were convicted")).unwrap();
    assert_eq!(convicted.cells.iter().map(Option::is_some).collect::<Vec<_>>(), [true, true, false, false]);
}

#[test]
fn the_first_run_that_fails_is_the_same_on_any_number_of_threads() {
    let plan = plan(&["run.max_events=20000000,10,11"]);
    for threads in [1, 2, 5] {
        let (cell, error) = run(&plan, vec![1, 2, 3], threads).unwrap_err();
        assert_eq!((cell, error), (2, ExperimentError::TooManyEvents { seed: 1, events_max: 10 }));
    }
}

#[test]
fn nothing_more_is_begun_once_nobody_listens() {
    let plan = Arc::new(plan(&["market.slots=1..9"]));
    let (sender, ran) = mpsc::sync_channel(64);
    begin(&plan, (1..=9).collect(), 2, move |run| {
        let _ = sender.send(run);
        false
    });
    assert_eq!(ran.into_iter().count(), 2, "each thread has done one run, and no more");
}
