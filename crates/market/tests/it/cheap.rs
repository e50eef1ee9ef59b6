//! Signatures that cost next to nothing: a keyed hash, whose key follows from the name of the peer.

use assay_protocol::{
    codec,
    id::{PeerId, Signature},
    signed::{Scheme, Signer},
};

use super::office::Key;

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
}

impl Scheme for CheapScheme {
    fn verify(signer: &PeerId, bytes: &[u8], claimed: &Signature) -> bool {
        signature(signer, bytes) == *claimed
    }
}

fn signature(signer: &PeerId, bytes: &[u8]) -> Signature {
    let mut signature = Signature::default();
    signature.0[..32].copy_from_slice(blake3::keyed_hash(&signer.0, bytes).as_bytes());
    signature
}
