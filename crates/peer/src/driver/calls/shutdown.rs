//! Ending in good order.
//!
//! **Invariant:** whoever is told that it ends can rely on all that was answered before; what lives by the daemon in its process
//! has ended by then.

use serde::{Deserialize, Serialize};

use crate::{
    driver::responder::{Respond, Responder},
    handle::{Call, Refused},
};

/// End in good order: once it is answered, what was saved is on the disk, and then the daemon is gone.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Shutdown;

impl Call for Shutdown {
    const NAME: &'static str = "shutdown";
    type Answer = ();
}

impl Respond for Shutdown {
    async fn respond(self, responder: &Responder) -> Result<(), Refused> {
        responder.beside.companions.see_off().await;
        let end = responder.act_and_save(|driver| {
            driver.ended = true;
            Box::pin(async { Ok(()) })
        });
        end.await
    }
}
