//! The tokens that this engine gives texts: `tokens VOCABULARY.gguf TEXTS SPECIAL`.
//!
//! TEXTS is a file of texts with a zero byte behind each. Prints a line of tokens for each text, without what a text
//! begins and ends with; SPECIAL is 1 where control tokens are sought. `contrib/compare/vocabulary` reads it.
#![allow(clippy::print_stdout, reason = "what it prints is what it is for")]

use std::{env, error::Error, fs};

use assay_engine::{gguf::Gguf, vocabulary::Vocabulary};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [vocabulary, texts, special] = arguments.as_slice() else {
        return Err("tokens VOCABULARY.gguf TEXTS SPECIAL".into());
    };
    let file = fs::read(vocabulary)?;
    let vocabulary = Vocabulary::read(&Gguf::parse(&file)?)?;
    let texts = fs::read_to_string(texts)?;
    for text in texts.split_terminator('\0') {
        let tokens = vocabulary.tokenize(text, special == "1")?;
        println!("{}", tokens.iter().map(u32::to_string).collect::<Vec<_>>().join(" "));
    }
    Ok(())
}
