//! `assay why`: why this provider gets the jobs that it gets, or none.

use assay_market::{
    allowance::AllowanceGround,
    view::{AccountView, DemandView},
};
use assay_peer::handle::{
    Demanded, ModelAllowance, Rivals, ShowAccount, ShowDemand, ShowLimits, ShowStatus, Sighting, StatusView,
    UnfitModel,
};
use assay_protocol::{order::Refusal, units::Amount};
use serde_json::{Value, json};

use super::{
    finding::{self, Finding},
    pause, provider,
    status::{Reached, disk, is_short, listening, reach},
};
use crate::{
    command_error::{CommandError, Exit},
    daemon::{Reach, RunningDaemon},
    invocation::Invocation,
    printer::{called, full, money, number_of, short, verb},
};

/// What raises what a newcomer may do that has nothing to put at stake.
const AS_EARNED: &str = "`assay account stake`, once something was earned";
/// The same for one that has.
const OF_FREE: &str = "`assay account stake CREDITS`; `assay account show` says what is free";

const EXAMPLES: &str = "\
Examples:
  assay why         what keeps jobs away, and what helps
  assay why --json  the same, for programs";

/// Say why this provider gets the jobs that it gets, or none.
///
/// Asks the peers that are connected whether they know its offer, puts its prices beside those of others, and counts what
/// became of those who asked since the daemon started. Nothing is changed. Exit status 12 if something keeps all jobs away.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    reach: Reach,
}

pub(crate) async fn perform(args: &Args, invocation: &Invocation) -> Result<(), CommandError> {
    let daemon = RunningDaemon::reach(invocation, args.reach).await?;
    let (findings, more) = found(&daemon).await?;
    finding::tell("why", findings, more, invocation)
}

/// What was found, for pages.
pub(super) async fn for_pages(daemon: &RunningDaemon) -> Result<Value, CommandError> {
    let (findings, more) = found(daemon).await?;
    Ok(finding::document(findings, more))
}

/// What was found, and the figures beside it.
async fn found(daemon: &RunningDaemon) -> Result<(Vec<Finding>, Value), CommandError> {
    let status = daemon.call(ShowStatus).await?;
    let (demanded, account) = tokio::join!(daemon.call(ShowDemand), daemon.call(ShowAccount::default()));
    let demanded = demanded?;
    let unit = daemon.unit();
    // Behind the account: what the notary allows follows from what it said is at stake.
    let allowances = match &status.providing {
        Some(_) if account.is_ok() => daemon.call(ShowLimits).await?.allowances,
        Some(_) | None => Vec::new(),
    };
    let mut findings = vec![offer(&status)];
    let free = account.as_ref().map_or(Amount::ZERO, |view| view.account.free);
    match allowances.is_empty() {
        true => findings.push(standing(account.as_ref().ok(), unit)),
        false => findings.extend(allowances.iter().map(|of| allowance(of, free, unit))),
    }
    findings.extend(status.paused.as_ref().map(|pause| {
        Finding::warning(
            "pause",
            format!("{}: nothing new is taken on", pause::told(pause)),
            "`assay resume`",
        )
    }));
    findings.extend(status.held.iter().map(|held| {
        Finding::warning("rule", provider::held_line(held), "`assay provider rules` shows what it waits for")
    }));
    if is_short(status.disk_free, status.disk_floor) {
        let message = disk(status.disk_free, status.disk_floor);
        findings.push(problem("disk", "NO_ROOM", message, "free some space, or lower daemon.free_bytes_min"));
    }
    let is_all = demanded.unfit.len() >= demanded.rivals.len();
    findings.extend(demanded.unfit.iter().map(|model| unfit(model, is_all)));
    findings.push(ways(&status.addresses, status.providing.is_some()));
    if status.providing.is_some() && status.paused.is_none() && status.held.is_empty() {
        findings.push(sight(&demanded.neighbours));
    }
    findings.extend(demanded.rivals.iter().map(|rivals| price(rivals, unit)));
    findings.push(asked(&demanded.demand));
    findings.extend(demanded.demand.refused.iter().map(|refused| refusal(refused.reason, refused.count)));
    Ok((findings, document(&demanded, &allowances, unit)))
}

