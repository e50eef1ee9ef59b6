//! No cards: none is listed, and nothing can be on one.

use std::{convert::Infallible, sync::Arc};

use assay_engine::{
    cpu::Cpu,
    model::Model,
    session::{Row, Rows, SessionError},
};

/// Why nothing is on a card.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CardlessError {
    #[error("this program was built without graphics cards")]
    Built,
    /// What is refused is no matter of cards.
    #[error(transparent)]
    Session(#[from] SessionError),
}

/// What would be known of a card.
pub(crate) struct UnlistedCard {
    pub(crate) index: usize,
    pub(crate) name: String,
    pub(crate) driver: String,
    pub(crate) is_hardware: bool,
    pub(crate) is_integrated: bool,
    pub(crate) memory_bytes: Option<u64>,
}

/// A card, which there is not.
pub(crate) struct AbsentCard(Infallible);

impl AbsentCard {
    pub(crate) fn list() -> Vec<UnlistedCard> {
        Vec::new()
    }

    pub(crate) fn open(_index: usize) -> Result<Arc<Self>, CardlessError> {
        Err(CardlessError::Built)
    }

    pub(crate) fn info(&self) -> &UnlistedCard {
        match self.0 {}
    }
}

/// What of a model would be on a card.
pub(crate) enum AbsentCardPart {
    Whole,
    Last(usize),
}

impl AbsentCardPart {
    pub(crate) fn within(
        _model: &Model,
        _bytes: u64,
        _capacity: usize,
    ) -> Result<Option<Self>, CardlessError> {
        Err(CardlessError::Built)
    }
}

/// A model on a card.
pub(crate) struct AbsentCardModel(Infallible);

impl AbsentCardModel {
    pub(crate) fn load(card: &Arc<AbsentCard>, _model: &Arc<Model>) -> Result<Self, CardlessError> {
        match card.0 {}
    }

    pub(crate) fn load_last(
        card: &Arc<AbsentCard>,
        _model: &Arc<Model>,
        _layers: usize,
        _cpu: Cpu,
    ) -> Result<Self, CardlessError> {
        match card.0 {}
    }

    pub(crate) fn model(&self) -> &Arc<Model> {
        match self.0 {}
    }

    pub(crate) fn layers(&self) -> usize {
        match self.0 {}
    }

    pub(crate) fn weight_bytes(&self) -> u64 {
        match self.0 {}
    }

    pub(crate) fn positions_max(&self) -> usize {
        match self.0 {}
    }

    pub(crate) fn session_bytes(&self, _capacity: usize) -> usize {
        match self.0 {}
    }

    pub(crate) fn page_bytes(&self) -> usize {
        match self.0 {}
    }

    pub(crate) fn step(
        &self,
        _works: &mut [AbsentCardStep<'_>],
        _out: impl FnMut(usize, Row<'_>),
    ) -> Result<(), CardlessError> {
        match self.0 {}
    }
}

/// A session of one.
pub(crate) struct AbsentCardSession(Infallible);

impl AbsentCardSession {
    pub(crate) fn new(model: &Arc<AbsentCardModel>, _capacity: usize) -> Result<Self, CardlessError> {
        match model.0 {}
    }

    pub(crate) fn len(&self) -> usize {
        match self.0 {}
    }

    pub(crate) fn truncate(&mut self, _length: usize) {
        match self.0 {}
    }

    pub(crate) fn resumed(&self, _length: usize, _capacity: usize) -> Result<Self, CardlessError> {
        match self.0 {}
    }

    pub(crate) fn expect(&mut self, _tokens: &[u32]) -> Result<(), SessionError> {
        match self.0 {}
    }

    pub(crate) fn keep_no_evidence(&mut self) {
        match self.0 {}
    }

    pub(crate) fn bytes(&self) -> u64 {
        match self.0 {}
    }

    pub(crate) fn model(&self) -> &Arc<AbsentCardModel> {
        match self.0 {}
    }

    pub(crate) fn admit(&self, _tokens: &[u32], _rows: Rows) -> Result<(), SessionError> {
        match self.0 {}
    }

    pub(crate) fn extend(
        &mut self,
        _tokens: &[u32],
        _rows: Rows,
        _out: impl FnMut(Row<'_>),
    ) -> Result<(), CardlessError> {
        match self.0 {}
    }
}

/// What one of them would read in a step.
pub(crate) struct AbsentCardStep<'a> {
    pub(crate) session: &'a mut AbsentCardSession,
    pub(crate) tokens: &'a [u32],
    pub(crate) rows: Rows,
}
