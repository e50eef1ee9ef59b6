//! Signatures: how a statement becomes a fact about its signer.
//!
//! **Invariant:** a [`Verified`] exists only if its signature, and that of every statement inside it, was checked, or
//! made, here, or was before this peer wrote it down; a signature covers a domain string, the kind of statement, the
//! network and the whole body.

mod recorded;

use alloc::vec::Vec;
use core::{fmt, ops::Deref};

use serde::{Deserialize, Serialize, de::DeserializeOwned};

pub use recorded::{Recorded, kept};

use crate::{
    codec,
    id::{Digest, NetworkId, PeerId, Signature},
};

const DOMAIN: &str = "assay/1/";
/// What secrets are derived under, apart from everything that is signed.
const DERIVED: &str = "assay 2026-11 secrets derived from a peer's key";

/// Something a peer can sign: each kind has a name of its own, which the signature covers.
pub trait Statement: Serialize + DeserializeOwned + Clone + fmt::Debug {
    /// The name of the kind.
    const NAME: &'static str;

    /// Checks the signatures of the statements inside it; most kinds have none.
    ///
    /// # Errors
    /// [`Forged`] with the first that does not hold.
    fn verify_inside<S: Scheme>(&self, _network: NetworkId) -> Result<(), Forged> {
        Ok(())
    }
}

/// Names kinds of statements, with the fields in which they hold others.
macro_rules! statements {
    ($($kind:ident $({ $($inside:ident),+ })?),+ $(,)?) => {
        $(impl $crate::signed::Statement for $kind {
            const NAME: &'static str = stringify!($kind);

            $(fn verify_inside<S: $crate::signed::Scheme>(
                &self,
                network: $crate::id::NetworkId,
            ) -> Result<(), $crate::signed::Forged> {
                $(self.$inside.verify::<S>(network)?;)+
                Ok(())
            })?
        })+
    };
}
pub(crate) use statements;

/// Holds a peer's secret key.
pub trait Signer {
    /// How signatures of this signer are verified.
    type Scheme: Scheme;
    /// The peer that signs.
    fn id(&self) -> PeerId;
    /// Signs plain bytes.
    fn sign(&self, bytes: &[u8]) -> Signature;
    /// A secret for one purpose and one thing: the same whenever it is asked for, so that a peer which goes on after a
    /// crash says what it said before, and nobody else can tell it.
    fn derive(&self, purpose: &'static str, thing: Digest) -> Digest;
}

/// Verifies signatures: ed25519 among peers, a cheap stand-in among simulated ones.
pub trait Scheme {
    /// True if `signer` made `signature` over `bytes`.
    fn verify(signer: &PeerId, bytes: &[u8], signature: &Signature) -> bool;
}

/// A statement with the signature that somebody claims to have made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signed<T> {
    /// What was said; nothing may rest on it before the signature was checked.
    body: T,
    signer: PeerId,
    signature: Signature,
}

/// A statement whose signature was checked, with those of all statements inside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified<T>(Signed<T>);

/// A statement inside a [`Verified`] one, read where it lies: it was checked together with that.
#[derive(Debug)]
pub struct Attested<'a, T>(&'a Signed<T>);

/// What a statement says, read where it lies on the word of whoever holds it: its signature is checked elsewhere.
#[derive(Debug)]
pub struct Said<'a, T>(&'a Signed<T>);

/// A signature that does not belong to its statement, signer or network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the signature on {kind} is not that of {signer}")]
pub struct Forged {
    /// The kind of statement.
    pub kind: &'static str,
    /// Whose signature it should be.
    pub signer: PeerId,
}

impl<T: Statement> Signed<T> {
    /// Signs `body` for `network`.
    ///
    /// Statements inside it are not checked again: whoever signs has them from [`Verified`] ones, and answers for them.
    pub fn seal<S: Signer>(body: T, signer: &S, network: NetworkId) -> Verified<T> {
        debug_assert_eq!(body.verify_inside::<S::Scheme>(network), Ok(()), "{} is sealed around it", T::NAME);
        let signature = signer.sign(&signed_bytes(&body, network));
        Verified(Self { body, signer: signer.id(), signature })
    }

    /// Checks the signature and those of the statements inside; the only way to a [`Verified`] that others signed.
    ///
    /// # Errors
    /// [`Forged`] with the first signature that does not cover its body, signer and this network.
    pub fn open<S: Scheme>(self, network: NetworkId) -> Result<Verified<T>, Forged> {
        self.verify::<S>(network)?;
        Ok(Verified(self))
    }

    /// True if the signature covers this body, signer and network, and those inside cover theirs.
    #[must_use]
    pub fn is_signed<S: Scheme>(&self, network: NetworkId) -> bool {
        self.verify::<S>(network).is_ok()
    }

    pub(crate) fn verify<S: Scheme>(&self, network: NetworkId) -> Result<(), Forged> {
        if !S::verify(&self.signer, &signed_bytes(&self.body, network), &self.signature) {
            return Err(Forged { kind: T::NAME, signer: self.signer });
        }
        self.body.verify_inside::<S>(network)
    }
}

impl<T> Signed<T> {
    /// What it says, to whoever looks to its signature elsewhere: a notary's books, whose facts were verified when they
    /// came in, an audit and a judge of receipts, who verify them beside. It never becomes a [`Verified`].
    #[must_use]
    pub fn said(&self) -> Said<'_, T> {
        Said(self)
    }
}

impl<T> Said<'_, T> {
    /// Who said it.
    #[must_use]
    pub fn signer(&self) -> PeerId {
        self.0.signer
    }
}

impl<T: Statement> Said<'_, T> {
    /// The name of the statement, whoever signed it.
    #[must_use]
    pub fn digest(&self) -> Digest {
        codec::digest(T::NAME, &self.0.body)
    }
}

