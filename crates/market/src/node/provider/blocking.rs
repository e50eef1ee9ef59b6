//! Clients whose orders a provider does not take on.
//!
//! Whoever is blocked hears that there is no room, as anybody may: it costs nobody any trust, and says nothing of a list. What
//! it ordered before and has begun is seen through.
//!
//! **Invariant:** who is blocked is kept before it is refused anything, and stays so over restarts; never more than
//! [`BLOCKED_MAX`] are.

use assay_protocol::{id::PeerId, signed::Signer};

use super::Provider;
use crate::{
    node::{
        context::Context,
        heard::{Fault, Heard},
    },
    record::ProviderRecord,
};

/// Clients that one provider blocks: 32 KiB of names.
pub const BLOCKED_MAX: usize = 1_024;

impl Provider {
    /// Takes no orders of this client from now on; there must be room for its name.
    pub(in crate::node) fn block<S: Signer>(&mut self, client: PeerId, cx: &mut Context<'_, S>) -> Heard {
        if self.is_blocked(client) {
            return Heard::Taken;
        }
        if self.blocked.len() >= BLOCKED_MAX {
            return Heard::Misstep(Fault::Crowded);
        }
        self.keep(ProviderRecord::Blocked(client), cx);
        Heard::Taken
    }

    /// Takes orders of this client again.
    pub(in crate::node) fn unblock<S: Signer>(&mut self, client: PeerId, cx: &mut Context<'_, S>) -> Heard {
        if self.is_blocked(client) {
            self.keep(ProviderRecord::Unblocked(client), cx);
        }
        Heard::Taken
    }

    /// Those whose orders are not taken on.
    pub(in crate::node) fn blocked(&self) -> impl Iterator<Item = PeerId> {
        self.blocked.iter().copied()
    }

    /// True if no order of this client is taken on.
    pub(super) fn is_blocked(&self, client: PeerId) -> bool {
        self.blocked.contains(&client)
    }
}
