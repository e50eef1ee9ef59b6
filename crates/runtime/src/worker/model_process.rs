//! The parent's end of a process that holds a model.
//!
//! **Invariant:** it is given one model, and after that nothing but sessions.

use std::{
    fs::File,
    time::{Duration, Instant},
};

use assay_protocol::id::Digest;

use super::{
    process::{Process, WorkerSource},
    system::EngineLink,
    wire::{CardPlace, FoundCard, HostedModel, Purpose, Request, WorkerReply},
};
use crate::{engine::far::SessionBounds, envelope::RunLimits, outcome::RunFailure};

/// Threads that one model is computed by: more wait for each other longer than they compute.
const THREADS_MAX: usize = 64;

/// What a driver has to list its cards.
const CARDS_WAIT: Duration = Duration::from_secs(20);

/// The graphics cards of this machine, listed by a process of its own: their driver is nobody's but its maker's.
///
/// # Errors
/// [`RunFailure`], if the process does not answer.
pub(crate) fn cards(worker_source: &WorkerSource) -> Result<Vec<FoundCard>, RunFailure> {
    let mut process = Process::start(worker_source, &RunLimits::default(), Purpose::Card)?;
    process.send(&Request::Cards, &[], &[])?;
    let reply = process.answer(CARDS_WAIT)?;
    if let WorkerReply::Cards(cards) = reply { Ok(cards) } else { Err(process.astray(reply)) }
}

/// A process that holds a model. Dropping it kills it.
pub(crate) struct ModelProcess {
    process: Process,
}

impl ModelProcess {
    /// Starts one under the limit for the memory of a process, and hands over the file of its model, which goes on a card if
    /// one is named.
    pub(crate) fn start(
        worker_source: &WorkerSource,
        limits: &RunLimits,
        (model, file): (Digest, File),
        (card, kept_bytes): (Option<CardPlace>, u64),
    ) -> Result<Self, RunFailure> {
        let purpose = if card.is_some() { Purpose::Card } else { Purpose::Host };
        let mut process = Process::start(worker_source, limits, purpose)?;
        // Those who run at the same time share every pass, so all cores work for it.
        let threads = std::thread::available_parallelism().map_or(1, usize::from).min(THREADS_MAX);
        let threads = u16::try_from(threads).unwrap_or(u16::MAX);
        process.send(&Request::Load { model, card, threads, kept_bytes }, &[], &[file])?;
        Ok(Self { process })
    }

    /// What it holds; nothing if it has not read that by `until`. Asked until there is an answer.
    pub(crate) fn held(&mut self, until: Instant) -> Result<Option<HostedModel>, RunFailure> {
        match self.process.next(until, 0)? {
            Some((WorkerReply::Loaded(held), _)) => Ok(Some(held)),
            Some((reply, _)) => Err(self.process.astray(reply)),
            None => Ok(None),
        }
    }

    /// Has it serve a session.
    pub(crate) fn session(&mut self, bounds: SessionBounds, link: &EngineLink) -> Result<(), RunFailure> {
        self.process.session(&Request::EngineSession(bounds), &[], &[], link)
    }

    /// Why it is of no use to its sessions any more, in its own last words where it left some.
    pub(crate) fn mourn(&mut self) -> RunFailure {
        let failure = self.process.mourn("it broke off");
        if let RunFailure::WorkerDied(why) = failure { RunFailure::EngineDied(why) } else { failure }
    }

    pub(crate) fn is_alive(&mut self) -> bool {
        self.process.is_alive()
    }

    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }
}
