//! Waiting until a devnet can be used: its clients have an account, and know the offers.
//!
//! **Invariant:** nobody is waited for who is cut off, or whom only a notary that is cut off could tell of.

use std::{collections::BTreeSet, time::Duration};

use assay_market::event::Event;
use assay_peer::handle::{CallError, Handle, ListOffers, Refused, ShowAccount, Update, WatchUpdates};
use assay_protocol::id::PeerId;
use tokio::time::timeout;

use super::super::{
    devnet_folder::DevnetFolder,
    devnet_plan::{DevnetPlan, DevnetRole},
};
use crate::command_error::{CommandError, Exit};

/// How long a client may take to be ready.
const READY_WAIT: Duration = Duration::from_secs(60);

/// Waits until every client that is on a notary's side has an account and knows the offers of that side.
pub(super) async fn until_ready(folder: &DevnetFolder, plan: &DevnetPlan) -> Result<(), CommandError> {
    for client in plan.of(DevnetRole::Client).filter(|client| plan.has_notary(&client.name)) {
        let together = plan.of(DevnetRole::Provider);
        let together = together.filter(|provider| plan.are_together(&provider.name, &client.name));
        let providers: BTreeSet<PeerId> = together.map(|provider| provider.peer).collect();
        let handle = Handle::connect(&folder.home(&client.name)).await?;
        match timeout(READY_WAIT, until_one_is_ready(&handle, providers)).await {
            Ok(ready) => ready?,
            Err(_) => return Err(not_ready(&client.name)),
        }
    }
    Ok(())
}

async fn until_one_is_ready(handle: &Handle, mut missing: BTreeSet<PeerId>) -> Result<(), CallError> {
    // The first question is what a new account is given something for.
    while let Err(error) = handle.call(ShowAccount::default()).await {
        // A notary that has just started answers once it knows what it said last.
        if !matches!(error, CallError::Refused(Refused::NoAnswer { .. })) {
            return Err(error);
        }
    }
    let mut updates = handle.call(WatchUpdates::default()).await?;
    loop {
        for offer in handle.call(ListOffers).await? {
            missing.remove(&offer.provider);
        }
        loop {
            if missing.is_empty() {
                return Ok(());
            }
            match updates.next().await {
                Some(Ok(Update::Event(dated))) => {
                    if let Event::OfferSeen { provider } = dated.event {
                        missing.remove(&provider);
                    }
                }
                Some(Ok(Update::Job(_))) => {}
                Some(Ok(Update::Missed { .. })) => break,
                Some(Err(error)) => return Err(error),
                None => return Err(CallError::Refused(Refused::Ending)),
            }
        }
    }
}

fn not_ready(client: &str) -> CommandError {
    let message =
        format!("{client} has no account, or does not know all offers, after {} s", READY_WAIT.as_secs());
    let hint = "say the same again; what each peer says stands in daemon.log of its home";
    CommandError::new(Exit::TimedOut, "NOT_READY", message, hint).retryable()
}
