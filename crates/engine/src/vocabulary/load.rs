//! Reads a vocabulary from the keys of a file.
//!
//! **Invariant:** what was read is within the bounds of `vocabulary`, has a text of its own for each token, and names no
//! token that it does not have.

use std::collections::HashMap;

use super::{
    Ends, Joining, MERGES_MAX, TOKEN_BYTES_MAX, TOKENS_MAX, Text, TokenType, VOCABULARY_BYTES_MAX,
    Vocabulary, VocabularyError,
    bytes::{hexadecimal, spelled},
    marks,
    merge::{Merges, Symbol},
    special::{Special, Specials},
    split::names::{self, Splitting},
};
use crate::gguf::{Gguf, Texts};

const TOKENS: &str = "tokenizer.ggml.tokens";
const TYPES: &str = "tokenizer.ggml.token_type";
const SCORES: &str = "tokenizer.ggml.scores";
const BOS: &str = "tokenizer.ggml.bos_token_id";
const EOS: &str = "tokenizer.ggml.eos_token_id";

/// What a vocabulary's texts are called while it is read.
struct Names {
    by_text: HashMap<Text, Symbol>,
    bytes: usize,
}

impl Names {
    /// The symbol of a text, which gets one if it has none.
    fn symbol(&mut self, text: &[u8]) -> Result<Symbol, VocabularyError> {
        if let Some(symbol) = self.by_text.get(text) {
            return Ok(*symbol);
        }
        self.bytes += text.len();
        if self.bytes > VOCABULARY_BYTES_MAX {
            return Err(VocabularyError::Large);
        }
        let symbol = self.by_text.len() as Symbol;
        self.by_text.insert(text.into(), symbol);
        Ok(symbol)
    }
}

/// Reads the vocabulary of a file.
pub(super) fn read(gguf: &Gguf<'_>) -> Result<Vocabulary, VocabularyError> {
    let kind: &str = gguf.need("tokenizer.ggml.model")?;
    let scheme = scheme(gguf, kind)?;
    let (texts, mut names) = texts(gguf.need(TOKENS)?)?;
    let mut types = types(gguf, texts.len())?;
    let ends = ends(gguf, &texts, &names, &mut types)?;
    let joining = match scheme {
        Some(scheme) => Joining::Merges { scheme, merges: merges(gguf, &mut names)? },
        None => Joining::Scores { ranks: ranks(gguf, texts.len())? },
    };
    let raw = scheme.is_none_or(|scheme| scheme.raw);
    let prefixes = gguf.get("tokenizer.ggml.add_space_prefix")?.unwrap_or(scheme.is_none());
    let specials = specials(gguf, &texts, &types)?;
    let longest = texts.iter().map(|text| text.len()).max().unwrap_or_default();
    let (begins, finishes) = enclosing(gguf, scheme)?;
    for (wanted, end, key) in [(begins, ends.bos, BOS), (finishes, ends.eos, EOS)] {
        if wanted && end.is_none() {
            return Err(VocabularyError::Unnamed { key });
        }
    }
    let by_text = names.by_text;
    let byte_symbols = std::array::from_fn(|byte| {
        let byte = byte as u8;
        let spelt = if raw { hexadecimal(byte) } else { spelled(byte).to_string() };
        let symbol = by_text.get(spelt.as_bytes());
        // Old vocabularies of characters have the byte itself.
        symbol.or_else(|| by_text.get([byte].as_slice()).filter(|_| scheme.is_none())).copied()
    });
    let template = gguf.get::<&str>("tokenizer.chat_template")?.map(str::to_owned);
    Ok(Vocabulary {
        texts,
        types,
        by_text,
        byte_symbols,
        joining,
        raw,
        prefixes: prefixes && scheme.is_none(),
        specials,
        longest,
        ends,
        begins,
        finishes,
        template,
    })
}

