//! Scenarios that are read, and those that are refused by line, key and nearest name.

use super::{
    BehaviourName, FidelityName, LinkFaultKind, Population, Scenario, StrategyCommand, reader::written,
};
use crate::{behaviour::Lie, lab::shipped};

const WHOLE: &str = "\
name = \"whole\"
[run]
horizon = \"30 s\"
[[population]]
count = 5
[[population]]
role = \"client\"
";

fn read(text: &str) -> Result<Scenario, String> {
    Scenario::read("a.toml", text, &shipped::text).map_err(|error| error.to_string())
}

fn refused(line: &str, wrong: &str) -> String {
    read(&WHOLE.replace(line, wrong)).expect_err(wrong)
}

#[test]
fn what_is_wrong_with_a_scenario_is_told_by_line_key_and_nearest_name() {
    for (line, wrong, expected) in [
        ("horizon", "horison", "a.toml:3: `run.horison`: is not known here; the nearest is `horizon`"),
        ("[run]", "[runs]", "a.toml:2: `runs`: is not known here; the nearest is `run`"),
        ("\"30 s\"", "30", "a.toml:3: `run.horizon`: has no unit; it is a length of time such as \"30 s\""),
        ("30 s", "30", "a.toml:3: `run.horizon`: has no unit; it is a length of time such as \"30 s\""),
        (
            "30 s",
            "30 secs",
            "a.toml:3: `run.horizon`: `secs` is no unit of time; those are ns, us, ms, s, min, h, d",
        ),
        ("30 s", "0 s", "a.toml:3: `run.horizon`: must be above \"0 s\""),
        ("30 s", "-30 s", "a.toml:3: `run.horizon`: must be from \"0 s\" to \"365 d\""),
        (
            "horizon",
            "seeds = 1_000_000\nhorizon",
            "a.toml:3: `run.seeds`: must be a whole number from 1 to 10000",
        ),
        (
            "[run]",
            "[network]\nloss = \"101 %\"\n[run]",
            "a.toml:3: `network.loss`: must be from \"0 %\" to \"100 %\"",
        ),
        (
            "[run]",
            "[network]\nloss = 1.5\n[run]",
            "a.toml:3: `network.loss`: has no unit; it is a share such as \"20 %\"",
        ),
        (
            "[run]",
            "[network]\nloss = \"1.5\"\n[run]",
            "a.toml:3: `network.loss`: has no unit; it is a share such as \"20 %\"",
        ),
        (
            "[run]",
            "[market]\nstake = \"-1 credits\"\n[run]",
            "a.toml:3: `market.stake`: must be from \"0 credits\" to \"1000000 credits\"",
        ),
        (
            "count = 5",
            "count = 5\nonline = \"-1 s\"\naway = \"1 s\"",
            "a.toml:6: `population.online`: must be from \"0 s\" to \"365 d\"",
        ),
        ("count = 5", "count = 0", "a.toml:5: `population.count`: must be a whole number from 1 to 100000"),
        (
            "count = 5",
            "count = 5\nbehaviour = \"lazy-verifyer\"",
            "a.toml:6: `population.behaviour`: there is no `lazy-verifyer`; the nearest is `lazy-verifier`",
        ),
        ("name =", "extends = \"nothing\"\nname =", "a.toml:1: `extends`: there is no scenario `nothing`"),
    ] {
        assert_eq!(refused(line, wrong), expected, "{wrong}");
    }
    assert!(refused("count = 5", "count = 3").contains("an impossible market"));
    assert!(refused("count = 5", "count = 1000").contains("more than 1000 peers"));
    assert!(refused("name =", "name").starts_with("a.toml:1: "));
}