impl<T> Deref for Said<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0.body
    }
}

impl<T> Attested<'_, T> {
    /// Who said it.
    #[must_use]
    pub fn signer(&self) -> PeerId {
        self.0.signer
    }
}

impl<T: Clone> Attested<'_, T> {
    /// The same by itself.
    #[must_use]
    pub fn to_verified(&self) -> Verified<T> {
        Verified(self.0.clone())
    }
}

impl<T> Deref for Attested<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0.body
    }
}

impl<T> Verified<T> {
    /// A statement inside this one: one that [`Statement::verify_inside`] checks.
    pub(crate) fn inside<U>(&self, field: impl FnOnce(&T) -> &Signed<U>) -> Attested<'_, U> {
        Attested(field(&self.0.body))
    }

    /// The same, where there may be none.
    pub(crate) fn inside_if<U>(
        &self,
        field: impl FnOnce(&T) -> Option<&Signed<U>>,
    ) -> Option<Attested<'_, U>> {
        field(&self.0.body).map(Attested)
    }

    /// Who said it.
    #[must_use]
    pub fn signer(&self) -> PeerId {
        self.0.signer
    }

    /// The signed form, to be sent or saved.
    #[must_use]
    pub fn signed(&self) -> &Signed<T> {
        &self.0
    }

    /// The signed form, to be sent or saved.
    #[must_use]
    pub fn into_signed(self) -> Signed<T> {
        self.0
    }

    /// The statement without its signature.
    #[must_use]
    pub fn into_body(self) -> T {
        self.0.body
    }
}

impl<T: Statement> Verified<T> {
    /// The name of the statement, whoever signed it.
    #[must_use]
    pub fn digest(&self) -> Digest {
        codec::digest(T::NAME, &self.0.body)
    }
}

impl<T> Deref for Verified<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0.body
    }
}

fn signed_bytes<T: Statement>(body: &T, network: NetworkId) -> Vec<u8> {
    codec::encode(&(DOMAIN, T::NAME, network, body))
}

/// The scheme of real networks.
#[derive(Clone, Copy, Debug)]
pub struct Ed25519;

impl Scheme for Ed25519 {
    /// Strict: keys of small order and signatures with a second form are refused, so that a statement has one signature.
    fn verify(signer: &PeerId, bytes: &[u8], signature: &Signature) -> bool {
        let signature = ed25519_dalek::Signature::from_bytes(signature.as_bytes());
        ed25519_dalek::VerifyingKey::from_bytes(signer.as_bytes())
            .is_ok_and(|key| key.verify_strict(bytes, &signature).is_ok())
    }
}

impl Ed25519 {
    /// Whether some secret key belongs to this name: half of all names are nobody's.
    #[must_use]
    pub fn is_key(peer: &PeerId) -> bool {
        ed25519_dalek::VerifyingKey::from_bytes(peer.as_bytes()).is_ok_and(|key| !key.is_weak())
    }
}

/// A secret key of a real network; wiped from memory when dropped, never printed.
pub struct Keypair(ed25519_dalek::SigningKey);

impl Keypair {
    /// The key that grows from `seed`.
    #[must_use]
    pub fn from_seed(seed: [u8; 32]) -> Self {
        Self(ed25519_dalek::SigningKey::from_bytes(&seed))
    }
}

impl fmt::Debug for Keypair {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Keypair({})", self.id())
    }
}

impl Signer for Keypair {
    type Scheme = Ed25519;

    fn id(&self) -> PeerId {
        PeerId(self.0.verifying_key().to_bytes())
    }

    fn sign(&self, bytes: &[u8]) -> Signature {
        Signature(ed25519_dalek::Signer::sign(&self.0, bytes).to_bytes())
    }

    fn derive(&self, purpose: &'static str, thing: Digest) -> Digest {
        let key = blake3::derive_key(DERIVED, self.0.as_bytes());
        Digest(*blake3::keyed_hash(&key, &codec::encode(&(purpose, thing))).as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
    struct Greeting(u64);
    #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
    struct Farewell(u64);
    statements!(Greeting, Farewell);

    #[test]
    fn a_derived_secret_is_one_for_each_key_purpose_and_thing() {
        let (key, other) = (Keypair::from_seed([1; 32]), Keypair::from_seed([2; 32]));
        let (thing, another) = (Digest::of(b"thing"), Digest::of(b"another"));
        let secret = key.derive("blind", thing);
        assert_eq!(secret, Keypair::from_seed([1; 32]).derive("blind", thing), "after a restart as before");
        let others = [other.derive("blind", thing), key.derive("salt", thing), key.derive("blind", another)];
        assert!(
            others.iter().all(|found| *found != secret) && others[0] != others[1] && others[1] != others[2]
        );
    }

    #[test]
    fn a_signature_covers_kind_network_body_and_signer() {
        let (key, other) = (Keypair::from_seed([1; 32]), Keypair::from_seed([2; 32]));
        let (here, there) = (Digest::of(b"here"), Digest::of(b"there"));
        let good = Signed::seal(Greeting(7), &key, here).into_signed();
        assert!(good.clone().open::<Ed25519>(here).is_ok());
        assert!(good.clone().open::<Ed25519>(there).is_err());
        let kind = Signed { body: Farewell(7), signer: good.signer, signature: good.signature };
        assert!(kind.open::<Ed25519>(here).is_err());
        let body = Signed { body: Greeting(8), ..good.clone() };
        assert!(body.open::<Ed25519>(here).is_err());
        let signer = Signed { signer: other.id(), ..good };
        assert!(signer.open::<Ed25519>(here).is_err());
    }
}