/// How words are cut; `None` for vocabularies that have scores and no words.
fn scheme(gguf: &Gguf<'_>, kind: &str) -> Result<Option<Splitting>, VocabularyError> {
    let name = match kind {
        "llama" => return Ok(None),
        "gpt2" => gguf.get("tokenizer.ggml.pre")?.unwrap_or(names::DEFAULT),
        names::GEMMA_4 => names::GEMMA_4,
        _ => return Err(VocabularyError::Kind { kind: kind.to_owned() }),
    };
    names::find(name).map(Some).ok_or_else(|| VocabularyError::Words { name: name.to_owned() })
}

fn texts(tokens: Texts<'_>) -> Result<(Vec<Text>, Names), VocabularyError> {
    if tokens.is_empty() || tokens.len() > TOKENS_MAX {
        return Err(VocabularyError::Tokens { found: tokens.len() });
    }
    let mut names = Names { by_text: HashMap::new(), bytes: 0 };
    let mut texts: Vec<Text> = Vec::new();
    for (token, text) in (0..).zip(tokens.iter()) {
        if text.len() > TOKEN_BYTES_MAX {
            return Err(VocabularyError::Long { token, found: text.len() });
        }
        let text: Text =
            if text.is_empty() { format!("[EMPTY_{token}]").into_bytes().into() } else { text.into() };
        let symbol = names.symbol(&text)?;
        if symbol != token {
            return Err(VocabularyError::Twice { first: symbol, second: token });
        }
        texts.push(text);
    }
    Ok((texts, names))
}

fn types(gguf: &Gguf<'_>, tokens: usize) -> Result<Vec<TokenType>, VocabularyError> {
    let Some(codes) = gguf.get::<Vec<i32>>(TYPES)? else { return Ok(vec![TokenType::Normal; tokens]) };
    if codes.len() < tokens {
        return Err(VocabularyError::Short { key: TYPES, found: codes.len(), tokens });
    }
    Ok(codes.into_iter().take(tokens).map(TokenType::from_code).collect())
}

/// How much each token is wanted: 0 for the highest score, and the same for equal ones.
fn ranks(gguf: &Gguf<'_>, tokens: usize) -> Result<Vec<u32>, VocabularyError> {
    let Some(scores) = gguf.get::<Vec<f32>>(SCORES)? else { return Ok(vec![0; tokens]) };
    if scores.len() < tokens {
        return Err(VocabularyError::Short { key: SCORES, found: scores.len(), tokens });
    }
    if let Some(token) = scores.iter().position(|score| score.is_nan()) {
        return Err(VocabularyError::Score { token: token as u32 });
    }
    let mut order: Vec<u32> = (0..tokens as u32).collect();
    // Adding 0 makes one zero of both.
    let score = |token: u32| scores.get(token as usize).copied().unwrap_or_default() + 0.0;
    order.sort_unstable_by(|one, other| score(*other).total_cmp(&score(*one)));
    let mut ranks = vec![0; tokens];
    let mut rank = 0;
    for (place, token) in order.iter().enumerate() {
        let before = place.checked_sub(1).and_then(|before| order.get(before));
        rank += u32::from(before.is_some_and(|before| score(*before) != score(*token)));
        if let Some(of) = ranks.get_mut(*token as usize) {
            *of = rank;
        }
    }
    Ok(ranks)
}

fn merges(gguf: &Gguf<'_>, names: &mut Names) -> Result<Merges, VocabularyError> {
    let texts: Texts<'_> = gguf.need("tokenizer.ggml.merges")?;
    if texts.len() > MERGES_MAX {
        return Err(VocabularyError::Merges { found: texts.len() });
    }
    let mut merges = Vec::new();
    for (rank, text) in (0..).zip(texts.iter()) {
        // The first side may begin with a space of its own; none of them is empty.
        let Some(space) = text.iter().skip(1).position(|byte| *byte == b' ') else { continue };
        let (left, right) =
            (text.get(..=space).unwrap_or_default(), text.get(space + 2..).unwrap_or_default());
        if left.is_empty() || right.is_empty() {
            continue;
        }
        let (one, other) = (names.symbol(left)?, names.symbol(right)?);
        merges.push((one, other, rank, names.symbol(&[left, right].concat())?));
    }
    Ok(Merges::new(merges))
}