#[test]
fn what_would_be_ignored_in_silence_is_refused() {
    for (line, wrong, expected) in [
        (
            "[run]",
            "[workload]\nbetween = \"1 s\"\ncrowd_at = \"5 s\"\ncrowd_factor = 9\n[run]",
            "a.toml:4: `workload.crowd_at`: needs `crowd_lasts`, a `crowd_factor` above 1, and a later horizon",
        ),
        (
            "[run]",
            "[workload]\nwork = \"label\"\nbetween = \"0 s\"\n[run]",
            "a.toml:4: `workload.between`: must be above \"0 s\"",
        ),
        (
            "count = 5",
            "count = 5\n[[population]]\nrole = \"newcomer\"\nname = \"founders\"",
            "a.toml:8: `population.name`: there are two populations `founders`: figures go by their names",
        ),
        (
            "role = \"client\"",
            "role = \"client\"\nbehaviour = \"forger\"",
            "a.toml:8: `population.behaviour`: `forger` changes nothing of a client",
        ),
        (
            "count = 5",
            "count = 5\nbehaviour = \"secretive-client\"",
            "a.toml:6: `population.behaviour`: `secretive-client` changes nothing of a founder",
        ),
        (
            "count = 5",
            "count = 5\nbehaviour = \"forger\"\nshare = \"10 %\"",
            "a.toml:7: `population.share`: changes nothing of this behaviour",
        ),
        (
            "count = 5",
            "count = 5\nbegins = \"5 s\"",
            "a.toml:6: `population.begins`: changes nothing of peers that are honest all the time",
        ),
        (
            "count = 5",
            "count = 5\nbehaviour = \"forger\"\nbegins = \"5 s\"\nends = \"4 s\"",
            "a.toml:8: `population.ends`: must be later than `begins`",
        ),
        (
            "[run]",
            "[workload]\nlong = \"50 %\"\n[run]",
            "a.toml:3: `workload.long`: is for texts: `work = \"text\"`",
        ),
        (
            "count = 5",
            "count = 5\nbehaviour = \"whitewasher\"",
            "a.toml:6: `population.behaviour`: `whitewasher` changes nothing of a founder",
        ),
        (
            "name =",
            "extend = \"churn\"\nname =",
            "a.toml:1: `extend`: is not known here; the nearest is `extends`",
        ),
        (
            "[[population]]",
            "[[populations]]",
            "a.toml:4: `populations`: is not known here; the nearest is `population`",
        ),
    ] {
        assert_eq!(refused(line, wrong), expected, "{wrong}");
    }
}

#[test]
fn a_resolved_scenario_reads_back_as_itself() {
    for (name, text) in shipped::ALL {
        let scenario = Scenario::read(name, text, &shipped::text).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(read(&scenario.resolved()), Ok(scenario.clone()), "{name}");
        assert!(!scenario.question.is_empty(), "{name} asks nothing");
    }
}

#[test]
fn a_new_scenario_can_be_run_and_says_its_name_and_every_key() {
    let text = shipped::fresh("mine");
    let scenario = read(&text).unwrap();
    assert_eq!((scenario.name.as_str(), text.contains("NAME")), ("mine", false));
    // What is commented out holds as well.
    let bare: String = text
        .lines()
        .map(|line| match line.strip_prefix("# ") {
            Some(rest) if rest.split_once(" = ").is_some_and(|(key, _)| !key.contains(' ')) => {
                format!("{rest}\n")
            }
            Some(_) | None => format!("{line}\n"),
        })
        .collect();
    let whole = read(&bare).unwrap_or_else(|error| panic!("{error}: {bare}"));
    let cheats = &whole.populations[1];
    assert_eq!((whole.warm_up, whole.series, whole.value), (30_000_000_000, 10_000_000_000, 2_000_000));
    assert_eq!((cheats.begins, cheats.ends, cheats.ask), (30_000_000_000, 90_000_000_000, 900_000));
    assert_eq!((cheats.stake, cheats.unstaked), (5_000, 60_000_000_000));
    for key in scenario.resolved().lines().filter_map(|line| Some(line.split_once(" = ")?.0.to_owned())) {
        let is_rare = ["theory", "takes", "sweep", "max_events", "price_step", "sells", "online", "away"]
            .contains(&key.as_str());
        assert!(is_rare || key.starts_with("crowd") || text.contains(&format!("{key} = ")), "{key}");
    }
}

