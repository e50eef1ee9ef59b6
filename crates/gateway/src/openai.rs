//! What OpenAI's clients ask, under `/v1`.
//!
//! **Invariant:** a field that changes nothing of the answer is named in the table of `docs/gateway.md`; any other that is not
//! done is refused by its name.

pub(crate) mod batched;
pub(crate) mod batches;
pub(crate) mod chat;
pub(crate) mod choice;
pub(crate) mod completions;
pub(crate) mod embeddings;
pub(crate) mod events;
mod expiry;
mod file_form;
pub(crate) mod files;
pub(crate) mod format;
mod list_page;
mod message;
pub(crate) mod models;
pub(crate) mod responses;
pub(crate) mod usage;
