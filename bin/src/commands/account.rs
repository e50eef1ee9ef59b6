//! `assay account`: what the notary holds for this peer, and what its owner has it do.

mod account_deed;
mod grant;
mod history;
mod register;
mod stake;
mod unstake;

use assay_market::{held_money::HeldMoney, view::AccountView};
use assay_peer::handle::{AccountOrder, InstructNotary, InstructedView, ListHeldMoney, ShowAccount};
use assay_protocol::{
    genesis::Money,
    id::PeerId,
    units::{Amount, Duration, Rate},
};
use serde_json::{Value, json};

use self::account_deed::AccountDeed;
use super::job::holding;
use crate::{
    command_error::CommandError,
    daemon::{Reach, RunningDaemon},
    invocation::Invocation,
    peer_name::PeerName,
    printer::{Table, ago, called, full, local, money, number_of, rate, short},
};

/// What the notary holds for this peer.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Verb {
    Show(Args),
    History(history::Args),
    Grant(grant::Args),
    Stake(stake::Args),
    Unstake(unstake::Args),
    Register(register::Args),
}

const EXAMPLES: &str = "\
Examples:
  assay account show         ask the network's notary
  assay account show --json  the same, for programs";

/// Ask the notary what this account holds.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Which notary to ask; the network's first if none
    #[arg(long, value_name = "PEER")]
    notary: Option<PeerName>,
    #[command(flatten)]
    reach: Reach,
}

pub(crate) async fn perform(verb: &Verb, invocation: &Invocation) -> Result<(), CommandError> {
    match verb {
        Verb::Show(args) => {
            let daemon = RunningDaemon::reach(invocation, args.reach).await?;
            let view = daemon.call(ShowAccount { notary: daemon.notary(args.notary.as_ref())? }).await?;
            let held = held_by(view.notary, &daemon).await?;
            print(&view, (&held, None), daemon.unit(), invocation);
            if let Some(words) = held_words(view.account.held) {
                invocation.printer.note(words);
            }
            if let Some(words) = unlisted_words(view.account.held, &held, daemon.unit()) {
                invocation.printer.note(words);
            }
            note_withdrawn(&view, &daemon, invocation);
            if let Some(words) = share_of_pay(&daemon.genesis.money).filter(|_| !view.account.stake.is_zero())
            {
                invocation.printer.note(words);
            }
            Ok(())
        }
        Verb::History(args) => history::perform(args, invocation).await,
        Verb::Grant(args) => grant::perform(args, invocation).await,
        Verb::Stake(args) => stake::perform(args, invocation).await,
        Verb::Unstake(args) => unstake::perform(args, invocation).await,
        Verb::Register(args) => register::perform(args, invocation).await,
    }
}

/// What becomes of what is held, where anything is.
fn held_words(held: Amount) -> Option<&'static str> {
    (!held.is_zero()).then_some(
        "what is held comes back as its jobs are closed, but for what they cost; `assay job ls` lists them",
    )
}

/// What is held for jobs that this home cannot name, where anything is.
fn unlisted_words(held: Amount, listed: &[HeldMoney], unit: &str) -> Option<String> {
    let sum = listed.iter().fold(Amount::ZERO, |sum, held| sum.plus(held.amount).unwrap_or(sum));
    let unlisted = held.minus_up_to(sum);
    (!unlisted.is_zero()).then(|| {
        format!(
            "{unlisted} {unit}s of that are held for jobs whose tickets are not here, because they are being opened, or another \
             home has this key"
        )
    })
}

/// What a notary holds for jobs of this home, what is free first first.
async fn held_by(notary: PeerId, daemon: &RunningDaemon) -> Result<Vec<HeldMoney>, CommandError> {
    let mut held = daemon.call(ListHeldMoney).await?;
    held.retain(|held| held.notary == notary);
    Ok(held)
}

/// When what is being withdrawn is free, where anything is.
fn withdrawn_words(unbonding: Amount, after: Duration) -> Option<String> {
    (!unbonding.is_zero()).then(|| {
        format!(
            "what is being withdrawn is free {} after it was withdrawn, while the notary runs, unless a job that it stood for \
             is open still",
            ago(after)
        )
    })
}

