//! Secrets that nobody can foresee, from the randomness that the shell gave this life of the peer.

use assay_protocol::{codec, id::Digest};

/// Where secrets come from.
#[derive(Clone, Debug)]
pub(super) struct Chance {
    entropy: [u8; 32],
    drawn: u64,
}

impl Chance {
    pub(super) fn new(entropy: [u8; 32]) -> Self {
        Self { entropy, drawn: 0 }
    }

    /// A fresh secret.
    pub(super) fn draw(&mut self) -> Digest {
        self.drawn += 1;
        codec::digest("entropy", &(self.entropy, self.drawn))
    }
}
