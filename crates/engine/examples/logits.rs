//! Writes the logits of every position, for whoever compares engines: `logits MODEL TOKENS OUT`.
//!
//! TOKENS is a file of numbers; OUT becomes f32, little-endian, row after row.

use std::{
    error::Error,
    fs::{self, File},
    io::{BufWriter, Write},
    sync::Arc,
};

use assay_engine::{
    cpu::Cpu,
    gguf::Gguf,
    model::{Choices, Model},
    pack::Pack,
    session::{Processor, Rows, Session},
};

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [model, tokens, out] = words.as_slice() else { return Err("logits MODEL TOKENS OUT".into()) };
    let bytes = fs::read(model)?;
    let pack = Pack::of_file(&Gguf::parse(&bytes)?, [0; 32])?;
    let model = Arc::new(Model::load(&pack, Choices::default())?);
    let text = fs::read_to_string(tokens)?;
    let tokens: Vec<u32> = text.split_whitespace().map(str::parse).collect::<Result<_, _>>()?;
    let mut out = BufWriter::new(File::create(out)?);
    let mut written = Ok(());
    let mut session = Session::new(&model, tokens.len())?;
    let mut processor = Processor::new(Arc::clone(&model), Cpu::new(1));
    processor.extend(&mut session, &tokens, Rows::All, |row| {
        let bits: Vec<[u8; 4]> = row.logits.iter().map(|logit| logit.to_le_bytes()).collect();
        if written.is_ok() {
            written = out.write_all(bits.as_flattened());
        }
    })?;
    written?;
    out.flush()?;
    Ok(())
}
