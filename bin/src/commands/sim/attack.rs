//! `assay sim attack`: what adversaries gain and lose, and what that costs everybody else.

use std::path::PathBuf;

use assay_simulations::lab::{
    attack::{
        Adversary, AttackCase, AttackError, AttackOutcome, AttackPlan, AttackReference, AttackVerdict,
        NamedOutcome,
    },
    figure_column::CONFIDENCE,
    scenario::Scenario,
    statistics::Moments,
};
use serde_json::{Value, json};

use super::{
    SeedArgs,
    attack_folder::{AttackCourse, AttackFolder, file_word},
    programs::ProgramArgs,
    under_way::ThreadArgs,
};
use crate::{
    command_error::{CommandError, Exit},
    invocation::Invocation,
    printer::{Table, number_of, path_text, shell_path, verb},
};

/// How many seeds there are where nobody says it.
pub(super) const SEEDS: u64 = 20;
/// Parts of a million in a hundredth.
const PERCENT: u64 = 10_000;

const EXAMPLES: &str = "\
Examples:
  assay sim attack                                every adversary, at a fifth of the stake: minutes
  assay sim attack cartel slanderer --share 10    two of them, at a tenth
  assay sim attack mine.toml --seeds 40           a scenario in which some are not honest

Each is run with twenty seeds, beside the same market in which its coalition is honest, at the usual price and at its own, and
beside the one without what it came for; money is by the books, less the work that was done, and with what true results are worth
to those who ordered them. The SURPLUS is what the coalition has beyond honest peers, at the price at which those have more; AT
MOST is the upper end of its interval of 95 %. HARM is what all others lost, COST what the coalition has less. A bound is BROKEN
if honest results cost stake, or if by more than chance the surplus is above nought or the harm above the cost; it holds if by
more than chance neither is; else it is open, and more seeds would tell.

Adversaries: forger, rate-cheater, threshold-cheater, burst, value-jumper, substituter, truncator, prefiller, replayer,
tolerance-surfer, class-spoofer, silent-provider, false-opener, aborter, sleeper, mute, churner, lazy-verifier, slanderer,
gatekeeper, copying-verifier, cheap-verifier, absent-verifier, idler, cartel, whitewasher, decoys, secretive-client, withholder,
griefing-client, hoarder, window-shopper, canceller, flooder, self-dealer, cartel-and-clients, cartel-and-names.

Exit status: 0 if no bound is broken, 14 if one is.";

/// Attack a market, and say what each adversary gains, costs and harms.
///
/// Runs are kept in the folder as they are done, so whatever ends this, the same command goes on where it was.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// An adversary by name, or a scenario in which some are not honest; every adversary, if none is named
    #[arg(value_name = "ADVERSARY")]
    adversaries: Vec<String>,
    /// The market that those with a name attack
    #[arg(long, value_name = "SCENARIO", default_value = "market")]
    market: String,
    /// The share of its founders that they are, and of its clients where they order, in per cent
    #[arg(long, value_name = "PERCENT", default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=50))]
    share: u64,
    #[command(flatten)]
    with: SeedArgs,
    #[command(flatten)]
    threads: ThreadArgs,
    #[command(flatten)]
    programs: ProgramArgs,
    /// The folder for it; named after what is attacked by whom, if none is named
    #[arg(long, short, value_name = "FOLDER")]
    out: Option<PathBuf>,
}

pub(super) fn perform(args: &Args, invocation: &Invocation) -> Result<(), CommandError> {
    let market = super::read(&args.market)?;
    args.programs.refuse(&market)?;
    let joins = |adversary: &Adversary| {
        let attacked = adversary.joins(&market, args.share * PERCENT).map_err(|error| bad(&error))?;
        AttackCase::of(adversary.name, attacked).map_err(|error| bad(&error))
    };
    let mut cases: Vec<AttackCase> = match args.adversaries.is_empty() {
        true => Adversary::all().iter().map(joins).collect::<Result<_, _>>()?,
        false => Vec::new(),
    };
    for word in once_each(&args.adversaries) {
        let case = match Adversary::find(word) {
            Some(adversary) => joins(adversary)?,
            None => {
                let scenario = super::read(word)?;
                args.programs.refuse(&scenario)?;
                let words = args.adversaries.iter().map(String::as_str);
                let name =
                    name_among(cases.iter().map(|case| case.name.as_str()).chain(words), &scenario, word);
                AttackCase::of(&name, scenario).map_err(|error| bad(&error))?
            }
        };
        cases.push(case);
    }
    let plan = AttackPlan::new(cases, args.with.first_seed, args.with.seeds.unwrap_or(SEEDS));
    let path = args.out.clone().unwrap_or_else(|| format!("attack-{}", plan.hash()).into());
    let folder = AttackFolder::begin(&path, &plan)?;
    let course = folder.carry_out(args.threads.count(), invocation)?;
    invocation.printer.document("sim-attack", &document(&plan, &folder, &course));
    tell(&plan, &course, invocation);
    end(course, &plan, &folder)
}

