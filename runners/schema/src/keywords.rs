//! The words of schemas: which are held, of which type of value each is, and which say nothing about what fits.

use crate::{Json, SchemaError};

/// Words for whoever reads a schema.
const ANNOTATIONS: [&str; 9] = [
    "$comment",
    "$schema",
    "default",
    "deprecated",
    "description",
    "examples",
    "readOnly",
    "title",
    "writeOnly",
];
/// Where a root keeps schemas that are named elsewhere.
pub(crate) const DEFINITIONS: [&str; 2] = ["$defs", "definitions"];
/// Words of one type of value each.
const OF_TYPES: [(&str, ValueType); 10] = [
    ("additionalProperties", ValueType::Object),
    ("items", ValueType::Array),
    ("maxItems", ValueType::Array),
    ("maxLength", ValueType::String),
    ("maximum", ValueType::Integer),
    ("minItems", ValueType::Array),
    ("minLength", ValueType::String),
    ("minimum", ValueType::Integer),
    ("properties", ValueType::Object),
    ("required", ValueType::Object),
];
/// Words that say by themselves what a value is.
const ALONE: [&str; 5] = ["$ref", "anyOf", "const", "enum", "type"];

/// A type of value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ValueType {
    Null,
    Boolean,
    Integer,
    Number,
    String,
    Array,
    Object,
}

impl ValueType {
    const NAMES: [(&'static str, Self); 7] = [
        ("null", Self::Null),
        ("boolean", Self::Boolean),
        ("integer", Self::Integer),
        ("number", Self::Number),
        ("string", Self::String),
        ("array", Self::Array),
        ("object", Self::Object),
    ];

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(known, _)| *known == name).map(|(_, found)| *found)
    }

    pub(crate) fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, found)| *found == self).map_or("", |(name, _)| name)
    }

    /// Whether a value is of this type.
    pub(crate) fn holds(self, value: &Json) -> bool {
        match value {
            Json::Null => self == Self::Null,
            Json::Bool(_) => self == Self::Boolean,
            Json::Whole(_) => matches!(self, Self::Integer | Self::Number),
            Json::Fraction(_) => self == Self::Number,
            Json::Text(_) => self == Self::String,
            Json::List(_) => self == Self::Array,
            Json::Object(_) => self == Self::Object,
        }
    }
}

/// The words of one schema that say what fits, all of which are held.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Keywords<'a> {
    fields: &'a [(String, Json)],
    at: &'a str,
}

impl<'a> Keywords<'a> {
    pub(crate) fn of(fields: &'a [(String, Json)], at: &'a str) -> Result<Self, SchemaError> {
        let is_known = |name: &str| {
            ANNOTATIONS.contains(&name)
                || ALONE.contains(&name)
                || OF_TYPES.iter().any(|(known, _)| *known == name)
                || (at.is_empty() && DEFINITIONS.contains(&name))
        };
        match fields.iter().find(|(name, _)| !is_known(name)) {
            Some((name, _)) => Err(SchemaError::Unknown { keyword: name.clone(), at: at.to_owned() }),
            None => Ok(Self { fields, at }),
        }
    }

    pub(crate) fn get(&self, keyword: &str) -> Option<&'a Json> {
        self.fields.iter().find(|(name, _)| name == keyword).map(|(_, value)| value)
    }

    /// The words of types of values, and their types.
    pub(crate) fn of_types(&self) -> impl Iterator<Item = (&'static str, ValueType)> {
        OF_TYPES.into_iter().filter(|(name, _)| self.get(name).is_some())
    }

    /// Refuses whatever stands beside a word that says all.
    pub(crate) fn alone(&self, keyword: &'static str, but: &[&str]) -> Result<(), SchemaError> {
        let says = ALONE.into_iter().chain(OF_TYPES.map(|(name, _)| name));
        let mut beside = says.filter(|name| *name != keyword && !but.contains(name));
        match beside.find(|name| self.get(name).is_some()) {
            Some(beside) => Err(self.wrong(beside, format!("is not held beside {keyword:?}"))),
            None => Ok(()),
        }
    }

    /// A bound that is a whole number from 0 up.
    pub(crate) fn count(&self, keyword: &'static str) -> Result<Option<u32>, SchemaError> {
        match self.get(keyword) {
            None => Ok(None),
            Some(Json::Whole(count)) if u32::try_from(*count).is_ok() => Ok(u32::try_from(*count).ok()),
            Some(_) => Err(self.wrong(keyword, "is no whole number from 0 up")),
        }
    }

    pub(crate) fn wrong(&self, keyword: &str, why: impl Into<String>) -> SchemaError {
        SchemaError::Wrong { keyword: keyword.to_owned(), at: self.at.to_owned(), why: why.into() }
    }
}
