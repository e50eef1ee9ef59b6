//! `assay status`: how this peer is.

use std::net::{IpAddr, Ipv4Addr};

use assay_market::{
    node::Fault,
    view::{DayView, FaultView, HeardNotaryView, RunState, RunView},
};
use assay_peer::handle::{
    ClassView, ListRuns, ModelAllowance, ModelView, ShowLimits, ShowStatus, StatusView,
};
use assay_protocol::{id::PeerId, units::Duration};
use serde_json::{Value, json};

use super::provider::{allowance_documents, allowed, held_documents, held_line};
use crate::{
    command_error::CommandError,
    daemon::{Reach, RunningDaemon},
    invocation::Invocation,
    printer::{Table, ago, called, full, moment, money, number_of, short},
};

/// What a daemon has to find somebody, as a rule.
const CONNECTS_IN: Duration = Duration(10_000);

const EXAMPLES: &str = "\
Examples:
  assay status                                how this peer is
  assay status --json                         the same, for programs
  assay --home /tmp/second status --no-start  fail if its daemon is not running";

/// Show how this peer is: connections, offers, jobs.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    reach: Reach,
}

pub(crate) async fn perform(args: &Args, invocation: &Invocation) -> Result<(), CommandError> {
    let daemon = RunningDaemon::reach(invocation, args.reach).await?;
    let asked = StatusLook::of(&daemon).await?;
    invocation.printer.document("status", &document(&asked, daemon.unit()));
    invocation.printer.table(&table(&asked));
    let status = &asked.status;
    if status.neighbours.is_empty() {
        let names_addresses = invocation.network()?.names_addresses();
        invocation.printer.note(alone(status.uptime, status.is_notary, names_addresses));
    }
    Ok(())
}

/// What is said where nobody is connected, so long after the start, by a network file that names addresses of others or none.
fn alone(uptime: Duration, is_notary: bool, names_addresses: bool) -> &'static str {
    match (uptime < CONNECTS_IN, is_notary, names_addresses) {
        (true, ..) => {
            "nobody is connected yet: it has just started, and looks for others; look again in a moment"
        }
        (false, true, _) => {
            "nobody is connected; `assay doctor` says what others must do to find this notary"
        }
        (false, false, true) => "nobody is connected; the network file may name peers that are gone",
        (false, false, false) => {
            "nobody is connected; the network file names no address, so others are found on the local network: the daemon of \
             its notary has to be up in the same one"
        }
    }
}

/// What a daemon says of itself.
struct StatusLook {
    status: StatusView,
    runs: Vec<RunView>,
    /// How many jobs the notary allows of what is offered, as it last said.
    allowances: Vec<ModelAllowance>,
}

impl StatusLook {
    async fn of(daemon: &RunningDaemon) -> Result<Self, CommandError> {
        let (status, runs) = (daemon.call(ShowStatus).await?, daemon.call(ListRuns).await?);
        // What was offered a moment ago may be no more.
        let limits = match status.providing.is_some() {
            true => daemon.call(ShowLimits).await.ok(),
            false => None,
        };
        Ok(Self { status, runs, allowances: limits.map(|limits| limits.allowances).unwrap_or_default() })
    }
}

/// How a peer is, for pages.
pub(super) async fn for_pages(daemon: &RunningDaemon) -> Result<Value, CommandError> {
    Ok(document(&StatusLook::of(daemon).await?, daemon.unit()))
}

