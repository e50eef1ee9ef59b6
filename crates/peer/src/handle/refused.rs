//! Why a daemon does not do what it was asked.
//!
//! **Invariant:** a refusal says enough for whoever is refused to do something about it.

use std::fmt::Display;

use assay_market::{
    command::{NotCancelled, NotCarriedOut, NotDisputed, NotGranted},
    submission::OverDay,
};
use assay_protocol::{
    id::{Digest, PeerId},
    order::Failure,
};
use serde::{Deserialize, Serialize};

use super::OfferRefused;
use crate::library::{LibraryError, NotAdded};

/// Digits of a name in words.
const SHORT_DIGITS: usize = 12;

/// Why a daemon does not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum Refused {
    /// The request is not one.
    #[error("the request cannot be read: {reason}")]
    Unreadable {
        /// Why.
        reason: String,
    },
    /// No model is called so.
    #[error("no model is called {name}; here are known {}", list(known))]
    UnknownManifest {
        /// What was asked for.
        name: String,
        /// What there is.
        known: Vec<String>,
    },
    /// Something is wrong with a model.
    #[error(transparent)]
    Model(#[from] ModelRefused),
    /// An offer stays as it was.
    #[error(transparent)]
    Offer(#[from] OfferRefused),
    /// No job is called so.
    #[error("no job is called {name}")]
    UnknownJob {
        /// What was asked for.
        name: String,
    },
    /// Several things are called so.
    #[error("{name} could be any of {matches}; give more digits")]
    Ambiguous {
        /// What was asked for.
        name: String,
        /// How many it could be.
        matches: u64,
    },
    /// So few digits name no job, though some begin so.
    #[error("{name} names no job: {} so, and one is named by its first {least} digits or more", begin(*matches))]
    TooFewDigits {
        /// What was asked for.
        name: String,
        /// How many begin so.
        matches: u64,
        /// How many digits are enough, if they begin one job alone.
        least: u64,
    },
    /// There is no such blob here.
    #[error("the blob {digest} is not here")]
    BlobAbsent {
        /// Which.
        digest: Digest,
    },
    /// The job has no receipt yet.
    #[error("the job has no receipt yet")]
    NoReceipt,
    /// A notary has not said yet that it has done what the owner of an account wants. It is asked for further.
    #[error("the notary {} has not said within {} that it is done", short(notary), length(*waited_ms))]
    NotYet {
        /// Which notary.
        notary: PeerId,
        /// How long it was waited for.
        waited_ms: u64,
    },
    /// A notary does not do what the owner of an account wants.
    #[error("not done: {reason}")]
    NotCarriedOut {
        /// Why.
        reason: NotCarriedOut,
    },
    /// No credits were created.
    #[error("nothing was created: {reason}")]
    NotGranted {
        /// Why.
        reason: NotGranted,
    },
    /// A job does not end any more because somebody wants it to.
    #[error("{reason}")]
    NotCancelled {
        /// Why.
        reason: NotCancelled,
    },
    /// A result is not checked because somebody doubts it.
    #[error("{reason}")]
    NotDisputed {
        /// Why.
        reason: NotDisputed,
    },
    /// A job is not ordered again because it goes on.
    #[error("the job {} goes on", short(job))]
    NotOver {
        /// Which.
        job: Digest,
    },
    /// A job is not ordered again because it was paid for.
    #[error("the job {} was paid for", short(job))]
    Paid {
        /// Which.
        job: Digest,
    },
    /// A job is not ordered again because its input would be refused again.
    #[error("the job {} would have the same input again, and failed for that: {failure}", short(job))]
    InVain {
        /// Which.
        job: Digest,
        /// Why nothing came of it.
        failure: Failure,
    },
    /// A job is so long over that what was wanted is not remembered.
    #[error("what the job {} was about is not here any more", short(job))]
    Forgotten {
        /// Which.
        job: Digest,
    },
    /// A provider was not heard, or not to the end.
    #[error("the provider {} is not heard: {reason}", short(provider))]
    Unheard {
        /// Which.
        provider: PeerId,
        /// Why.
        reason: String,
    },
    /// The input is too long.
    #[error("the input has {bytes} bytes, where at most {max} are allowed")]
    InputTooLong {
        /// How many it has.
        bytes: u64,
        /// How many it may have.
        max: u64,
    },
    /// The word that should name the job names another one.
    #[error("another job has this idempotency key")]
    KeyInUse,
    /// Too many jobs are under way.
    #[error("too many jobs of this peer are under way")]
    TooManyJobs,
    /// This peer keeps no books.
    #[error("this peer is no notary of its network")]
    NotANotary,
    /// The network names no notary.
    #[error("this network has no notary")]
    NoNotary,
    /// A notary did not answer in time.
    #[error("the notary {} did not answer within {}", short(notary), length(*waited_ms))]
    NoAnswer {
        /// Which notary.
        notary: PeerId,
        /// How long it was waited for.
        waited_ms: u64,
    },
    /// No address of a notary is known, or none leads to it.
    #[error("the notary {} cannot be reached", short(notary))]
    Unreachable {
        /// Which notary.
        notary: PeerId,
    },
    /// More services than one offer can hold.
    #[error("these are more services than one offer can hold")]
    TooMuchToOffer,
    /// A runner or model of a manifest could not be had.
    #[error("{manifest} cannot be offered: its {part} {digest} is not here and no peer has it")]
    PartAbsent {
        /// Of which manifest.
        manifest: String,
        /// Runner or model.
        part: String,
        /// Its digest.
        digest: Digest,
    },
    /// There is too little room among the blobs for a runner or model.
    #[error(
        "{manifest} cannot be offered: its {part} has {} MiB, and of the {} MiB for runners, models and what jobs \
         read and write {} are needed",
        need.div_ceil(1 << 20), limit >> 20, have.div_ceil(1 << 20)
    )]
    BlobsFull {
        /// Of which manifest.
        manifest: String,
        /// Runner or model.
        part: String,
        /// Its bytes.
        need: u64,
        /// Bytes that must stay.
        have: u64,
        /// Bytes that all blobs may have.
        limit: u64,
    },
    /// The self-test failed.
    #[error("{manifest} cannot be offered: the test run failed: {reason}")]
    TestFailed {
        /// Of which manifest.
        manifest: String,
        /// Why.
        reason: Failure,
    },
    /// This machine does not give the bytes that jobs of the manifest are about.
    #[error("{reason}")]
    NoClass {
        /// Why.
        reason: String,
    },
    /// Whoever offers must be reached, and this peer cannot listen.
    #[error("{reason}")]
    NotListening {
        /// What the system said.
        reason: String,
    },
    /// Nothing to offer.
    #[error("nothing was named that could be offered")]
    NothingToOffer,
    /// There is nothing to pause: nothing is offered.
    #[error("this peer offers nothing")]
    NotOffering,
    /// The disk has too little room for anything new.
    #[error("the disk of the home has {} MiB free, and new jobs are taken from {} MiB on", free >> 20, floor >> 20)]
    NoRoom {
        /// Bytes that are free.
        free: u64,
        /// Bytes that have to be.
        floor: u64,
    },
    /// A job may cost more than is left of what the home may spend a day.
    #[error("{0}; nothing was spent")]
    OverDay(OverDay),
    /// The settings of the home make no sense, so that those of before hold.
    #[error("the settings are as they were: {reason}")]
    BadSettings {
        /// Why.
        reason: String,
    },
    /// The disk failed.
    #[error("{reason}")]
    Disk {
        /// What the system said.
        reason: String,
    },
    /// More is asked at a time than one connection may.
    #[error("more than {max} questions at a time on one connection")]
    TooManyCalls {
        /// How many there may be.
        max: usize,
    },
    /// The daemon ends.
    #[error("the daemon is shutting down")]
    Ending,
}

