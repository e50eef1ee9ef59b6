//! The model that the tests of this folder run: the shipped one, which adds.

use assay_engine::{
    gguf::Gguf,
    model::{Choices, Model},
    pack::Pack,
};

const SUMS: &[u8] = include_bytes!("../../../../models/sums/sums.gguf");

pub(crate) fn sums() -> Model {
    let file = Gguf::parse(SUMS).expect("the shipped model is one");
    let pack = Pack::of_file(&file, [0; 32]).expect("it can be packed");
    Model::load(&pack, Choices::default()).expect("it can be run")
}

/// Tokens that it knows.
pub(crate) fn tokens(count: u32) -> Vec<u32> {
    (0..count).map(|place| place * 7 % 50).collect()
}
