//! Signatures of simulated peers: a keyed hash, which costs a fiftieth of the real thing.
//!
//! **Invariant:** a statement nobody signed does not verify. The key follows from the name of the peer, so this stops
//! mistakes and mutations, not somebody who sets out to compute it.

use assay_protocol::{
    codec,
    id::{Digest, PeerId, Signature},
    signed::{Scheme, Signer},
};

/// The key of a simulated peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SimulatedKey(PeerId);

impl SimulatedKey {
    /// The key of the peer with this number in the run with this seed.
    #[must_use]
    pub fn new(seed: u64, number: u64) -> Self {
        Self(PeerId(codec::digest("simulated peer", &(seed, number)).0))
    }
}

impl Signer for SimulatedKey {
    type Scheme = Simulated;

    fn id(&self) -> PeerId {
        self.0
    }

    fn sign(&self, bytes: &[u8]) -> Signature {
        signature(&self.0, bytes)
    }

    fn derive(&self, purpose: &'static str, thing: Digest) -> Digest {
        codec::digest("simulated secret", &(self.0, purpose, thing))
    }
}

/// How simulated peers verify.
#[derive(Clone, Copy, Debug)]
pub struct Simulated;

impl Scheme for Simulated {
    fn verify(signer: &PeerId, bytes: &[u8], claimed: &Signature) -> bool {
        signature(signer, bytes) == *claimed
    }
}

fn signature(signer: &PeerId, bytes: &[u8]) -> Signature {
    let key = codec::digest("simulated key", signer);
    let mut signature = Signature::default();
    signature.0[..32].copy_from_slice(blake3::keyed_hash(&key.0, bytes).as_bytes());
    signature
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_holds_for_its_signer_and_bytes_alone() {
        let (key, other) = (SimulatedKey::new(1, 1), SimulatedKey::new(1, 2));
        let signature = key.sign(b"said");
        assert!(Simulated::verify(&key.id(), b"said", &signature));
        assert!(!Simulated::verify(&key.id(), b"else", &signature));
        assert!(!Simulated::verify(&other.id(), b"said", &signature));
        for byte in 0..64 {
            let mut forged = signature;
            forged.0[byte] ^= 1;
            assert!(!Simulated::verify(&key.id(), b"said", &forged));
        }
    }
}
