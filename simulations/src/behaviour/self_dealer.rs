//! Orders of its own providers alone.

use std::rc::Rc;

use assay_market::{Command, Input};

use super::{Behaviour, Coalition};

/// A client that gives every order to a provider of its own coalition, one after another, to buy that the trust which lowers
/// how often it is checked. What it pays stays in one purse, but for the fees.
#[derive(Clone, Debug)]
pub struct SelfDealer {
    coalition: Rc<Coalition>,
    ordered: usize,
}

impl SelfDealer {
    /// Orders of these.
    #[must_use]
    pub fn new(coalition: Rc<Coalition>) -> Self {
        Self { coalition, ordered: 0 }
    }
}

impl Behaviour for SelfDealer {
    fn hear(&mut self, mut input: Input) -> Option<Input> {
        let providers = self.coalition.providers();
        if let Input::Command(Command::Submit(submission)) = &mut input
            && !providers.is_empty()
        {
            submission.provider = Some(providers[self.ordered % providers.len()]);
            self.ordered += 1;
        }
        Some(input)
    }
}
