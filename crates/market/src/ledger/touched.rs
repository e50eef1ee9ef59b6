//! What a fact did to the books.
//!
//! **Invariant:** an account or an open job that is not named here is as it was before the fact.

use alloc::{boxed::Box, vec::Vec};

use assay_protocol::{
    id::{JobId, PeerId},
    receipt::Story,
    ticket::Ticket,
    units::Rate,
};

/// What a fact did: what followed from it, and what it may have changed.
#[derive(Clone, Debug)]
pub struct Touched {
    /// What followed, in order.
    pub news: Vec<News>,
    /// The jobs that were opened, moved or closed, or looked at for that: each once, in their order.
    pub jobs: Vec<JobId>,
    /// The accounts that were opened, paid or charged, or looked at for that: the same.
    pub accounts: Vec<PeerId>,
}

/// One thing that followed from a fact, for the notary to say.
#[derive(Clone, Debug)]
pub enum News {
    /// A job was opened.
    Opened {
        /// Who ordered it.
        client: PeerId,
        /// What was fixed.
        ticket: Box<Ticket>,
    },
    /// It was drawn whether a job is checked.
    Drawn {
        /// Which job.
        job: JobId,
        /// At which rate.
        rate: Rate,
        /// Who checks it.
        verifier: Option<PeerId>,
    },
    /// A check did not match.
    Accused {
        /// Which job.
        job: JobId,
        /// Whose.
        provider: PeerId,
    },
    /// A job was closed.
    Closed {
        /// What happened to it.
        story: Box<Story>,
        /// Who ordered it.
        client: PeerId,
        /// Who ran it.
        provider: PeerId,
    },
}
