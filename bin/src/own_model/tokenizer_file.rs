//! `tokenizer.json`: how texts become tokens, as the libraries of others write it down.
//!
//! **Invariant:** a rule that is not followed here to the letter is refused by its name; none is passed over.

use serde::Deserialize;
use serde_json::Value;

/// Characters of a word beyond which it is unknown.
const WORD_CHARACTERS_MAX: u64 = 100;

/// A vocabulary of pieces of words.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct PieceVocabulary {
    /// The texts of all tokens in order, a line each.
    pub(super) tokens: String,
    /// Whether case and marks matter.
    pub(super) cased: bool,
}

#[derive(Deserialize)]
struct TokenizerFile {
    #[serde(default)]
    added_tokens: Vec<AddedToken>,
    normalizer: Option<Normalizer>,
    pre_tokenizer: Option<RuleKind>,
    post_processor: Option<Value>,
    model: Value,
}

#[derive(Deserialize)]
struct AddedToken {
    id: usize,
    content: String,
}

#[derive(Deserialize)]
struct RuleKind {
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Deserialize)]
struct Normalizer {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default = "yes")]
    clean_text: bool,
    #[serde(default = "yes")]
    handle_chinese_chars: bool,
    strip_accents: Option<bool>,
    #[serde(default = "yes")]
    lowercase: bool,
}

#[derive(Deserialize)]
struct PieceModel {
    unk_token: String,
    #[serde(default = "inside")]
    continuing_subword_prefix: String,
    #[serde(default = "word")]
    max_input_chars_per_word: u64,
    vocab: std::collections::BTreeMap<String, usize>,
}

const fn yes() -> bool {
    true
}

fn inside() -> String {
    "##".to_owned()
}

const fn word() -> u64 {
    WORD_CHARACTERS_MAX
}

impl PieceVocabulary {
    /// Reads the file.
    ///
    /// # Errors
    /// Says which of its rules is not known here.
    pub(super) fn read(file: &[u8]) -> Result<Self, String> {
        let file: TokenizerFile = serde_json::from_slice(file).map_err(|error| error.to_string())?;
        let kind = file.model["type"].as_str().unwrap_or("a kind without a name").to_owned();
        let has_pieces = kind == "WordPiece" || file.model.get("continuing_subword_prefix").is_some();
        if !has_pieces {
            return Err(format!("its vocabulary is {kind}, and what is read is WordPiece"));
        }
        let model: PieceModel = serde_json::from_value(file.model).map_err(|error| error.to_string())?;
        let normalizer =
            file.normalizer.ok_or("it has no normalizer, and what is followed is BertNormalizer")?;
        let splitter = file.pre_tokenizer.map_or_else(|| "none".to_owned(), |splitter| splitter.kind);
        let ends = file.post_processor.map_or_else(String::new, |ends| ends.to_string());
        let marks = normalizer.strip_accents.unwrap_or(normalizer.lowercase);
        let followed = [
            (normalizer.kind == "BertNormalizer", format!("the normalizer {}", normalizer.kind)),
            (
                normalizer.clean_text && normalizer.handle_chinese_chars,
                "texts that are not cleaned".to_owned(),
            ),
            (marks == normalizer.lowercase, "capitals without marks, or marks without capitals".to_owned()),
            (splitter == "BertPreTokenizer", format!("the splitter {splitter}")),
            (
                ends.contains("[CLS]") && ends.contains("[SEP]"),
                "texts that do not begin with [CLS] and end with [SEP]".to_owned(),
            ),
            (model.unk_token == "[UNK]", format!("the unknown token {}", model.unk_token)),
            (
                model.continuing_subword_prefix == inside(),
                format!("the prefix {}", model.continuing_subword_prefix),
            ),
            (
                model.max_input_chars_per_word == WORD_CHARACTERS_MAX,
                format!("words of {} characters", model.max_input_chars_per_word),
            ),
        ];
        if let Some((_, rule)) = followed.into_iter().find(|(is_followed, _)| !is_followed) {
            return Err(format!("it has {rule}, which is not followed here"));
        }
        let tokens = lines(model.vocab, file.added_tokens)?;
        Ok(Self { tokens, cased: !normalizer.lowercase })
    }
}

/// All tokens in order, a line each.
fn lines(vocab: std::collections::BTreeMap<String, usize>, added: Vec<AddedToken>) -> Result<String, String> {
    let mut all: Vec<(usize, String)> = vocab.into_iter().map(|(text, token)| (token, text)).collect();
    all.extend(added.into_iter().map(|AddedToken { id, content }| (id, content)));
    all.sort();
    all.dedup();
    for (place, (token, text)) in all.iter().enumerate() {
        if *token != place {
            return Err(format!("its tokens are not numbered one by one: {text} is {token}, not {place}"));
        }
        if text.is_empty() || text.contains(['\n', '\r']) {
            return Err(format!("its token {token} is not one line"));
        }
    }
    Ok(all.into_iter().map(|(_, text)| text).collect::<Vec<_>>().join("\n"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn file() -> Value {
        json!({
            "added_tokens": [{ "id": 0, "content": "[UNK]" }, { "id": 4, "content": "[MASK]" }],
            "normalizer": { "type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true,
                            "strip_accents": null, "lowercase": true },
            "pre_tokenizer": { "type": "BertPreTokenizer" },
            "post_processor": { "type": "TemplateProcessing", "single": ["[CLS]", "A", "[SEP]"] },
            "model": { "type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
                       "max_input_chars_per_word": 100, "vocab": { "[UNK]": 0, "[CLS]": 1, "[SEP]": 2, "a": 3 } },
        })
    }

    fn read(file: &Value) -> Result<PieceVocabulary, String> {
        PieceVocabulary::read(file.to_string().as_bytes())
    }

    #[test]
    fn the_tokens_are_in_order_with_those_that_were_added() {
        let pieces = PieceVocabulary { tokens: "[UNK]\n[CLS]\n[SEP]\na\n[MASK]".to_owned(), cased: false };
        assert_eq!(read(&file()), Ok(pieces));
    }

    #[test]
    fn a_rule_that_is_not_followed_is_refused_by_its_name() {
        for (place, value, says) in [
            ("/model", json!({ "type": "BPE", "vocab": {} }), "BPE"),
            ("/model/unk_token", json!("<unk>"), "the unknown token <unk>"),
            ("/model/continuing_subword_prefix", json!("@@"), "the prefix @@"),
            ("/model/max_input_chars_per_word", json!(200), "words of 200 characters"),
            ("/model/vocab", json!({ "[UNK]": 0, "b": 9 }), "not numbered one by one"),
            ("/model/vocab", json!({ "[UNK]": 0, "a\nb": 1 }), "not one line"),
            ("/normalizer/type", json!("Lowercase"), "the normalizer Lowercase"),
            ("/normalizer/clean_text", json!(false), "not cleaned"),
            ("/normalizer/strip_accents", json!(false), "marks without capitals"),
            ("/normalizer", Value::Null, "no normalizer"),
            ("/pre_tokenizer", json!({ "type": "Whitespace" }), "the splitter Whitespace"),
            ("/pre_tokenizer", Value::Null, "the splitter none"),
            ("/post_processor", Value::Null, "[CLS]"),
        ] {
            let mut file = file();
            *file.pointer_mut(place).unwrap() = value;
            let refused = read(&file).unwrap_err();
            assert!(refused.contains(says), "{place}: {refused}");
        }
        assert!(PieceVocabulary::read(b"{").is_err());
    }
}
