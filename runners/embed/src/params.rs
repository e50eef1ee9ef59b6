//! What a manifest says of a network that reads texts, and what its vectors are made of.
//!
//! **Invariant:** a name that is not here is refused, and so is a number out of its bounds: nothing is ignored.

use assay_runner::{Failure, Job};
use serde::Deserialize;

/// Tokens of the shortest text that can be asked for: what it begins and ends with, and one.
const LENGTH_MIN: usize = 3;
/// Tokens of the longest.
const LENGTH_MAX: usize = 8_192;
/// Numbers of the longest vector.
const WIDTH_MAX: usize = 65_536;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Params {
    /// The name of the model's input for tokens.
    pub(crate) tokens: String,
    /// That for what is no padding, if there is one.
    #[serde(default)]
    pub(crate) mask: Option<String>,
    /// That for which of two texts a token is of, if there is one.
    #[serde(default)]
    pub(crate) types: Option<String>,
    /// The name of the model's output: a row for each token.
    pub(crate) output: String,
    /// Numbers of a row.
    pub(crate) width: usize,
    /// The most tokens that are read of a text, its ends among them; what is too long is cut off.
    pub(crate) max_length: usize,
    /// How rows become a vector.
    pub(crate) pooling: Pooling,
    /// Whether each vector is made one long.
    #[serde(default = "yes")]
    pub(crate) normalise: bool,
    /// What the input is.
    #[serde(default)]
    pub(crate) input: InputKind,
}

/// How the rows of a text become one vector.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Pooling {
    /// The mean of all.
    Mean,
    /// That of the token that the text begins with.
    First,
}

/// What an input is.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum InputKind {
    /// A list if it looks like one, else a text.
    #[default]
    Auto,
    /// A text, whatever it looks like.
    Text,
    /// A list, or it is refused.
    List,
}

const fn yes() -> bool {
    true
}

impl Params {
    pub(crate) fn of(job: &Job) -> Result<Self, Failure> {
        let params: Self = job.params()?;
        let bounds = [
            ("max_length", params.max_length, LENGTH_MIN, LENGTH_MAX),
            ("width", params.width, 1, WIDTH_MAX),
        ];
        match bounds.into_iter().find(|(_, number, least, most)| !(least..=most).contains(&number)) {
            Some((name, number, least, most)) => {
                let why = format!("`{name}` is {number}, and must be from {least} to {most}");
                Err(Failure::BadParams(why))
            }
            None => Ok(params),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(params: &str) -> Result<Params, Failure> {
        Params::of(&Job { params: params.to_owned(), seed: Vec::new(), units_max: 1 })
    }

    #[test]
    fn what_is_not_stated_is_as_usual() {
        let params =
            read(r#"{"tokens":"ids","output":"rows","width":4,"max_length":9,"pooling":"mean"}"#).unwrap();
        assert!(params.normalise && params.mask.is_none() && params.types.is_none());
        assert_eq!((params.input, params.pooling), (InputKind::Auto, Pooling::Mean));
    }

    #[test]
    fn wrong_parameters_are_refused_in_a_sentence() {
        for (params, says) in [
            (r#"{"tokens":"ids","output":"rows","width":4,"max_length":9}"#, "missing field `pooling`"),
            (r#"{"tokens":"i","output":"r","width":4,"max_length":2,"pooling":"mean"}"#, "`max_length` is 2"),
            (r#"{"tokens":"i","output":"r","width":0,"max_length":9,"pooling":"first"}"#, "`width` is 0"),
            (r#"{"tokens":"i","output":"r","width":1,"max_length":9,"pooling":"most"}"#, "unknown variant"),
            (r#"{"normalize":true}"#, "unknown field `normalize`"),
        ] {
            let Err(Failure::BadParams(why)) = read(params) else { panic!("{params}") };
            assert!(why.contains(says), "{why}");
        }
    }
}
