//! Graphics cards: the same arithmetic, the same bits.
//!
//! A card is opened through Vulkan and computes each function of the arithmetic over a million inputs before it is used
//! for anything: one that differs is refused by the function's name. A model's weights are laid out anew on the card, in
//! tiles of 32 rows, and each session keeps its own keys and values there. Of a model that is more than a card has room for,
//! the first layers are the processor's, and so are the keys and values of those. What a card does not run is refused with
//! what is missing, never approximated.
//!
//! **Invariant:** no other file names wgpu. A row that a card gives has the bits of the processor's.

mod check;
mod device;
mod layer;
mod model;
mod need;
mod session;
mod step;
mod steps;
mod together;
mod weights;

use std::{fmt, sync::Arc};

use device::Device;

pub use check::FUNCTIONS;
pub use model::CardModel;
pub use need::CardPart;
pub use session::CardSession;
pub use steps::StepTime;
pub use together::CardStep;

use crate::session::SessionError;

/// What is known of a card before it is opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CardInfo {
    /// Its number in the list.
    pub index: usize,
    /// Its name.
    pub name: String,
    /// Its driver, with the version.
    pub driver: String,
    /// Whether it is a card, and not a processor that plays one.
    pub is_hardware: bool,
    /// Whether it is a part of the processor, whose memory it computes in.
    pub is_integrated: bool,
    /// Bytes of memory of its own, where the driver says so.
    pub memory_bytes: Option<u64>,
}

impl fmt::Display for CardInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name, self.driver)?;
        self.memory_bytes.map_or(Ok(()), |bytes| write!(f, ", {} MiB", bytes >> 20))
    }
}

/// Why a card is not used, or gave nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CardError {
    /// No card of this number.
    #[error("there is no card {index}: {found} were found")]
    Unknown {
        /// The number asked for.
        index: usize,
        /// How many there are.
        found: usize,
    },
    /// The driver does not give what is needed.
    #[error("{card} cannot be opened: {why}")]
    Closed {
        /// The card.
        card: String,
        /// What the driver said.
        why: String,
    },
    /// A function has other bits than the arithmetic.
    #[error("{card} computes {function} otherwise: of {argument:08x} it gives {found:08x}, not {wanted:08x}")]
    Differs {
        /// The card.
        card: String,
        /// The function.
        function: &'static str,
        /// The bits of the first argument where it differs.
        argument: u32,
        /// What it gave.
        found: u32,
        /// What the arithmetic gives.
        wanted: u32,
    },
    /// The model needs what cards do not run.
    #[error("cards do not run {what}")]
    Unserved {
        /// What is missing.
        what: &'static str,
    },
    /// Something is greater than the card allows.
    #[error("{what} of {found} is more than the {most} that the card allows")]
    Large {
        /// What is too large.
        what: &'static str,
        /// How much there is.
        found: u64,
        /// How much there may be.
        most: u64,
    },
    /// The card stopped, or has no memory left.
    #[error("the card gave nothing: {why}")]
    Lost {
        /// What the driver said.
        why: String,
    },
    /// The step is refused.
    #[error(transparent)]
    Session(#[from] SessionError),
}

/// A card that was opened and has shown that it computes the arithmetic.
#[derive(Debug)]
pub struct Card {
    info: CardInfo,
    device: Device,
}

impl Card {
    /// The cards that a driver is there for. None where there is no driver.
    #[must_use]
    pub fn list() -> Vec<CardInfo> {
        device::adapters().iter().enumerate().map(|(index, adapter)| device::info(index, adapter)).collect()
    }

    /// Opens a card and has it compute every function.
    ///
    /// # Errors
    /// There is none of this number, its driver lacks something, or a function differs.
    pub fn open(index: usize) -> Result<Arc<Self>, CardError> {
        let adapters = device::adapters();
        let found = adapters.len();
        let adapter = adapters.get(index).ok_or(CardError::Unknown { index, found })?;
        let info = device::info(index, adapter);
        let device = Device::open(&info, adapter)?;
        check::functions(&info, &device)?;
        Ok(Arc::new(Self { info, device }))
    }

    /// What is known of it.
    #[must_use]
    pub const fn info(&self) -> &CardInfo {
        &self.info
    }

    /// Bytes a second of a plain read of `bytes`, the fastest of a few: what no product can pass.
    ///
    /// # Errors
    /// The card stopped, or has no room for so much.
    pub fn read_speed(&self, bytes: usize) -> Result<f64, CardError> {
        check::read_speed(&self.device, bytes)
    }
}
