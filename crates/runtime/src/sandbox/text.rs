//! What a guest asks of the vocabulary of its model.
//!
//! **Invariant:** there is one vocabulary, that of the job's model, and it is the file's own. A name that means nothing
//! here is an answer, never a trap: whose fault it is the guest says. Of all text of a run together no more is read and
//! written than one call may hand over, so that what ends a run is the same on every machine.

use super::{
    bindings::assay::runner::text::{Host, SpecialTokens},
    session::GuestSession,
};
use crate::engine::language::LanguageModel;

impl GuestSession {
    fn language(&self, name: &str) -> Result<&LanguageModel, String> {
        let named = self.model.as_ref().filter(|model| model.is_called(name));
        let named = named.ok_or_else(|| format!("no model is called {name:?}"))?;
        named.language().map(AsRef::as_ref).ok_or_else(|| "the model has no vocabulary".into())
    }

    fn afford(&self, bytes: usize) -> Result<(), String> {
        let affordable = self.counts.take_text(bytes);
        affordable.then_some(()).ok_or_else(|| "the run has asked for more text than it may".into())
    }
}

impl Host for GuestSession {
    /// Control tokens are found only where `special` says so: in what a stranger wrote they are text.
    fn tokenize(&mut self, model: String, text: String, special: bool) -> Result<Vec<u32>, String> {
        let language = self.language(&model)?;
        self.afford(text.len())?;
        language.vocabulary.tokenize(&text, special).map_err(|why| why.to_string())
    }

    fn detokenize(&mut self, model: String, tokens: Vec<u32>) -> Result<Vec<u8>, String> {
        let vocabulary = &self.language(&model)?.vocabulary;
        let mut text = Vec::new();
        for token in tokens {
            let piece = vocabulary.piece(token, false);
            self.afford(size_of::<u32>() + piece.len())?;
            text.extend(piece);
        }
        Ok(text)
    }

    fn special(&mut self, model: String) -> Result<SpecialTokens, String> {
        let vocabulary = &self.language(&model)?.vocabulary;
        let (begin, leads) = (vocabulary.bos(), vocabulary.begins());
        // The first is the one that templates mean.
        let mut end = vocabulary.ends().to_vec();
        end.sort_by_key(|token| Some(*token) != vocabulary.eos());
        self.afford(size_of_val(end.as_slice()))?;
        Ok(SpecialTokens { begin, leads, end })
    }

    fn chat_template(&mut self, model: String) -> Option<String> {
        let template = self.language(&model).ok()?.vocabulary.template()?;
        self.afford(template.len()).ok().map(|()| template.to_owned())
    }
}