#[test]
fn what_a_scenario_leaves_out_of_most_is_written_where_it_is_said_and_held_to_its_bounds() {
    let said = WHOLE
        .replace("[run]", "[workload]\nvalue = \"150 %\"\n[run]\nwarm_up = \"10 s\"\nseries = \"5 s\"")
        .replace("count = 5", "count = 5\nask = \"80 %\"");
    let scenario = read(&said).unwrap();
    assert_eq!(read(&scenario.resolved()), Ok(scenario.clone()));
    for line in ["value = \"150 %\"", "warm_up = \"10 s\"", "series = \"5 s\"", "ask = \"80 %\""] {
        assert!(scenario.resolved().contains(line), "{line}");
        assert!(!read(WHOLE).unwrap().resolved().contains(line.split('"').next().unwrap()), "{line}");
    }
    assert_eq!(scenario.worth(), 0.015);
    for (line, wrong, expected) in [
        ("[run]", "[run]\nwarm_up = \"30 s\"", "a.toml:3: `run.warm_up`: must be shorter than `horizon`"),
        ("[run]", "[run]\nseries = \"0 s\"", "a.toml:3: `run.series`: must be above \"0 s\""),
        ("[run]", "[run]\nseries = \"1 ms\"", "a.toml:3: `run.series`: must be above \"0 s\""),
        ("[run]", "[workload]\nvalue = \"2\"\n[run]", "a.toml:3: `workload.value`: has no unit"),
        ("count = 5", "count = 5\nask = \"0 %\"", "a.toml:6: `population.ask`: must be above \"0 %\""),
        (
            "role = \"client\"",
            "role = \"client\"\nask = \"90 %\"",
            "a.toml:8: `population.ask`: changes nothing of a client",
        ),
    ] {
        assert!(refused(line, wrong).starts_with(expected), "{wrong}: {}", refused(line, wrong));
    }
}

#[test]
fn programs_are_named_by_the_words_that_start_them() {
    let text = WHOLE
        .replace("count = 5", "count = 5\nbehaviour = { command = [\"python3\", \"my cheat.py\", \"\"] }");
    assert_eq!(read(&text).unwrap().programs(), ["python3 'my cheat.py' ''"]);
    assert_eq!(read(WHOLE).unwrap().programs(), Vec::<String>::new());
}

#[test]
fn a_scenario_takes_what_it_does_not_say_from_the_one_that_it_extends() {
    let base = shipped::ALL[0].0;
    let extended = read(&format!("extends = \"{base}\"\n[run]\nseeds = 3\n")).unwrap();
    let plain = read(&shipped::text(base).unwrap()).unwrap();
    assert_eq!((extended.seeds, extended.populations), (3, plain.populations));
    assert_eq!(extended.horizon, plain.horizon);
}

#[test]
fn a_scenario_that_extends_itself_is_refused() {
    let find = |_: &str| Some("extends = \"round\"".to_owned());
    let error = Scenario::read("round", "extends = \"round\"", &find).unwrap_err();
    assert!(error.to_string().contains("a circle"), "{error}");
}

#[test]
fn what_does_not_go_together_is_told_where_it_stands_and_not_in_what_is_extended() {
    let base = shipped::ALL[0].0;
    for (text, expected) in [
        ("[workload]\n\nbetween = \"0 s\"\n", "a.toml:4: `workload.between`: must be above"),
        ("[network]\n\ndelay_min = \"50 ms\"\n", "a.toml:4: `network.delay_min`: must not be above"),
        ("\n[[population]]\ncount = 7\n", "a.toml:3: `population`: an impossible market"),
    ] {
        let error = read(&format!("extends = \"{base}\"\n{text}")).unwrap_err();
        assert!(error.starts_with(expected), "{error}");
    }
}

#[test]
fn how_long_a_scenario_takes_is_not_how_long_one_takes_that_extends_it() {
    let base = shipped::ALL[0].0;
    assert_ne!(read(&shipped::text(base).unwrap()).unwrap().takes, 0);
    assert_eq!(read(&format!("extends = \"{base}\"\n[run]\nhorizon = \"9 h\"\n")).unwrap().takes, 0);
}

