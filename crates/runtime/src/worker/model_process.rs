//! The parent's end of a process that holds a model.
//!
//! **Invariant:** it is given one model, by its file or by its pack, and after that nothing but sessions. A pack has its name
//! once the process has said its digest, and goes where the process does not find that it is what it should be.

use std::{
    fs::File,
    time::{Duration, Instant},
};

use assay_protocol::id::Digest;

use super::{
    confine::FILE_BYTES_MAX,
    process::{Process, WorkerSource},
    system::EngineLink,
    wire::{CardPlace, FoundCard, HostedModel, PackPlace, Purpose, Request, WorkerReply},
};
use crate::{
    engine::far::SessionBounds,
    envelope::RunLimits,
    outcome::{RunFailure, cut},
    packs::{KeptPack, PackDraft},
};

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

/// What a process is given of a model.
pub(crate) enum HandedModel {
    /// Its file, and an empty one for its pack, if that is to be kept.
    File(File, Option<PackDraft>),
    /// A pack that was kept.
    Pack(KeptPack),
}

/// How far a process has come with its model.
pub(crate) enum LoadProgress {
    /// It reads.
    GoesOn,
    /// It holds the model.
    Loaded(HostedModel),
    /// The pack that it was given is of no use, and gone: another process has to begin with the model's file.
    PackRefused,
}

/// A process that holds a model. Dropping it kills it.
pub(crate) struct ModelProcess {
    process: Process,
    /// What it writes a pack into.
    draft: Option<PackDraft>,
    /// The pack that it looks through.
    unproven: Option<KeptPack>,
}

impl ModelProcess {
    /// Starts one under the limit for the memory of a process, and hands over its model, which goes on a card if one is named.
    pub(crate) fn start(
        worker_source: &WorkerSource,
        limits: &RunLimits,
        (model, handed): (Digest, HandedModel),
        (card, kept_bytes): (Option<CardPlace>, u64),
    ) -> Result<Self, RunFailure> {
        let purpose = if card.is_some() { Purpose::Card } else { Purpose::Host };
        let again =
            |file: &File| file.try_clone().map_err(|error| RunFailure::EngineDied(cut(error.to_string())));
        let (files, draft, unproven) = match handed {
            HandedModel::File(file, None) => (vec![file], None, None),
            HandedModel::File(file, Some(draft)) => (vec![file, again(&draft.file)?], Some(draft), None),
            HandedModel::Pack(kept) => (vec![again(&kept.file)?], None, Some(kept)),
        };
        let (pack, file_bytes) = match (&draft, &unproven) {
            (Some(PackDraft { bytes_max, .. }), _) => {
                (PackPlace::Draft { bytes_max: *bytes_max }, FILE_BYTES_MAX.max(*bytes_max))
            }
            (None, Some(kept)) => (PackPlace::Kept { digest: kept.digest }, FILE_BYTES_MAX),
            (None, None) => (PackPlace::Memory, FILE_BYTES_MAX),
        };
        let mut process = Process::start_writing(worker_source, limits, purpose, file_bytes)?;
        // Those who run at the same time share every pass, so all cores work for it.
        let threads = std::thread::available_parallelism().map_or(1, usize::from).min(THREADS_MAX);
        let threads = u16::try_from(threads).unwrap_or(u16::MAX);
        process.send(&Request::Load { model, pack, card, threads, kept_bytes }, &[], &files)?;
        Ok(Self { process, draft, unproven })
    }

    /// How far it has come by `until`. Asked until it holds its model, or never will.
    pub(crate) fn progress(&mut self, until: Instant) -> Result<LoadProgress, RunFailure> {
        loop {
            let reply = match self.process.next(until, 0) {
                // It has only looked at its pack so far: a disk that cannot read it ends whoever has it mapped.
                Err(failure) if self.unproven.is_some() => {
                    return Ok(self.refuse_pack(&failure.to_string()));
                }
                reply => reply?.map(|(reply, _)| reply),
            };
            let (writes, proves) = (self.draft.is_some(), self.unproven.is_some());
            match reply {
                None => return Ok(LoadProgress::GoesOn),
                Some(WorkerReply::Loaded(held)) => return Ok(LoadProgress::Loaded(held)),
                Some(WorkerReply::PackTaken) if proves => {
                    self.unproven.take().into_iter().for_each(KeptPack::taken);
                }
                Some(WorkerReply::PackRefused(why)) if proves => return Ok(self.refuse_pack(&why)),
                Some(WorkerReply::Packed(digest)) if writes => {
                    self.draft.take().into_iter().for_each(|draft| draft.settle(digest));
                }
                Some(WorkerReply::NotPacked(why)) if writes => {
                    self.draft.take().into_iter().for_each(|draft| draft.give_up(&why));
                }
                Some(reply) => return Err(self.process.astray(reply)),
            }
        }
    }

    fn refuse_pack(&mut self, why: &str) -> LoadProgress {
        self.unproven.take().into_iter().for_each(|kept| kept.refuse(why));
        LoadProgress::PackRefused
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
