//! What the host counts and hears during a run, shared by the session and the engines behind it.
//!
//! **Invariant:** a call is counted before the engine sees it and never uncounted, so that the meters of a run depend on
//! what the guest did and on nothing else.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use assay_protocol::{manifest::Meter, units::Units};

use crate::{envelope::Envelope, outcome::cut};

/// Where a run's output and log go, and where a cancel comes from.
pub(crate) trait Port: Send + Sync {
    /// Takes a piece of output.
    fn chunk(&self, bytes: Vec<u8>);
    /// Takes a line of log.
    fn line(&self, line: String);
    /// True once nobody wants the rest.
    fn is_cancelled(&self) -> bool;
}

/// The counts of one run.
pub(crate) struct RunCounts {
    calls: AtomicU64,
    calls_max: Units,
    exhausted: AtomicBool,
    log_bytes_left: Mutex<u64>,
    complaint: Mutex<Option<String>>,
    port: Arc<dyn Port>,
}

impl RunCounts {
    pub(crate) fn new(envelope: &Envelope, port: Arc<dyn Port>) -> Self {
        let calls_max = match envelope.meter {
            Meter::Calls => envelope.units_max,
            Meter::Tokens(_) | Meter::MegaFuel => Units::MAX,
        };
        Self {
            calls: AtomicU64::new(0),
            calls_max,
            exhausted: AtomicBool::new(false),
            log_bytes_left: Mutex::new(u64::from(envelope.limits.log_bytes)),
            complaint: Mutex::new(None),
            port,
        }
    }

    /// Counts one call to an engine, unless that would be one too many.
    pub(crate) fn count_call(&self) -> bool {
        if self.calls.load(Ordering::Relaxed) >= self.calls_max {
            self.exhausted.store(true, Ordering::Relaxed);
            return false;
        }
        self.calls.fetch_add(1, Ordering::Relaxed);
        true
    }

    pub(crate) fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }

    /// True once a call was refused.
    pub(crate) fn is_exhausted(&self) -> bool {
        self.exhausted.load(Ordering::Relaxed)
    }

    /// Passes a line on, as long as the log has room for it.
    pub(crate) fn log(&self, line: &str) {
        let cost = line.len() as u64 + 1;
        let mut left = self.log_bytes_left.lock().unwrap_or_else(PoisonError::into_inner);
        if cost > *left {
            *left = 0;
            return;
        }
        *left -= cost;
        self.port.line(line.to_owned());
    }

    /// Notes why an engine refused a guest, which `wasi:nn` errors do not carry.
    pub(crate) fn complain(&self, why: &str) {
        let why = cut(why.to_owned());
        self.log(&format!("engine: {why}"));
        *self.complaint.lock().unwrap_or_else(PoisonError::into_inner) = Some(why);
    }

    /// The last complaint.
    pub(crate) fn complaint(&self) -> Option<String> {
        self.complaint.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