/// What was named, each once: an attack that is named again is the same one, and would count twice among all that are made.
fn once_each(words: &[String]) -> Vec<&str> {
    let mut each: Vec<&str> = Vec::new();
    for word in words {
        if !each.contains(&word.as_str()) {
            each.push(word);
        }
    }
    each
}

/// What an attack is called: as its scenario is, or as its file if another goes by that name. Files of the folder are named after it.
pub(super) fn name_among<'a>(
    mut others: impl Iterator<Item = &'a str>,
    scenario: &Scenario,
    file: &str,
) -> String {
    let name = file_word(&scenario.name);
    let is_taken = others.any(|other| file_word(other).eq_ignore_ascii_case(&name));
    if is_taken { file.to_owned() } else { scenario.name.clone() }
}

pub(super) fn bad(error: &AttackError) -> CommandError {
    let hint =
        "`assay sim attack --help` names the adversaries, `assay sim new` writes a scenario to begin with";
    CommandError::new(Exit::Usage, "BAD_ATTACK", error, hint)
}

/// What came of attacks, as a document.
pub(super) fn document(plan: &AttackPlan, folder: &AttackFolder<'_>, course: &AttackCourse) -> Value {
    let (first, seeds) = plan.seeds();
    let together = plan.cases().len();
    let attack = |each: &NamedOutcome| {
        let AttackOutcome {
            surplus,
            surplus_beside,
            slashed,
            losses,
            harm,
            harm_beside,
            cost,
            excess,
            dust,
            results_lost,
        } = &each.outcome;
        let losses = losses.iter().map(|loss| json!({ "name": loss.name, "loss": seen(&loss.loss) }));
        json!({
            "name": each.name,
            "stake_share": each.stake_share,
            "surplus": seen(surplus),
            "surplus_beside": surplus_beside.word(),
            "honest_slashed": slashed,
            "harm": harm,
            "harm_beside": harm_beside.word(),
            "own_cost": seen(cost),
            "harm_over_cost": each.outcome.harm_over_cost(),
            "excess": seen(excess),
            "dust": dust,
            "losses": losses.collect::<Vec<_>>(),
            "results_lost": results_lost,
            "verdict": each.outcome.verdict(together).word().to_lowercase(),
        })
    };
    json!({
        "folder": path_text(folder.path()),
        "seeds": seeds,
        "first_seed": first,
        "attacks": course.outcomes.iter().map(attack).collect::<Vec<_>>(),
        "attacks_left": together - course.outcomes.len(),
    })
}

/// Numbers over seeds, as documents have them.
pub(super) fn seen(moments: &Moments) -> Value {
    let interval = moments.interval(CONFIDENCE).map(|interval| [interval.low, interval.high]);
    let mean = (moments.count() > 0).then(|| moments.mean());
    json!({ "runs_seen": moments.count(), "mean": mean, "interval": interval })
}

