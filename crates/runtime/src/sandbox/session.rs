//! What a running guest can reach: the log, its own output, and the graphs of its job.
//!
//! **Invariant:** a guest that ignores the answer of `emit` gains nothing: chunks beyond the ceiling or after a cancel are
//! dropped, and the end that the host saw stands whatever the guest says. Frames are made here and nowhere else.

use std::sync::Arc;

use assay_protocol::{frames, manifest::End, transcript::Misuse};
use wasmtime::component::ResourceTable;
use wasmtime_wasi_nn::wit::{WasiNnCtx, WasiNnView};

use super::{
    SandboxWork,
    bindings::assay::runner::{session, types},
    ceiling::Ceiling,
};
use crate::{
    chances::WrittenChance,
    counts::{Port, RunCounts},
    models::{Graphs, JobModel, Loaded, TextVocabulary},
};

/// The state of one run.
pub(super) struct GuestSession {
    pub(super) ceiling: Ceiling,
    table: ResourceTable,
    graphs: WasiNnCtx,
    pub(super) counts: Arc<RunCounts>,
    /// The model of the job.
    pub(super) model: Option<Loaded>,
    port: Arc<dyn Port>,
    pub(super) emitted_bytes: u64,
    output_bytes_max: u64,
    /// What the output is made of, once there is any.
    writes: Option<Writes>,
    /// Text that came without a token: it goes out with the next one, or with the runner's own end. So an output that
    /// was cut short at any token is what a run gives that has no units beyond it.
    held: Vec<u8>,
    /// Why the guest was told to return, if it was.
    told: Option<End>,
}

/// What an output is made of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Writes {
    /// Whatever bytes the guest makes.
    Bytes,
    /// Frames of tokens and text.
    Frames,
}

impl GuestSession {
    pub(super) fn new(work: &SandboxWork<'_>, model: Option<JobModel>, port: Arc<dyn Port>) -> Self {
        let SandboxWork { envelope, input, chances, .. } = *work;
        let counts = RunCounts::new(envelope, input.len() as u64, Arc::clone(&port)).telling(chances);
        let counts = Arc::new(counts);
        let mut table = ResourceTable::new();
        table.set_max_capacity(envelope.limits.handles as usize);
        let loaded = model.as_ref().map(|model| model.loaded.clone());
        let graphs = Graphs::new(model, &counts, envelope.limits.host_call_bytes);
        Self {
            ceiling: Ceiling::new(&envelope.limits),
            table,
            // Without a backend `load` has nothing to read a guest's bytes with, so it is refused whatever they are.
            graphs: WasiNnCtx::new([], graphs.into()),
            counts,
            model: loaded,
            port,
            emitted_bytes: 0,
            output_bytes_max: envelope.limits.output_bytes,
            writes: None,
            held: Vec::new(),
            told: None,
        }
    }

    /// The end of a run that the guest says ended with `said`.
    pub(super) fn end(&self, said: types::End) -> End {
        match (self.told, self.counts.is_exhausted(), said) {
            (Some(told), _, _) => told,
            (None, true, _) | (None, false, types::End::Length) => End::Length,
            // Without a cancel there is nobody who can have wanted one.
            (None, false, types::End::Stop | types::End::Cancelled) => End::Stop,
        }
    }

    /// How likely each token was that was written, where that was asked.
    pub(super) fn chances(&self) -> Vec<WrittenChance> {
        self.counts.told_chances(|token| match self.model.as_ref().and_then(Loaded::vocabulary) {
            Some(TextVocabulary::Whole(vocabulary)) => vocabulary.piece(token, false),
            Some(TextVocabulary::Pieces(_)) | None => Vec::new(),
        })
    }

    /// Gives out the text that no token came for any more, where the runner ended by itself.
    pub(super) fn flush(&mut self) {
        if self.told.is_some() || self.counts.is_exhausted() || self.held.is_empty() {
            return;
        }
        let held = std::mem::take(&mut self.held);
        if let Some(frame) = frames::encode(&[], &held)
            && self.has_room(frame.len(), Writes::Frames)
        {
            self.give(frame);
        }
    }

    pub(super) fn neural(&mut self) -> WasiNnView<'_> {
        WasiNnView::new(&mut self.table, &mut self.graphs)
    }

    /// Whether so many more bytes of output are taken.
    fn has_room(&mut self, bytes: usize, writes: Writes) -> bool {
        if *self.writes.get_or_insert(writes) != writes {
            return self.accuse(Misuse::Mixed);
        }
        if self.told.is_none() && self.emitted_bytes.saturating_add(bytes as u64) > self.output_bytes_max {
            self.told = Some(End::Length);
        }
        self.told.is_none()
    }

    /// Tells the guest to return, if nobody wants the rest.
    fn hear_cancel(&mut self) {
        if self.told.is_none() && self.port.is_cancelled() {
            self.told = Some(End::Cancelled);
        }
    }

    fn give(&mut self, bytes: Vec<u8>) -> bool {
        self.emitted_bytes += bytes.len() as u64;
        self.port.chunk(bytes);
        true
    }

    fn accuse(&mut self, misuse: Misuse) -> bool {
        self.counts.accuse(misuse);
        false
    }
}

impl session::Host for GuestSession {
    fn emit(&mut self, chunk: Vec<u8>) -> bool {
        self.hear_cancel();
        self.has_room(chunk.len(), Writes::Bytes) && self.give(chunk)
    }

    fn emit_tokens(&mut self, tokens: Vec<u32>, text: Vec<u8>) -> bool {
        let said = [self.held.as_slice(), &text].concat();
        let Some(frame) = frames::encode(&tokens, &said) else { return self.accuse(Misuse::Frame) };
        // Whoever runs it again, with no units beyond what was written, cannot know where else it was cancelled.
        if !tokens.is_empty() {
            self.hear_cancel();
        }
        if !self.has_room(frame.len(), Writes::Frames) {
            return false;
        }
        if tokens.is_empty() {
            self.held = said;
            return true;
        }
        self.held.clear();
        match self.counts.count_written(&tokens) {
            Err(misuse) => self.accuse(misuse),
            Ok(false) => {
                self.told = Some(End::Length);
                false
            }
            Ok(true) => self.give(frame),
        }
    }

    fn log(&mut self, line: String) {
        self.counts.log(&line);
    }
}

impl types::Host for GuestSession {}
