//! What a home does before it leaves: it takes nothing more on, waits until nothing is under way, and withdraws what is at
//! stake.
//!
//! ```text
//! offers nothing ─▶ no job is open ─▶ nothing is at stake ─▶ nothing is held or being withdrawn
//! ```
//!
//! **Invariant:** whoever says it again goes on where things stand: what was done is not done twice.

use std::time::Duration;

use assay_market::{command::NotCarriedOut, view::AccountView};
use assay_peer::{
    clock::wall,
    handle::{
        AccountOrder, CallError, InstructNotary, PageJobs, Refused, ShowAccount, ShowStatus, StopProviding,
    },
};
use assay_protocol::{
    id::PeerId,
    notice::Account,
    units::{self, Amount},
};
use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::{
    command_error::{CommandError, Exit},
    commands::finish,
    daemon::RunningDaemon,
    printer::{Printer, ago, called, local, money},
};

/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// The code of a failure after which the same command goes on.
pub(super) const NOT_LEFT_YET: &str = "NOT_LEFT_YET";

/// A peer that is about to leave.
pub(super) struct Departure<'a> {
    pub(super) daemon: &'a RunningDaemon,
    pub(super) printer: &'a Printer,
    /// Until when it is waited.
    pub(super) deadline: Instant,
}

/// What is under way at a peer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct UnderWay {
    /// It offers models to others.
    pub(super) offers: bool,
    /// Jobs that it runs for others.
    serving: usize,
    /// Jobs that its user ordered.
    own: usize,
}

impl UnderWay {
    /// What is under way here, unless this peer is one that cannot be done without.
    pub(super) async fn at(daemon: &RunningDaemon) -> Result<Self, CommandError> {
        let status = daemon.call(ShowStatus).await?;
        if status.is_notary {
            let message = format!(
                "this peer keeps the books of {}, and nobody else does",
                called(&status.network_name)
            );
            let hint = "join others from a home of their own (`--home DIR`); --abandon leaves all who are in this network";
            return Err(CommandError::new(Exit::Usage, "KEEPS_BOOKS", message, hint));
        }
        let (serving, own) = (finish::open(daemon).await?.len(), open_jobs(daemon).await?);
        Ok(Self { offers: status.providing.is_some(), serving, own })
    }

    /// What is waited for; nothing, if no job is open.
    pub(super) fn words(self) -> Option<String> {
        let are =
            |count: usize| if count == 1 { "one job is".to_owned() } else { format!("{count} jobs are") };
        match (self.serving, self.own) {
            (0, 0) => None,
            (0, own) => Some(format!("{} under way that this home ordered", are(own))),
            (serving, 0) => Some(format!("{} under way here for others", are(serving))),
            (serving, own) => Some(format!(
                "{} under way that this home ordered, and {} here for others",
                are(own),
                are(serving)
            )),
        }
    }
}

async fn open_jobs(daemon: &RunningDaemon) -> Result<usize, CommandError> {
    let counted = daemon.call(PageJobs { running: true, most: 0, behind: None }).await?;
    Ok(usize::try_from(counted.older).unwrap_or(usize::MAX))
}

