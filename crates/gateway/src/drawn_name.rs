//! Names that the gateway draws for what it keeps: a word that says of what kind it is, and 32 digits.
//!
//! **Invariant:** what somebody says is such a name only if it is written as the gateway writes one. Places on the disk are made
//! of these names and of nothing that somebody else chose.

use std::{fmt, io, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Digits of a name.
const DIGITS: usize = 32;

/// What is no name that was drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is no name that was given here")]
pub(crate) struct NotDrawn;

macro_rules! drawn_name {
    ($(#[$doc:meta])* $name:ident, $word:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub(crate) struct $name(u128);

        impl $name {
            /// Another one, which nobody guesses.
            pub(crate) fn draw() -> io::Result<Self> {
                let mut bytes = [0; 16];
                getrandom::fill(&mut bytes).map_err(io::Error::other)?;
                Ok(Self(u128::from_le_bytes(bytes)))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(out, concat!($word, "{:032x}"), self.0)
            }
        }

        impl FromStr for $name {
            type Err = NotDrawn;

            fn from_str(text: &str) -> Result<Self, NotDrawn> {
                text.strip_prefix($word).and_then(number).map(Self).ok_or(NotDrawn)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
            }
        }
    };
}

drawn_name!(
    /// What a file is called.
    FileId,
    "file-"
);
drawn_name!(
    /// What a batch is called.
    BatchId,
    "batch_"
);

/// Exactly so many lower-case digits: each name has one text.
fn number(digits: &str) -> Option<u128> {
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    (digits.len() == DIGITS && digits.bytes().all(is_digit)).then(|| u128::from_str_radix(digits, 16).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_one_text_and_nothing_else_is_one() {
        let name = FileId::draw().unwrap();
        assert_eq!(name.to_string().parse::<FileId>(), Ok(name));
        assert_ne!(FileId::draw().unwrap(), name);
        assert_eq!(FileId(10).to_string(), "file-0000000000000000000000000000000a");
        let digits = "0".repeat(31);
        for text in [
            format!("file-{digits}"),
            format!("file-{digits}00"),
            format!("file-{digits}A"),
            format!("file-+{digits}"),
            format!("file_{digits}0"),
            format!("batch_{digits}0"),
            format!("{digits}0"),
            "file-../../../../../etc/passwd/00000".to_owned(),
            "file-".to_owned(),
            String::new(),
        ] {
            assert_eq!(text.parse::<FileId>(), Err(NotDrawn), "{text}");
        }
        assert!(format!("batch_{digits}f").parse::<BatchId>().is_ok());
        assert!(serde_json::from_str::<FileId>("\"file-..\"").is_err());
    }
}
