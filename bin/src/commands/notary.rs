//! `assay notary`: whether a notary's books follow from its journal, and what is left to do where that is lost.

mod export;

use std::path::PathBuf;

use assay_market::view::BooksView;
use assay_peer::{
    daemon::{DaemonError, examine},
    handle::{AuditNotary, Audited},
    journal::OpenError,
};
use assay_protocol::{id::PeerId, notice::Head, signed::Signer, units::Amount};
use serde_json::{Value, json};

use crate::{
    command_error::{CommandError, Exit},
    daemon::{Reach, RunningDaemon},
    invocation::Invocation,
    peer_name::PeerName,
    printer::{full, money, number_of, short, verb},
};

/// A notary's books and its journal.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Verb {
    Audit(Args),
    Export(export::Args),
    Recover(RecoverArgs),
}

const EXAMPLES: &str = "\
Examples:
  assay notary audit         replay the journal of the network's notary
  assay notary audit --json  the same, for programs
  assay notary audit books.journal  judge a copy, such as `assay notary export -o books.journal` writes";

/// Fetch a notary's journal, replay it and report the first divergence.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// A copy of a journal of this home's network; without one, it is fetched from the notary
    #[arg(value_name = "FILE")]
    copy: Option<PathBuf>,
    /// Which notary to audit; the network's first if none
    #[arg(long, value_name = "PEER", conflicts_with = "copy")]
    notary: Option<PeerName>,
    #[command(flatten)]
    reach: Reach,
}

/// Say whether this notary's journal is whole, and what is left to do if it is not.
///
/// Opens it as a start does: cuts off a last write that a crash left unfinished, begins an empty journal where there is
/// none, and brings the index up to it. Signs nothing. The daemon must not run.
#[derive(Debug, clap::Args)]
#[command(after_help = RECOVER_EXAMPLES)]
pub(crate) struct RecoverArgs {}

const RECOVER_EXAMPLES: &str = "\
Examples:
  assay notary recover  after `assay up` said that the journal is cut, damaged or behind";

/// What is left to do where a notary has lost what it said.
const LEFT_TO_DO: [&str; 4] = [
    "Others hold what this notary signed. If it went on without its journal it would sign other things under the same",
    "numbers; every peer that saw both would leave it for good. So it does not start, and there are two ways:",
    "  1. Put back the newest copy of the whole home. `assay up` asks others what it said last, and ends if they know more.",
    "  2. Where there is none, give it up: found a network with another notary. Receipts that it signed stay valid.",
];

/// What is to be known of a journal without an entry: whether there was another is not to be seen in a home that is new.
const IF_IT_IS_NEW: &str = "That is for a notary that has never signed anything. One that has kept books in another home has lost \
                            its journal, and is not to be started: it would sign other things under the same numbers, and \
                            every peer that saw both would leave it for good. Put back the newest copy of its whole home; where \
                            there is none, found a network with another notary. Receipts that it signed stay valid.";

/// What is to be known of any other that is whole.
const IF_IT_IS_OLD: &str = "`assay up` asks whom it can reach what this notary said last. If anybody heard more than this journal \
                            holds, it is an older copy: put back a newer one. `assay up --alone` waits for nobody beyond 10 s.";

pub(crate) async fn perform(verb: &Verb, invocation: &Invocation) -> Result<(), CommandError> {
    match verb {
        Verb::Audit(args) => audit(args, invocation).await,
        Verb::Export(args) => export::perform(args, invocation).await,
        Verb::Recover(_) => recover(invocation),
    }
}

fn recover(invocation: &Invocation) -> Result<(), CommandError> {
    let (genesis, own) = (invocation.network()?.genesis, invocation.home.key()?.id());
    if !genesis.notaries.contains(&own) {
        return Err(no_notary(own));
    }
    let examined = examine(&invocation.home).inspect_err(|error| {
        if has_lost(error) {
            LEFT_TO_DO.iter().for_each(|line| invocation.printer.line((*line).to_owned()));
        }
    });
    let examined = examined.map_err(|error| CommandError::from(error).of_notary())?;
    let head = examined.head.ok_or_else(|| no_notary(own))?;
    if head.sequence == 0 && examined.has_kept_books {
        LEFT_TO_DO.iter().for_each(|line| invocation.printer.line((*line).to_owned()));
        return Err(gone(invocation));
    }
    invocation.printer.line(whole(examined.records, &head));
    invocation.printer.line(if head.sequence == 0 { IF_IT_IS_NEW } else { IF_IT_IS_OLD });
    let head = json!({ "sequence": head.sequence, "digest": full(head.digest) });
    invocation.printer.document("recover", &json!({ "records": examined.records, "head": head }));
    Ok(())
}

