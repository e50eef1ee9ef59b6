//! The wire: every message one peer can send another.
//!
//! **Invariant:** a [`Message`] is only bytes that somebody claims to have signed; only [`Message::open`] makes an
//! [`Opened`] of it, and nothing else reaches a decision.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::{
    account::{Grant, Register, Stake, Unstake},
    check::{Check, OpenClaim, OpenSeal, Seal, Underway, Unserved},
    claim::{Claim, Deliver, Reveal},
    codec::{self, MESSAGE_BYTES_MAX, Malformed},
    id::{NetworkId, PeerId},
    notice::{Account, Notice, Query, Settled, Tick},
    objection::{Cancel, Contradict, Dispute, Output},
    offer::Offer,
    order::{Abort, Accept, Open, Propose, Refuse},
    signed::{Forged, Scheme, Signed, Statement, Verified},
    standing::PeerStanding,
    ticket::{Start, Ticket},
    units::{Duration, Timestamp},
};

/// How long what is told to everybody is believed and passed on: an offer, or a checkpoint. Whoever passes it on knows it again
/// for as long, so that nothing travels twice.
pub const PUBLISHED_VALIDITY_MAX: Duration = Duration::seconds(3_600);

/// True if what was told to everybody, and is said to hold until then, is believed and passed on: it is not over, nor said to
/// hold for longer than anything may.
#[must_use]
pub fn is_current(until: Timestamp, now: Timestamp) -> bool {
    until > now && until <= now.after(PUBLISHED_VALIDITY_MAX)
}

/// Declares both forms of the wire enum, one variant for each kind of statement.
macro_rules! messages {
    ($($kind:ident),+ $(,)?) => {
        /// A message as it travels.
        #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
        #[allow(missing_docs, reason = "each variant is the statement of its name")]
        pub enum Message {
            $($kind(Signed<$kind>)),+
        }

        /// A message whose signature was checked.
        #[derive(Clone, Debug, PartialEq, Eq)]
        #[allow(missing_docs, reason = "each variant is the statement of its name")]
        pub enum Opened {
            $($kind(Verified<$kind>)),+
        }

        impl Message {
            /// The kinds of statements that travel.
            pub const KINDS: &'static [&'static str] = &[$(<$kind as Statement>::NAME),+];

            /// Checks the signature.
            ///
            /// # Errors
            /// [`Forged`], if it does not cover the body, the signer and this network.
            pub fn open<S: Scheme>(self, network: NetworkId) -> Result<Opened, Forged> {
                Ok(match self {
                    $(Self::$kind(signed) => Opened::$kind(signed.open::<S>(network)?)),+
                })
            }

            /// What kind of statement it is.
            #[must_use]
            pub fn kind(&self) -> &'static str {
                match self {
                    $(Self::$kind(_) => <$kind as Statement>::NAME),+
                }
            }
        }

        impl Opened {
            /// Who said it.
            #[must_use]
            pub fn signer(&self) -> PeerId {
                match self {
                    $(Self::$kind(verified) => verified.signer()),+
                }
            }

            /// What kind of statement it is.
            #[must_use]
            pub fn kind(&self) -> &'static str {
                match self {
                    $(Self::$kind(_) => <$kind as Statement>::NAME),+
                }
            }
        }

        $(impl From<Verified<$kind>> for Message {
            fn from(verified: Verified<$kind>) -> Self {
                Self::$kind(verified.into_signed())
            }
        })+
    };
}

messages!(
    Offer,
    Propose,
    Accept,
    Refuse,
    Open,
    Ticket,
    Start,
    Abort,
    Claim,
    Deliver,
    Reveal,
    Check,
    Seal,
    Unserved,
    OpenClaim,
    OpenSeal,
    Notice,
    Query,
    Account,
    Cancel,
    Dispute,
    Output,
    Contradict,
    Stake,
    Unstake,
    Register,
    Grant,
    Tick,
    Settled,
    Underway,
    PeerStanding,
);

impl Message {
    /// The bytes that travel.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        codec::encode_versioned(self)
    }

    /// The message that `bytes` are the encoding of.
    ///
    /// # Errors
    /// [`Malformed`], if they are anything but one canonical message of allowed length.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        codec::decode_versioned(bytes, MESSAGE_BYTES_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_over_or_claims_to_hold_for_longer_than_anything_may_is_not_current() {
        let now = Timestamp(1_800_000_000_000);
        let last = now.after(PUBLISHED_VALIDITY_MAX);
        let cases = [(now, false), (now.after(Duration(1)), true), (last, true)];
        for (until, expected) in cases {
            assert_eq!(is_current(until, now), expected, "until {until:?}");
        }
        assert!(!is_current(last.after(Duration(1)), now) && !is_current(Timestamp::NEVER, now));
    }
}