#[test]
fn a_key_that_is_changed_is_as_if_the_file_said_so() {
    let changed = [
        ("run.horizon", "9 h"),
        ("network.loss", "2.5 %"),
        ("workload.work", "exact"),
        ("population.founders.count", "6"),
        ("population.founders.behaviour", "forger"),
    ];
    let scenario = read(WHOLE).unwrap().with(&changed).unwrap();
    let founders = &scenario.populations[0];
    assert_eq!(
        (scenario.horizon, scenario.loss, scenario.work),
        (9 * 3_600 * 1_000_000_000, 25_000, "exact")
    );
    assert_eq!((founders.count, founders.conduct), (6, BehaviourName::Forger));
    assert_eq!(read(&scenario.resolved()), Ok(scenario));
    let text = WHOLE.replace("count = 5", "name = \"a.b\"\ncount = 5");
    let dotted = read(&text).unwrap().with(&[("population.a.b.count", "7")]).unwrap();
    assert_eq!(dotted.populations[0].count, 7);
}

#[test]
fn whatever_a_scenario_is_called_it_reads_back_as_itself() {
    for question in ["a\u{0}b", "\u{200b}\u{301}", "a \"b\" \\ c", "\u{7f}\t\n", "\u{a0}é…"] {
        let scenario = Scenario { question: question.into(), name: question.into(), ..read(WHOLE).unwrap() };
        assert_eq!(read(&scenario.resolved()), Ok(scenario.clone()), "{question:?}");
    }
    let odd = read(&WHOLE.replace("30 s", "4.35 us")).unwrap();
    assert_eq!(odd.horizon, 4_350);
    assert_eq!(read(&odd.resolved()), Ok(odd));
}

#[test]
fn lengths_of_time_are_written_as_people_write_them() {
    let lengths = [
        (0, "0 s"),
        (1, "1 ns"),
        (4_350, "4350 ns"),
        (500_000_000, "500 ms"),
        (90_000_000_000, "90 s"),
        (120_000_000_000, "2 min"),
        (5_400_000_000_000, "90 min"),
        (172_800_000_000_000, "2 d"),
    ];
    for (nanos, text) in lengths {
        assert_eq!(written(nanos), text);
    }
}

#[test]
fn what_is_said_of_a_behaviour_is_read_with_its_unit_and_reads_back() {
    let population = |words: &str| {
        let scenario = read(&WHOLE.replace("count = 5", &format!("count = 5\n{words}")))?;
        assert_eq!(read(&scenario.resolved()), Ok(scenario.clone()), "{words}");
        Ok::<Population, String>(scenario.populations[0].clone())
    };
    let rate = population("behaviour = \"rate-cheater\"\nshare = \"10 %\"\nsells = \"cheaper\"").unwrap();
    assert_eq!((rate.conduct, rate.settings.share), (BehaviourName::RateCheater, 100_000));
    assert_eq!(rate.settings.sells, Lie::Cheaper);
    let surfer = population("behaviour = \"tolerance-surfer\"\nerror = \"0.004 %\"").unwrap();
    assert_eq!(surfer.settings.error, 40);
    let cartel = "behaviour = \"cartel\"\ncoalition = \"ring\"\nbegins = \"5 s\"\nends = \"9 s\"";
    let cartel = population(cartel).unwrap();
    assert_eq!((cartel.begins, cartel.ends), (5_000_000_000, 9_000_000_000));
    assert_eq!((cartel.coalition.as_str(), cartel.settings.share), ("ring", 1_000_000));
    let asked =
        population("behaviour = { command = [\"python3\", \"a \\\"b\\\".py\"], within = \"2 s\" }").unwrap();
    let command =
        StrategyCommand { words: vec!["python3".into(), "a \"b\".py".into()], within: 2_000_000_000 };
    assert_eq!((asked.conduct, asked.command), (BehaviourName::External, Some(command)));
    for (words, expected) in [
        (
            "behaviour = \"rate-cheater\"\nshaer = \"1 %\"",
            "a.toml:7: `population.shaer`: is not known here; the nearest is `share`",
        ),
        (
            "behaviour = \"rate-cheater\"\nsells = \"noises\"",
            "a.toml:7: `population.sells`: there is no `noises`; the nearest is `noise`",
        ),
        (
            "behaviour = \"rate-cheeter\"",
            "a.toml:6: `population.behaviour`: there is no `rate-cheeter`; the nearest is `rate-cheater`",
        ),
        (
            "behaviour = { comand = [\"x\"] }",
            "a.toml:6: `population.behaviour.comand`: is not known here; the nearest is `command`",
        ),
        (
            "behaviour = { command = \"x\" }",
            "a.toml:6: `population.behaviour.command`: must be a list of words in quotes",
        ),
        (
            "behaviour = { command = [] }",
            "a.toml:6: `population.behaviour.command`: names the program, such as [\"python3\", \"my_cheat.py\"]",
        ),
        (
            "behaviour = \"burst\"\nafter = \"20\"",
            "a.toml:7: `population.after`: must be a whole number from 0 to 1000000",
        ),
    ] {
        assert_eq!(population(words), Err(expected.to_owned()));
    }
}

