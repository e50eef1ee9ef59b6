//! Credits that the issuer of a network creates.
//!
//! **Invariant:** what is answered is on the disk; the same grant said again is answered in the same way, and creates nothing.

use assay_market::{
    Command, Input,
    command::{Credit, NotGranted},
    event::Event,
};
use assay_protocol::{signed::Ed25519, units::Amount};
use serde::{Deserialize, Serialize};

use super::watch::next_decision;
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
    /// False if it was said before, and they were there already.
    pub is_new: bool,
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
        if !Ed25519::is_key(&self.credit.account) {
            return Err(Refused::NotGranted { reason: NotGranted::NobodysKey });
        }
        // Subscribed before anything is said, so that nothing is missed.
        let mut updates = responder.updates()?;
        let is_new = loop {
            let command = Input::Command(Command::Grant(self.credit));
            responder.act_and_save(|driver| Box::pin(driver.take(command))).await?;
            // Said again it is the same grant.
            if let Some(decided) = next_decision(&mut updates, |event| decision(event, self.credit)).await? {
                break decided.map_err(|reason| Refused::NotGranted { reason })?;
            }
        };
        let books = responder.look(|driver| driver.node.books()).await?.ok_or(Refused::NotANotary)?;
        let mut accounts = books.accounts.iter();
        let account = accounts.find(|account| account.peer == self.credit.account);
        let free = account.map_or(Amount::ZERO, |account| account.free);
        Ok(GrantedView { credit: self.credit, is_new, free, minted: books.minted })
    }
}

/// Whether credits were created now, or before, or why not at all.
fn decision(event: &Event, of: Credit) -> Option<Result<bool, NotGranted>> {
    let (credit, decided) = if let Event::Granted { credit, is_new } = event {
        (credit, Ok(*is_new))
    } else if let Event::NotGranted { credit, reason } = event {
        (credit, Err(*reason))
    } else {
        return None;
    };
    (*credit == of).then_some(decided)
}
