//! One run, from when it is asked for to its end.
//!
//! **Invariant:** it is noted as going on exactly as long as this lives, what it needs stays meanwhile, and nothing comes of
//! it once it was stopped.

use std::sync::Arc;

use assay_market::{effect::Run, input::RunResult};
use assay_protocol::order::Failure;

use super::{
    Conduct, Executor,
    following::{Course, Following},
    has_model, lock,
};
use crate::{blobs::Hold, speech::Speaker};

/// A run that goes on until this is dropped.
pub(crate) struct Begun {
    executor: Executor,
    run: Run,
    course: Arc<Course>,
    _held: Hold,
}

impl Begun {
    pub(super) fn new(executor: Executor, run: Run, course: Arc<Course>, held: Hold) -> Self {
        Self { executor, run, course, _held: held }
    }

    pub(crate) fn run(&self) -> &Run {
        &self.run
    }

    /// Runs it, once there is a place, and has it heard; nothing comes of it if it was stopped, and a failure if it was cut
    /// before.
    pub(crate) async fn go(self, speaker: Option<Speaker>) -> Option<Result<RunResult, Failure>> {
        let result = self.in_place(speaker).await;
        self.end(result)
    }

    /// Ends it before it has run.
    pub(crate) fn fail(self, failure: Failure) -> Option<Result<RunResult, Failure>> {
        self.end(Err(failure))
    }

    async fn in_place(&self, speaker: Option<Speaker>) -> Result<RunResult, Failure> {
        let inner = &self.executor.inner;
        let _place = tokio::select! {
            biased;
            // Nothing of it is written, so nothing of it is wanted; whoever holds the place may do so for long.
            () = self.course.is_broken_off() => return Err(Failure::Machine),
            place = inner.enter(self.run.id.check) => place.map_err(|_| Failure::Machine)?,
        };
        let (run, following) = (self.run.clone(), Following::new(Arc::clone(&self.course), speaker));
        let conduct = if run.id.check { Conduct::Honest } else { inner.conduct };
        let following = if conduct == Conduct::Stall { following.stalling() } else { following };
        let forge = conduct == Conduct::Forge;
        if !forge {
            self.is_of_its_class().await?;
        }
        let ended = self.executor.block(move |inner| match forge {
            true => inner.forge(&run),
            false => inner.run(&run, following),
        });
        ended.await.unwrap_or(Err(Failure::Machine))
    }

    /// Whether this machine gives the bytes that the job is about: an engine that fails its probe may give others, and who
    /// said so of a check would accuse an honest peer.
    async fn is_of_its_class(&self) -> Result<(), Failure> {
        let (Run { manifest, class, input, .. }, blobs) = (&self.run, &self.executor.inner.blobs);
        if !blobs.contains(input) {
            return Err(Failure::InputAbsent);
        }
        match self.executor.class_of(manifest).await {
            Ok(own) if own.digest() == *class => Ok(()),
            Ok(own) => {
                tracing::warn!(job = %self.run.id.job, %own, "a job for machines of another class is not run");
                Err(Failure::Machine)
            }
            Err(error) => {
                tracing::warn!(job = %self.run.id.job, %error, "a job is not run");
                let lacks = has_model(manifest) && !blobs.contains(&manifest.model);
                Err(if lacks { Failure::Unusable } else { Failure::Machine })
            }
        }
    }

    fn end(self, result: Result<RunResult, Failure>) -> Option<Result<RunResult, Failure>> {
        (!self.course.is_stopped()).then_some(result)
    }
}

impl Drop for Begun {
    /// A run that was stopped and begun anew meanwhile stays noted.
    fn drop(&mut self) {
        let mut running = lock(&self.executor.inner.running);
        if running.get(&self.run.id).is_some_and(|noted| Arc::ptr_eq(noted, &self.course)) {
            running.remove(&self.run.id);
        }
    }
}