fn problem(about: &'static str, code: &'static str, message: impl ToString, mend: &str) -> Finding {
    Finding::problem(about, &CommandError::new(Exit::Other, code, message.to_string(), mend))
}

fn offer(status: &StatusView) -> Finding {
    match &status.providing {
        None => problem("offer", "NOT_OFFERING", "nothing is offered here", "`assay provide`"),
        Some(providing) => {
            let services = providing.benches.iter().flat_map(|bench| &bench.services);
            let names: Vec<String> = services.map(|service| called(&service.name)).collect();
            Finding::fine("offer", format!("{} here", names.join(", ")))
        }
    }
}

/// What is offered as of a machine that this is not, alone or beside others.
fn unfit(model: &UnfitModel, is_all: bool) -> Finding {
    let name = called(&model.name);
    let found = format!("nothing comes of orders of {name}: {}", model.reason);
    let mend = format!(
        "`assay doctor` says what this machine has; `assay provider models add {name}` tries it again, and offers it as it runs here"
    );
    if is_all {
        problem("machine", "NO_CLASS", found, &mend)
    } else {
        Finding::warning("machine", found, mend)
    }
}

/// What the notary's word counts for with clients.
fn standing(account: Option<&AccountView>, unit: &str) -> Finding {
    let Some(AccountView { notary, account }) = account else {
        return problem(
            "notary",
            "NO_ANSWER",
            "no notary answers, and without one no job is opened",
            "look at `assay status`: is anybody connected?",
        );
    };
    if account.stake.is_zero() {
        return Finding::warning(
            "stake",
            format!("nothing is at stake with {}: one job at a time, each checked first", short(notary)),
            if account.free.is_zero() { AS_EARNED } else { OF_FREE },
        );
    }
    Finding::fine("stake", format!("{} {unit}s with {}", account.stake, short(notary)))
}

/// How many jobs of one model the notary allows at a time, where so much could be put at stake.
fn allowance(of: &ModelAllowance, free: Amount, unit: &str) -> Finding {
    let said = provider::allowed(of, unit);
    match of.allowance.ground {
        AllowanceGround::Slots => Finding::fine("stake", said),
        AllowanceGround::Newcomer | AllowanceGround::Stake => {
            let mend = provider::raised(of, unit);
            Finding::warning("stake", said, mend.unwrap_or_else(|| entered(of, free)))
        }
        AllowanceGround::Exposure => {
            Finding::warning("stake", said, "wait until some of them are closed, or `assay account stake`")
        }
    }
}

/// What makes a newcomer none that offers one place, which more at stake makes no more of.
fn entered(of: &ModelAllowance, free: Amount) -> String {
    let lacking = of.allowance.entry.minus_up_to(of.allowance.stake);
    if lacking <= free { format!("`assay account stake {lacking}`") } else { AS_EARNED.to_owned() }
}

/// Where others reach this peer, which listens from the first offer on.
fn ways(addresses: &[String], offers: bool) -> Finding {
    let said = listening(addresses);
    match reach(addresses) {
        None => {
            let mend = match offers {
                true => "`assay up --listen ADDR`",
                false => "`assay provide`: whoever offers something listens",
            };
            problem("address", "NOT_LISTENING", "this peer listens on nothing", mend)
        }
        Some(Reached::Machine) => {
            Finding::warning("address", said, "name an address of this machine's as daemon.listen")
        }
        Some(Reached::Room | Reached::World) => Finding::fine("address", said),
    }
}