fn table(asked: &StatusLook) -> Table {
    let StatusLook { status, runs, allowances } = asked;
    let mut table = Table::new(["WHAT", "HOW"]);
    let mut row = |what: &str, how: String| table.row([what.to_owned(), how]);
    row("peer", full(status.peer));
    row("network", format!("{} ({})", called(&status.network_name), short(status.network)));
    row("roles", roles(status));
    for of in allowances {
        row("allowed", allowed(of, &status.unit));
    }
    if let Some(pause) = &status.paused {
        row("jobs", format!("{}: nothing new is taken on", super::pause::told(pause)));
    }
    for held in &status.held {
        row("rule", held_line(held));
    }
    row("up for", ago(status.uptime));
    row("listens on", listening(&status.addresses));
    row("connected to", peers(status.neighbours.len()));
    for heard in &status.notaries_heard {
        row("notary", heard_line(heard));
    }
    row("offers known", status.offers.to_string());
    row("spent today", spent(&status.day, &status.unit));
    row("own jobs", format!("{}, {} of them open", status.jobs, status.jobs_open));
    row(
        "runs",
        format!(
            "{} now; of late {} for pay, {} as checks",
            status.running,
            count(runs, false),
            count(runs, true)
        ),
    );
    if !status.classes.is_empty() {
        row("machine", machine(&status.classes));
    }
    for wall in &status.missing_walls {
        row("sandbox", format!("this machine does not give it a wall: {wall}"));
    }
    if !status.models.is_empty() {
        row("models", models(&status.models));
    }
    row(
        "keeps",
        format!("{}, {} KiB of blobs", number_of(status.records, "record"), status.blob_bytes / 1024),
    );
    row("disk", disk(status.disk_free, status.disk_floor));
    if status.malformed + status.forged > 0 {
        row("refused", format!("{} malformed and {} forged messages", status.malformed, status.forged));
    }
    if let Some(faults) = faults(&status.faults) {
        row("not taken", format!("messages that should not have been sent: {faults}"));
    }
    parted(status).into_iter().for_each(|(what, how)| row(what, how));
    table
}

/// Why a notary keeps no books yet, beside so many who are connected.
fn waiting(connected: usize) -> &'static str {
    match connected {
        0 => "not kept yet: waits for somebody who heard what this notary said last (`assay up --alone`)",
        _ => "not kept yet: asks who is connected what this notary said last, for ten seconds at least",
    }
}

/// What keeps this peer and others apart, where anything does.
fn parted(status: &StatusView) -> Vec<(&'static str, String)> {
    let mut rows = Vec::new();
    if status.waits {
        rows.push(("books", waiting(status.neighbours.len()).to_owned()));
    }
    if !status.severed.is_empty() {
        let severed = peers(status.severed.len());
        rows.push(("kept apart", format!("from {severed}, as its owner wants until it starts again")));
    }
    if status.left_by > 0 {
        let peers = number_of(status.left_by, "peer");
        let how =
            format!("{peers}, as they say without proof, for two journals of it (`assay notary recover`)");
        rows.push(("left by", how));
    }
    let left = |notary: &PeerId| ("left", format!("the notary {}, which keeps two journals", short(notary)));
    rows.extend(status.forked.iter().map(left));
    rows
}

/// When a notary was last heard.
fn heard_line(heard: &HeardNotaryView) -> String {
    match heard.ago {
        Some(length) => format!("{}, heard {} ago", short(heard.notary), ago(length)),
        None => format!("{}, not heard yet", short(heard.notary)),
    }
}

/// Where others find this peer, and who of them.
pub(super) fn listening(addresses: &[String]) -> String {
    let who = match reach(addresses) {
        None => return "nothing: it asks others, and nobody needs to ask it".to_owned(),
        Some(Reached::Machine) => "from this machine alone",
        Some(Reached::Room) => "from this network alone, unless a router passes the port on",
        Some(Reached::World) => "from everywhere, unless a firewall is in the way",
    };
    format!("{}; can be reached {who}", addresses.join(", "))
}

/// How far away those may be who use an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Reached {
    Machine,
    Room,
    World,
}

/// The farthest that use one of these; nothing without any.
pub(super) fn reach(addresses: &[String]) -> Option<Reached> {
    addresses.iter().map(|address| reach_of(address)).max()
}

fn reach_of(address: &str) -> Reached {
    let host = address.split('/').nth(2).and_then(|host| host.parse::<IpAddr>().ok());
    match host {
        None => Reached::World,
        Some(host) if host.is_loopback() => Reached::Machine,
        Some(IpAddr::V4(host)) if is_of_a_room(host) => Reached::Room,
        Some(IpAddr::V6(host)) if host.is_unique_local() || host.is_unicast_link_local() => Reached::Room,
        Some(_) => Reached::World,
    }
}

/// Whether another machine may have the same address: in a house, at a provider that shares one among many, or in a book.
fn is_of_a_room(host: Ipv4Addr) -> bool {
    let [first, second, ..] = host.octets();
    let is_shared = first == 100 && second & 0xc0 == 64;
    host.is_private() || host.is_link_local() || host.is_documentation() || is_shared
}