/// Why nothing is done with a model that was named.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum ModelRefused {
    /// Several models are called so.
    #[error("{name} is the name of several models: {}{}", matches.join(", "), more(*untold))]
    Shared {
        /// What was asked for.
        name: String,
        /// How each is told from the others.
        matches: Vec<String>,
        /// How many more there are.
        untold: u64,
    },
    /// A model cannot be ordered.
    #[error("{name} cannot be ordered: {reason}")]
    Unusable {
        /// What it is called.
        name: String,
        /// Why.
        reason: String,
    },
    /// Those who offer a model do not say what it is.
    #[error("nobody who offers {name} shows its manifest {digest}: {reason}")]
    ManifestAbsent {
        /// What they call it.
        name: String,
        /// The digest that they offer.
        digest: Digest,
        /// What came of asking.
        reason: String,
    },
    /// A model cannot be got from those who offer it.
    #[error("{name} cannot be pulled: {reason}")]
    NotPulled {
        /// What it is called.
        name: String,
        /// Why.
        reason: String,
    },
    /// A model is not published.
    #[error("{name} cannot be published: {reason}")]
    NotPublished {
        /// What it is called.
        name: String,
        /// Why.
        reason: String,
    },
    /// How conversations are written for a model is not known.
    #[error("the chat template of {name} cannot be read: {reason}")]
    NoTemplate {
        /// What it is called.
        name: String,
        /// Why.
        reason: String,
    },
    /// A file of the user's is not taken into the library.
    #[error("{name} cannot be added: {reason}")]
    NotAdded {
        /// What it was to be called.
        name: String,
        /// Why.
        reason: String,
    },
    /// The library takes nothing more, or cannot be written.
    #[error("{reason}")]
    Library {
        /// Why.
        reason: String,
    },
    /// A model is being offered.
    #[error("{name} is being offered")]
    Offered {
        /// Which.
        name: String,
    },
}