fn note_withdrawn(view: &AccountView, daemon: &RunningDaemon, invocation: &Invocation) {
    if let Some(words) = withdrawn_words(view.account.unbonding, daemon.genesis.timers.unbonding) {
        invocation.printer.note(words);
    }
}

/// Where a part of what a provider is paid goes, if the network's rules put any of it at stake.
pub(crate) fn share_of_pay(money: &Money) -> Option<String> {
    let Money { autostake_newcomer: first, autostake: then, .. } = *money;
    (first > Rate::ZERO || then > Rate::ZERO).then(|| {
        let then = match then > Rate::ZERO {
            true => {
                format!("{then} from there to its target (`assay account stake CREDITS --target CREDITS`)")
            }
            false => "nothing from there on".to_owned(),
        };
        format!(
            "a part of each pay goes into the stake: {first} while that is small, {then}; \
             `assay account unstake` takes it out again"
        )
    })
}

/// Has a notary do something, and prints what the account holds then.
async fn instruct(
    order: AccountOrder,
    notary: Option<&PeerName>,
    reach: Reach,
    invocation: &Invocation,
) -> Result<(RunningDaemon, AccountView), CommandError> {
    let daemon = RunningDaemon::reach(invocation, reach).await?;
    let notary = daemon.notary(notary)?;
    let spinner = invocation.printer.spinner("waiting for the notary");
    let answer = daemon.call(InstructNotary { notary, order: order.clone() }).await;
    spinner.end();
    let InstructedView { number, said: view } = answer?;
    let deed = AccountDeed::done(order, number, daemon.genesis.timers.unbonding);
    let held = held_by(view.notary, &daemon).await?;
    print(&view, (&held, Some(&deed)), daemon.unit(), invocation);
    note_withdrawn(&view, &daemon, invocation);
    Ok((daemon, view))
}

fn print(
    view: &AccountView,
    (held, deed): (&[HeldMoney], Option<&AccountDeed>),
    unit: &str,
    invocation: &Invocation,
) {
    let account = &view.account;
    let mut table = Table::new(["MONEY", "HOW MUCH"]);
    let boxes = [
        ("free", account.free),
        ("at stake", account.stake),
        ("held for open jobs", account.held),
        ("owed by the pool", account.owed),
    ];
    // What hardly any account has has a line where there is something of it.
    let rare =
        [("being withdrawn", account.unbonding), ("lost in traps, not paid out yet", account.forfeited)];
    let rare = rare.into_iter().filter(|(_, amount)| !amount.is_zero());
    for (name, amount) in boxes.into_iter().chain(rare) {
        table.row([name.to_owned(), format!("{amount} {unit}s")]);
    }
    invocation.printer.table(&table);
    if !held.is_empty() {
        invocation.printer.line("");
        invocation.printer.table(&held_table(held));
    }
    suspended_words(account.suspended).into_iter().for_each(|words| invocation.printer.note(words));
    let head = account.head;
    invocation.printer.note(format!(
        "said by the notary {} at record {} of its journal",
        short(view.notary),
        head.sequence
    ));
    if let Some(deed) = deed {
        invocation.printer.note(deed.words(unit));
    }
    invocation.printer.document("account", &document(view, (held, deed), unit));
}

/// What is held, for which jobs, and until when.
fn held_table(held: &[HeldMoney]) -> Table {
    let mut table = Table::new(["HELD", "JOB", "MODEL", "FREE AT THE LATEST", "BACK BUT FOR FEES"]);
    for held in held {
        table.row([
            held.amount.to_string(),
            short(held.submission),
            called(&held.manifest),
            local(held.until),
            held.beyond_price().to_string(),
        ]);
    }
    table
}

fn held_document(held: &HeldMoney, unit: &str) -> Value {
    let mut document = holding::document(Some(held), unit);
    document["submission"] = full(held.submission).into();
    document["job"] = full(held.job).into();
    document["model"] = held.manifest.clone().into();
    document
}

/// What the notary of the network holds, for pages.
pub(super) async fn for_pages(daemon: &RunningDaemon) -> Result<Value, CommandError> {
    let view = daemon.call(ShowAccount::default()).await?;
    let held = held_by(view.notary, daemon).await?;
    Ok(document(&view, (&held, None), daemon.unit()))
}

