//! What an account's owner, or the issuer of credits, instructs a notary to do.
//!
//! **Invariant:** an account's instructions are numbered without gaps, so none is carried out twice.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::{
    codec::bounded,
    id::{Digest, PeerId},
    signed::statements,
    units::{Amount, Work},
};

/// Kinds of jobs that one account can be registered for.
pub const REGISTRATIONS_MAX: usize = 64;

/// Puts money at stake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stake {
    /// The notary.
    pub notary: PeerId,
    /// One more than the account's last instruction.
    pub sequence: u64,
    /// How much of what is free is put at stake now.
    pub amount: Amount,
    /// Up to which stake a part of each pay is added; none leaves it to the network.
    pub target: Option<Amount>,
}

/// Withdraws money from a stake; it is paid out after a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unstake {
    /// The notary.
    pub notary: PeerId,
    /// One more than the account's last instruction.
    pub sequence: u64,
    /// How much.
    pub amount: Amount,
}

/// A kind of jobs that somebody can check, with the largest of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Registration {
    /// The class of machine.
    pub class: Digest,
    /// The digest of the manifest, whose constants for work the verifier thereby accepts.
    pub manifest: Digest,
    /// The most work of one of its runs, as the manifest states it: books that know its digest alone can weigh by it. With
    /// another number one stands in a roster that no order is drawn from.
    pub work_most: Work,
}

/// States all that an account can check, instead of what it stated before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Register {
    /// The notary.
    pub notary: PeerId,
    /// One more than the account's last instruction.
    pub sequence: u64,
    /// What it can check, in ascending order.
    #[serde(deserialize_with = "bounded::list::<REGISTRATIONS_MAX, _, _>")]
    pub kinds: Vec<Registration>,
}

/// The issuer creates credits: there is no other way for them to come into being after the first day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grant {
    /// The notary whose books they enter.
    pub notary: PeerId,
    /// Whose they are.
    pub account: PeerId,
    /// How much.
    pub amount: Amount,
    /// One more than that of the issuer's last grant in these books.
    pub serial: u64,
}

statements!(Stake, Unstake, Register, Grant);
