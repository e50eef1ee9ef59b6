//! Parts: what providers claim of a text who were given up in the middle of it, while somebody else goes on with the rest.
//!
//! **Invariant:** the rest is ordered beside what is still to be paid of the parts, and all of it together stays within what its
//! user lets it cost.

use alloc::{boxed::Box, vec::Vec};

use assay_protocol::{
    id::{Digest, JobId},
    signed::Signer,
    units::Duration,
};

use super::{Attempt, Client, Submitted};
use crate::{node::context::Context, record::ClientRecord, submission::Unmatched, view::AttemptState};

/// How long after a part had to be claimed somebody still waits for the rest, where this peer was away meanwhile.
const REST_TIME: Duration = Duration::seconds(3_600);

impl Client {
    /// What providers claim of a submission who were given up in the middle of it.
    pub(super) fn parts_of<'a>(&'a self, submitted: &'a Submitted) -> impl Iterator<Item = &'a Attempt> {
        let attempts = submitted.attempts.iter().filter_map(move |job| self.attempts.get(job));
        attempts.map(Box::as_ref).filter(|attempt| attempt.is_part())
    }

    /// True while all that is wanted of a submission may come of an order of it.
    pub(super) fn is_under_way(&self, submitted: &Submitted) -> bool {
        let mut attempts = submitted.attempts.iter().filter_map(|job| self.attempts.get(job));
        attempts.any(|attempt| attempt.is_open() && !attempt.is_part())
    }

    /// True while something is still to come of a part: where nobody else is asked, that is all that comes.
    pub(super) fn awaits_part(&self, key: Digest) -> bool {
        let submitted = self.submissions.get(&key);
        let mut parts = submitted.into_iter().flat_map(|submitted| self.parts_of(submitted));
        parts.any(|part| part.is_open() && part.output.is_none())
    }

    /// Has somebody go on with a text of which a provider that was given up claims a part.
    pub(super) fn seek_rest<S: Signer>(&mut self, job: JobId, cx: &mut Context<'_, S>) {
        let Some(part) = self.attempts.get(&job).filter(|attempt| attempt.is_part()) else { return };
        let (key, is_here) = (part.key, part.output.is_some());
        match (self.is_cancelled(key), self.is_spent(key), is_here) {
            (false, false, _) => self.seek_again(key, cx),
            // That part is all that comes.
            (false, true, true) => self.give_up(key, Unmatched::default(), cx),
            (true, ..) | (false, true, false) => {}
        }
    }

    /// After a start: ends what was broken off so long ago that nobody waits for the rest. A client of before took the part for
    /// all of it, and wrote down no end of its own.
    pub(super) fn end_old_parts<S: Signer>(&mut self, cx: &mut Context<'_, S>) {
        let is_old = |part: &Attempt| {
            let is_paid = matches!(part.state, AttemptState::Closed(outcome) if outcome.is_paid());
            let claim_by = part.ticket.as_ref().map(|ticket| ticket.claim_by);
            is_paid && claim_by.is_some_and(|by| cx.now >= by.after(REST_TIME))
        };
        let is_over = |of: &Submitted| !of.ended && !self.is_served(of.submission.key);
        let over = self.submissions.values().filter(|of| is_over(of) && self.parts_of(of).any(is_old));
        let keys: Vec<Digest> = over.map(|submitted| submitted.submission.key).collect();
        keys.into_iter().for_each(|key| self.keep(ClientRecord::Ended { key }, cx));
    }
}
