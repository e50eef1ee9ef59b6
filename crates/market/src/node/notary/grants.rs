//! Credits that the network's issuer creates in the books that it keeps.
//!
//! **Invariant:** a serial creates credits once: said again with the same serial it is the same grant, or none.

use assay_protocol::{account::Grant, journal::Fact, signed::Signer};

use super::{Context, Notary};
use crate::{
    command::{Credit, NotGranted},
    event::Event,
    ledger::Rejection,
};

impl Notary {
    /// Creates credits as this peer's user wants, and tells what became of it.
    pub(in crate::node) fn grant<S: Signer>(&mut self, credit: Credit, cx: &mut Context<'_, S>) {
        let granted = self.granted(credit, cx);
        cx.tell(match granted {
            Ok(is_new) => Event::Granted { credit, is_new },
            Err(reason) => Event::NotGranted { credit, reason },
        });
    }

    /// True if it was created now.
    fn granted<S: Signer>(&mut self, credit: Credit, cx: &mut Context<'_, S>) -> Result<bool, NotGranted> {
        let Credit { account, amount, serial } = credit;
        if cx.own() != cx.genesis.issuer {
            return Err(NotGranted::NotTheIssuer);
        }
        if self.is_held_back() {
            return Err(NotGranted::HeldBack);
        }
        if amount.is_zero() {
            return Err(NotGranted::Nothing);
        }
        let next = self.ledger.grants().saturating_add(1);
        let grant = cx.seal(Grant { notary: cx.own(), account, amount, serial });
        match self.enter(Fact::Grant(grant.signed().clone()), cx) {
            Ok(()) => Ok(true),
            Err(Rejection::Known) => Ok(false),
            Err(Rejection::TooMuch) => Err(NotGranted::TooMuch),
            Err(_) if serial < next => Err(NotGranted::Made { next }),
            Err(_) => Err(NotGranted::Serial { next }),
        }
    }
}