impl Departure<'_> {
    /// Does all of it; what the account holds then, in a network that has a notary.
    pub(super) async fn settle(&self) -> Result<Option<AccountView>, CommandError> {
        let work = async {
            self.offer_nothing().await?;
            self.await_jobs().await?;
            self.free().await
        };
        tokio::select! {
            settled = work => settled,
            _ = tokio::signal::ctrl_c() => {
                let hint = "what was begun goes on while the daemon runs; `assay leave` again goes on from there";
                Err(CommandError::new(Exit::Interrupted, "INTERRUPTED", "not left yet", hint))
            }
        }
    }

    async fn offer_nothing(&self) -> Result<(), CommandError> {
        if UnderWay::at(self.daemon).await?.offers {
            self.daemon.call(StopProviding).await?;
            self.printer.note("nothing is offered any more");
        }
        Ok(())
    }

    async fn await_jobs(&self) -> Result<(), CommandError> {
        let Some(mut words) = UnderWay::at(self.daemon).await?.words() else { return Ok(()) };
        let spinner = self.printer.spinner(&words);
        let waited = loop {
            if Instant::now() >= self.deadline {
                break Err(jobs_open(&words));
            }
            spinner.say(&words);
            sleep(LOOK_EVERY).await;
            match UnderWay::at(self.daemon).await.map(UnderWay::words) {
                Ok(Some(more)) => words = more,
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        spinner.end();
        waited
    }

    /// Withdraws what is at stake with each notary, and waits until everything is free.
    async fn free(&self) -> Result<Option<AccountView>, CommandError> {
        let mut first = None;
        for notary in &self.daemon.genesis.notaries {
            let view = self.free_at(*notary).await?;
            first = first.or(Some(view));
        }
        Ok(first)
    }

    async fn free_at(&self, notary: PeerId) -> Result<AccountView, CommandError> {
        let (unit, unbonding) = (self.daemon.unit(), self.daemon.genesis.timers.unbonding);
        let mut view = account(self.daemon, notary, self.printer).await?;
        loop {
            let stake = view.account.stake;
            if !stake.is_zero()
                && let Some(withdrawn) = self.withdraw(notary, stake).await?
            {
                self.printer.note(format!("{stake} {unit}s of the stake are withdrawn"));
                view = withdrawn;
            }
            let Some(kept) = kept(&view.account, unit) else { return Ok(view) };
            // What takes longer than anybody waits is said at once.
            let left = self.deadline.saturating_duration_since(Instant::now());
            if left.is_zero() || !view.account.unbonding.is_zero() && unbonding.0 > millis(left) {
                return Err(at_stake(&view.account, (unit, &kept), unbonding));
            }
            let spinner = self.printer.spinner(&format!("waiting: {kept}"));
            let looked = self.look_again(notary).await;
            spinner.end();
            view = looked?;
        }
    }

    /// What an account holds once that is something else to be done about, or it was waited long enough.
    async fn look_again(&self, notary: PeerId) -> Result<AccountView, CommandError> {
        loop {
            sleep(LOOK_EVERY).await;
            let view = ask(self.daemon, notary).await?;
            let is_free = view.account.unbonding.is_zero() && view.account.held.is_zero();
            if is_free || !view.account.stake.is_zero() || Instant::now() >= self.deadline {
                return Ok(view);
            }
        }
    }

    /// Withdraws so much; nothing, while that stands for what is not settled yet.
    async fn withdraw(&self, notary: PeerId, amount: Amount) -> Result<Option<AccountView>, CommandError> {
        let spinner = self.printer.spinner("withdrawing what is at stake");
        let order = AccountOrder::Unstake { amount };
        let withdrawn = self.daemon.handle.call(InstructNotary { notary: Some(notary), order }).await;
        spinner.end();
        match withdrawn {
            Ok(instructed) => Ok(Some(instructed.said)),
            Err(CallError::Refused(Refused::NotCarriedOut {
                reason: NotCarriedOut::Bound | NotCarriedOut::Funds,
            })) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

/// What an account holds.
pub(super) async fn account(
    daemon: &RunningDaemon,
    notary: PeerId,
    printer: &Printer,
) -> Result<AccountView, CommandError> {
    let spinner = printer.spinner("asking the notary what this account holds");
    let asked = ask(daemon, notary).await;
    spinner.end();
    asked
}

async fn ask(daemon: &RunningDaemon, notary: PeerId) -> Result<AccountView, CommandError> {
    let asked = daemon.call(ShowAccount { notary: Some(notary) }).await;
    asked.map_err(|error| {
        let [message, _] = error.lines();
        let hint = "what is at stake there is not known: try again, or leave it with --abandon";
        CommandError::new(error.exit(), error.code(), message, hint).retryable()
    })
}

/// What of an account is not free, in words.
pub(super) fn kept(account: &Account, unit: &str) -> Option<String> {
    let kept = [("at stake", account.stake), ("being withdrawn", account.unbonding), ("held", account.held)];
    let kept: Vec<String> = kept
        .into_iter()
        .filter(|(_, amount)| !amount.is_zero())
        .map(|(what, amount)| format!("{amount} {unit}s are {what}"))
        .collect();
    (!kept.is_empty()).then(|| kept.join(", "))
}

fn millis(length: Duration) -> u64 {
    u64::try_from(length.as_millis()).unwrap_or(u64::MAX)
}

fn jobs_open(words: &str) -> CommandError {
    let hint = "`assay leave` again goes on from here (`--wait 2h` waits longer); `assay ps` lists what was ordered here, \
                `assay job cancel JOB` ends one; --abandon leaves whatever there is";
    CommandError::new(Exit::TimedOut, NOT_LEFT_YET, format!("not left yet: {words}"), hint).retryable()
}

fn at_stake(account: &Account, (unit, kept): (&str, &str), unbonding: units::Duration) -> CommandError {
    let hint = match account.unbonding.is_zero() {
        true => "`assay leave` again goes on from here; --abandon leaves it".to_owned(),
        false => format!(
            "that is free {} after it was withdrawn, by {} at the latest if the notary runs: `assay leave` again goes on from \
             here then; --abandon leaves it",
            ago(unbonding),
            local(wall().after(unbonding))
        ),
    };
    let failure = CommandError::new(Exit::TimedOut, NOT_LEFT_YET, format!("not left yet: {kept}"), hint);
    failure.retryable().with(json!({
        "stake": money(account.stake, unit), "unbonding": money(account.unbonding, unit),
        "held": money(account.held, unit),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_waited_for_is_counted() {
        let words = |serving, own| UnderWay { offers: false, serving, own }.words();
        assert_eq!(words(0, 0), None);
        assert_eq!(words(0, 1).as_deref(), Some("one job is under way that this home ordered"));
        assert_eq!(words(2, 0).as_deref(), Some("2 jobs are under way here for others"));
        let both = words(1, 3).unwrap();
        assert_eq!(both, "3 jobs are under way that this home ordered, and one job is here for others");
    }
}
