//! The way to a daemon in the same process.
//!
//! **Invariant:** a call is answered by the same code as one from a socket, with the same bound on calls at a time; what is
//! dropped is cancelled.

use std::{fmt, sync::Arc};

use tokio::sync::Semaphore;

use super::{CALLS_MAX, CallError, Refused, Respond, Responder, Transit};

/// A daemon in the same process. Cheap to clone; the clones share their bound on calls.
#[derive(Clone)]
pub struct Local {
    responder: Responder,
    places: Arc<Semaphore>,
}

impl Local {
    pub(crate) fn new(responder: Responder) -> Self {
        Self { responder, places: Arc::new(Semaphore::new(CALLS_MAX)) }
    }

    /// Asks one thing and waits for the answer, or its beginning.
    ///
    /// # Errors
    /// [`CallError::Refused`].
    pub async fn call<C: Respond>(&self, call: C) -> Result<C::Answer, CallError> {
        let place = Arc::clone(&self.places).try_acquire_owned();
        let place = place.map_err(|_| Refused::TooManyCalls { max: CALLS_MAX })?;
        let answer = call.respond(&self.responder).await?;
        Ok(answer.holding(place))
    }
}

impl fmt::Debug for Local {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let underway = CALLS_MAX - self.places.available_permits();
        write!(out, "a daemon in this process with {underway} calls under way")
    }
}
