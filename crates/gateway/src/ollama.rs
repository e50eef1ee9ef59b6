//! What Ollama's clients ask, under `/api`.
//!
//! **Invariant:** as with OpenAI's: what is not done is refused by its name, but for what concerns only the machine that a
//! model runs on, which is not this one.

pub(crate) mod chat;
pub(crate) mod embed;
pub(crate) mod lines;
mod model_name;
pub(crate) mod pull;
pub(crate) mod settings;
pub(crate) mod tags;