/// What came of attacks, for people.
pub(super) fn tell(plan: &AttackPlan, course: &AttackCourse, invocation: &Invocation) {
    let together = plan.cases().len();
    let heads = [
        "ATTACK",
        "STAKE",
        "SURPLUS",
        "AT MOST",
        "SLASHED",
        "HARM",
        "COST",
        "HARM/COST",
        "RESULTS LOST",
        "BOUND",
    ];
    let mut table = Table::new(heads).shortens(&["ATTACK"]).spares(&["RESULTS LOST", "STAKE"]);
    for each in &course.outcomes {
        let AttackOutcome { surplus, slashed, harm, cost, results_lost, .. } = &each.outcome;
        let most = each.outcome.surplus_interval().map(|interval| format!("{:+.4}", interval.high));
        let ratio = each.outcome.harm_over_cost().map(|ratio| format!("{ratio:.2}"));
        table.row([
            each.name.clone(),
            format!("{:.0} %", 100.0 * each.stake_share),
            format!("{:+.4}", surplus.mean()),
            most.unwrap_or_default(),
            format!("{slashed:.0}"),
            format!("{harm:.4}"),
            format!("{:+.4}", cost.mean()),
            ratio.unwrap_or_default(),
            format!("{results_lost:.1}"),
            each.outcome.verdict(together).word().to_owned(),
        ]);
    }
    let printer = &invocation.printer;
    printer.table(&table);
    tell_references(course, invocation);
    let open = with(plan, course, AttackVerdict::Open).len();
    if open > 0 {
        let is = verb(open, "is", "are");
        printer.note(format!("{} {is} open: more --seeds would tell", number_of(open, "bound")));
    }
}

/// Says which attacks are put beside honest peers that ask less than usual.
fn tell_references(course: &AttackCourse, invocation: &Invocation) {
    let tell = |what: &str, beside: fn(&AttackOutcome) -> AttackReference| {
        let found = course.outcomes.iter().filter(|each| beside(&each.outcome) == AttackReference::OwnPrice);
        let names: Vec<&str> = found.map(|each| each.name.as_str()).collect();
        if !names.is_empty() {
            invocation.printer.note(format!("{what}: {}", names.join(", ")));
        }
    };
    tell("the surplus is beyond honest peers at its own price, who have more by that", |of| {
        of.surplus_beside
    });
    tell("the harm is beyond that of honest peers at its own price", |of| of.harm_beside);
}

/// The attacks with this verdict, by name.
fn with(plan: &AttackPlan, course: &AttackCourse, verdict: AttackVerdict) -> Vec<String> {
    let together = plan.cases().len();
    let found = course.outcomes.iter().filter(|each| each.outcome.verdict(together) == verdict);
    found.map(|each| each.name.clone()).collect()
}

/// How the command ends: cut short, with a bound that is broken, or well.
pub(super) fn end(
    course: AttackCourse,
    plan: &AttackPlan,
    folder: &AttackFolder<'_>,
) -> Result<(), CommandError> {
    let broken = with(plan, &course, AttackVerdict::Broken);
    if let Some(failure) = course.cut_short {
        return Err(failure);
    }
    let Some(first) = broken.first() else { return Ok(()) };
    let verb = verb(broken.len(), "breaks a bound", "break bounds");
    let all = number_of(course.outcomes.len(), "attack");
    let message = format!("{} of {all} {verb}: {}", broken.len(), broken.join(", "));
    let file = folder.scenario_file(first);
    let hint =
        format!("`assay sim shrink {}` makes the scenario smaller while it still does", shell_path(&file));
    Err(CommandError::new(Exit::Different, "BOUND_BROKEN", message, hint))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::sim;

    #[test]
    fn an_attack_goes_by_its_file_where_another_goes_by_its_name_or_would_have_its_file() {
        let market = sim::read("market").unwrap();
        for (name, other, called) in [
            ("mine", "forger", "mine"),
            ("forger", "forger", "theirs.toml"),
            ("my own", "my-own", "theirs.toml"),
            ("Mine", "mine", "theirs.toml"),
        ] {
            let scenario = Scenario { name: name.to_owned(), ..market.clone() };
            assert_eq!(name_among([other].into_iter(), &scenario, "theirs.toml"), called, "{name} {other}");
        }
    }

    #[test]
    fn an_attack_that_is_named_twice_is_made_once() {
        let words = ["forger", "cartel", "forger", "mine.toml", "mine.toml"].map(str::to_owned);
        assert_eq!(once_each(&words), ["forger", "cartel", "mine.toml"]);
    }

    #[test]
    fn the_help_names_every_adversary() {
        let words = EXAMPLES.replace("\n", " ");
        let named = words.split("Adversaries: ").nth(1).and_then(|rest| rest.split('.').next()).unwrap();
        let named: Vec<&str> = named.split(", ").collect();
        let known: Vec<&str> = Adversary::all().iter().map(|each| each.name).collect();
        assert_eq!(named, known);
    }
}
