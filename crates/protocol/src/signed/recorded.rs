//! Statements that a peer keeps: what was verified once is not verified again when it is read back.
//!
//! **Invariant:** a [`Recorded`] is made of a [`Verified`], or of what its peer wrote of one: no message holds any.

use core::ops::Deref;

use serde::{Deserialize, Serialize};

use super::{Signed, Verified};
use crate::id::PeerId;

/// A statement in a peer's own journal, which is chained: it was verified before it was written. Its encoding is that of
/// the [`Signed`] one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Recorded<T>(Signed<T>);

impl<T> Recorded<T> {
    /// Who said it.
    #[must_use]
    pub fn signer(&self) -> PeerId {
        self.0.signer
    }

    /// The signed form, to stand in another statement.
    #[must_use]
    pub fn signed(&self) -> &Signed<T> {
        &self.0
    }

    /// The statement as it was when it was written.
    #[must_use]
    pub fn into_verified(self) -> Verified<T> {
        Verified(self.0)
    }
}

impl<T: Clone> Recorded<T> {
    /// The statement as it was when it was written.
    #[must_use]
    pub fn verified(&self) -> Verified<T> {
        self.clone().into_verified()
    }
}

impl<T> From<Verified<T>> for Recorded<T> {
    fn from(verified: Verified<T>) -> Self {
        Self(verified.into_signed())
    }
}

impl<T: Clone> From<&Verified<T>> for Recorded<T> {
    fn from(verified: &Verified<T>) -> Self {
        verified.clone().into()
    }
}

impl<T> Deref for Recorded<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0.body
    }
}

/// How a verified statement lies in what a peer keeps of its records: as it was signed. For `#[serde(with)]`.
pub mod kept {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::{Recorded, Verified};

    /// A statement, or perhaps one.
    pub trait Recordable: Sized {
        /// As what it is written.
        type Form;
        /// That form of it.
        fn form(&self) -> Self::Form;
        /// What a form is of.
        fn of(form: Self::Form) -> Self;
    }

    impl<T: Clone> Recordable for Verified<T> {
        type Form = Recorded<T>;

        fn form(&self) -> Recorded<T> {
            self.into()
        }

        fn of(form: Recorded<T>) -> Self {
            form.into_verified()
        }
    }

    impl<T: Recordable> Recordable for Option<T> {
        type Form = Option<T::Form>;

        fn form(&self) -> Option<T::Form> {
            self.as_ref().map(T::form)
        }

        fn of(form: Option<T::Form>) -> Self {
            form.map(T::of)
        }
    }

    /// Writes it.
    ///
    /// # Errors
    /// Those of the format.
    pub fn serialize<T: Recordable<Form: Serialize>, S: Serializer>(
        statement: &T,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        statement.form().serialize(to)
    }

    /// Reads it back.
    ///
    /// # Errors
    /// Those of the format.
    pub fn deserialize<'de, T: Recordable<Form: Deserialize<'de>>, D: Deserializer<'de>>(
        from: D,
    ) -> Result<T, D::Error> {
        T::Form::deserialize(from).map(T::of)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        codec,
        id::Digest,
        objection::Dispute,
        signed::{Keypair, Signer},
    };

    #[test]
    fn what_is_recorded_is_written_as_it_was_signed_and_reads_back_as_verified() {
        let (key, job) = (Keypair::from_seed([1; 32]), Digest::of(b"job"));
        let verified = Signed::seal(Dispute { job }, &key, Digest::of(b"here"));
        let recorded = Recorded::from(&verified);
        let bytes = codec::encode(&recorded);
        assert_eq!(bytes, codec::encode(verified.signed()));
        assert_eq!(serde_json::to_value(&recorded).ok(), serde_json::to_value(verified.signed()).ok());
        let read: Recorded<Dispute> = codec::decode(&bytes, bytes.len()).expect("it was written");
        assert_eq!((read.job, read.signer(), read.signed()), (job, key.id(), verified.signed()));
        assert_eq!((read.verified(), read.into_verified()), (verified.clone(), verified));
    }
}
