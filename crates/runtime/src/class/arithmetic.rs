//! Our arithmetic: its bits depend on nothing of the machine, which each machine shows before it says so.
//!
//! **Invariant:** who gives other bits for the probe, by whatever fault of a processor or a compiler, offers no texts.

use std::sync::Arc;

use assay_engine::{
    cpu::Cpu,
    gguf::Gguf,
    model::{ARITHMETIC_VERSION, Choices, Model},
    pack::Pack,
    session::{Processor, Row, Rows, Session},
};
use assay_protocol::id::Digest;

use crate::{
    engine::cards::{Card, CardError, CardModel, CardSession},
    outcome::{RunFailure, cut},
};

/// A small model with a product of every kind.
const PROBE: &[u8] = include_bytes!("probe.gguf");
/// The digest of the digests of all its rows.
const ROWS: &str = "67774e49bf23a9404e05a093b9152c546922ababe66f9c2aae40f95470c3f1a9";
/// Tokens that are read at once, more than an engine takes in one piece.
const AT_ONCE: u32 = 300;
/// Tokens that are read one by one behind them.
const ONE_BY_ONE: u32 = 8;
/// Positions of a session that reads both.
const ROOM: usize = (AT_ONCE + ONE_BY_ONE) as usize;
/// Tokens of its vocabulary.
const VOCABULARY: u32 = 64;

/// The version of the arithmetic, if this machine has it.
pub(super) fn probe() -> Result<Option<u32>, RunFailure> {
    Ok((rows(Cpu::new(1))?.to_string() == ROWS).then_some(ARITHMETIC_VERSION))
}

/// Whether a card has it.
pub(crate) fn is_shown_by(card: &Arc<Card>) -> Result<bool, RunFailure> {
    let refuse = |why: CardError| RunFailure::CardRefused(cut(why.to_string()));
    let loaded = Arc::new(CardModel::load(card, &model()?).map_err(refuse)?);
    let mut session = CardSession::new(&loaded, ROOM).map_err(refuse)?;
    let rows = digest(|tokens, digests| {
        session.extend(tokens, Rows::All, |row| digests.extend(row.digest.0)).map_err(refuse)
    });
    Ok(rows?.to_string() == ROWS)
}

fn rows(cpu: Cpu) -> Result<Digest, RunFailure> {
    let model = model()?;
    let mut session = Session::new(&model, ROOM).map_err(refuse)?;
    let mut processor = Processor::new(model, cpu);
    digest(|tokens, digests| {
        let out = |row: Row<'_>| digests.extend(row.digest.0);
        processor.extend(&mut session, tokens, Rows::All, out).map_err(refuse)
    })
}

fn model() -> Result<Arc<Model>, RunFailure> {
    let file = Gguf::parse(PROBE).map_err(refuse)?;
    let pack = Pack::of_file(&file, Digest::of(PROBE).0).map_err(refuse)?;
    Ok(Arc::new(Model::load(&pack, Choices::default()).map_err(refuse)?))
}

/// The digest of the digests of all rows that `extend` adds.
fn digest(
    mut extend: impl FnMut(&[u32], &mut Vec<u8>) -> Result<(), RunFailure>,
) -> Result<Digest, RunFailure> {
    let token = |place: u32| place * 37 % VOCABULARY;
    let prompt: Vec<u32> = (0..AT_ONCE).map(token).collect();
    let answer: Vec<u32> = (AT_ONCE..AT_ONCE + ONE_BY_ONE).map(token).collect();
    let mut digests = Vec::new();
    for piece in [prompt.as_slice()].into_iter().chain(answer.chunks(1)) {
        extend(piece, &mut digests)?;
    }
    Ok(Digest::of(&digests))
}

fn refuse(why: impl std::fmt::Display) -> RunFailure {
    RunFailure::NotAModel(cut(why.to_string()))
}

#[cfg(test)]
mod tests {
    use assay_engine::cpu::Isa;

    use super::*;

    #[test]
    fn the_probe_gives_the_same_whatever_instructions_compute_it() {
        for isa in Isa::here() {
            assert_eq!(rows(Cpu::with(isa, 1)).unwrap().to_string(), ROWS, "{isa}");
        }
        assert_eq!(probe(), Ok(Some(ARITHMETIC_VERSION)));
    }
}
