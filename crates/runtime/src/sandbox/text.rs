//! What a guest asks of the vocabulary of its model.
//!
//! **Invariant:** there is one vocabulary, that of the job's model, and it is the file's own. A name that means nothing
//! here is an answer, never a trap: whose fault it is the guest says. Of all text of a run together no more is read and
//! written than one call may hand over, so that what ends a run is the same on every machine.

use assay_engine::vocabulary::Vocabulary;

use super::{
    bindings::assay::runner::text::{Host, SpecialTokens},
    session::GuestSession,
};
use crate::models::TextVocabulary;

impl GuestSession {
    fn vocabulary(&self, name: &str) -> Result<TextVocabulary<'_>, String> {
        let named = self.model.as_ref().filter(|model| model.is_called(name));
        let named = named.ok_or_else(|| format!("no model is called {name:?}"))?;
        named.vocabulary().ok_or_else(|| "the model has no vocabulary".into())
    }

    /// The vocabulary of a model of language, which alone has texts of its own.
    fn whole(&self, name: &str) -> Result<&Vocabulary, String> {
        match self.vocabulary(name)? {
            TextVocabulary::Whole(vocabulary) => Ok(vocabulary),
            TextVocabulary::Pieces(_) => Err("the model reads texts and writes none".into()),
        }
    }

    fn afford(&self, bytes: usize) -> Result<(), String> {
        let affordable = self.counts.take_text(bytes);
        affordable.then_some(()).ok_or_else(|| "the run has asked for more text than it may".into())
    }
}

impl Host for GuestSession {
    /// Control tokens are found only where `special` says so: in what a stranger wrote they are text.
    fn tokenize(&mut self, model: String, text: String, special: bool) -> Result<Vec<u32>, String> {
        let vocabulary = self.vocabulary(&model)?;
        self.afford(text.len())?;
        let tokens = match vocabulary {
            TextVocabulary::Whole(vocabulary) => vocabulary.tokenize(&text, special),
            TextVocabulary::Pieces(_) if special => {
                return Err("no control tokens are found in texts for this model".into());
            }
            TextVocabulary::Pieces(pieces) => pieces.tokenize(&text),
        };
        tokens.map_err(|why| why.to_string())
    }

    fn detokenize(&mut self, model: String, tokens: Vec<u32>) -> Result<Vec<u8>, String> {
        let vocabulary = self.whole(&model)?;
        let mut text = Vec::new();
        for token in tokens {
            let piece = vocabulary.piece(token, false);
            self.afford(size_of::<u32>() + piece.len())?;
            text.extend(piece);
        }
        Ok(text)
    }

    fn special(&mut self, model: String) -> Result<SpecialTokens, String> {
        let tokens = match self.vocabulary(&model)? {
            TextVocabulary::Pieces(pieces) => {
                SpecialTokens { begin: Some(pieces.begin()), leads: true, end: vec![pieces.end()] }
            }
            TextVocabulary::Whole(vocabulary) => {
                let (begin, leads) = (vocabulary.bos(), vocabulary.begins());
                // The first is the one that templates mean.
                let mut end = vocabulary.ends().to_vec();
                end.sort_by_key(|token| Some(*token) != vocabulary.eos());
                SpecialTokens { begin, leads, end }
            }
        };
        self.afford(size_of_val(tokens.end.as_slice()))?;
        Ok(tokens)
    }

    fn chat_template(&mut self, model: String) -> Option<String> {
        let template = self.whole(&model).ok()?.template()?;
        self.afford(template.len()).ok().map(|()| template.to_owned())
    }
}
