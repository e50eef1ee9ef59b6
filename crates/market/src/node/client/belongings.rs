//! What a client keeps for whom: an input for its submission and for each job, a result for its user.
//!
//! An input is kept for its submission until that is over, and for each job until its close. A result is kept for its job
//! while it is fetched, and then for its user until that has taken it; it goes untaken only when so many others have ended
//! since that the submission itself is forgotten.
//!
//! **Invariant:** what is kept follows from what is remembered; a restart keeps the same again.

use alloc::vec::Vec;

use assay_protocol::{
    codec,
    id::{Digest, JobId},
    signed::Signer,
};

use super::Client;
use crate::{
    node::{
        context::Context,
        heard::{Fault, Heard},
    },
    record::ClientRecord,
    view::AttemptState,
};

impl Client {
    /// Keeps again what a restart let go of.
    pub(super) fn hold_again<S: Signer>(&self, cx: &mut Context<'_, S>) {
        for (key, submitted) in &self.submissions {
            if !submitted.ended {
                cx.hold(*key, submitted.submission.input_commit);
            }
            if submitted.has_untaken {
                let attempts = submitted.attempts.iter().filter_map(|job| self.attempts.get(job));
                attempts
                    .filter_map(|attempt| attempt.output)
                    .for_each(|output| cx.hold(untaken(*key), output));
            }
        }
    }

    /// The user has the result.
    pub(super) fn on_taken<S: Signer>(&mut self, key: Digest, cx: &mut Context<'_, S>) -> Heard {
        let Some(submitted) = self.submissions.get(&key) else { return Heard::NotMine };
        if !submitted.has_untaken {
            return Heard::Misstep(Fault::Untimely);
        }
        self.keep(ClientRecord::Taken { key }, cx);
        Heard::Taken
    }

    /// The submissions that keep this result for their user.
    pub(in crate::node) fn with_untaken(&self, output: Digest) -> Vec<Digest> {
        let of = self.attempts.values().filter(|attempt| attempt.output == Some(output));
        let keys = of.map(|attempt| attempt.key);
        keys.filter(|key| self.submissions.get(key).is_some_and(|of| of.has_untaken)).collect()
    }

    pub(super) fn taken(&mut self, key: Digest) {
        if let Some(submitted) = self.submissions.get_mut(&key) {
            submitted.has_untaken = false;
            self.let_go.push(untaken(key));
        }
    }

    /// Lets go of a job that is closed, once nothing more is to come of it.
    pub(super) fn release_job<S: Signer>(&self, job: JobId, cx: &mut Context<'_, S>) {
        let Some(attempt) = self.attempts.get(&job) else { return };
        if matches!(attempt.state, AttemptState::Closed(_)) && !attempt.is_pursued() {
            cx.release([job]);
        }
    }
}

/// For whom a submission's results are kept.
pub(super) fn untaken(key: Digest) -> Digest {
    codec::digest("untaken", &key)
}
