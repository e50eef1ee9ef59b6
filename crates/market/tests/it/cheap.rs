//! Signatures that cost next to nothing: a keyed hash of 64 bits, whose key follows from the name of the peer.

use assay_protocol::{
    codec,
    id::{Digest, PeerId, Signature},
    signed::{Scheme, Signer},
};

use super::office::Key;

/// Odd, with about as many ones as zeros.
const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;

/// The key of a peer that nobody tries to be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cheap(PeerId);

/// How its signatures are verified.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CheapScheme;

impl Key for Cheap {
    fn numbered(number: u64) -> Self {
        Self(PeerId(codec::digest("cheap key", &number).0))
    }
}

impl Signer for Cheap {
    type Scheme = CheapScheme;

    fn id(&self) -> PeerId {
        self.0
    }

    fn sign(&self, bytes: &[u8]) -> Signature {
        signature(&self.0, bytes)
    }

    fn derive(&self, purpose: &'static str, thing: Digest) -> Digest {
        codec::digest("cheap secret", &(self.0, purpose, thing))
    }
}

impl Scheme for CheapScheme {
    fn verify(signer: &PeerId, bytes: &[u8], claimed: &Signature) -> bool {
        signature(signer, bytes) == *claimed
    }
}

/// Eight bytes at a time, each folded into the key by a multiplication: who changes a bit has another signature.
fn signature(signer: &PeerId, bytes: &[u8]) -> Signature {
    let folded = |state: u64, word: u64| {
        let product = u128::from(state ^ word) * u128::from(FACTOR);
        product as u64 ^ (product >> 64) as u64 ^ word.rotate_left(32)
    };
    let word = |bytes: &[u8]| {
        let mut word = [0; 8];
        word[..bytes.len()].copy_from_slice(bytes);
        u64::from_le_bytes(word)
    };
    let (words, rest) = bytes.as_chunks::<8>();
    let key = signer.0.as_chunks::<8>().0.iter().fold(FACTOR, |state, part| folded(state, word(part)));
    let state = words.iter().fold(key, |state, part| folded(state, word(part)));
    let state = folded(folded(state, word(rest)), bytes.len() as u64);
    let mut signature = Signature::default();
    signature.0[..8].copy_from_slice(&state.to_le_bytes());
    signature
}