/// The network's models, and how far those are that are on their way.
fn models(models: &[ModelView]) -> String {
    let words: Vec<String> = models.iter().map(model).collect();
    words.join(", ")
}

/// A model, and how far it is.
pub(super) fn model(model: &ModelView) -> String {
    let name = called(&model.name);
    match (model.is_here, model.arrived, model.bytes) {
        (true, ..) => name,
        (false, Some(arrived), Some(bytes)) => {
            format!("{name} ({} of {} MiB)", arrived >> 20, bytes.div_ceil(1 << 20))
        }
        (false, Some(_), None) => format!("{name} (asked for)"),
        (false, None, _) => format!("{name} (not here)"),
    }
}

/// How much room the disk has, and what follows from it.
pub(super) fn disk(free: Option<u64>, floor: u64) -> String {
    let Some(bytes) = free else { return "this system does not say what is free".to_owned() };
    let (free, least) = (bytes >> 20, floor >> 20);
    if is_short(Some(bytes), floor) {
        return format!("{free} MiB free, less than {least}: no new jobs are taken, and nothing is offered");
    }
    format!("{free} MiB free")
}

/// Whether there is too little for anything new.
pub(super) fn is_short(free: Option<u64>, floor: u64) -> bool {
    free.is_some_and(|free| free < floor)
}

/// What is spent of today, and what is left of it.
fn spent(day: &DayView, unit: &str) -> String {
    let DayView { spent, daily_max } = day;
    let ceiling = daily_max.zip(day.left()).map(|(most, left)| format!("; {left} of {most} are left"));
    format!("{spent} {unit}s at most{}, since midnight UTC", ceiling.unwrap_or_default())
}

