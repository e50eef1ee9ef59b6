//! `assay network show`: the network that a home is in, and the rules that its peers agree to, in words.
//!
//! **Invariant:** what is shown is in the file that is handed on; no daemon is asked.

use assay_peer::config::{Contact, NetworkFile};
use assay_protocol::{
    genesis::{Checks, Genesis},
    id::PeerId,
    units::Rate,
};
use serde_json::{Value, json};

use crate::{
    command_error::CommandError,
    commands::account::share_of_pay,
    invocation::Invocation,
    printer::{Table, ago, called, full, money, number_of, path_text, rate, verb},
};

const EXAMPLES: &str = "\
Examples:
  assay network show               which network this home is in, by which rules, and its file
  assay --home nora network show   the same of another home
  assay network show --json        with the rules as their file has them, for programs";

/// Show the network that this home is in: its name, who keeps its books, its rules, and the file to hand on.
///
/// A network is named by the digest of its rules: peers with another one are in another network, whatever that is called.
/// Where peers are found is no part of the rules.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {}

pub(super) fn perform(invocation: &Invocation) -> Result<(), CommandError> {
    let file = invocation.network()?;
    invocation.printer.table(&table(&file, &path_text(&invocation.home.network())));
    invocation
        .printer
        .note("hand that file on: `assay init --network FILE` joins with it, and nothing in it is secret");
    invocation.printer.document("network-rules", &document(&file, invocation));
    Ok(())
}

fn table(file: &NetworkFile, path: &str) -> Table {
    let genesis = &file.genesis;
    let mut table = Table::new(["WHAT", "HOW"]).wraps();
    let mut row = |what: &str, how: String| table.row([what.to_owned(), how]);
    row("name", called(&genesis.name));
    row("network", full(genesis.id()));
    row("file", path.to_owned());
    for notary in &genesis.notaries {
        row("notary", full(notary));
        row("  found", found(&file.contacts, *notary));
    }
    for contact in file.contacts.iter().filter(|contact| !genesis.notaries.contains(&contact.peer)) {
        row("others", format!("{} at {}", full(contact.peer), contact.addresses.join(", ")));
    }
    let models: Vec<String> = genesis.manifests.iter().map(|manifest| called(&manifest.name)).collect();
    row("models", if models.is_empty() { "none of its own".to_owned() } else { models.join(", ") });
    rules(genesis).into_iter().for_each(|(what, how)| row(what, how));
    table
}

/// Where a peer is found.
fn found(contacts: &[Contact], peer: PeerId) -> String {
    match contacts.iter().find(|contact| contact.peer == peer) {
        Some(contact) => contact.addresses.join(", "),
        None => "on the local network, wherever it is there".to_owned(),
    }
}

/// The rules that people ask for.
fn rules(genesis: &Genesis) -> Vec<(&'static str, String)> {
    let Genesis { timers, checks, money, .. } = genesis;
    let mut rules = vec![
        ("credits", welcome(genesis)),
        ("issuer", issuer(genesis)),
        ("verifiers", format!("{} from the first day", number_of(genesis.verifiers.len(), "peer"))),
        (
            "checks",
            format!(
                "each job with a chance of {} at least, and of whoever has too little at stake every job",
                checks.base
            ),
        ),
        ("  by whom", checkers(checks)),
        (
            "lies",
            format!(
                "cost their provider {} what the client can lose, and {} at least, as far as the stake goes",
                number_of(money.slash_multiple, "time"),
                number_of(money.slash_checks, "check")
            ),
        ),
        ("stakes", format!("free {} after they are withdrawn", ago(timers.unbonding))),
        (
            "time",
            format!(
                "a job that is not checked is paid {} after that was drawn, or later if its checks could take longer; none may \
                 take longer than {}",
                ago(timers.window),
                ago(timers.settle_max)
            ),
        ),
    ];
    rules.extend(share_of_pay(money).map(|words| ("pay", words)));
    rules
}

