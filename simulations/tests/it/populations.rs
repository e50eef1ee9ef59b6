//! Populations of experiments: phases, coalitions, and programs of others that decide.

use assay_simulations::lab::{
    experiment::{self, ExperimentError, RunFigures},
    scenario::Scenario,
    shipped,
};

/// A small market in which two founders of ten behave as this says.
fn market(kernel: &str, crooks: &str) -> Scenario {
    let text = format!(
        "[run]\nkernel = \"{kernel}\"\nhorizon = \"20 s\"\nseeds = 2\n[workload]\nbetween = \"400 ms\"\n\
         [[population]]\nname = \"honest\"\ncount = 8\n\
         [[population]]\nname = \"crooks\"\ncount = 2\n{crooks}\n\
         [[population]]\nname = \"clients\"\nrole = \"client\"\ncount = 4\n"
    );
    Scenario::read("a.toml", &text, &shipped::text).unwrap_or_else(|error| panic!("{error}"))
}

fn run(scenario: &Scenario) -> Vec<RunFigures> {
    experiment::run(scenario, 1, false).unwrap_or_else(|error| panic!("{error}"))
}

fn figure(run: &RunFigures, name: &str) -> Option<f64> {
    let found = run.figures.iter().find(|(known, _)| known == name);
    found.unwrap_or_else(|| panic!("there is no figure `{name}`: {:#?}", run.figures)).1
}

const KERNELS: [&str; 2] = ["lab", "checker"];

#[test]
fn a_market_that_lost_half_of_its_verifiers_serves_everybody_and_one_that_lost_more_waits() {
    let shares = |seen: u64| {
        let text = format!(
            "extends = \"eclipse-verifiers\"\nname = \"eclipse\"\n[run]\nseeds = 2\n\
             [[population]]\nname = \"seen\"\ncount = {seen}\n\
             [[population]]\nname = \"eclipsed\"\ncount = 6\n\
             [[population]]\nname = \"clients\"\nrole = \"client\"\ncount = 4\n"
        );
        let scenario = Scenario::read("a.toml", &text, &shipped::text);
        let runs = run(&scenario.unwrap_or_else(|error| panic!("{error}")));
        runs.iter().map(|run| figure(run, "orders paid, share").unwrap_or_default()).collect::<Vec<f64>>()
    };
    assert_eq!(shares(6), [1.0, 1.0], "nobody lies here, and half of the weight is kept");
    let of_less = shares(3);
    assert!(of_less.iter().all(|share| (0.7..0.97).contains(share)), "{of_less:?}");
}

#[test]
fn peers_are_honest_before_their_phase_begins_and_after_it_ends() {
    for kernel in KERNELS {
        for run in run(&market(kernel, "behaviour = \"forger\"\nends = \"1 ns\"")) {
            assert_eq!(figure(&run, "forged results sold"), Some(0.0), "{kernel}");
            assert_eq!(figure(&run, "orders paid, share"), Some(1.0), "{kernel}");
        }
    }
    let whole = run(&market("lab", "behaviour = \"forger\""));
    let early = run(&market("lab", "behaviour = \"forger\"\nends = \"10 s\""));
    let late = run(&market("lab", "behaviour = \"forger\"\nbegins = \"10 s\""));
    for (((whole, early), late), seed) in whole.iter().zip(&early).zip(&late).zip(1..) {
        let sold = |run: &RunFigures| figure(run, "forged results sold").unwrap_or_default();
        assert!(sold(whole) > 0.0 && sold(early) <= sold(whole), "seed {seed}");
        let convicted = figure(late, "time until one of crooks is convicted, s");
        // By the time of the first order, which is some time after the beginning.
        assert!(convicted.is_none_or(|seconds| seconds >= 8.0), "seed {seed}: {convicted:?}");
    }
}

#[test]
fn a_coalition_is_put_beside_as_many_honest_founders() {
    for kernel in KERNELS {
        for run in run(&market(kernel, "behaviour = \"cartel\"\ncoalition = \"ring\"")) {
            let of = |name: &str| figure(&run, name).unwrap_or_else(|| panic!("{name}"));
            let (one, honest) = (of("gain of one of crooks, credits"), of("gain of one of honest, credits"));
            let close = |found: f64, expected: f64| (found - expected).abs() < 1e-9;
            assert!(close(of("gain of coalition ring, credits"), 2.0 * one), "{kernel}");
            let saved = of("work of one of honest, credits") - of("work of one of crooks, credits");
            let surplus = of("surplus of coalition ring, credits");
            assert!(saved > 0.0 && close(surplus, 2.0 * (one - honest + saved)), "{kernel}");
            assert!(of("gain of a founder, worst tenth of honest") <= honest, "{kernel}");
            assert_eq!(of("honest results slashed"), 0.0, "{kernel}");
        }
    }
}