#[test]
fn what_a_population_needs_of_others_is_asked_of_the_whole() {
    let late = WHOLE.replace("count = 5", "count = 5\nbehaviour = \"forger\"\nbegins = \"40 s\"");
    assert!(read(&late).unwrap_err().ends_with("`founders` begins to behave so after the horizon"));
    let alone = WHOLE.replace("role = \"client\"", "role = \"client\"\nbehaviour = \"self-dealer\"");
    assert!(read(&alone).unwrap_err().ends_with("orders of its own coalition, in which nobody provides"));
    let pair = alone.replace("count = 5", "count = 5\ncoalition = \"pair\"");
    let pair = pair.replace("self-dealer\"", "self-dealer\"\ncoalition = \"pair\"");
    assert_eq!(read(&pair).map(|scenario| scenario.populations[1].purse()), Ok("coalition pair".to_owned()));
}

#[test]
fn what_peers_have_at_stake_and_when_is_read_and_reads_back_and_goes_together() {
    let newcomers = "\n[[population]]\nrole = \"newcomer\"\ncount = 2\n";
    let text = |words: &str| WHOLE.replace("count = 5", &format!("count = 5\n{words}"));
    let scenario = read(&text("stake = \"2.5 credits\"\nunstaked = \"20 s\"")).unwrap();
    let founders = &scenario.populations[0];
    assert_eq!((founders.stake, founders.unstaked), (2_500, 20_000_000_000));
    assert_eq!(read(&scenario.resolved()), Ok(scenario.clone()));
    assert_eq!((founders.stands_for(10_000), founders.honest().unstaked), (2, 0));
    let late = format!("{WHOLE}{newcomers}stake = \"1 credits\"\nstaked = \"5 s\"\nunstaked = \"9 s\"\n");
    let late = read(&late).unwrap();
    assert_eq!(
        (late.populations[2].staked, late.populations[2].honest().staked),
        (5_000_000_000, 5_000_000_000)
    );
    assert_eq!(read(&late.resolved()), Ok(late));
    let plain = read(WHOLE).unwrap();
    assert!(!plain.resolved().contains("stake = \"0") && !plain.resolved().contains("staked"));
    for (text, expected) in [
        (text("staked = \"5 s\""), "a.toml:6: `population.staked`: is for newcomers with a `stake`"),
        (
            format!("{WHOLE}stake = \"1 credits\""),
            "a.toml:8: `population.stake`: changes nothing of a client",
        ),
        (
            format!("{WHOLE}{newcomers}unstaked = \"5 s\""),
            "a.toml:12: `population.unstaked`: is for those who have",
        ),
        (
            format!("{WHOLE}{newcomers}stake = \"1 credits\"\nstaked = \"5 s\"\nunstaked = \"5 s\""),
            "a.toml:14: `population.unstaked`: must be later than `staked`",
        ),
    ] {
        let error = read(&text).unwrap_err();
        assert!(error.starts_with(expected), "{error}");
    }
    let never = read(&text("unstaked = \"30 s\"")).unwrap_err();
    assert!(never.ends_with("`founders` moves its stake after the horizon"), "{never}");
}

#[test]
fn how_long_a_network_waits_is_said_by_a_name() {
    let strangers = WHOLE.replace("[run]", "[network]\ntimers = \"strangers\"\n[run]");
    let scenario = read(&strangers).unwrap();
    assert_eq!(scenario.timers.timers(), assay_protocol::genesis::Timers::default());
    assert!(scenario.resolved().contains("timers = \"strangers\"\n"));
    assert_eq!(read(&scenario.resolved()), Ok(scenario));
    let brisk = read(WHOLE).unwrap();
    assert_eq!(brisk.timers.timers(), assay_protocol::genesis::Timers::brisk());
    assert!(!brisk.resolved().contains("timers"));
    let error = read(&strangers.replace("strangers", "stranger")).unwrap_err();
    assert!(error.ends_with("there is no `stranger`; the nearest is `strangers`"), "{error}");
}

