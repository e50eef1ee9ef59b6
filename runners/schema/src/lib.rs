//! JSON that is written by a schema, followed byte by byte. Its page is `docs/json-schema.md`.
//!
//! What is held of JSON Schema is held whole; a schema that says anything else is refused, and the word that it says is named.
//!
//! **Invariant:** behind every byte that is taken some more bytes make the document whole, and what is whole fits the
//! schema. The same bytes are taken on every machine: nothing here is a float, has a clock or an order of its own.

mod document;
mod error;
mod flat;
mod json;
mod keywords;
mod parser;
mod reading;
mod scalar;
mod shape;

pub use document::{Branch, ByteSet, Document};
pub use error::SchemaError;
pub use json::Json;
pub use parser::SCHEMA_BYTES_MAX;

use std::rc::Rc;

use flat::FlatShapes;

/// A schema that can be held.
#[derive(Clone, Debug)]
pub struct Schema {
    shapes: Rc<FlatShapes>,
}

impl Schema {
    /// What a schema says.
    ///
    /// # Errors
    /// Names the first word that is not held, and where it stands.
    pub fn of(json: &Json) -> Result<Self, SchemaError> {
        Ok(Self { shapes: Rc::new(parser::parse(json)?) })
    }

    /// A document of which nothing is written yet.
    #[must_use]
    pub fn document(&self) -> Document {
        Document::begun(Rc::clone(&self.shapes))
    }
}

#[cfg(test)]
mod tests;
