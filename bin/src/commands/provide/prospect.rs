//! What may come of an offer: who knows it, from where it can be reached, how many jobs the notary allows, and what this peer
//! earned of late.
//!
//! **Invariant:** nothing is promised: what is told is what others say now, and what receipts prove.

use std::time::Duration;

use assay_market::owner::HeldRule;
use assay_peer::{
    clock,
    handle::{JobPart, ListReceipts, ModelAllowance, ShowDemand, ShowStatus, Sighting},
};
use assay_protocol::{
    outcome::Outcome,
    units::{Amount, Timestamp},
};
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use crate::{
    command_error::CommandError,
    commands::{
        provider::{allowance_documents, asked_allowances, held_line, tell_of_allowances},
        receipt::receipt_walk::ReceiptWalk,
        status,
    },
    daemon::RunningDaemon,
    invocation::Invocation,
    printer::{full, money},
};

/// How long others have to hear of an offer, and the notary to say what is at stake.
const HEARD_WITHIN: Duration = Duration::from_secs(10);
/// Between two questions whether they have.
const ASK_EVERY: Duration = Duration::from_millis(500);
/// How long what was earned may take to be added up.
const SUMMED_WITHIN: Duration = Duration::from_secs(5);
/// The days that what was earned is added up of.
const DAYS: u64 = 7;
const DAY_MS: u64 = 86_400_000;

/// What may come of an offer.
pub(super) struct Prospect {
    addresses: Vec<String>,
    /// What keeps all jobs away now, a line each.
    away: Vec<String>,
    sightings: Vec<Sighting>,
    /// Nothing, where it would take long to add up.
    lately: Option<Lately>,
    /// How many jobs the notary allows; nothing, where it says nothing.
    allowances: Option<Vec<ModelAllowance>>,
}

/// What this peer earned of late.
struct Lately {
    jobs: usize,
    earned: Amount,
}

impl Lately {
    async fn of(daemon: &RunningDaemon) -> Result<Self, CommandError> {
        let since = Timestamp(clock::wall().0.saturating_sub(DAYS * DAY_MS));
        let wanted =
            ListReceipts { since: Some(since), part: Some(JobPart::Provider), ..ListReceipts::default() };
        let mut lately = Self { jobs: 0, earned: Amount::ZERO };
        let mut walk = ReceiptWalk::all(wanted, daemon);
        while let Some(page) = walk.next().await? {
            // What was won in a trap is not there yet.
            for receipt in page.receipts.iter().filter(|receipt| receipt.outcome != Outcome::Trap) {
                lately.jobs += 1;
                lately.earned = lately.earned.plus(receipt.paid).unwrap_or(lately.earned);
            }
        }
        Ok(lately)
    }

    fn words(&self, unit: &str) -> String {
        match self.jobs {
            0 => format!("nothing was earned here in {DAYS} days"),
            jobs => {
                format!("the last {DAYS} days brought {} {unit}s, for {}", self.earned, super::jobs(jobs))
            }
        }
    }

    fn document(&self, unit: &str) -> Value {
        json!({ "days": DAYS, "jobs_closed": self.jobs, "earned": money(self.earned, unit) })
    }
}

impl Prospect {
    /// Waits until somebody connected knows the offer, but not for long, and adds up what was earned. What cannot be found out
    /// is not known: the offer stands all the same.
    pub(super) async fn of(addresses: &[String], daemon: &RunningDaemon) -> Self {
        let mut sightings = Vec::new();
        let status = daemon.call(ShowStatus).await.ok();
        let away =
            status.map(|status| away(&status.held, status.disk_free, status.disk_floor)).unwrap_or_default();
        // Whoever is asked last may be slow; what the others said by then counts.
        let (_, lately, allowances) = tokio::join!(
            timeout(HEARD_WITHIN, look(daemon, away.is_empty(), &mut sightings)),
            timeout(SUMMED_WITHIN, Lately::of(daemon)),
            timeout(HEARD_WITHIN, asked_allowances(daemon)),
        );
        let lately = lately.ok().and_then(Result::ok);
        let allowances = allowances.ok().and_then(Result::ok);
        Self { addresses: addresses.to_vec(), away, sightings, lately, allowances }
    }