fn document(view: &AccountView, (held, deed): (&[HeldMoney], Option<&AccountDeed>), unit: &str) -> Value {
    let AccountView { notary, account } = view;
    let head = account.head;
    json!({
        "notary": full(notary), "free": money(account.free, unit), "stake": money(account.stake, unit),
        "unbonding": money(account.unbonding, unit), "forfeited": money(account.forfeited, unit),
        "held": money(account.held, unit), "owed": money(account.owed, unit), "fee_margin": rate(account.fee_margin),
        "suspended": account.suspended,
        "held_for": held.iter().map(|held| held_document(held, unit)).collect::<Vec<_>>(),
        "head": { "sequence": head.sequence, "digest": full(head.digest) },
        "instructed": deed.map(|deed| deed.document(unit)),
    })
}

/// How many kinds of jobs this peer is not drawn for. What its machine does not run is registered again all the same.
fn suspended_words(kinds: u64) -> Option<String> {
    let kinds = (kinds > 0).then(|| number_of(kinds, "kind"))?;
    Some(format!(
        "suspended as a verifier of {kinds} of jobs, for checks that were not answered in time; it registers again by itself. Where \
         that happens again and again, `assay logs` says which were not run, and `assay account register` tries models anew and \
         registers what this machine checks"
    ))
}

#[cfg(test)]
mod tests {
    use assay_protocol::units::Timestamp;

    use super::*;
    use crate::fixture::held_money;

    #[test]
    fn who_is_suspended_is_told_what_to_do_where_it_happens_again() {
        assert_eq!(suspended_words(0), None);
        let said = suspended_words(2).unwrap();
        assert!(said.starts_with("suspended as a verifier of 2 kinds of jobs"), "{said}");
        assert!(said.contains("`assay logs`") && said.contains("`assay account register`"), "{said}");
    }

    #[test]
    fn what_is_held_is_said_to_come_back_where_anything_is() {
        assert_eq!(held_words(Amount::ZERO), None);
        assert!(held_words(Amount(1)).is_some_and(|words| words.starts_with("what is held comes back")));
    }

    #[test]
    fn what_is_held_for_jobs_that_nobody_here_knows_is_said_to_be() {
        let held = held_money(Amount::credits(2), Amount::credits(1));
        let all = [held.clone(), held];
        for known in [4, 3, 0] {
            assert_eq!(unlisted_words(Amount::credits(known), &all, "credit"), None, "{known}");
        }
        let said = unlisted_words(Amount::credits(5), &all, "credit").unwrap();
        assert!(
            said.starts_with("1.00 credits of that are held for jobs whose tickets are not here"),
            "{said}"
        );
        let row = held_table(&all).plain();
        let until = local(Timestamp(1_000));
        assert_eq!(row.lines().next(), Some(&*format!("2.00\t010101010101\tdigits\t{until}\t1.00")));
        let document = held_document(&all[0], "credit");
        assert_eq!((&document["job"], &document["model"]), (&full(all[0].job).into(), &"digits".into()));
    }

    #[test]
    fn what_is_being_withdrawn_is_said_to_be_free_after_the_time_of_the_network() {
        let day = Duration::seconds(24 * 3_600);
        assert_eq!(withdrawn_words(Amount::ZERO, day), None);
        let said = withdrawn_words(Amount(1), day).unwrap();
        assert!(said.starts_with("what is being withdrawn is free 24 h after"), "{said}");
    }

    #[test]
    fn what_goes_into_the_stake_is_said_where_anything_does() {
        let (half, fifth) = (Rate::per_mille(500), Rate::per_mille(200));
        let words = |autostake_newcomer, autostake| {
            share_of_pay(&Money { autostake_newcomer, autostake, ..Money::default() })
        };
        assert_eq!(words(Rate::ZERO, Rate::ZERO), None);
        let said = words(half, fifth).unwrap();
        assert!(said.contains(&format!("stake: {half} while that is small, {fifth} from there")), "{said}");
        assert!(words(Rate::ZERO, fifth).is_some());
        let said = words(half, Rate::ZERO).unwrap();
        assert!(said.contains("while that is small, nothing from there on; "), "{said}");
    }
}
