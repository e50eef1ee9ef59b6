//! What a daemon can be asked, as types: a call knows what it is called, what it is answered with, and which bytes of it
//! travel beside its JSON.
//!
//! **Invariant:** an answer belongs to its call by its type; an attachment is announced with its length before a byte of
//! it is sent.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::DeserializeOwned};
use serde_json::Value;

use super::{FRAME_BYTES_MAX, FrameError, Refused, Transit};

/// One question or order to a daemon.
pub trait Call: Serialize + DeserializeOwned + Send + 'static {
    /// What it is called where no types are: on a socket.
    const NAME: &'static str;

    /// What it is answered with, if it is not refused: a value, [`super::Updates`] or [`super::Pieces`].
    type Answer: Transit;

    /// Its attachments, always in the same order.
    fn attachments(&mut self) -> Vec<&mut Attachment> {
        Vec::new()
    }
}

/// Why a call gave no answer.
#[derive(Clone, Debug, thiserror::Error)]
pub enum CallError {
    /// The daemon says why not.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The daemon went away or sent nonsense.
    #[error("the daemon went away: {0}")]
    Lost(#[from] FrameError),
}

/// Bytes of a call that travel as they are, beside its JSON, which says only how many they are.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Attachment(pub Vec<u8>);

impl fmt::Debug for Attachment {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} bytes", self.0.len())
    }
}

impl Serialize for Attachment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(self.0.len() as u64)
    }
}

impl<'de> Deserialize<'de> for Attachment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // The bytes are put in once they are here.
        u64::deserialize(deserializer).map(|_| Self::default())
    }
}

/// A call as a socket carries it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Ask {
    /// Its name.
    pub(crate) call: String,
    /// What it says.
    pub(crate) with: Value,
    /// Bytes in each of its attachments.
    pub(crate) attached: Vec<u64>,
}

impl Ask {
    /// Takes a call apart: what is asked, and the attachments.
    ///
    /// # Errors
    /// [`Refused::Unreadable`], if it is more than a frame holds.
    pub(crate) fn pack<C: Call>(mut call: C) -> Result<(Vec<u8>, Vec<Attachment>), Refused> {
        let unreadable = |error: serde_json::Error| Refused::Unreadable { reason: error.to_string() };
        let with = serde_json::to_value(&call).map_err(unreadable)?;
        let attachments: Vec<Attachment> = call.attachments().into_iter().map(std::mem::take).collect();
        let attached = attachments.iter().map(|attachment| attachment.0.len() as u64).collect();
        let ask = Self { call: C::NAME.to_owned(), with, attached };
        let body = serde_json::to_vec(&ask).map_err(unreadable)?;
        if body.len() > FRAME_BYTES_MAX {
            let reason = format!("it has {} bytes, where at most {FRAME_BYTES_MAX} are allowed", body.len());
            return Err(Refused::Unreadable { reason });
        }
        Ok((body, attachments))
    }

    /// Puts a call together again.
    ///
    /// # Errors
    /// [`Refused::Unreadable`], if it is no such call.
    pub(crate) fn unpack<C: Call>(with: Value, attachments: Vec<Attachment>) -> Result<C, Refused> {
        let unreadable = |reason: String| Refused::Unreadable { reason };
        let mut call: C = serde_json::from_value(with).map_err(|error| unreadable(error.to_string()))?;
        let slots = call.attachments();
        if slots.len() != attachments.len() {
            let reason =
                format!("it has {} attachments, where {} belong to it", attachments.len(), slots.len());
            return Err(unreadable(reason));
        }
        slots.into_iter().zip(attachments).for_each(|(slot, attachment)| *slot = attachment);
        Ok(call)
    }
}
