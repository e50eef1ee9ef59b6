//! What takes long, each in a task of its own that reports back to the loop.
//!
//! **Invariant:** every task that answers an effect sends exactly one report, or none for a run that was stopped
//! and for a search that cannot be made now.

use std::sync::Arc;

use assay_market::{
    Input,
    effect::Run,
    input::{Inquiry, Proven, Remembered, RunId, Uncollected},
};
use assay_protocol::{
    genesis::Genesis,
    id::{Digest, PeerId},
    manifest::Manifest,
    order::Failure,
    receipt::{Receipt, Report},
};
use tokio::{sync::mpsc, task::spawn_blocking};

use super::{
    indexing::Unknowable,
    intake::Intake,
    pages::{self, BOOK},
    pinned::Pinned,
};
use crate::{
    executor::Executor,
    fetcher::{Fetcher, Want},
    heard_texts::HeardTexts,
    network::Network,
    receipts::collect::{Expected, collect},
    speech::Speaker,
    store::Store,
};

/// Everything that tasks work with.
#[derive(Clone)]
pub(crate) struct Background {
    pub(crate) network: Network,
    pub(crate) store: Store,
    pub(crate) executor: Executor,
    pub(crate) fetcher: Fetcher,
    pub(crate) pinned: Arc<Pinned>,
    pub(crate) rules: Arc<Genesis>,
    pub(crate) intake: Intake,
    /// What was heard of this client's submissions.
    pub(crate) heard: HeardTexts<Digest>,
    /// Where answers to effects go. There are never more than the brain asked for.
    pub(crate) reports: mpsc::UnboundedSender<Input>,
}

impl Background {
    /// Gets a blob for a job.
    pub(crate) fn fetch(&self, want: Want) {
        let (background, holder, digest) = (self.clone(), want.holder, want.digest);
        // It is wanted from now on, whenever the task has its first turn: a release may be the next effect.
        let fetch = self.fetcher.fetch(want);
        tokio::spawn(async move {
            let found = fetch.await;
            let found =
                found.inspect_err(|error| tracing::info!(job = %holder, %digest, %error, "not fetched")).ok();
            background.report(Input::Fetched { holder, digest, found });
        });
    }

    /// Gets a receipt, judges it and files it.
    pub(crate) fn collect(&self, expected: Expected) {
        let background = self.clone();
        tokio::spawn(async move {
            let Expected { job, digest, .. } = expected;
            let collected = collect(&background.network, &background.store, expected).await;
            let proven =
                |report: Report| Proven { outcome: report.outcome, claim: report.claim, cost: report.cost };
            let found = collected.map(proven).map_err(|error| {
                tracing::warn!(%job, %digest, %error, "a receipt is not filed");
                if error.refutes() { Uncollected::Refuted } else { Uncollected::Absent }
            });
            background.report(Input::Collected { job, digest, found });
        });
    }

    /// Reads what became of a job that was closed long ago, out of its receipt, if one is filed. Where that cannot be said
    /// now, nothing is: who wants to know asks again, and is not told that there is no such job.
    pub(crate) fn recall(&self, question: Inquiry, filed: Result<Option<Digest>, Unknowable>) {
        let job = question.job;
        let digest = match filed {
            Ok(Some(digest)) => digest,
            Ok(None) => return self.report(Input::Recalled { question, closed: None }),
            Err(error) => return tracing::warn!(%job, %error, "what became of a job cannot be looked up"),
        };
        let background = self.clone();
        spawn_blocking(move || {
            let bytes = background.store.receipts.get(&digest);
            let bytes = bytes.inspect_err(|error| tracing::warn!(%job, %error, "a receipt cannot be read"));
            let receipt = bytes.ok().flatten().and_then(|bytes| Receipt::from_bytes(&bytes).ok());
            if let Some(receipt) = receipt {
                let closed = Some(Remembered::of(&receipt, digest));
                background.report(Input::Recalled { question, closed });
            }
        });
    }

    /// Runs a job.
    pub(crate) fn run(&self, run: Run) {
        let (background, id) = (self.clone(), run.id);
        // It goes on from now, while its parts are got too: to stop it may be the next effect.
        let Some(begun) = self.executor.begin(run) else { return };
        let speaker = self.speaker_of(begun.run());
        tokio::spawn(async move {
            let manifest = &begun.run().manifest;
            let ended = match background.pinned.equip(manifest).await {
                // It may have been offered, or registered for, while it was allowed.
                Ok(()) if background.store.library.lets_run(manifest, &background.rules).is_err() => {
                    tracing::warn!(job = %id.job, manifest = manifest.name, runner = %manifest.runner, "a runner is not allowed here");
                    begun.fail(Failure::Unusable)
                }
                Ok(()) => begun.go(speaker).await,
                Err(absent) => {
                    tracing::warn!(job = %id.job, manifest = manifest.name, part = absent.part, why = %absent.why, "a run lacks a part");
                    begun.fail(Failure::Unusable)
                }
            };
            if let Some(result) = ended {
                background.report(Input::Ran { run: id, result });
            }
        });
    }

    /// Lets workers go that have waited long, or all that wait during a pause, and waits for their end.
    pub(crate) fn sweep(&self, is_paused: bool) {
        let executor = self.executor.clone();
        spawn_blocking(move || if is_paused { executor.make_way() } else { executor.sweep() });
    }

    /// Has what a run writes heard by whoever may hear it, and the loop told of that now and then.
    fn speaker_of(&self, run: &Run) -> Option<Speaker> {
        let Run { id: run, listener, .. } = *run;
        let listener = listener?;
        let reports = self.reports.downgrade();
        let word = move |records, root| {
            // Nobody waits for it, so it does not keep the loop from its end.
            if let Some(reports) = reports.upgrade() {
                drop(reports.send(Input::Streamed { run, records, root }));
            }
        };
        Some(self.network.speeches().begin(run.job, listener, word))
    }

    /// Reads records of an output.
    pub(crate) fn show(&self, run: RunId, output: Digest, positions: Vec<u64>) {
        let background = self.clone();
        tokio::spawn(async move {
            let records = background.executor.show(output, positions).await;
            background.report(Input::Shown { run, records });
        });
    }

    /// Gets the parts of pinned manifests ahead of need. What is not to be had now is tried again when it is needed.
    pub(crate) fn equip(&self, manifests: Vec<Manifest>) {
        let background = self.clone();
        tokio::spawn(async move {
            for manifest in manifests {
                if let Err(absent) = background.pinned.equip(&manifest).await {
                    tracing::info!(manifest = manifest.name, part = absent.part, why = %absent.why, "not here yet");
                }
            }
        });
    }

    /// Asks a peer for the offers that it knows.
    pub(crate) fn ask_book(&self, peer: PeerId) {
        let background = self.clone();
        tokio::spawn(async move {
            let Ok(answer) = background.network.ask(peer, BOOK, Vec::new()).await else { return };
            match pages::read_book(&answer) {
                Ok(book) => background.intake.book(peer, book).await,
                Err(error) => tracing::warn!(%peer, %error, "a peer's book cannot be read"),
            }
        });
    }

    fn report(&self, input: Input) {
        // The loop has ended, and nobody waits for this any more.
        drop(self.reports.send(input));
    }
}