/// The tokens that begin and end texts and answers. Those that files forget to call so are told by their texts, and are
/// control tokens from then on.
fn ends(
    gguf: &Gguf<'_>,
    texts: &[Text],
    names: &Names,
    types: &mut [TokenType],
) -> Result<Ends, VocabularyError> {
    let named = |key: &str| -> Result<Option<u32>, VocabularyError> {
        let Some(token) = gguf.get::<u32>(key)? else { return Ok(None) };
        let exists = (token as usize) < texts.len();
        let missing = || VocabularyError::NoToken { key: key.to_owned(), token, tokens: texts.len() };
        exists.then_some(Some(token)).ok_or_else(missing)
    };
    let token = |text: &str| names.by_text.get(text.as_bytes()).copied();
    let scored = gguf.need::<&str>("tokenizer.ggml.model")? == "llama";
    let default = |token: u32| Some(token).filter(|token| scored && (*token as usize) < texts.len());
    let mut ends =
        Ends { bos: named(BOS)?.or(default(1)), eos: named(EOS)?.or(default(2)), eot: None, all: Vec::new() };
    for mark in marks::MARKS {
        let keyed = mark.keys.iter().map(|key| named(key)).collect::<Result<Vec<_>, _>>()?;
        let found = keyed.into_iter().flatten().next();
        let told = || mark.texts.iter().find_map(|text| token(text));
        if found.is_none()
            && let Some(of) = told().and_then(|token| types.get_mut(token as usize))
        {
            *of = TokenType::Control;
        }
        let role = found.or_else(told);
        if mark.keys.contains(&marks::EOT) {
            ends.eot = role;
        }
        ends.all.extend(role.filter(|_| mark.ends));
    }
    for token in marks::ENDS.iter().filter_map(|text| token(text)) {
        ends.all.push(token);
        if let Some(of) = types.get_mut(token as usize) {
            *of = TokenType::Control;
        }
    }
    ends.all.extend(ends.eos);
    marks::correct(&mut ends.all, &token, types);
    ends.all.sort_unstable();
    ends.all.dedup();
    Ok(ends)
}

fn specials(gguf: &Gguf<'_>, texts: &[Text], types: &[TokenType]) -> Result<Specials, VocabularyError> {
    let name = gguf.get::<&str>("general.name")?.unwrap_or_default().to_lowercase();
    let trimming = name.contains("phi-3") || name.contains("phi3");
    let specials = (0..).zip(texts.iter().zip(types)).filter_map(|(token, (text, token_type))| {
        let always = match token_type {
            TokenType::Control | TokenType::Unknown => false,
            TokenType::UserDefined => true,
            TokenType::Normal | TokenType::Unused | TokenType::Byte => return None,
        };
        let trims = trimming && !marks::UNTRIMMED.iter().any(|kept| kept.as_bytes() == &**text);
        Some((text.clone(), Special { token, always, trims }))
    });
    Ok(Specials::new(specials))
}

/// Whether texts begin and end with tokens of their own.
fn enclosing(gguf: &Gguf<'_>, scheme: Option<Splitting>) -> Result<(bool, bool), VocabularyError> {
    let begins = gguf.get("tokenizer.ggml.add_bos_token")?;
    let begins = begins.unwrap_or(scheme.is_none_or(|scheme| scheme.begins));
    // Files of raw pieces say no by mistake.
    let begins = begins || scheme.is_some_and(|scheme| scheme.raw);
    Ok((begins, gguf.get("tokenizer.ggml.add_eos_token")?.unwrap_or(false)))
}
