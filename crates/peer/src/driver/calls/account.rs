//! What this peer's account holds.
//!
//! **Invariant:** the answer is what the notary said after it was asked.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use assay_market::{Command, Input, event::Event, held_money::HeldMoney, view::AccountView};
use assay_protocol::id::PeerId;
use serde::{Deserialize, Serialize};
use tokio::{
    sync::broadcast::{Receiver, error::RecvError},
    time::timeout,
};

use crate::{
    driver::{
        calls::Update,
        history::Dated,
        responder::{Respond, Responder},
    },
    handle::{Call, Refused},
};

/// How long a notary has to say what an account holds, where what it said before does as well.
pub const STATEMENT_WAIT: Duration = Duration::from_secs(2);
/// The same where nothing else does.
const ACCOUNT_WAIT: Duration = Duration::from_secs(10);
/// How long until it is asked again: one that has just started answers nobody yet.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// What this peer's account holds, as the notary says now.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ShowAccount {
    /// Which notary; the network's first if none.
    pub notary: Option<PeerId>,
}

/// What notaries hold for jobs of this home, as far as it was shown their tickets: what is free first first.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct ListHeldMoney;

impl Call for ListHeldMoney {
    const NAME: &'static str = "list_held_money";
    type Answer = Vec<HeldMoney>;
}

impl Respond for ListHeldMoney {
    async fn respond(self, responder: &Responder) -> Result<Vec<HeldMoney>, Refused> {
        responder.look(|driver| driver.node.held_money()).await
    }
}

impl Call for ShowAccount {
    const NAME: &'static str = "show_account";
    type Answer = AccountView;
}

impl Respond for ShowAccount {
    async fn respond(self, responder: &Responder) -> Result<AccountView, Refused> {
        let (notary, since) = (responder.notary(self.notary)?, Instant::now());
        timeout(ACCOUNT_WAIT, asked(responder, notary)).await.unwrap_or_else(|_| {
            let waited_ms = u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX);
            Err(Refused::NoAnswer { notary, waited_ms })
        })
    }
}

/// What a notary says after it was asked, however long that takes.
pub(super) async fn asked(responder: &Responder, notary: PeerId) -> Result<AccountView, Refused> {
    let mut updates = responder.updates()?;
    loop {
        let ask = Input::Command(Command::Ask { notary });
        responder.act(|driver| Box::pin(driver.take(ask))).await?;
        if let Ok(said) = timeout(ASK_AGAIN, said(&mut updates, responder, notary)).await
            && let Some(view) = said?
        {
            return Ok(view);
        }
    }
}

/// What the notary says next; nothing if that may be among what was missed.
async fn said(
    updates: &mut Receiver<Arc<Update>>,
    responder: &Responder,
    notary: PeerId,
) -> Result<Option<AccountView>, Refused> {
    loop {
        match updates.recv().await {
            Ok(update) if states(&update, notary) => {
                let views = responder.look(|driver| driver.node.accounts()).await?;
                return Ok(views.into_iter().find(|view| view.notary == notary));
            }
            Ok(_) => {}
            Err(RecvError::Lagged(_)) => return Ok(None),
            Err(RecvError::Closed) => return Err(Refused::Ending),
        }
    }
}

/// True where a notary says what an account holds.
fn states(update: &Update, notary: PeerId) -> bool {
    matches!(update, Update::Event(Dated { event: Event::Balance { notary: teller, .. }, .. }) if *teller == notary)
}