    pub(super) fn tell(&self, unit: &str, invocation: &Invocation) {
        let note = |line: String| invocation.printer.note(line);
        note(format!("listens on {}", status::listening(&self.addresses)));
        match self.away.is_empty() {
            true => note(seen(&self.sightings)),
            false => {
                self.away.iter().cloned().for_each(note);
                note("nobody is told of the offer until then; `assay why` says when it is".to_owned());
            }
        }
        match &self.allowances {
            Some(allowances) => tell_of_allowances(allowances, unit, &invocation.printer),
            None => {
                note("the notary does not say how many jobs it allows: `assay why` asks again".to_owned())
            }
        }
        self.lately.iter().for_each(|lately| note(lately.words(unit)));
    }

    pub(super) fn add_to(&self, document: &mut Value, unit: &str) {
        let sighting = |at: &Sighting| json!({ "peer": full(at.peer), "sees_offer": at.sees });
        document["sightings"] = self.sightings.iter().map(sighting).collect();
        let allowances = self.allowances.as_deref().unwrap_or_default();
        document["allowances"] = allowance_documents(allowances, unit).into();
        document["lately"] = self.lately.as_ref().map(|lately| lately.document(unit)).into();
    }
}

/// Why nothing is taken on now: meanwhile an offer is told to nobody.
pub(in crate::commands) fn away(held: &[HeldRule], disk_free: Option<u64>, disk_floor: u64) -> Vec<String> {
    let short = status::is_short(disk_free, disk_floor);
    let disk = short.then(|| format!("disk: {}", status::disk(disk_free, disk_floor)));
    held.iter().map(held_line).chain(disk).collect()
}

/// Asks those who are connected whether they know the offer, until one does.
async fn look(
    daemon: &RunningDaemon,
    is_told: bool,
    sightings: &mut Vec<Sighting>,
) -> Result<(), CommandError> {
    loop {
        *sightings = daemon.call(ShowDemand).await?.neighbours;
        if !is_told || is_settled(sightings) {
            return Ok(());
        }
        sleep(ASK_EVERY).await;
    }
}

/// True once nothing is gained by waiting: somebody knows the offer.
fn is_settled(sightings: &[Sighting]) -> bool {
    sightings.iter().any(|sighting| sighting.sees == Some(true))
}

fn seen(sightings: &[Sighting]) -> String {
    let said: Vec<bool> = sightings.iter().filter_map(|sighting| sighting.sees).collect();
    let seen = said.iter().filter(|sees| **sees).count();
    match (sightings.len(), said.len()) {
        (0, _) => "nobody is connected: `assay status` and `assay doctor` say what is wrong".to_owned(),
        (asked, 0) => format!("none of {asked} connected peers says what it knows: `assay why` asks again"),
        (_, answers) if seen == 0 => {
            format!("none of {answers} connected peers knows this peer's offers yet: `assay why` asks again")
        }
        (_, answers) => {
            format!("this peer's offers are known to {seen} of {answers} connected peers")
        }
    }
}

#[cfg(test)]
mod tests {
    use assay_market::owner::OwnerRule;

    use super::*;

    #[test]
    fn what_keeps_all_jobs_away_is_told_with_its_reason() {
        let held = HeldRule { rule: OwnerRule::OutOfHours, since: Timestamp(1), until: None };
        let lines = away(&[held], Some(0), 1 << 20);
        assert!(lines[0].starts_with("nothing new is taken on: these are not its hours"), "{lines:?}");
        assert!(lines[1].starts_with("disk: 0 MiB free, less than 1"), "{lines:?}");
        assert_eq!(away(&[], Some(1 << 21), 1 << 20), Vec::<String>::new());
    }

    #[test]
    fn who_knows_an_offer_is_told_in_a_line_and_waited_for_until_one_does() {
        let said = |sees: &[Option<bool>]| {
            let sightings: Vec<Sighting> = sees
                .iter()
                .map(|sees| Sighting { peer: assay_protocol::id::PeerId([1; 32]), sees: *sees })
                .collect();
            (is_settled(&sightings), seen(&sightings))
        };
        for (sees, settled, line) in [
            ([].as_slice(), false, "nobody is connected"),
            (&[None, None], false, "none of 2 connected peers says"),
            (&[None, Some(false)], false, "none of 1 connected peers knows this"),
            (&[Some(true), Some(false), None], true, "this peer's offers are known to 1 of 2"),
        ] {
            let (is_settled, told) = said(sees);
            assert!(is_settled == settled && told.starts_with(line), "{sees:?}: {told}");
        }
    }
}