/// Who of those that were asked knows the offer.
fn sight(neighbours: &[Sighting]) -> Finding {
    let said: Vec<bool> = neighbours.iter().filter_map(|sighting| sighting.sees).collect();
    let seen = said.iter().filter(|sees| **sees).count();
    let mend = "wait a minute: an offer is told again and again; then `assay doctor`";
    match (neighbours.len(), said.len()) {
        (0, _) => {
            problem("seen", "NO_PEERS", "nobody is connected", "look at `assay status` and `assay doctor`")
        }
        (asked, 0) => {
            Finding::warning("seen", format!("none of {asked} connected peers says what it knows"), mend)
        }
        (_, answers) if seen == 0 => {
            let found = format!("none of {answers} connected peers knows this offer");
            problem("seen", "NOT_SEEN", found, mend)
        }
        (_, answers) => Finding::fine("seen", format!("{seen} of {answers} connected peers know this offer")),
    }
}

fn price(rivals: &Rivals, unit: &str) -> Finding {
    let Rivals { unit_price, others, cheaper, least, .. } = rivals;
    let name = called(&rivals.name);
    match least {
        None => Finding::fine(
            "price",
            format!("{name}: {unit_price} {unit}s a unit, and nobody else is known to offer it"),
        ),
        Some(least) if cheaper > &0 => Finding::warning(
            "price",
            match others {
                1 => format!("{name}: {unit_price} {unit}s a unit, and the one other asks less: {least}"),
                _ => format!(
                    "{name}: {unit_price} {unit}s a unit, and {cheaper} of {others} others {} less, {least} the least",
                    verb(*cheaper, "asks", "ask")
                ),
            },
            "`assay provider price` suggests another; who is quicker or better known is chosen at a higher price, too",
        ),
        Some(_) => Finding::fine(
            "price",
            match others {
                1 => format!("{name}: {unit_price} {unit}s a unit, and the one other asks no less"),
                _ => format!("{name}: {unit_price} {unit}s a unit, none of {others} others asks less"),
            },
        ),
    }
}

fn asked(demand: &DemandView) -> Finding {
    let refused: u64 = demand.refused.iter().map(|refused| refused.count).sum();
    let orders = demand.agreed + refused + demand.crowded + demand.blocked;
    if orders == 0 {
        return Finding::fine("asked", "nobody has asked since the daemon started");
    }
    let DemandView { agreed, began, turned_away, crowded, blocked, .. } = demand;
    let mut said = format!(
        "{} since the daemon started: {agreed} agreed to, {began} begun, {refused} refused",
        number_of(orders, "order")
    );
    if *turned_away > 0 {
        said += &format!(", {turned_away} too late for a place");
    }
    if *crowded > 0 {
        said += &format!(", {crowded} of keys that ask too often");
    }
    if *blocked > 0 {
        said += &format!(", {blocked} of clients that are blocked");
    }
    Finding::fine("asked", said)
}

/// One reason for which orders were refused, and what its owner could do.
fn refusal(reason: Refusal, count: u64) -> Finding {
    let times = if count == 1 { "once".to_owned() } else { format!("{count} times") };
    let said = format!("{times}: {reason}");
    let mend = match reason {
        Refusal::Busy => {
            "`assay provider limits --slots N` takes more jobs at a time, if the machine has room for them"
        }
        Refusal::Price => "others order at the price of an older offer, or offer less",
        Refusal::ModelAbsent => "`assay provider models add MODEL` offers what was asked for",
        Refusal::Late => "look at `assay doctor`: is the clock right?",
        Refusal::Limits => {
            "`assay provider bench` measures again how long a run takes: an order that allows less is refused"
        }
        Refusal::Class
        | Refusal::Conflict
        | Refusal::Future
        | Refusal::SelfDealing
        | Refusal::Notary
        | Refusal::Nonce
        | Refusal::Frozen
        | Refusal::Newcomer
        | Refusal::Funds
        | Refusal::Total
        | Refusal::Dues
        | Refusal::Rate
        | Refusal::Settle
        | Refusal::Exposure
        | Refusal::Checkers
        | Refusal::Numbers
        | Refusal::Policy
        | Refusal::Full => return Finding::fine("refused", said),
    };
    Finding::warning("refused", said, mend)
}

