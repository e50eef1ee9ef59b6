//! Looking at a blob that is here, whatever it is of: a model, a runner, an input, an output.
//!
//! **Invariant:** whoever only looks takes nothing from anybody: an output that was looked at is not handed over by that.

use assay_protocol::id::Digest;
use serde::{Deserialize, Serialize};

use crate::{
    driver::responder::{Respond, Responder},
    handle::{Call, Pieces, Refused},
};

/// A blob that is here, of any length.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReadHeld {
    /// Its digest.
    pub digest: Digest,
}

impl Call for ReadHeld {
    const NAME: &'static str = "read_held";
    type Answer = Pieces;
}

impl Respond for ReadHeld {
    async fn respond(self, responder: &Responder) -> Result<Pieces, Refused> {
        responder.held(self.digest).await
    }
}
