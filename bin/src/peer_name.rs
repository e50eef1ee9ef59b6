//! A peer as somebody types it: by its name, or the first digits of that.
//!
//! **Invariant:** a name stands for one peer, or for nobody; digits that several begin with are refused.

use std::str::FromStr;

use assay_protocol::id::PeerId;

use crate::command_error::{CommandError, Exit};

/// Digits of a name.
const DIGITS: usize = 64;
/// Digits of the shortest beginning of one.
const DIGITS_MIN: usize = 8;

/// A peer as it was typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PeerName(String);

impl FromStr for PeerName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if (DIGITS_MIN..=DIGITS).contains(&text.len()) && text.bytes().all(is_digit) {
            return Ok(Self(text.to_owned()));
        }
        Err(format!("expected the {DIGITS} hexadecimal digits of a peer, or at least the first {DIGITS_MIN}"))
    }
}

impl PeerName {
    /// Who of these is meant. A whole name means its peer, known or not. Where nobody is, `listed` says what lists them.
    ///
    /// # Errors
    /// [`CommandError`], if none of them is called so, or several are.
    pub(crate) fn among(
        &self,
        peers: impl IntoIterator<Item = PeerId>,
        listed: &str,
    ) -> Result<PeerId, CommandError> {
        if let Ok(whole) = self.0.parse() {
            return Ok(whole);
        }
        let mut fitting: Vec<PeerId> =
            peers.into_iter().filter(|peer| peer.to_string().starts_with(&self.0)).collect();
        fitting.sort_unstable();
        fitting.dedup();
        match fitting[..] {
            [one] => Ok(one),
            [] => {
                let message = format!("no peer is known whose name begins with {}", self.0);
                let hint = format!("{listed}; a whole name may be anybody's");
                Err(CommandError::new(Exit::NotFound, "UNKNOWN_PEER", message, hint))
            }
            _ => {
                let message = format!("{} could be any of {} peers", self.0, fitting.len());
                Err(CommandError::new(Exit::Usage, "AMBIGUOUS", message, "give more digits of the name"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_is_meant_by_its_name_or_by_digits_that_only_it_begins_with() {
        let peers = [[0x11; 32], [0x12; 32], [0x22; 32]].map(PeerId);
        let among = |text: &str| {
            let name: PeerName = text.parse().unwrap();
            name.among(peers, "a list").map_err(|error| error.exit())
        };
        assert_eq!((among("11111111"), among("222222222")), (Ok(peers[0]), Ok(peers[2])));
        assert_eq!(
            (among("33333333"), among(&"3".repeat(64))),
            (Err(Exit::NotFound), Ok(PeerId([0x33; 32])))
        );
        let alike = [PeerId([0x11; 32]), PeerId([0x11; 32].map(|byte| byte)), {
            let mut other = [0x11; 32];
            other[31] = 0;
            PeerId(other)
        }];
        let name: PeerName = "11111111".parse().unwrap();
        assert_eq!(name.among(alike, "a list").unwrap_err().exit(), Exit::Usage);
        for text in ["", "1111111", "ada", "11111111g", &"1".repeat(65)] {
            assert!(text.parse::<PeerName>().is_err(), "{text}");
        }
    }
}
