//! Wants things, and orders nothing.

use assay_market::{Command, Input};

use super::Behaviour;

/// A client that places none of its orders: what a market is like where it is not there.
#[derive(Clone, Copy, Debug)]
pub struct Bystander;

impl Behaviour for Bystander {
    fn hear(&mut self, input: Input) -> Option<Input> {
        let orders = matches!(input, Input::Command(Command::Submit(_)));
        (!orders).then_some(input)
    }
}
