//! Models from strangers, run: a damaged one is refused, or gives finite rows that are the same on every instruction set.

use std::sync::{Arc, LazyLock};

use assay_engine::{
    cpu::{Cpu, Isa},
    gguf::Gguf,
    matrix::SharedBytes,
    model::{Choices, MemoryNeed, Model, ModelPlan},
    pack::{self, Pack},
    session::{Processor, RowDigest, Rows, Session},
};

use super::dice::{self, Dice};
use crate::shapes;

/// A file, and the pack that is made of it.
static MODELS: LazyLock<Vec<(Vec<u8>, Vec<u8>)>> = LazyLock::new(|| {
    let both = |shape: shapes::Shape| {
        let bytes = shape.file(3);
        let packed = packed(&bytes).unwrap_or_default();
        (bytes, packed)
    };
    shapes::all().into_iter().map(both).collect()
});

fn packed(bytes: &[u8]) -> Option<Vec<u8>> {
    let file = Gguf::parse(bytes).ok()?;
    let mut out = Vec::new();
    pack::write(&file, &ModelPlan::of(&file).ok()?, [0; 32], &mut out).ok()?;
    Some(out)
}

/// Damages a model, and now and then its pack, as these bytes say.
pub(crate) fn target(bytes: &[u8]) {
    let mut dice = Dice::new(bytes);
    let (file, pack) = &MODELS[dice.below(MODELS.len())];
    let (mut damaged, is_pack) = if dice.happens(64) { (pack.clone(), true) } else { (file.clone(), false) };
    for _ in 0..=dice.below(3) {
        // In the head, where numbers are, or among the weights.
        let reach = if dice.happens(128) { damaged.len() } else { damaged.len().min(6_000) };
        let at = dice.below(reach.max(1));
        let from = damaged.iter_mut().skip(at);
        match dice.below(3) {
            0 => from.zip(dice.number().to_le_bytes()).for_each(|(to, byte)| *to = byte),
            1 => from.zip((dice.number() as u32).to_le_bytes()).for_each(|(to, byte)| *to = byte),
            _ => dice::damage(&mut damaged, &mut dice),
        }
    }
    if is_pack { run_pack(damaged) } else { run_file(&damaged) }
}

fn run_file(bytes: &[u8]) {
    let Ok(file) = Gguf::parse(bytes) else { return };
    let Ok(plan) = ModelPlan::of(&file) else { return };
    let need = MemoryNeed::of(&plan);
    let Ok(pack) = Pack::of_file(&file, [0; 32]) else { return };
    assert!(need.weights < 64 * bytes.len(), "{need:?} for {} bytes", bytes.len());
    let Ok(model) = Model::load(&pack, Choices::default()) else { return };
    let model = Arc::new(model);
    assert_eq!(rows(&model, Isa::Scalar), rows(&model, Isa::detect()));
}

/// Opened and loaded without a read beyond its end; it is run only if its digest says that it is what was written.
fn run_pack(bytes: Vec<u8>) {
    let bytes: SharedBytes = Arc::new(bytes);
    let Ok(pack) = Pack::open(bytes) else { return };
    let Ok(model) = Model::load(&pack, Choices::default()) else { return };
    if pack.verify().is_ok() {
        let model = Arc::new(model);
        assert_eq!(rows(&model, Isa::Scalar), rows(&model, Isa::detect()));
    }
}

fn rows(model: &Arc<Model>, isa: Isa) -> Vec<RowDigest> {
    let settings = model.settings();
    let tokens: Vec<u32> = (0..3_u32).map(|token| token % settings.vocabulary as u32).collect();
    let tokens = &tokens[..tokens.len().min(settings.context)];
    let mut rows = Vec::new();
    let Ok(mut session) = Session::new(model, tokens.len()) else { return rows };
    let mut processor = Processor::new(Arc::clone(model), Cpu::with(isa, 1));
    let taken = processor.extend(&mut session, tokens, Rows::All, |row| {
        assert!(row.logits.iter().all(|logit| logit.is_finite()), "a logit is not finite");
        rows.push(row.digest);
    });
    assert_eq!(taken, Ok(()));
    rows
}