/// Books were kept here, and nothing of them is left.
fn gone(invocation: &Invocation) -> CommandError {
    let message =
        format!("books were kept in {}, and their journal is gone", invocation.home.root().display());
    let hint = "put back the newest copy of the whole home: a notary never goes on without what it said; nothing was signed";
    CommandError::new(Exit::Problem, "JOURNAL_CUT", message, hint)
}

/// What a journal holds of which nothing is lost.
fn whole(records: u64, head: &Head) -> String {
    if records == 0 {
        return "The journal is empty: `assay up` begins it.".to_owned();
    }
    if head.sequence == 0 {
        let records = number_of(records, "record");
        return format!("The journal is whole, with {records} and no entry: `assay up` goes on with it.");
    }
    format!(
        "The journal is whole: {}, {} of them {}. The last is {}.",
        number_of(records, "record"),
        head.sequence,
        verb(head.sequence, "an entry", "entries"),
        full(head.digest)
    )
}

/// Whether a journal does not open because something of it is lost.
fn has_lost(error: &DaemonError) -> bool {
    use OpenError::{Damaged, LostTail, NoBeginning, NotAJournal};
    matches!(
        error,
        DaemonError::Journal(NotAJournal | Damaged { .. } | NoBeginning { .. } | LostTail { .. })
            | DaemonError::Read(_)
    )
}

fn no_notary(own: PeerId) -> CommandError {
    let message = format!("this peer, {}, keeps no books", short(own));
    let hint = "if this is the home of a notary, its key is not here: `assay key restore FILE` brings it back; other peers go \
                on without what they lost: `assay up --accept-lost-tail`";
    CommandError::new(Exit::Usage, "NOT_A_NOTARY", message, hint)
}

async fn audit(args: &Args, invocation: &Invocation) -> Result<(), CommandError> {
    let genesis = invocation.network()?.genesis;
    let spinner = invocation.printer.spinner("fetching and replaying the journal");
    let audited = match &args.copy {
        Some(path) => export::judge(path, genesis.clone()).await,
        None => fetched(args, invocation).await,
    };
    spinner.end();
    let (audited, unit) = (audited?, genesis.unit.as_str());
    invocation.printer.line(format!(
        "The {} published entries of {} follow from each other; open jobs concern {} more.",
        audited.entries,
        short(audited.notary),
        audited.hidden
    ));
    invocation.printer.line(format!(
        "Jobs after them: {} open, {} closed. All boxes together hold {} {}s: what was created and not destroyed.",
        audited.open,
        audited.closed,
        audited.total,
        unit
    ));
    invocation.printer.line(created(&audited, unit));
    invocation.printer.document("audit", &document(&audited, unit));
    Ok(())
}

async fn fetched(args: &Args, invocation: &Invocation) -> Result<Audited, CommandError> {
    let daemon = RunningDaemon::reach(invocation, args.reach).await?;
    let notary = daemon.notary(args.notary.as_ref())?;
    holding(daemon.call(AuditNotary { notary }).await?)
}

/// What a replay found, if the journal holds.
pub(super) fn holding(audited: Audited) -> Result<Audited, CommandError> {
    if let Some((entry, reason)) = &audited.divergence {
        return Err(diverges(&audited, *entry, reason));
    }
    if audited.total != audited.supply {
        return Err(unbalanced(&audited));
    }
    Ok(audited)
}

