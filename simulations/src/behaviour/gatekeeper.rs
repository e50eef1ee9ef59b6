//! Finds newcomers wanting.

use std::{
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

use assay_market::{
    effect::Run,
    input::{Input, RunId},
};
use assay_protocol::{
    id::{JobId, PeerId},
    message::Opened,
};

use super::{Behaviour, lie::made_up};
use crate::machine::{self, Made};

/// A verifier that seals noise against the first results of each peer that was not there from the first day, to be paid for
/// checks without the work and to keep rivals out; whatever else it checks it checks honestly. Who provides and who ordered it
/// is not told, so it spares jobs of which either is known to it.
#[derive(Clone, Debug)]
pub struct Gatekeeper {
    founders: Rc<BTreeSet<PeerId>>,
    most: u64,
    /// How often it met each stranger in a check.
    met: BTreeMap<PeerId, u64>,
    /// The jobs that it finds wanting.
    wanting: BTreeSet<JobId>,
}

impl Gatekeeper {
    /// Finds so many results of each peer wanting that is none of these.
    #[must_use]
    pub fn new(founders: Rc<BTreeSet<PeerId>>, most: u64) -> Self {
        Self { founders, most, met: BTreeMap::new(), wanting: BTreeSet::new() }
    }

    /// Looks at the two peers of a job that it is to check.
    fn meet(&mut self, job: JobId, parties: [PeerId; 2]) {
        let is_stranger = |peer: &PeerId| !self.founders.contains(peer);
        if !parties.iter().all(is_stranger) {
            return;
        }
        let times = parties.map(|peer| self.met.get(&peer).copied().unwrap_or_default());
        parties.into_iter().for_each(|peer| *self.met.entry(peer).or_default() += 1);
        // Clients are met again and again, and newcomers are new.
        if times.into_iter().min().is_some_and(|least| least < self.most) {
            self.wanting.insert(job);
        }
    }
}

impl Behaviour for Gatekeeper {
    fn hear(&mut self, input: Input) -> Option<Input> {
        if let Input::Message(Opened::Check(check)) = &input
            && !self.wanting.contains(&check.job)
        {
            self.meet(check.job, check.sources);
        }
        Some(input)
    }

    fn make(&mut self, run: &Run, _: &[u8], made: Made) -> Made {
        let RunId { job, check } = run.id;
        if !check || !self.wanting.contains(&job) {
            return made;
        }
        let rows = made_up(&made.rows);
        Made { output: machine::forgery(run, "wanting"), rows, ..made }
    }
}

#[cfg(test)]
mod tests {
    use assay_protocol::id::Digest;

    use super::*;

    #[test]
    fn it_finds_the_first_results_of_strangers_wanting_and_spares_whoever_is_known() {
        let [founder, client, one, other] = [1, 2, 3, 4].map(|number| PeerId([number; 32]));
        let mut keeper = Gatekeeper::new(Rc::new(BTreeSet::from([founder])), 1);
        let checks = [
            ([founder, client], false),
            ([client, one], true),
            ([one, client], false),
            ([other, client], true),
            ([founder, other], false),
            ([other, one], false),
        ];
        for (number, (parties, expected)) in (0_u8..).zip(checks) {
            let job = Digest([number; 32]);
            keeper.meet(job, parties);
            assert_eq!(keeper.wanting.contains(&job), expected, "{number}");
        }
    }
}
