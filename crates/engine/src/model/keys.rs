//! The keys of one family in a file, each within its bounds.
//!
//! **Invariant:** no number leaves this file that was not compared with a bound.

use std::ops::RangeInclusive;

use super::{ModelError, family::Family};
use crate::gguf::{Gguf, KeyValue, Typed};

/// What a file says under the name of its family.
pub(super) struct Keys<'f, 'a> {
    file: &'f Gguf<'a>,
    family: Family,
}

impl<'f, 'a> Keys<'f, 'a> {
    pub(super) const fn new(file: &'f Gguf<'a>, family: Family) -> Self {
        Self { file, family }
    }

    pub(super) fn name(&self, key: &str) -> String {
        format!("{}.{key}", self.family.name())
    }

    /// What a key holds, if it is there.
    pub(super) fn get<T: Typed<'a>>(&self, key: &str) -> Result<Option<T>, ModelError> {
        Ok(self.file.get(&self.name(key))?)
    }

    /// A whole number within its bounds, if it is there.
    pub(super) fn find_count(
        &self,
        key: &str,
        bounds: RangeInclusive<usize>,
    ) -> Result<Option<usize>, ModelError> {
        let Some(found) = self.get::<u64>(key)? else { return Ok(None) };
        let count = usize::try_from(found).ok().filter(|count| bounds.contains(count));
        let refused = || ModelError::Number {
            key: self.name(key),
            found,
            least: *bounds.start() as u64,
            most: *bounds.end() as u64,
        };
        count.ok_or_else(refused).map(Some)
    }

    /// A whole number within its bounds.
    pub(super) fn count(&self, key: &str, bounds: RangeInclusive<usize>) -> Result<usize, ModelError> {
        match self.find_count(key, bounds)? {
            Some(count) => Ok(count),
            None => Err(crate::gguf::GgufError::NoKey { key: self.name(key) }.into()),
        }
    }

    /// A float within its bounds, if it is there. Some files have whole numbers where floats are meant.
    pub(super) fn find_float(
        &self,
        key: &str,
        bounds: RangeInclusive<f64>,
    ) -> Result<Option<f64>, ModelError> {
        let name = self.name(key);
        let whole = self.file.keys().find(|(found, _)| *found == name).map(|(_, value)| value);
        let found = match whole {
            None => return Ok(None),
            Some(KeyValue::Unsigned(number)) => number as f64,
            Some(
                KeyValue::Signed(_)
                | KeyValue::Float(_)
                | KeyValue::Flag(_)
                | KeyValue::Text(_)
                | KeyValue::Array(_),
            ) => self.file.need(&name)?,
        };
        if bounds.contains(&found) {
            return Ok(Some(found));
        }
        Err(ModelError::Float { key: name, found, least: *bounds.start(), most: *bounds.end() })
    }

    /// A float within its bounds.
    pub(super) fn float(&self, key: &str, bounds: RangeInclusive<f64>) -> Result<f64, ModelError> {
        match self.find_float(key, bounds)? {
            Some(found) => Ok(found),
            None => Err(crate::gguf::GgufError::NoKey { key: self.name(key) }.into()),
        }
    }
}
