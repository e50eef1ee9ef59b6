//! Texts from strangers: their tokens are tokens, and together they are the text.

use std::sync::LazyLock;

use assay_engine::{gguf::Gguf, vocabulary::Vocabulary};

use super::dice::Dice;

/// A way to cut words of each kind.
pub(crate) const CUTS: [&str; 23] = [
    "default",
    "llama-bpe",
    "dbrx",
    "glm4",
    "jais-2",
    "gpt-2",
    "smollm",
    "qwen2",
    "qwen35",
    "ufakzeka",
    "seed-coder",
    "laguna",
    "minicpm5",
    "falcon",
    "deepseek-llm",
    "deepseek-coder",
    "deepseek-v3",
    "poro-chat",
    "viking",
    "tekken",
    "gpt-4o",
    "granite-embed-multi-97m",
    "kimi-k2",
];

/// Pieces that words are cut between.
const PIECES: [&str; 24] = [
    "a",
    "Z",
    "the",
    " ",
    "  ",
    "\t",
    "\n",
    "\r\n",
    "1",
    "23",
    "'s",
    "'LL",
    "!",
    "...",
    "é",
    "\u{301}",
    "中",
    "の",
    "한",
    "🙂",
    "\u{3000}",
    "▁",
    "<|im_start|>",
    "<s>",
];

/// The small vocabularies that are committed, by name.
pub(crate) const FILES: [(&str, &[u8]); 3] = [
    ("bytes", include_bytes!("../../vocabularies/bytes.gguf")),
    ("characters", include_bytes!("../../vocabularies/characters.gguf")),
    ("scores", include_bytes!("../../vocabularies/scores.gguf")),
];

/// The file of a vocabulary that cuts words in another way.
pub(crate) fn cutting(file: &[u8], cut: &str) -> Vec<u8> {
    const KEY: &[u8] = b"tokenizer.ggml.pre";
    let Some(at) = file.windows(KEY.len()).position(|window| window == KEY) else { return file.to_vec() };
    // Behind the key stand its type, four bytes, and the length of the text, eight.
    let (before, behind) = file.split_at(at + KEY.len() + 4);
    let length = behind.first().map_or(0, |length| usize::from(*length));
    let behind = behind.get(8 + length..).unwrap_or_default();
    [before, &(cut.len() as u64).to_le_bytes(), cut.as_bytes(), behind].concat()
}

fn vocabulary(file: &[u8]) -> Option<Vocabulary> {
    Gguf::parse(file).ok().and_then(|gguf| Vocabulary::read(&gguf).ok())
}

static VOCABULARIES: LazyLock<Vec<Vocabulary>> = LazyLock::new(|| {
    let [bytes, others @ ..] = FILES;
    let cuts = CUTS.iter().filter_map(|cut| vocabulary(&cutting(bytes.1, cut)));
    cuts.chain(others.iter().filter_map(|(_, file)| vocabulary(file))).collect()
});

/// Takes a text apart by every vocabulary and puts it together again.
pub(crate) fn target(bytes: &[u8]) {
    assert_eq!(VOCABULARIES.len(), CUTS.len() + 2);
    let mut dice = Dice::new(bytes);
    let mut text = String::new();
    while !dice.is_empty() && text.len() < 4_096 {
        match dice.below(4) {
            0 => text.extend(char::from_u32(dice.number() as u32 & 0x1f_ffff)),
            1 => text.push_str(&PIECES[dice.below(PIECES.len())].repeat(1 + dice.below(9))),
            _ => text.push_str(PIECES[dice.below(PIECES.len())]),
        }
    }
    for vocabulary in VOCABULARIES.iter() {
        for special in [false, true] {
            let tokens = vocabulary.tokenize(&text, special);
            let tokens = tokens.unwrap_or_else(|error| panic!("{text:?} has no tokens: {error}"));
            let again = vocabulary.detokenize(&tokens, true);
            // Where a space is written as a mark, the mark itself comes back as a space.
            let same = again == text.as_bytes() || again == text.replace('▁', " ").as_bytes();
            assert!(same, "{text:?} became {:?}", String::from_utf8_lossy(&again));
        }
    }
}