fn welcome(genesis: &Genesis) -> String {
    let (welcome, unit, most) = (genesis.money.welcome, &genesis.unit, genesis.money.welcomes_per_hour);
    match welcome.is_zero() || most == 0 {
        true => format!("{unit}s in the notary's books; a new account is given none"),
        false => format!(
            "{unit}s in the notary's books; a new account is given {welcome}, at most {most} of them in an hour"
        ),
    }
}

fn issuer(genesis: &Genesis) -> String {
    match genesis.notaries.contains(&genesis.issuer) {
        true => "the notary creates credits, by grants that stand in its books".to_owned(),
        false => format!("{} creates credits", full(genesis.issuer)),
    }
}

fn checkers(checks: &Checks) -> String {
    let equal = checks.effective_min.0 as f64 / Rate::ONE.0 as f64;
    let least = checks.leaves_min;
    format!(
        "{} beside client and provider, who {} as {equal:.2} of equal stake",
        number_of(least, "other"),
        verb(usize::try_from(least).unwrap_or(usize::MAX), "counts", "count")
    )
}

fn document(file: &NetworkFile, invocation: &Invocation) -> Value {
    let genesis = &file.genesis;
    let contact = |contact: &Contact| json!({ "peer": full(contact.peer), "addresses": contact.addresses });
    json!({
        "network": full(genesis.id()), "network_name": genesis.name,
        "home": path_text(invocation.home.root()), "network_file": path_text(&invocation.home.network()),
        "notaries": genesis.notaries.iter().map(full).collect::<Vec<_>>(), "issuer": full(genesis.issuer),
        "contacts": file.contacts.iter().map(contact).collect::<Vec<_>>(),
        "verifiers": genesis.verifiers.iter().map(|founder| full(founder.peer)).collect::<Vec<_>>(),
        "manifests": genesis.manifests.iter().map(|manifest| {
            json!({ "model": manifest.name, "manifest": full(manifest.digest()), "weights": full(manifest.model) })
        }).collect::<Vec<_>>(),
        "welcome": money(genesis.money.welcome, &genesis.unit), "check_rate_least": rate(genesis.checks.base),
        "unbonding_ms": genesis.timers.unbonding.0, "window_ms": genesis.timers.window.0,
        "settle_max_ms": genesis.timers.settle_max.0, "rules_text": file.to_toml(),
    })
}

#[cfg(test)]
mod tests {
    use assay_peer::config;
    use assay_protocol::units::{Amount, Duration};

    use super::*;

    #[test]
    fn rules_are_told_as_they_are() {
        let notary = PeerId([1; 32]);
        let mut genesis = config::genesis("lab", notary);
        genesis.notaries = vec![notary];
        genesis.money.welcome = Amount::credits(5);
        genesis.money.welcomes_per_hour = 60;
        genesis.timers.unbonding = Duration::seconds(24 * 3_600);
        let told = |genesis: &Genesis, about: &str| {
            let all = rules(genesis);
            all.into_iter().find(|(what, _)| *what == about).map(|(_, how)| how).unwrap()
        };
        assert!(
            told(&genesis, "credits").ends_with("a new account is given 5.00, at most 60 of them in an hour")
        );
        assert_eq!(told(&genesis, "stakes"), "free 24 h after they are withdrawn");
        assert!(told(&genesis, "issuer").starts_with("the notary creates credits"));
        genesis.money.welcome = Amount::ZERO;
        genesis.issuer = PeerId([2; 32]);
        genesis.checks.leaves_min = 1;
        assert!(told(&genesis, "credits").ends_with("a new account is given none"));
        assert_eq!(told(&genesis, "issuer"), format!("{} creates credits", full(genesis.issuer)));
        assert!(
            told(&genesis, "  by whom").starts_with("1 other beside client and provider, who counts as ")
        );
    }

    #[test]
    fn a_notary_without_a_place_is_found_in_the_room() {
        let (notary, other) = (PeerId([1; 32]), PeerId([2; 32]));
        let contacts = [Contact { peer: notary, addresses: vec!["/ip4/10.0.0.1/tcp/4001".to_owned()] }];
        assert_eq!(found(&contacts, notary), "/ip4/10.0.0.1/tcp/4001");
        assert_eq!(found(&contacts, other), "on the local network, wherever it is there");
    }
}