#[test]
fn figures_count_after_the_warm_up_alone_and_what_is_ordered_before_it_is_over_then() {
    for kernel in KERNELS {
        let whole = market(kernel, "");
        let warm = Scenario { warm_up: 10_000_000_000, ..whole.clone() };
        for (whole, warm) in run(&whole).iter().zip(&run(&warm)) {
            let of = |run: &RunFigures, name: &str| figure(run, name).unwrap_or_else(|| panic!("{name}"));
            let (all, counted) = (of(whole, "orders"), of(warm, "orders"));
            assert!(counted > 0.0 && counted < all, "{kernel}: {counted} of {all}");
            assert_eq!(of(warm, "orders paid, share"), 1.0, "{kernel}: none of those before is among them");
            let (paid, results) = (of(warm, "jobs closed"), 4.0 * of(warm, "results of one of clients"));
            assert!((paid - counted).abs() < 3.0 && (results - counted).abs() < 1e-9, "{kernel}: {warm:?}");
            // What the clients paid is what the founders and the pool were paid.
            let sum = 8.0 * of(warm, "gain of one of honest, credits")
                + 2.0 * of(warm, "gain of one of crooks, credits")
                + 4.0 * of(warm, "gain of one of clients, credits")
                + of(warm, "gain of the pool, credits");
            assert!(sum.abs() < 1e-6, "{kernel}: {sum}");
        }
    }
}

#[test]
fn whoever_is_cut_off_when_the_warm_up_ends_is_not_waited_for_and_is_cut_off_afterwards() {
    let market = |lasts: &str| {
        let text = format!(
            "[run]\nkernel = \"lab\"\nhorizon = \"60 s\"\nwarm_up = \"20 s\"\nseeds = 1\n\
             [[population]]\nname = \"founders\"\ncount = 8\n\
             [[population]]\nname = \"island\"\nrole = \"client\"\ncount = 3\n\
             [[population]]\nrole = \"client\"\ncount = 6\n\
             [[fault]]\nat = \"10 s\"\nlasts = {lasts:?}\npopulations = [\"island\"]\n"
        );
        Scenario::read("a.toml", &text, &shipped::text).unwrap_or_else(|error| panic!("{error}"))
    };
    // With this seed somebody who was cut off had agreed with a provider already, and nothing came to rest.
    let shares = ["10 s", "30 s"].map(|lasts| {
        let runs = run(&market(lasts));
        assert!(figure(&runs[0], "orders").is_some_and(|orders| orders > 10.0), "{lasts}");
        figure(&runs[0], "orders paid, share").unwrap_or_default()
    });
    assert!(shares[0] == 1.0 && (0.5..1.0).contains(&shares[1]), "{shares:?}");
}

#[test]
fn work_is_counted_where_it_is_done_and_results_where_they_are_true() {
    for kernel in KERNELS {
        for run in run(&market(kernel, "behaviour = \"forger\"")) {
            let of = |name: &str| figure(&run, name).unwrap_or_else(|| panic!("{name}"));
            let (honest, crooks) =
                (of("work of one of honest, credits"), of("work of one of crooks, credits"));
            assert!(honest > crooks, "{kernel}: {honest} and {crooks}");
            let results = 4.0 * of("results of one of clients");
            let (orders, forged) = (of("orders"), of("forged results sold"));
            assert!(results <= orders && results >= orders - forged, "{kernel}: {results} of {orders}");
        }
        let idle = run(&market(kernel, "behaviour = \"lazy-verifier\""));
        let busy = run(&market(kernel, "behaviour = \"other-hardware\""));
        for (idle, busy) in idle.iter().zip(&busy) {
            let of = |run: &RunFigures| figure(run, "work of one of crooks, credits").unwrap_or_default();
            assert!(of(idle) < of(busy), "{kernel}: noise costs nothing, and other last digits what all do");
        }
    }
}

