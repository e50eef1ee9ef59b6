//! What a job is, as the sandbox sees it: the names of what runs, its parameters and its ceilings.
//!
//! **Invariant:** every ceiling has a name, a unit and a default, and is a number that the order fixes; none is read from
//! the machine, so that a run that stays inside them on one machine does so on another. How much stack a guest's calls take is the one
//! thing that follows from a processor, so a check has more of it.

use assay_protocol::{id::Digest, manifest::Meter, units::Units};
use serde::{Deserialize, Serialize};

const MIB: u64 = 1024 * 1024;
/// Bytes of the longest component that is compiled: those that come with the program have one MiB, those of languages that bring
/// an interpreter some tens.
pub const RUNNER_BYTES_MAX: u64 = 64 * MIB;

/// How many times the stack of a run its check has: more than the calls of one processor ever take of what those of another do.
const CHECK_STACKS: u32 = 4;

/// One job, without its input.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Envelope {
    /// The component that runs.
    pub runner: Digest,
    /// The model that it may load; the digest of nothing for runners that compute everything themselves.
    pub model: Digest,
    /// JSON that the runner validates.
    pub params: String,
    /// What every choice that looks random is derived from.
    pub seed: [u8; 32],
    /// What the job is billed by.
    pub meter: Meter,
    /// Units that the job may use.
    pub units_max: Units,
    /// What the job may use besides.
    pub limits: RunLimits,
}

impl Envelope {
    /// A job of `runner` on `model` with default limits, no parameters and no ceiling on units.
    #[must_use]
    pub fn new(runner: Digest, model: Digest) -> Self {
        Self {
            runner,
            model,
            params: String::from("{}"),
            seed: [0; 32],
            meter: Meter::Calls,
            units_max: Units::MAX,
            limits: RunLimits::default(),
        }
    }
}

/// Ceilings of one run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunLimits {
    /// Instructions of the guest. Default: 200 thousand million, about two minutes of a tight loop.
    pub fuel: u64,
    /// Bytes in all linear memories of the guest. Default: 256 MiB.
    pub guest_memory_bytes: u64,
    /// Elements in all tables of the guest. Default: 65 536.
    pub table_elements: u32,
    /// Tensors, graphs, contexts and errors that the guest holds at once. Default: 1 024.
    pub handles: u32,
    /// Bytes that one call hands from the guest to the host. Default: 64 MiB.
    pub host_call_bytes: u64,
    /// Bytes of stack that the guest has. Default: 512 KiB.
    pub stack_bytes: u32,
    /// Bytes of input. Default: 64 MiB.
    pub input_bytes: u64,
    /// Bytes of output. Default: 16 MiB.
    pub output_bytes: u64,
    /// Bytes of log; lines beyond it are dropped. Default: 64 KiB.
    pub log_bytes: u32,
    /// Milliseconds from the start of the job to its end, loading included. Default: 60 000.
    pub wall_ms: u64,
    /// Bytes of memory that the whole worker process may write to. Default: 2 GiB.
    pub process_memory_bytes: u64,
}

impl RunLimits {
    /// Those of a check of a run with these. A guest that ran out of stack in the check alone, as what its calls take is up to the
    /// processor, would have its host accuse an honest provider.
    #[must_use]
    pub const fn of_check(self) -> Self {
        Self { stack_bytes: self.stack_bytes.saturating_mul(CHECK_STACKS), ..self }
    }
}

impl Default for RunLimits {
    fn default() -> Self {
        Self {
            fuel: 200_000_000_000,
            guest_memory_bytes: 256 * MIB,
            table_elements: 65_536,
            handles: 1_024,
            host_call_bytes: 64 * MIB,
            stack_bytes: 512 * 1024,
            input_bytes: 64 * MIB,
            output_bytes: 16 * MIB,
            log_bytes: 64 * 1024,
            wall_ms: 60_000,
            process_memory_bytes: 2 * 1024 * MIB,
        }
    }
}
