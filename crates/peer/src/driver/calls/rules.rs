//! The rules of this peer's network.
//!
//! **Invariant:** these are the rules that the daemon goes by, whatever its network file says by now.

use assay_protocol::genesis::Genesis;
use serde::{Deserialize, Serialize};

use crate::{
    driver::responder::{Respond, Responder},
    handle::{Call, Refused},
};

/// The rules of this peer's network.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct ShowRules;

impl Call for ShowRules {
    const NAME: &'static str = "show_rules";
    type Answer = Genesis;
}

impl Respond for ShowRules {
    async fn respond(self, responder: &Responder) -> Result<Genesis, Refused> {
        Ok((*responder.genesis).clone())
    }
}
