//! Numbers at the edge of what a scenario can say and beyond it: each is told by its line, its key and what it could be.

use super::Scenario;
use crate::lab::shipped;

const WHOLE: &str = "\
name = \"whole\"
[run]
horizon = \"30 s\"
[[population]]
count = 5
[[population]]
role = \"client\"
";
const TIMES: &str = "must be from \"0 s\" to \"365 d\"";
const SHARES: &str = "must be from \"0 %\" to \"100 %\"";
const SEEDS: &str = "must be a whole number from 1 to 10000";

fn read(text: &str) -> Result<Scenario, String> {
    Scenario::read("a.toml", text, &shipped::text).map_err(|error| error.to_string())
}

/// Reads the whole one with another line instead of one of its own.
fn with(line: &str, other: &str) -> Result<Scenario, String> {
    assert_eq!(WHOLE.matches(line).count(), 1, "{line}");
    read(&WHOLE.replace(line, other))
}

#[test]
fn a_time_that_is_negative_or_longer_than_a_year_is_told_where_it_stands() {
    for (line, other, at) in [
        ("30 s", "-1 ns", "3: `run.horizon`"),
        ("30 s", "366 d", "3: `run.horizon`"),
        ("[run]", "[run]\nwarm_up = \"-1 s\"", "3: `run.warm_up`"),
        ("[run]", "[network]\ndelay_min = \"-5 ms\"\n[run]", "3: `network.delay_min`"),
        ("[run]", "[workload]\n\ncrowd_at = \"-5 s\"\n[run]", "4: `workload.crowd_at`"),
        ("count = 5", "count = 5\nonline = \"-1 h\"", "6: `population.online`"),
        (
            "role = \"client\"",
            "role = \"client\"\n[[fault]]\nat = \"-1 s\"\nlasts = \"1 s\"\npopulations = [\"clients\"]",
            "9: `fault.at`",
        ),
    ] {
        assert_eq!(with(line, other), Err(format!("a.toml:{at}: {TIMES}")), "{other}");
    }
    assert_eq!(with("30 s", "365 d").map(|scenario| scenario.horizon), Ok(365 * 86_400 * 1_000_000_000));
}

#[test]
fn a_share_over_the_whole_is_told_where_it_stands() {
    let cheater = |share: &str| format!("count = 5\nbehaviour = \"rate-cheater\"\nshare = \"{share}\"");
    for (line, other, at) in [
        ("count = 5", cheater("110 %"), "7: `population.share`"),
        ("count = 5", cheater("-1 %"), "7: `population.share`"),
        ("[run]", "[verification]\nbase = \"100.1 %\"\n[run]".to_owned(), "3: `verification.base`"),
        ("[run]", "[network]\nloss = \"200 %\"\n[run]".to_owned(), "3: `network.loss`"),
    ] {
        assert_eq!(with(line, &other), Err(format!("a.toml:{at}: {SHARES}")), "{other}");
    }
    assert!(with("count = 5", &cheater("100 %")).is_ok());
}

#[test]
fn a_number_of_seeds_that_nobody_could_run_is_told_where_it_stands() {
    for seeds in ["1_000_000", "10_001", "0", "-1", "1.5", "\"20\""] {
        let found = with("[run]", &format!("[run]\nseeds = {seeds}"));
        assert_eq!(found, Err(format!("a.toml:3: `run.seeds`: {SEEDS}")), "{seeds}");
    }
    assert_eq!(with("[run]", "[run]\nseeds = 10_000").map(|scenario| scenario.seeds), Ok(10_000));
}

#[test]
fn a_number_counts_as_much_whatever_it_is_written_in() {
    for (seeds, expected) in [("0x10", 16), ("0b1_01", 5), ("0o17", 15), ("0x1F", 31), ("+12", 12)] {
        let found = with("[run]", &format!("[run]\nseeds = {seeds}"));
        assert_eq!(found.map(|scenario| scenario.seeds), Ok(expected), "{seeds}");
    }
    for seeds in ["0xFFFF", "0xFFFFFFFFFFFFFFFFFFFF", "0b0"] {
        let found = with("[run]", &format!("[run]\nseeds = {seeds}"));
        assert_eq!(found, Err(format!("a.toml:3: `run.seeds`: {SEEDS}")), "{seeds}");
    }
}

#[test]
fn an_impossible_population_is_told_where_it_stands() {
    let market =
        "an impossible market: it takes four founders, of whom three can check the fourth, and one client";
    let counts = "must be a whole number from 1 to 100000";
    for (line, other, expected) in [
        ("count = 5", "count = 3", format!("4: `population`: {market}")),
        ("role = \"client\"", "role = \"newcomer\"", format!("4: `population`: {market}")),
        ("count = 5", "count = 1000", "4: `population`: more than 1000 peers".to_owned()),
        ("count = 5", "count = 0", format!("5: `population.count`: {counts}")),
        ("count = 5", "count = -5", format!("5: `population.count`: {counts}")),
        ("count = 5", "count = 100_001", format!("5: `population.count`: {counts}")),
        (
            "role = \"client\"",
            "role = \"clients\"",
            "7: `population.role`: there is no `clients`; the nearest is `client`".to_owned(),
        ),
    ] {
        assert_eq!(with(line, other), Err(format!("a.toml:{expected}")), "{other}");
    }
    assert!(with("count = 5", "count = 4").is_ok());
    assert!(with("count = 5", "count = 999").is_ok());
}

#[test]
fn a_unit_that_is_none_is_told_with_those_that_there_are() {
    for (line, other, expected) in [
        ("30 s", "30 S", "3: `run.horizon`: `S` is no unit of time; those are ns, us, ms, s, min, h, d"),
        ("30 s", "1e9 s", "3: `run.horizon`: `e9 s` is no unit of time; those are ns, us, ms, s, min, h, d"),
        ("30 s", "s", "3: `run.horizon`: must be a length of time such as \"30 s\""),
        (
            "[run]",
            "[network]\nloss = \"20 percent\"\n[run]",
            "3: `network.loss`: `percent` is no unit of a share; that is `%`",
        ),
        (
            "[run]",
            "[workload]\nvalue = \"2 times\"\n[run]",
            "3: `workload.value`: `times` is no unit of a part; that is `%`",
        ),
        (
            "[run]",
            "[market]\nstake = \"10 euros\"\n[run]",
            "3: `market.stake`: `euros` is no unit of money; that is `credits`",
        ),
        (
            "[run]",
            "[market]\nstake = 10\n[run]",
            "3: `market.stake`: has no unit; it is money such as \"10 credits\"",
        ),
    ] {
        assert_eq!(with(line, other), Err(format!("a.toml:{expected}")), "{other}");
    }
}
