//! The ceilings on what a guest may allocate, with a memory of which one it hit.
//!
//! **Invariant:** the sums are over everything a store has allocated, since a component may hold many memories and tables.
//! A guest that was refused memory usually traps on `unreachable`; the note kept here says what really happened.

use wasmtime::ResourceLimiter;

use crate::{envelope::RunLimits, outcome::RunFailure};

/// Core instances in one component; one that `wit-component` made has about four.
const INSTANCES_MAX: usize = 64;
/// Linear memories in one component.
const MEMORIES_MAX: usize = 16;
/// Tables in one component.
const TABLES_MAX: usize = 64;

/// What a guest has allocated and may allocate.
pub(super) struct Ceiling {
    memory_bytes: u64,
    memory_bytes_max: u64,
    process_memory_bytes: u64,
    table_elements: u64,
    table_elements_max: u32,
    refused: Option<RunFailure>,
}

impl Ceiling {
    pub(super) fn new(limits: &RunLimits) -> Self {
        Self {
            memory_bytes: 0,
            memory_bytes_max: limits.guest_memory_bytes,
            process_memory_bytes: limits.process_memory_bytes,
            table_elements: 0,
            table_elements_max: limits.table_elements,
            refused: None,
        }
    }

    /// What the guest was last refused, if anything.
    pub(super) fn refused(&self) -> Option<RunFailure> {
        self.refused.clone()
    }

    fn refuse_memory(&mut self) {
        self.refused = Some(RunFailure::OutOfMemory { bytes: self.memory_bytes_max });
    }
}

/// Whether the system refused something. Its errors are told by their words: what type they have, each system's wasmtime decides.
pub(super) fn is_of_system(error: &wasmtime::Error) -> bool {
    error.root_cause().to_string().contains("(os error ")
}

impl ResourceLimiter for Ceiling {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let sum = self.memory_bytes.saturating_add(desired.saturating_sub(current) as u64);
        if sum > self.memory_bytes_max {
            self.refuse_memory();
            return Ok(false);
        }
        if maximum.is_none_or(|maximum| desired <= maximum) {
            self.memory_bytes = sum;
        }
        Ok(true)
    }

    /// The system refused what the limit allowed: the limit on the process was lower. The guest ends there, since what it did
    /// next would follow from this machine, and not from what was ordered.
    fn memory_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        if !is_of_system(&error) {
            return Ok(());
        }
        self.refused = Some(RunFailure::OutOfProcessMemory { bytes: self.process_memory_bytes });
        Err(error)
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let sum = self.table_elements.saturating_add(desired.saturating_sub(current) as u64);
        if sum > u64::from(self.table_elements_max) {
            self.refused = Some(RunFailure::OutOfTable { elements: self.table_elements_max });
            return Ok(false);
        }
        if maximum.is_none_or(|maximum| desired <= maximum) {
            self.table_elements = sum;
        }
        Ok(true)
    }

    fn instances(&self) -> usize {
        INSTANCES_MAX
    }

    fn memories(&self) -> usize {
        MEMORIES_MAX
    }

    fn tables(&self) -> usize {
        TABLES_MAX
    }
}
