//! Cuts texts into pieces of words: `pieces VOCABULARY cased|uncased`, where the file has a token a line.
//!
//! Texts come on standard input, each with a zero byte behind it; the tokens of each go out on a line.

use std::{
    error::Error,
    fs,
    io::{self, BufWriter, Read, Write},
};

use assay_engine::wordpiece::WordPieces;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [vocabulary, case] = &arguments[..] else {
        return Err("usage: pieces VOCABULARY cased|uncased".into());
    };
    let pieces = WordPieces::read(&fs::read_to_string(vocabulary)?, case == "cased")?;
    let mut texts = String::new();
    io::stdin().read_to_string(&mut texts)?;
    let mut out = BufWriter::new(io::stdout().lock());
    for text in texts.split_terminator('\0') {
        let tokens: Vec<String> = pieces.tokenize(text)?.iter().map(u32::to_string).collect();
        writeln!(out, "{}", tokens.join(" "))?;
    }
    Ok(())
}