impl From<LibraryError> for Refused {
    fn from(error: LibraryError) -> Self {
        ModelRefused::Library { reason: error.to_string() }.into()
    }
}

impl ModelRefused {
    /// Why a file that was to be called so is not added.
    #[must_use]
    pub fn of_file(name: String, error: &NotAdded) -> Self {
        Self::NotAdded { name, reason: error.to_string() }
    }
}

/// A length of time in words.
fn length(ms: u64) -> String {
    if ms < 1_000 { format!("{ms} ms") } else { format!("{} s", ms / 1_000) }
}

/// The beginning of a name, as people are told it: programs have all of it beside the words.
pub(crate) fn short(name: impl Display) -> String {
    name.to_string().chars().take(SHORT_DIGITS).collect()
}

fn list(names: &[String]) -> String {
    match names {
        [] => "none".to_owned(),
        names => names.join(", "),
    }
}

fn begin(matches: u64) -> String {
    if matches == 1 { "one begins".to_owned() } else { format!("{matches} begin") }
}

fn more(untold: u64) -> String {
    if untold == 0 { String::new() } else { format!(", and {untold} more") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_told_in_short_and_kept_whole_for_programs() {
        let job = Digest([0xcd; 32]);
        let paid = Refused::Paid { job };
        assert_eq!(paid.to_string(), "the job cdcdcdcdcdcd was paid for");
        assert_eq!(Refused::NotOver { job }.to_string(), "the job cdcdcdcdcdcd goes on");
        assert_eq!(
            Refused::InVain { job, failure: Failure::BadInput }.to_string(),
            "the job cdcdcdcdcdcd would have the same input again, and failed for that: the runner refuses the input"
        );
        assert!(serde_json::to_string(&paid).unwrap().contains(&job.to_string()));
    }

    #[test]
    fn whoever_types_too_few_digits_is_told_how_many_jobs_begin_so() {
        let told = |matches| Refused::TooFewDigits { name: "a".into(), matches, least: 4 }.to_string();
        assert_eq!(told(3), "a names no job: 3 begin so, and one is named by its first 4 digits or more");
        assert!(told(1).starts_with("a names no job: one begins so, "));
    }

    #[test]
    fn whoever_waited_is_told_in_words_for_whom_and_how_long() {
        let notary = PeerId([0xab; 32]);
        assert_eq!(
            Refused::NoAnswer { notary, waited_ms: 10_001 }.to_string(),
            "the notary abababababab did not answer within 10 s"
        );
        assert_eq!(Refused::Unreachable { notary }.to_string(), "the notary abababababab cannot be reached");
        assert_eq!(
            Refused::NotYet { notary, waited_ms: 400 }.to_string(),
            "the notary abababababab has not said within 400 ms that it is done"
        );
    }
}