fn document(demanded: &Demanded, allowances: &[ModelAllowance], unit: &str) -> Value {
    let Demanded { demand, neighbours, rivals, .. } = demanded;
    let price = |amount: Amount| money(amount, unit);
    json!({
        "allowances": provider::allowance_documents(allowances, unit),
        "orders": {
            "agreed": demand.agreed, "began": demand.began, "turned_away": demand.turned_away,
            "crowded": demand.crowded, "blocked": demand.blocked,
            "reasons": demand.refused.iter().map(|refused| json!({ "reason": refused.reason, "count": refused.count }))
                .collect::<Vec<_>>(),
        },
        "sightings": neighbours.iter().map(|sighting| json!({ "peer": full(sighting.peer), "sees_offer": sighting.sees }))
            .collect::<Vec<_>>(),
        "prices": rivals.iter().map(|rivals| json!({
            "model": rivals.name, "class": full(rivals.class), "unit_price": price(rivals.unit_price),
            "others": rivals.others, "cheaper": rivals.cheaper, "least": rivals.least.map(price),
        })).collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use assay_market::allowance::JobAllowance;
    use assay_protocol::id::{Digest, PeerId};

    use super::*;
    use crate::commands::finding::Severity;

    #[test]
    fn an_offer_that_nobody_knows_is_a_problem_and_silence_is_not_taken_for_that() {
        let sighting = |sees| Sighting { peer: PeerId::default(), sees };
        let told = |said: &[Option<bool>]| {
            let sightings: Vec<Sighting> = said.iter().map(|sees| sighting(*sees)).collect();
            sight(&sightings).severity
        };
        assert_eq!(told(&[]), Severity::Problem);
        assert_eq!(told(&[None]), Severity::Warning);
        assert_eq!(told(&[None, Some(false)]), Severity::Problem);
        assert_eq!(told(&[Some(true), Some(false)]), Severity::Fine);
    }

    #[test]
    fn what_does_not_run_here_as_it_is_offered_is_a_problem_where_nothing_else_is_offered() {
        let model =
            UnfitModel { name: "digits".to_owned(), reason: "no graphics card is called \"x\"".to_owned() };
        let [alone, beside] = [true, false].map(|is_all| unfit(&model, is_all));
        assert_eq!((alone.severity, beside.severity), (Severity::Problem, Severity::Warning));
        assert_eq!(beside.found, "nothing comes of orders of digits: no graphics card is called \"x\"");
        assert!(beside.mend.is_some_and(|mend| mend.contains("`assay provider models add digits`")));
    }

    #[test]
    fn a_price_above_others_is_told_with_the_least() {
        let rivals = |cheaper, least| Rivals {
            name: "digits".to_owned(),
            class: Digest::default(),
            unit_price: Amount::credits(2),
            others: 3,
            cheaper,
            least,
        };
        let dear = price(&rivals(1, Some(Amount::credits(1))), "credit");
        assert_eq!(dear.severity, Severity::Warning);
        assert_eq!(dear.found, "digits: 2.00 credits a unit, and 1 of 3 others asks less, 1.00 the least");
        assert_eq!(price(&rivals(0, Some(Amount::credits(3))), "credit").severity, Severity::Fine);
    }

    #[test]
    fn whoever_listens_on_nothing_is_told_to_offer_something_first() {
        let mend = |offers| ways(&[], offers).mend.unwrap_or_default();
        assert!(mend(false).starts_with("`assay provide`") && mend(true).starts_with("`assay up "));
    }

    #[test]
    fn a_newcomer_with_one_place_is_told_what_to_put_at_stake_if_it_has_as_much() {
        let of = ModelAllowance {
            name: "digits".to_owned(),
            manifest: Digest::default(),
            units: 1,
            allowance: JobAllowance {
                jobs: 1,
                more: 1,
                ground: AllowanceGround::Newcomer,
                stake: Amount::credits(1),
                entry: Amount::credits(4),
                raises: Vec::new(),
            },
        };
        let mend = |free| allowance(&of, Amount::credits(free), "credit").mend;
        assert_eq!(mend(3).as_deref(), Some("`assay account stake 3.00`"));
        assert_eq!(mend(2).as_deref(), Some(AS_EARNED));
    }
}
