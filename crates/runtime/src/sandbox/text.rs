//! What a guest asks of the vocabulary of its model.
//!
//! **Invariant:** there is one vocabulary, that of the job's model, and it is the file's own. A name that means nothing
//! here is an answer, never a trap: whose fault it is the guest says.

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
}

impl Host for GuestSession {
    /// Control tokens are found only where `special` says so: in what a stranger wrote they are text.
    fn tokenize(&mut self, model: String, text: String, special: bool) -> Result<Vec<u32>, String> {
        self.language(&model)?.vocabulary.tokenize(&text, special).map_err(|why| why.to_string())
    }

    fn detokenize(&mut self, model: String, tokens: Vec<u32>) -> Result<Vec<u8>, String> {
        let vocabulary = &self.language(&model)?.vocabulary;
        Ok(tokens.iter().flat_map(|token| vocabulary.piece(*token, false)).collect())
    }

    fn special(&mut self, model: String) -> Result<SpecialTokens, String> {
        let vocabulary = &self.language(&model)?.vocabulary;
        let begin = vocabulary.bos().filter(|_| vocabulary.begins());
        Ok(SpecialTokens { begin, end: vocabulary.ends().to_vec() })
    }

    fn chat_template(&mut self, model: String) -> Option<String> {
        self.language(&model).ok()?.vocabulary.template().map(str::to_owned)
    }
}
