//! The numbers on the way through a model.
//!
//! **Invariant:** nothing here outlives a pass but room for the next, so a pass takes no memory once it was warm.

use super::{experts::Room, settings::ModelSettings};
use crate::quantized::Quantized;

/// Room for the tokens of one pass.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    /// The residual stream, a row for each token.
    pub(crate) residual: Vec<f32>,
    pub(crate) normed: Vec<f32>,
    pub(crate) queries: Vec<f32>,
    pub(crate) keys: Vec<f32>,
    pub(crate) values: Vec<f32>,
    pub(crate) attended: Vec<f32>,
    pub(crate) gate: Vec<f32>,
    pub(crate) up: Vec<f32>,
    /// What attention and feed-forward give.
    pub(crate) added: Vec<f32>,
    /// Rows of the residual stream whose logits are computed.
    pub(crate) wanted: Vec<f32>,
    pub(crate) logits: Vec<f32>,
    pub(crate) quantized: Quantized,
    pub(super) room: Room,
    /// Of layers that see all positions, and of those that see a window.
    pub(crate) turns: [Turns; 2],
}

/// The rotation of each token.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    pub(crate) cosines: Vec<f32>,
    pub(crate) sines: Vec<f32>,
}

impl Scratch {
    /// Makes room for so many tokens.
    pub(super) fn resize(&mut self, settings: &ModelSettings, tokens: usize) {
        let widest = settings.width.max(settings.query_width());
        for (numbers, width) in [
            (&mut self.residual, settings.width),
            (&mut self.normed, widest),
            (&mut self.queries, settings.query_width()),
            (&mut self.keys, settings.key_width()),
            (&mut self.values, settings.key_width()),
            (&mut self.attended, settings.query_width()),
            (&mut self.gate, settings.feed),
            (&mut self.up, settings.feed),
            (&mut self.added, settings.width),
        ] {
            numbers.resize(tokens * width, 0.0);
        }
    }
}
