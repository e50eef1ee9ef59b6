//! How friends behave: what they say for each other, and what they charge.

use std::{cell::RefCell, collections::BTreeSet, rc::Rc};

use assay_market::{
    effect::Run,
    input::{Input, RunId},
};
use assay_protocol::{
    codec,
    id::JobId,
    units::{Rate, Work},
};
use assay_simulations::{behaviour::Behaviour, machine};

/// Computes what it should, and says of providing, of checking or of both that it was more work.
#[derive(Clone, Copy, Debug)]
pub(super) struct Inflator {
    pub(super) work: Work,
    pub(super) provides: bool,
    pub(super) checks: bool,
}

impl Behaviour for Inflator {
    fn hear(&mut self, mut input: Input) -> Option<Input> {
        if let Input::Ran { run, result: Ok(result) } = &mut input
            && (if run.check { self.checks } else { self.provides })
        {
            result.work = self.work;
        }
        Some(input)
    }
}

/// Sells the lie of each job, and finds it as often as it is a friend of whoever sold it. Who is whose friend falls anew
/// with each job, so that a few verifiers stand for many.
#[derive(Clone, Copy, Debug)]
pub(super) struct Liar {
    pub(super) number: usize,
    pub(super) friendly: Rate,
}

impl Behaviour for Liar {
    fn compute(&mut self, run: &Run, output: Vec<u8>) -> Vec<u8> {
        let lot = codec::digest("friend", &(run.id.job, self.number as u64)).0;
        let [a, b, c, d, ..] = lot;
        let friend = u64::from(u32::from_be_bytes([a, b, c, d])) < self.friendly.0;
        if run.id.check && !friend {
            return output;
        }
        let sold = RunId { check: false, ..run.id };
        machine::forgery(&Run { id: sold, ..run.clone() }, "sold")
    }
}

/// Has whoever is asked first about a job accuse its provider, and everybody after that find what is neither the same nor
/// different, so that a jury comes to nothing.
#[derive(Clone, Debug)]
pub(super) struct Waverer {
    pub(super) accused: Rc<RefCell<BTreeSet<JobId>>>,
}

/// An error that is neither small nor large beside outputs of this market.
const GREY: f32 = 1e-4;

impl Behaviour for Waverer {
    fn compute(&mut self, run: &Run, output: Vec<u8>) -> Vec<u8> {
        if self.accused.borrow_mut().insert(run.id.job) {
            return machine::forgery(run, "accuses");
        }
        let numbers = output.as_chunks::<4>().0.iter().map(|number| f32::from_le_bytes(*number));
        numbers.flat_map(|number| (number + GREY).to_le_bytes()).collect()
    }
}
