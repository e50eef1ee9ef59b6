//! What a home's user settled, read again.
//!
//! **Invariant:** whoever is told that it is heeded finds it so from the next order on.

use serde::{Deserialize, Serialize};

use crate::{
    driver::responder::{Respond, Responder},
    handle::{Call, Refused},
};

/// Read the home's settings again, and heed from now on what need not wait for a start.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct HeedSettings;

impl Call for HeedSettings {
    const NAME: &'static str = "heed_settings";
    type Answer = ();
}

impl Respond for HeedSettings {
    async fn respond(self, responder: &Responder) -> Result<(), Refused> {
        let settings = responder.settings.clone();
        let reader = settings.clone();
        let read = responder.work(move |_| reader.read_again()).await?;
        read.map_err(|error| Refused::BadSettings { reason: error.to_string() })?;
        responder.look(move |driver| settings.instruct(&mut driver.node)).await?;
        responder.lookout.look_again();
        Ok(())
    }
}
