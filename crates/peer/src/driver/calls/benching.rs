//! How fast a model runs here, beside the one that work is counted by.
//!
//! **Invariant:** nothing is offered by it, and what is offered stays as it is.

use std::sync::Arc;

use assay_protocol::{id::Digest, manifest::Manifest, order::Failure};
use serde::{Deserialize, Serialize};

use crate::{
    blobs::{BlobError, Blobs},
    driver::responder::{Respond, Responder},
    executor::{ModelPace, sample},
    handle::{Attachment, Call, Refused},
};

/// Measure how fast a model runs here.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BenchModel {
    /// A model that the network pins or the library holds.
    pub name: String,
    /// What it reads; something that fits most runners if that is nothing.
    pub input: Attachment,
    /// The model that work is counted by.
    pub yardstick: WorkYardstick,
}

/// The model that work is counted by: a token that it reads is one of work.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorkYardstick {
    /// How it is run; runner and model are named by what is attached.
    pub manifest: Manifest,
    /// The component that runs it.
    pub runner: Attachment,
    /// Its file.
    pub model: Attachment,
    /// What it reads.
    pub input: Attachment,
}

/// What was measured.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BenchedModel {
    /// The model.
    pub manifest: Manifest,
    /// What this machine is to it.
    pub machine: String,
    /// How fast it runs.
    pub pace: ModelPace,
    /// How fast the model runs that work is counted by.
    pub yardstick: ModelPace,
    /// Bytes of memory that a run takes.
    pub memory_bytes: u64,
}

impl Call for BenchModel {
    const NAME: &'static str = "bench_model";
    type Answer = BenchedModel;

    fn attachments(&mut self) -> Vec<&mut Attachment> {
        let WorkYardstick { runner, model, input, .. } = &mut self.yardstick;
        vec![&mut self.input, runner, model, input]
    }
}

impl Respond for BenchModel {
    async fn respond(self, responder: &Responder) -> Result<BenchedModel, Refused> {
        let Self { name, input: Attachment(input), yardstick } = self;
        let manifest = responder.own_model(&name)?.manifest;
        responder.store.library.lets_run(&manifest, &responder.genesis)?;
        let equipped = responder.pinned.equip(&manifest).await;
        equipped.map_err(|absent| absent.refuses(&manifest))?;
        let class = responder.executor.class_of(&manifest).await;
        let machine = class.map_err(|none| Refused::NoClass { reason: none.reason })?.to_string();
        let input = if input.is_empty() { sample(&manifest) } else { input };
        let (blobs, held) = (responder.store.blobs.clone(), responder.store.blobs.hold([]));
        let holder = held.holder();
        let stored = responder.work(move |_| yardstick.store(&blobs, holder)).await?;
        let (counted, text) = stored.map_err(|error| Refused::Disk { reason: error.to_string() })?;
        let place = Arc::clone(&responder.works).acquire_owned().await.map_err(|_| Refused::Ending)?;
        let (executor, model) = (responder.executor.clone(), manifest.clone());
        // A run cannot be called back: it keeps its place until it is over, even if nobody waits for it any more.
        let benched = tokio::spawn(async move {
            let (_place, _held) = (place, held);
            let yardstick = executor.bench(counted, text).await?;
            let memory_bytes = executor.memory_of(model.clone()).await;
            let pace = executor.bench(model, input).await?;
            Ok::<_, Failure>((pace, yardstick, memory_bytes))
        });
        let benched = benched.await.map_err(|_| Refused::Ending)?;
        let failed = |reason| Refused::TestFailed { manifest: manifest.name.clone(), reason };
        let (pace, yardstick, memory_bytes) = benched.map_err(failed)?;
        Ok(BenchedModel { manifest, machine, pace, yardstick, memory_bytes })
    }
}

impl WorkYardstick {
    /// Has it here for as long as the holder lasts; gives back how it is run, and on what.
    fn store(self, blobs: &Blobs, holder: Digest) -> Result<(Manifest, Vec<u8>), BlobError> {
        let Self { manifest, runner, model, input } = self;
        let (runner, model) = (blobs.put_for(holder, &runner.0)?, blobs.put_for(holder, &model.0)?);
        Ok((Manifest { runner, model, ..manifest }, input.0))
    }
}