fn roles(status: &StatusView) -> String {
    let provides = status.providing.as_ref().map(|providing| {
        let names: Vec<&str> = providing
            .benches
            .iter()
            .flat_map(|bench| bench.services.iter().map(|service| service.name.as_str()))
            .collect();
        format!("provider of {}", names.join(", "))
    });
    let roles = [
        Some("client".to_owned()),
        provides,
        status.is_verifier.then(|| "verifier".to_owned()),
        status.is_notary.then(|| "notary".to_owned()),
    ];
    roles.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// How many of each kind, and why, of those that only a peer sends that is wrong. What comes twice, too late or where there is
/// no room for it is usual wherever messages are said again until they are answered: that is for programs alone.
fn faults(faults: &[FaultView]) -> Option<String> {
    let said = |view: &FaultView| {
        let why = match view.fault? {
            Fault::Stranger => "from somebody else than it must be from",
            Fault::Contrary => "against what was agreed",
            Fault::Untimely | Fault::Refused | Fault::Crowded => return None,
        };
        Some(format!("{} {} ({why})", view.count, view.kind))
    };
    let said: Vec<String> = faults.iter().filter_map(said).collect();
    (!said.is_empty()).then(|| said.join(", "))
}

fn peers(count: usize) -> String {
    if count == 1 { "1 peer".to_owned() } else { format!("{count} peers") }
}

fn count(runs: &[RunView], as_checks: bool) -> usize {
    runs.iter().filter(|run| run.check == as_checks).count()
}

/// What this machine is to jobs, an engine after the other.
fn machine(classes: &[ClassView]) -> String {
    let engines: Vec<&str> = classes.iter().map(|class| class.machine.as_str()).collect();
    called(&engines.join("; "))
}

fn document(asked: &StatusLook, unit: &str) -> Value {
    let StatusLook { status, runs, allowances } = asked;
    let neighbours: Vec<Value> =
        status.neighbours.iter().map(|neighbour| json!({ "peer": full(neighbour) })).collect();
    let classes =
        status.classes.iter().map(|class| json!({ "class": full(class.class), "machine": class.machine }));
    json!({
        "peer": full(status.peer), "version": status.program,
        "network": full(status.network), "network_name": status.network_name,
        "is_notary": status.is_notary, "is_verifier": status.is_verifier,
        "paused": status.paused.as_ref().map(super::pause::document), "rules_held": held_documents(&status.held),
        "providing": status.providing.as_ref().map(|providing| super::provide::document(providing, unit)),
        "allowances": allowance_documents(allowances, unit),
        "classes": classes.collect::<Vec<_>>(), "missing_walls": status.missing_walls,
        "arrivals": status.models.iter().map(|model| {
            json!({ "model": model.name, "is_here": model.is_here, "arrived_bytes": model.arrived, "bytes": model.bytes })
        }).collect::<Vec<_>>(),
        "addresses": status.addresses, "neighbours": neighbours,
        "severed": status.severed.iter().map(full).collect::<Vec<_>>(),
        "notaries_heard": status.notaries_heard.iter().map(|heard| {
            json!({ "notary": full(heard.notary), "heard_ago_ms": heard.ago.map(|length| length.0) })
        }).collect::<Vec<_>>(),
        "started": moment(status.started), "uptime_ms": status.uptime.0,
        "spent_today": money(status.day.spent, unit),
        "daily_max": status.day.daily_max.map(|most| money(most, unit)),
        "left_today": status.day.left().map(|left| money(left, unit)),
        "offers_known": status.offers, "jobs_known": status.jobs, "jobs_open": status.jobs_open, "running": status.running,
        "records": status.records, "blob_bytes": status.blob_bytes,
        "disk_free": status.disk_free, "disk_floor": status.disk_floor,
        "takes_new_jobs": !is_short(status.disk_free, status.disk_floor),
        "malformed": status.malformed, "forged": status.forged,
        "faults": status.faults.iter().map(fault).collect::<Vec<_>>(),
        "waits": status.waits,
        "forked": status.forked.iter().map(full).collect::<Vec<_>>(), "left_by": status.left_by,
        "runs": runs.iter().map(run).collect::<Vec<_>>(),
    })
}

fn fault(view: &FaultView) -> Value {
    let reason = match view.fault {
        None => "unknown",
        Some(Fault::Stranger) => "stranger",
        Some(Fault::Untimely) => "untimely",
        Some(Fault::Contrary) => "contrary",
        Some(Fault::Refused) => "refused",
        Some(Fault::Crowded) => "crowded",
    };
    json!({ "kind": view.kind, "reason": reason, "count": view.count })
}

fn run(run: &RunView) -> Value {
    let (state, outcome) = match run.state {
        RunState::Running => ("running", None),
        RunState::Committed => ("claimed", None),
        RunState::Closed(outcome) => ("closed", Some(outcome)),
        RunState::Ended => ("ended", None),
    };
    json!({
        "job": full(run.job), "model": run.manifest, "is_check": run.check, "state": state, "outcome": outcome,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_has_just_started_is_not_told_that_others_are_gone() {
        assert!(alone(Duration(84), false, true).starts_with("nobody is connected yet"));
        assert!(alone(CONNECTS_IN, false, true).contains("may name peers that are gone"));
        let nameless = alone(CONNECTS_IN, false, false);
        assert!(nameless.contains("notary has to be up") && !nameless.contains("gone"), "{nameless}");
        assert!(alone(CONNECTS_IN, true, true).contains("to find this notary"), "its own file names itself");
    }

    #[test]
    fn a_notary_that_asks_who_is_connected_needs_no_word_of_its_operator() {
        assert!(waiting(0).contains("`assay up --alone`"));
        assert!(!waiting(2).contains("--alone") && waiting(2).contains("asks who is connected"));
    }

    #[test]
    fn an_address_that_other_machines_may_have_as_well_leads_from_nowhere_else_to_this_one() {
        for (host, reached) in [
            ("ip4/127.0.0.1", Reached::Machine),
            ("ip6/::1", Reached::Machine),
            ("ip4/10.0.0.2", Reached::Room),
            ("ip4/172.16.0.2", Reached::Room),
            ("ip4/192.168.1.5", Reached::Room),
            ("ip4/169.254.0.2", Reached::Room),
            ("ip4/100.64.0.2", Reached::Room),
            ("ip4/192.0.2.2", Reached::Room),
            ("ip4/203.0.113.7", Reached::Room),
            ("ip6/fd00::2", Reached::Room),
            ("ip6/fe80::2", Reached::Room),
            ("ip4/100.63.0.2", Reached::World),
            ("ip4/93.184.216.34", Reached::World),
            ("dns4/example.org", Reached::World),
        ] {
            assert_eq!(reach_of(&format!("/{host}/tcp/29292")), reached, "{host}");
        }
    }
}