/// What was created when, of all that there is.
fn created(audited: &Audited, unit: &str) -> String {
    let Audited { founded, granted, grants_count, welcomed, burned, .. } = audited;
    let grants = match grants_count {
        1 => "one grant".to_owned(),
        count => format!("{count} grants"),
    };
    format!(
        "Created: {founded} {unit}s when the network was founded, {granted} by {grants} of its issuer, {welcomed} for newcomers. \
         Destroyed: {burned}."
    )
}

fn diverges(audited: &Audited, entry: u64, reason: &str) -> CommandError {
    let message = format!(
        "entry {entry} of the notary {} does not follow from those before it: {reason}",
        audited.notary
    );
    let hint =
        "trust nothing that this notary says after that entry; keep your receipts and tell its other users";
    CommandError::new(Exit::NotVerified, "DIVERGED", message, hint)
        .with(json!({ "entry": entry, "why": reason }))
}

fn unbalanced(audited: &Audited) -> CommandError {
    let Audited { total, supply, .. } = audited;
    let message = format!("all boxes hold {total}, where {supply} were created and not destroyed");
    let hint = "trust nothing that this notary says; keep your receipts and tell its other users";
    CommandError::new(Exit::NotVerified, "UNBALANCED", message, hint)
}

/// What all boxes hold.
pub(super) fn sum(books: &BooksView) -> Amount {
    let BooksView { free, stake, unbonding, forfeited, held, pool, endowment, .. } = books;
    let boxes = [free, stake, unbonding, forfeited, held, pool, endowment].map(|amount| *amount);
    boxes.into_iter().try_fold(Amount::ZERO, Amount::plus).unwrap_or(Amount(u64::MAX))
}

/// What all boxes should hold.
fn due(books: &BooksView) -> Amount {
    books.minted.minus_up_to(books.burned)
}

/// True if no money appeared or vanished.
pub(super) fn balance(books: &BooksView) -> bool {
    sum(books) == due(books)
}

/// The boxes for programs.
pub(super) fn books(books: &BooksView, unit: &str) -> Value {
    let money = |amount| money(amount, unit);
    let flagged = books
        .flagged
        .iter()
        .map(|flag| json!({ "weights": full(flag.model), "class": full(flag.class), "juries": flag.juries }));
    json!({
        "free": money(books.free), "stake": money(books.stake), "unbonding": money(books.unbonding),
        "forfeited": money(books.forfeited),
        "held": money(books.held), "pool": money(books.pool), "endowment": money(books.endowment),
        "flagged": flagged.collect::<Vec<_>>(),
        "sum": money(sum(books)), "minted": money(books.minted), "burned": money(books.burned),
        "owed": money(books.owed), "balance": balance(books), "jobs_open": books.open, "jobs_closed": books.closed,
        "head": { "sequence": books.head.sequence, "digest": full(books.head.digest) },
    })
}

fn document(audited: &Audited, unit: &str) -> Value {
    json!({
        "notary": full(audited.notary), "entries": audited.entries, "hidden": audited.hidden, "clean": true,
        "head": { "sequence": audited.head.sequence, "digest": full(audited.head.digest) },
        "jobs_open": audited.open, "jobs_closed": audited.closed,
        "total": money(audited.total, unit), "supply": money(audited.supply, unit),
        "founded": money(audited.founded, unit), "granted_in_all": money(audited.granted, unit),
        "grants_made": audited.grants_count,
        "welcomed": money(audited.welcomed, unit), "burned": money(audited.burned, unit),
    })
}

#[cfg(test)]
mod tests {
    use assay_protocol::id::Digest;

    use super::*;

    #[test]
    fn a_journal_that_is_empty_has_no_last_record() {
        let head = |sequence| Head { sequence, digest: Digest([0; 32]) };
        assert_eq!(whole(0, &head(0)), "The journal is empty: `assay up` begins it.");
        // What is said next of both is for whom `assay up` is.
        let said = whole(1, &head(0));
        assert_eq!(said, "The journal is whole, with 1 record and no entry: `assay up` goes on with it.");
        assert!(IF_IT_IS_NEW.starts_with("That is for a notary that has never signed"));
        let said = whole(3, &head(2));
        assert!(
            said.starts_with("The journal is whole: 3 records, 2 of them entries. The last is 00"),
            "{said}"
        );
    }
}
