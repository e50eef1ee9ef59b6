//! What a daemon can be asked.
//!
//! **Invariant:** names that people type (manifests, jobs) are resolved by the daemon, once, and only where exactly one
//! thing has that name.

use std::{
    fmt::{self, Write},
    path::PathBuf,
};

use assay_protocol::{
    id::{Digest, PeerId},
    units::{Amount, Duration, Units, Work},
};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Bytes in the longest input.
pub const INPUT_BYTES_MAX: usize = 16 * 1024 * 1024 - 32;

/// One question or order to a daemon. The comment of each says which [`super::Response`] answers it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    /// How the peer is: `Status`.
    Status,
    /// The rules of its network: `Network`.
    Network,
    /// The offers that are known: `Offers`.
    Offers,
    /// Run a job: `Submitted`.
    Submit(Box<Submit>),
    /// What a job would come to if it were submitted now: `Quoted`. Its input is not looked at.
    Quote(Box<Submit>),
    /// This client's jobs, oldest first: `Jobs`.
    Jobs,
    /// One of them: `Job`.
    Job {
        /// Its key, a job id or a unique prefix of either.
        name: String,
    },
    /// One of them, with why what became of it became of it: `Explained`.
    Explain {
        /// Its key, a job id or a unique prefix of either.
        name: String,
    },
    /// What happens from now on: `Watching`, then updates until the connection ends. See [`super::Handle::watch`].
    Watch {
        /// Only to this job.
        name: Option<String>,
    },
    /// A blob that is here, such as an output: `Bytes`.
    Output {
        /// Its digest.
        digest: Digest,
    },
    /// Copy a file into the blob store, such as a runner or a model: `Kept`.
    Keep {
        /// Where the file is, as an absolute path.
        path: PathBuf,
    },
    /// The receipt file of a closed job: `Bytes`.
    Receipt {
        /// The key of the submission, a job id or a unique prefix of either.
        name: String,
    },
    /// What this peer's account holds, as the notary says now: `Account`.
    Account {
        /// Which notary; the network's first if none.
        notary: Option<PeerId>,
    },
    /// The books, if this peer is a notary: `Books`.
    Books,
    /// This provider's and verifier's runs: `Runs`.
    Runs,
    /// Offer services from now on: `Providing`.
    Provide(Provide),
    /// Offer nothing any more: `Done`.
    StopProviding,
    /// Fetch a notary's published journal and replay it: `Audited`.
    Audit {
        /// Which notary; the network's first if none.
        notary: Option<PeerId>,
    },
    /// End in good order: `Done`, then the daemon is gone.
    Shutdown,
}

/// A job as a user wants it; what is left out is taken from the home's settings.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Submit {
    /// A pinned manifest: its name or a unique prefix of its digest.
    pub manifest: String,
    /// What the runner reads.
    pub input: Bytes,
    /// The same word again is the same job.
    pub idempotency_key: Option<String>,
    /// The most that may be spent.
    pub cost_max: Option<Amount>,
    /// The most that a unit may cost.
    pub unit_price_max: Option<Amount>,
    /// Only this provider.
    pub provider: Option<PeerId>,
    /// Providers tried one after another.
    pub attempts_max: Option<u16>,
    /// The most units that are paid.
    pub units_max: Option<Units>,
    /// The most work that checks are paid for.
    pub work_max: Option<Work>,
    /// The longest run.
    pub run_max: Option<Duration>,
}

/// What a provider wants to offer.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Provide {
    /// What is offered.
    pub services: Vec<Stall>,
    /// Jobs that run at the same time; as many as this machine has workers if none.
    pub slots: Option<u16>,
}

/// One thing that a provider wants to offer.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Stall {
    /// A pinned manifest: its name or a unique prefix of its digest.
    pub manifest: String,
    /// What a unit costs.
    pub unit_price: Amount,
    /// What the test run reads; something that fits most runners of pictures if none.
    pub sample: Option<Bytes>,
}

/// Bytes, written as hexadecimal digits.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Bytes(pub Vec<u8>);

impl fmt::Debug for Bytes {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} bytes", self.0.len())
    }
}

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut text = String::with_capacity(2 * self.0.len());
        for byte in &self.0 {
            write!(text, "{byte:02x}").map_err(serde::ser::Error::custom)?;
        }
        serializer.serialize_str(&text)
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        from_hex(&text)
            .map(Self)
            .ok_or_else(|| de::Error::custom("expected hexadecimal digits, two for each byte"))
    }
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |symbol: &u8| char::from(*symbol).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    pairs.iter().map(|[high, low]| Some((digit(high)? << 4) | digit(low)?)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_read_back_from_their_digits_and_nothing_else_does() {
        let all = Bytes((0..=255).collect());
        let text = serde_json::to_string(&all).unwrap();
        assert_eq!(serde_json::from_str::<Bytes>(&text).unwrap(), all);
        for wrong in ["\"0\"", "\"zz\"", "\"+1\"", "7"] {
            assert!(serde_json::from_str::<Bytes>(wrong).is_err(), "{wrong}");
        }
    }
}
