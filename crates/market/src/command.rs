//! What a user can want of a peer, and why nothing may come of it.
//!
//! **Invariant:** only the user of this machine commands; nothing that another peer says becomes a command.

use alloc::vec::Vec;

use assay_protocol::{
    account::Registration,
    id::{Digest, PeerId},
    units::{Amount, Timestamp},
};

use crate::{provision::Provision, submission::Submission};

/// What a user wants.
#[derive(Clone, Debug)]
#[allow(clippy::large_enum_variant, reason = "each is moved a few times; a box would cost an allocation")]
pub enum Command {
    /// A job is to be run.
    Submit(Submission),
    /// These services are to be offered from now on; none ends the offer.
    Provide(Provision),
    /// Nothing new is to be taken on.
    Pause {
        /// Until when; until that is taken back if nothing.
        until: Option<Timestamp>,
        /// What runs is given up, too.
        is_sudden: bool,
    },
    /// A pause is to end.
    EndPause,
    /// No order of a client is to be taken on.
    Block {
        /// Whose.
        client: PeerId,
    },
    /// Orders of a client are to be taken on again.
    Unblock {
        /// Whose.
        client: PeerId,
    },
    /// The balances at a notary are to be asked for.
    Ask {
        /// Which notary.
        notary: PeerId,
    },
    /// No more is wanted of a submission.
    Cancel {
        /// The submission.
        key: Digest,
    },
    /// A result that is not drawn is to be checked at the client's cost.
    Dispute {
        /// The submission.
        key: Digest,
    },
    /// The user has the result of a submission: it need not be kept any longer.
    Taken {
        /// The submission.
        key: Digest,
    },
    /// Nobody remembers more of this notary's journal than it has: it goes on.
    KeepBooks,
    /// Credits are to be created.
    Grant(Credit),
    /// Money is to be put at stake.
    Stake {
        /// Which notary.
        notary: PeerId,
        /// How much of what is free.
        amount: Amount,
        /// Up to which stake a part of each pay is added; none leaves it to the network.
        target: Option<Amount>,
    },
    /// Money is to be withdrawn from the stake.
    Unstake {
        /// Which notary.
        notary: PeerId,
        /// How much.
        amount: Amount,
    },
    /// These kinds of jobs can be checked here from now on, instead of what was registered before.
    Register {
        /// Which notary.
        notary: PeerId,
        /// What it can check.
        kinds: Vec<Registration>,
    },
}

/// What an account's owner wants its notary to do.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Instruction {
    /// To put money at stake.
    Stake {
        /// How much of what is free.
        amount: Amount,
        /// Up to which stake a part of each pay is added; none leaves it to the network.
        target: Option<Amount>,
    },
    /// To withdraw money from the stake.
    Unstake {
        /// How much.
        amount: Amount,
    },
    /// To note what it can check.
    Register {
        /// What it can check, in ascending order.
        kinds: Vec<Registration>,
    },
}

/// Credits that an issuer creates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Credit {
    /// Whose they are.
    pub account: PeerId,
    /// How much.
    pub amount: Amount,
    /// One more than that of the issuer's last grant; the same for the same credits.
    pub serial: u64,
}

/// Why no credits were created.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum NotGranted {
    /// This peer may create none.
    #[error("credits are created by the network's issuer alone, in the books that it keeps itself")]
    NotTheIssuer,
    /// A grant of nothing is none.
    #[error("a grant of nothing creates nothing")]
    Nothing,
    /// What nobody has the key of could never be spent.
    #[error("the account is that of nobody's key")]
    NobodysKey,
    /// The books stand still until it is known whether they are whole.
    #[error("the books stand still until others have said what this notary signed last")]
    HeldBack,
    /// A grant of that number was made, and it was another one or is not the last; what it created is in the books.
    #[error("a grant of that number was made before: the next is number {next}")]
    Made {
        /// What would be taken.
        next: u64,
    },
    /// One before it is missing.
    #[error("the next grant is number {next}")]
    Serial {
        /// What would be taken.
        next: u64,
    },
    /// There would be more than books can count.
    #[error("there would be more credits than books can count")]
    TooMuch,
}

/// Why something was not cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum NotCancelled {
    /// No such submission is known.
    #[error("no such job is known here")]
    Unknown,
    /// It has ended.
    #[error("the job is over")]
    Ended,
    /// The provider has claimed its result, and is paid if that holds. Nobody else is asked after it.
    #[error("too late: the provider has claimed its result")]
    Claimed,
}

/// Why a dispute came to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum NotDisputed {
    /// No such submission is known.
    #[error("no such job is known here")]
    Unknown,
    /// There is no result yet.
    #[error("no result is here yet")]
    NotDelivered,
    /// The job is being checked anyway, or closed.
    #[error("too late: the job is being checked already, or closed")]
    TooLate,
}

/// Why an instruction was not carried out, as far as the account's statement shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum NotCarriedOut {
    /// The peer is no notary of this network.
    #[error("no notary of this network")]
    Notary,
    /// Too many instructions wait, or too many kinds are named.
    #[error("too much at once")]
    TooMuch,
    /// The account does not hold as much.
    #[error("the account does not hold as much")]
    Funds,
    /// The stake stands for pay that is not settled yet, or too many withdrawals are under way.
    #[error("the stake stands for pay that is not settled yet, or too many withdrawals are under way")]
    Bound,
    /// The notary knows no such account.
    #[error("the notary knows no such account")]
    NoAccount,
    /// The notary did not answer. It may carry it out yet.
    #[error("the notary did not answer")]
    Unanswered,
}