#[test]
fn stretches_add_up_to_the_run() {
    for run in run(&Scenario { series: 5_000_000_000, ..market("lab", "behaviour = \"forger\"") }) {
        assert!(run.series.len() > 4, "{:?}", run.series);
        for (place, name) in [(0, "orders"), (2, "jobs closed"), (5, "forged results paid")] {
            let sum: f64 = run.series.iter().filter_map(|row| row.values[place]).sum();
            assert_eq!(Some(sum), figure(&run, name), "{name}");
        }
        assert!(run.series.iter().zip(0_u32..).all(|(row, number)| row.from == 5.0 * f64::from(number)));
    }
}

#[test]
fn a_stretch_in_which_nothing_happens_is_there_with_noughts() {
    let never = 365 * 86_400_000_000_000;
    for run in run(&Scenario { series: 6_000_000_000, between: never, ..market("lab", "") }) {
        let begins: Vec<f64> = run.series.iter().map(|row| row.from).collect();
        assert_eq!(begins, [0.0, 6.0, 12.0, 18.0]);
        for row in &run.series {
            assert_eq!(row.values, [vec![Some(0.0); 7], vec![None]].concat(), "{row:?}");
        }
    }
}

#[test]
fn whoever_asks_less_sells_more() {
    for kernel in KERNELS {
        let sold = |crooks: &str| -> f64 {
            run(&market(kernel, crooks))
                .iter()
                .filter_map(|run| figure(run, "work of one of crooks, credits"))
                .sum()
        };
        let (usual, less) = (sold(""), sold("ask = \"80 %\""));
        assert!(less > 1.5 * usual, "{kernel}: {less} and {usual}");
    }
}

/// Runs in which the clients behave so.
fn with_clients(kernel: &str, behaviour: &str) -> Vec<RunFigures> {
    let text = market(kernel, "").resolved().replace(
        "role = \"client\"\ncount = 4\nbehaviour = \"honest\"",
        &format!("role = \"client\"\ncount = 4\nbehaviour = {behaviour:?}"),
    );
    run(&Scenario::read("a.toml", &text, &shipped::text).unwrap_or_else(|error| panic!("{error}")))
}

#[test]
fn who_opens_nothing_pays_nothing_who_cancels_is_given_nothing_and_who_floods_pays_for_all_of_it() {
    for kernel in KERNELS {
        let sum = |behaviour: &str, name: &str| -> f64 {
            let runs = with_clients(kernel, behaviour);
            runs.iter().map(|run| figure(run, name).unwrap_or_else(|| panic!("{name}"))).sum()
        };
        let (jobs, paid) = ("jobs closed", "gain of one of clients, credits");
        let honest = [jobs, paid].map(|name| sum("honest", name));
        assert_eq!([jobs, paid].map(|name| sum("window-shopper", name)), [0.0, 0.0], "{kernel}");
        let unpaid = |run: &RunFigures| {
            let [closed, orders, share] =
                [jobs, "orders", "orders paid, share"].map(|name| figure(run, name));
            closed.unwrap_or_default() - orders.unwrap_or_default() * share.unwrap_or_default()
        };
        let cancelled: f64 = with_clients(kernel, "canceller").iter().map(unpaid).sum();
        assert!(cancelled > 0.5 * honest[0], "{kernel}: {cancelled} of {}", honest[0]);
        let flooded = [jobs, paid].map(|name| sum("flooder", name));
        assert!(flooded[0] > 2.0 * honest[0] && flooded[1] < 2.0 * honest[1], "{kernel}: {flooded:?}");
    }
}

#[test]
fn a_bystander_orders_nothing_and_a_hoarder_takes_one_unit_of_many() {
    for kernel in KERNELS {
        let with = |behaviour: &str| with_clients(kernel, behaviour);
        for run in with("bystander") {
            assert_eq!(figure(&run, "jobs closed"), Some(0.0), "{kernel}");
            assert_eq!(figure(&run, "gain of one of clients, credits"), Some(0.0), "{kernel}");
        }
        for (many, one) in with("hoarder").iter().zip(&with("honest")) {
            let paid = |run: &RunFigures| -figure(run, "gain of one of clients, credits").unwrap_or_default();
            assert!(paid(many) > 0.0 && paid(many) < 2.0 * paid(one), "{kernel}: {many:?}");
        }
    }
}

#[test]
fn what_a_cheat_does_honestly_is_not_counted_as_forged() {
    for kernel in KERNELS {
        for run in run(&market(kernel, "behaviour = \"rate-cheater\"\nshare = \"0 %\"")) {
            assert_eq!(figure(&run, "forged results sold"), Some(0.0), "{kernel}");
            assert_eq!(figure(&run, "honest results slashed"), Some(0.0), "{kernel}");
        }
    }
}

