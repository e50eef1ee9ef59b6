//! Does what its brain says.

use super::Behaviour;

/// Does what its brain says.
#[derive(Clone, Copy, Debug)]
pub struct Honest;

impl Behaviour for Honest {}
