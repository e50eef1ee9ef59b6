//! Computes once and sells that again and again.

use std::collections::BTreeMap;

use assay_market::effect::Run;
use assay_protocol::id::Digest;

use super::Behaviour;
use crate::machine::Made;

/// A provider that answers every order with what it computed for its first one of that manifest, to be paid for work that it
/// did once; it checks honestly.
#[derive(Clone, Debug, Default)]
pub struct Replayer(BTreeMap<Digest, Made>);

impl Behaviour for Replayer {
    fn make(&mut self, run: &Run, _: &[u8], made: Made) -> Made {
        if run.id.check { made } else { self.0.entry(run.manifest.digest()).or_insert(made).clone() }
    }
}
