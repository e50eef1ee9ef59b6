//! Which jobs were ordered again, and as which.
//!
//! **Invariant:** what is ordered again is named after what it follows, so that each leads to the other after any restart. Of jobs
//! that the brain has forgotten no more than [`NOTED_MAX`] are noted.

use std::collections::{BTreeMap, BTreeSet};

use assay_protocol::{codec, id::Digest};

/// Jobs that are noted before those are let go that nobody remembers.
const NOTED_MAX: usize = 4_096;

/// Jobs that were ordered instead of others.
#[derive(Debug, Default)]
pub(crate) struct RetriedJobs {
    /// What each of them follows.
    follows: BTreeMap<Digest, Digest>,
}

impl RetriedJobs {
    /// What is ordered instead of a job is called so: the same order again has the same name.
    pub(crate) fn name(of: Digest) -> Digest {
        codec::digest("retry", &of)
    }

    /// Those among these jobs.
    pub(crate) fn among(known: impl Iterator<Item = Digest>) -> Self {
        let known: BTreeSet<Digest> = known.collect();
        let named = known.iter().map(|of| (Self::name(*of), *of));
        Self { follows: named.filter(|(name, _)| known.contains(name)).collect() }
    }

    /// A job was ordered instead of this one.
    pub(crate) fn note(&mut self, of: Digest, is_known: impl Fn(Digest) -> bool) {
        if self.follows.len() >= NOTED_MAX {
            self.follows.retain(|name, _| is_known(*name));
        }
        self.follows.insert(Self::name(of), of);
    }

    /// The job that this one follows.
    pub(crate) fn before(&self, key: Digest) -> Option<Digest> {
        self.follows.get(&key).copied()
    }

    /// The job that follows this one.
    pub(crate) fn after(&self, key: Digest) -> Option<Digest> {
        Some(Self::name(key)).filter(|name| self.follows.contains_key(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_and_what_was_ordered_instead_of_it_lead_to_each_other_after_a_restart() {
        let [first, other] = [Digest::of(b"first"), Digest::of(b"other")];
        let (second, third) = (RetriedJobs::name(first), RetriedJobs::name(RetriedJobs::name(first)));
        let restored = RetriedJobs::among([first, third, other, second].into_iter());
        let mut noted = RetriedJobs::default();
        noted.note(first, |_| true);
        noted.note(second, |_| true);
        for retries in [restored, noted] {
            let before = [first, second, third, other].map(|key| retries.before(key));
            assert_eq!(before, [None, Some(first), Some(second), None]);
            let after = [first, second, third, other].map(|key| retries.after(key));
            assert_eq!(after, [Some(second), Some(third), None, None]);
        }
        let orphan = RetriedJobs::among([second].into_iter());
        assert_eq!(orphan.before(second), None, "nobody knows any more what it follows");
    }

    #[test]
    fn what_is_forgotten_is_not_noted_for_ever() {
        let mut retries = RetriedJobs::default();
        let job = |number: u64| codec::digest("job", &number);
        let known = RetriedJobs::name(job(1));
        for number in 0..NOTED_MAX as u64 + 1 {
            retries.note(job(number), |name| name == known);
        }
        assert_eq!(retries.follows.len(), 2, "the one that is known, and the last");
        assert_eq!(retries.after(job(1)), Some(known));
    }
}