#[test]
fn a_text_may_be_short_where_a_scenario_says_so() {
    let scenario =
        read(&WHOLE.replace("[run]", "[workload]\nwork = \"text\"\nlong = \"25 %\"\n[run]")).unwrap();
    assert_eq!((scenario.work, scenario.long), ("text", 250_000));
    assert_eq!(read(&scenario.resolved()), Ok(scenario));
}

#[test]
fn faults_are_read_with_whom_they_happen_to_and_refused_where_they_happen_to_nobody() {
    let with = |fault: &str| read(&format!("{WHOLE}[[fault]]\n{fault}"));
    let cut = "at = \"5 s\"\nlasts = \"10 s\"\npopulations = [\"clients\"]\n";
    let slow =
        "[[fault]]\nwhat = \"slow-links\"\nlasts = \"60 s\"\nfactor = 20\npopulations = [\"founders\"]\n";
    let scenario = with(&format!("{cut}{slow}")).unwrap();
    let [first, second] = scenario.faults.as_slice() else { panic!("{:?}", scenario.faults) };
    assert_eq!(
        (first.what, first.at, first.ends()),
        (LinkFaultKind::Partition, 5_000_000_000, 15_000_000_000)
    );
    assert_eq!((second.name.as_str(), second.factor, second.at), ("slow-links", 20, 0));
    assert_eq!(read(&scenario.resolved()), Ok(scenario.clone()));
    let longer = scenario.with(&[("fault.slow-links.factor", "30")]).unwrap();
    assert_eq!(longer.faults[1].factor, 30);
    for (fault, expected) in [
        (
            "lasts = \"1 s\"\npopulations = [\"client\"]",
            "a.toml:10: `fault.populations`: there is no population `client`; the nearest is `clients`",
        ),
        (
            "lasts = \"1 s\"",
            "a.toml:8: `fault.populations`: names those that it happens to, such as [\"clients\"]",
        ),
        ("populations = [\"clients\"]", "a.toml:8: `fault.lasts`: must be above \"0 s\""),
        (
            "lasts = \"1 s\"\nfactor = 3\npopulations = [\"clients\"]",
            "a.toml:10: `fault.factor`: goes with `what = \"slow-links\"`, and is above 1 there",
        ),
        (
            "what = \"slow-link\"",
            "a.toml:9: `fault.what`: there is no `slow-link`; the nearest is `slow-links`",
        ),
        ("lats = \"1 s\"", "a.toml:9: `fault.lats`: is not known here; the nearest is `lasts`"),
        (
            "at = \"30 s\"\nlasts = \"1 s\"\npopulations = [\"clients\"]",
            "a.toml:8: `fault`: `partition` begins after the horizon",
        ),
    ] {
        assert_eq!(with(fault), Err(expected.to_owned()), "{fault}");
    }
    let twice = with(&format!("{cut}[[fault]]\n{cut}")).unwrap_err();
    assert!(twice.ends_with("`fault.name`: there are two faults `partition`"), "{twice}");
}

#[test]
fn all_hops_are_for_the_laboratory_and_not_for_everybody() {
    let full =
        |rest: &str| read(&WHOLE.replace("[run]", &format!("[network]\nfidelity = \"full\"\n[run]\n{rest}")));
    let scenario = full("kernel = \"lab\"").unwrap();
    assert_eq!(scenario.fidelity, FidelityName::Full);
    assert_eq!(read(&scenario.resolved()), Ok(scenario));
    assert!(!read(WHOLE).unwrap().resolved().contains("fidelity"));
    let checker = full("kernel = \"checker\"").unwrap_err();
    assert_eq!(checker, "a.toml:3: `network.fidelity`: is for the laboratory: `kernel = \"lab\"`");
    let many = WHOLE.replace("[run]", "[network]\nfidelity = \"full\"\n[run]\nkernel = \"lab\"");
    let many = read(&many.replace("count = 5", "count = 10000")).unwrap_err();
    assert!(many.ends_with("more than 10000 peers"), "{many}");
}
