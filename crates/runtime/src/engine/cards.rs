//! The engine's cards, or what stands for them in a program that was built without.
//!
//! **Invariant:** no other file of this crate's sources asks whether it was built with cards.

#[cfg(not(feature = "gpu"))]
#[allow(dead_code, reason = "it has the shape of what it stands for, whatever of that is reached")]
mod absent;

#[cfg(not(feature = "gpu"))]
pub(crate) use absent::{
    AbsentCard as Card, AbsentCardModel as CardModel, AbsentCardPart as CardPart,
    AbsentCardSession as CardSession, AbsentCardStep as CardStep, CardlessError as CardError,
    UnlistedCard as CardInfo,
};
#[cfg(feature = "gpu")]
pub(crate) use assay_engine::gpu::{Card, CardError, CardInfo, CardModel, CardPart, CardSession, CardStep};
