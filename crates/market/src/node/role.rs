//! What client, provider, verifier and notary have in common: each is a machine that the router offers what comes in.
//!
//! **Invariant:** of the roles of one peer at most one takes a message; a role answers for what it knows, and only that.

use super::{context::Context, heard::Heard};
use crate::input::Input;

/// One role of a peer.
pub(super) trait Role<S> {
    /// Takes what came in, if it is for this role.
    fn handle(&mut self, input: &Input, cx: &mut Context<'_, S>) -> Heard;

    /// Takes up again what a restart left unfinished.
    fn resume(&mut self, cx: &mut Context<'_, S>);
}