#[test]
fn texts_are_sold_and_checked_in_both_kernels() {
    for kernel in KERNELS {
        let scenario = Scenario { work: "text", long: 500_000, ..market(kernel, "") };
        for run in run(&scenario) {
            assert!(figure(&run, "orders paid, share").is_some_and(|share| share > 0.5), "{kernel}: {run:?}");
            assert_eq!(figure(&run, "honest results slashed"), Some(0.0), "{kernel}");
        }
    }
}

#[cfg(unix)]
mod programs {
    use std::process::Command;

    use super::*;

    /// A shell that answers this to everything.
    fn answering(answer: &str) -> String {
        let script = format!(
            "n=0; while read -r line; do n=$((n+1)); echo '{{\"number\": '$n', \"answer\": {answer}}}'; done"
        );
        command(&["sh", "-c", &script])
    }

    fn command(words: &[&str]) -> String {
        let words: Vec<String> = words.iter().map(|word| format!("{word:?}")).collect();
        format!("behaviour = {{ command = [{}], within = \"60 s\" }}", words.join(", "))
    }

    #[test]
    fn a_program_that_leaves_all_to_the_brain_changes_nothing_but_the_digest() {
        for kernel in KERNELS {
            let asked = run(&market(kernel, &answering("null")));
            let idle = run(&market(kernel, "behaviour = \"rate-cheater\"\nshare = \"0 %\""));
            for (asked, idle) in asked.iter().zip(&idle) {
                assert_eq!((asked.events, &asked.figures), (idle.events, &idle.figures), "{kernel}");
                assert_ne!(asked.digest, idle.digest, "what was answered is in it");
            }
            assert_eq!(asked, run(&market(kernel, &answering("null"))), "{kernel}");
            let other = run(&market(kernel, &answering("null, \"by\": 1")));
            assert!(asked.iter().zip(&other).all(|(one, other)| one.digest != other.digest), "{kernel}");
        }
    }

    #[test]
    fn a_program_that_fails_ends_the_run_with_what_it_said() {
        for (words, expected) in [
            (
                vec!["sh", "-c", "exit 3"],
                "seed 1: the program of `crooks`: it ended when it was asked at `begin`",
            ),
            (
                vec!["sh", "-c", "echo nothing >&2; read -r line; exit 3"],
                "seed 1: the program of `crooks`: it ended when it was asked at `begin`: nothing",
            ),
            (
                vec!["/nowhere/at/all"],
                "seed 1: the program of `crooks`: it does not start: /nowhere/at/all: ",
            ),
        ] {
            let scenario = Scenario { seeds: 1, ..market("lab", &command(&words)) };
            let error = experiment::run(&scenario, 1, false).unwrap_err();
            assert!(matches!(error, ExperimentError::Strategy { seed: 1, .. }), "{error}");
            assert!(error.to_string().starts_with(expected), "{error}");
        }
        let scenario = Scenario { seeds: 1, ..market("lab", &answering("\"perhaps\"")) };
        let error = experiment::run(&scenario, 1, false).unwrap_err().to_string();
        assert!(error.contains("it answers \"perhaps\", where it should answer "), "{error}");
    }

    /// Where the package for Python lies.
    const PACKAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../contrib/python/assay_sim");

    #[test]
    fn the_examples_in_python_decide_for_peers_and_do_so_alike_each_time() {
        if !Command::new("python3").arg("--version").output().is_ok_and(|done| done.status.success()) {
            eprintln!("not tried: python3 is not here");
            return;
        }
        let path = format!("PYTHONPATH={PACKAGE}");
        for example in ["trusted_cheat.py", "cartel.py"] {
            let file = format!("{PACKAGE}/examples/{example}");
            let asked = command(&["env", &path, "PYTHONDONTWRITEBYTECODE=1", "python3", &file]);
            let scenario = Scenario { seeds: 1, ..market("lab", &asked) };
            let runs = run(&scenario);
            assert!(figure(&runs[0], "orders paid, share").is_some_and(|share| share > 0.5), "{runs:?}");
            assert_eq!(figure(&runs[0], "honest results slashed"), Some(0.0), "{example}");
            assert_eq!(runs, run(&scenario), "{example}");
            // Before anybody trusts it the one is honest all the time.
            let sold = figure(&runs[0], "forged results sold").unwrap_or_default();
            assert_eq!(sold > 0.0, example == "cartel.py", "{example}: {sold}");
        }
    }
}
