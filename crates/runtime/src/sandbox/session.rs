//! What a running guest can reach: the log, its own output, and the graphs of its job.
//!
//! **Invariant:** a guest that ignores the answer of `emit` gains nothing: chunks beyond the ceiling or after a cancel are
//! dropped, and the end that the host saw stands whatever the guest says.

use std::sync::Arc;

use assay_protocol::manifest::End;
use wasmtime::component::ResourceTable;
use wasmtime_wasi_nn::wit::{WasiNnCtx, WasiNnView};

use super::{
    bindings::assay::runner::{
        session, text,
        types::{self, SpecialTokens},
    },
    ceiling::Ceiling,
};
use crate::{
    counts::{Port, RunCounts},
    envelope::Envelope,
    models::{Graphs, Loaded},
};

const NO_TEXT: &str = "the model has no vocabulary";

/// The state of one run.
pub(super) struct GuestSession {
    pub(super) ceiling: Ceiling,
    table: ResourceTable,
    graphs: WasiNnCtx,
    pub(super) counts: Arc<RunCounts>,
    port: Arc<dyn Port>,
    pub(super) emitted_bytes: u64,
    output_bytes_max: u64,
    /// Why the guest was told to return, if it was.
    told: Option<End>,
}

impl GuestSession {
    pub(super) fn new(envelope: &Envelope, model: Option<&Loaded>, port: Arc<dyn Port>) -> Self {
        let counts = Arc::new(RunCounts::new(envelope, Arc::clone(&port)));
        let mut table = ResourceTable::new();
        table.set_max_capacity(envelope.limits.handles as usize);
        let graphs = Graphs::new(model, &counts);
        Self {
            ceiling: Ceiling::new(&envelope.limits),
            table,
            // Without a backend `load` has nothing to read a guest's bytes with, so it is refused whatever they are.
            graphs: WasiNnCtx::new([], graphs.into()),
            counts,
            port,
            emitted_bytes: 0,
            output_bytes_max: envelope.limits.output_bytes,
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

    pub(super) fn neural(&mut self) -> WasiNnView<'_> {
        WasiNnView::new(&mut self.table, &mut self.graphs)
    }
}

impl session::Host for GuestSession {
    fn emit(&mut self, chunk: Vec<u8>) -> bool {
        if self.told.is_none() && self.port.is_cancelled() {
            self.told = Some(End::Cancelled);
        }
        if self.told.is_some() {
            return false;
        }
        let sum = self.emitted_bytes.saturating_add(chunk.len() as u64);
        if sum > self.output_bytes_max {
            self.told = Some(End::Length);
            return false;
        }
        self.emitted_bytes = sum;
        self.port.chunk(chunk);
        true
    }

    fn log(&mut self, line: String) {
        self.counts.log(&line);
    }
}

impl text::Host for GuestSession {
    fn tokenize(&mut self, _model: String, _text: String, _special: bool) -> Result<Vec<u32>, String> {
        Err(NO_TEXT.into())
    }

    fn detokenize(&mut self, _model: String, _tokens: Vec<u32>) -> Vec<u8> {
        self.counts.log(NO_TEXT);
        Vec::new()
    }

    fn special(&mut self, _model: String) -> SpecialTokens {
        self.counts.log(NO_TEXT);
        SpecialTokens { begin: None, end: Vec::new() }
    }

    fn chat_template(&mut self, _model: String) -> Option<String> {
        None
    }
}

impl types::Host for GuestSession {}
