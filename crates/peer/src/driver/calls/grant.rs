//! Credits that the issuer of a network creates.
//!
//! **Invariant:** what is answered is on the disk; the same grant said again is answered in the same way, and creates nothing.

use std::sync::Arc;

use assay_market::{
    Command, Input,
    command::{Credit, NotGranted},
    event::Event,
};
use assay_protocol::units::Amount;
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast::{Receiver, error::RecvError};

use super::Update;
use crate::{
    driver::responder::{Respond, Responder},
    handle::{Call, Refused},
};

/// Creates credits for an account in the books that this peer keeps, where it is the network's issuer.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GrantCredits {
    /// Whose they are, how much, and the number of the grant.
    pub credit: Credit,
}

/// What an account holds after a grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GrantedView {
    /// What was granted.
    pub credit: Credit,
    /// What the account can spend now.
    pub free: Amount,
    /// What was created in all since the network began.
    pub minted: Amount,
}

impl Call for GrantCredits {
    const NAME: &'static str = "grant_credits";
    type Answer = GrantedView;
}

impl Respond for GrantCredits {
    async fn respond(self, responder: &Responder) -> Result<GrantedView, Refused> {
        // Subscribed before anything is said, so that nothing is missed.
        let mut updates = responder.updates()?;
        let command = Input::Command(Command::Grant(self.credit));
        responder.act_and_save(|driver| Box::pin(driver.take(command))).await?;
        decided(&mut updates, self.credit).await?;
        let books = responder.look(|driver| driver.node.books()).await?.ok_or(Refused::NotANotary)?;
        let mut accounts = books.accounts.iter();
        let account = accounts.find(|account| account.peer == self.credit.account);
        let free = account.map_or(Amount::ZERO, |account| account.free);
        Ok(GrantedView { credit: self.credit, free, minted: books.minted })
    }
}

/// Waits until it is known what became of a grant.
async fn decided(updates: &mut Receiver<Arc<Update>>, of: Credit) -> Result<(), Refused> {
    loop {
        let update = match updates.recv().await {
            Ok(update) => update,
            Err(RecvError::Lagged(_)) => continue,
            Err(RecvError::Closed) => return Err(Refused::Ending),
        };
        let Update::Event(dated) = &*update else { continue };
        if let Some(decided) = decision(&dated.event, of) {
            return decided.map_err(|reason| Refused::NotGranted { reason });
        }
    }
}

fn decision(event: &Event, of: Credit) -> Option<Result<(), NotGranted>> {
    let (credit, decided) = if let Event::Granted { credit } = event {
        (credit, Ok(()))
    } else if let Event::NotGranted { credit, reason } = event {
        (credit, Err(*reason))
    } else {
        return None;
    };
    (*credit == of).then_some(decided)
}
