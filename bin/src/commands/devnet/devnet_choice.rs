//! Which devnet is meant.
//!
//! **Invariant:** a name is one folder below that of all devnets, and never leads out of it.

use std::{fmt, path::PathBuf, str::FromStr};

/// What a devnet is called that nobody named.
const USUAL: &str = "default";
/// Characters of the longest name: the way to a peer's socket has about a hundred.
const NAME_CHARS_MAX: usize = 24;

/// The name of a devnet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct DevnetName(String);

impl FromStr for DevnetName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let fits = (1..=NAME_CHARS_MAX).contains(&text.len()) && !text.starts_with('-');
        match fits && text.bytes().all(is_plain) {
            true => Ok(Self(text.to_owned())),
            false => Err(format!("expected 1 to {NAME_CHARS_MAX} of a-z, 0-9 and -, and no - in front")),
        }
    }
}

impl fmt::Display for DevnetName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl DevnetName {
    /// The name of one that nobody named.
    pub(super) fn usual() -> Self {
        Self(USUAL.to_owned())
    }
}

/// A devnet, where nothing else is named.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct DevnetChoice {
    /// The devnet; the only one there is if none is named
    #[arg(value_name = "NAME")]
    name: Option<DevnetName>,
    /// The folder of a devnet, instead of its name
    #[arg(long, value_name = "DIR", conflicts_with = "name")]
    dir: Option<PathBuf>,
}

/// A devnet, where its peers are named.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct DevnetOption {
    /// The devnet; the only one there is if none is named
    #[arg(long, value_name = "NAME")]
    name: Option<DevnetName>,
    /// The folder of a devnet, instead of its name
    #[arg(long, value_name = "DIR", conflicts_with = "name")]
    dir: Option<PathBuf>,
}

/// What was said of which devnet is meant.
#[derive(Clone, Debug)]
pub(super) enum Meant {
    /// The only one there is.
    Only,
    /// The one of this name.
    Named(DevnetName),
    /// The one in this folder.
    In(PathBuf),
}

impl DevnetChoice {
    pub(super) fn meant(&self) -> Meant {
        Meant::of(self.name.as_ref(), self.dir.as_ref())
    }
}

impl DevnetOption {
    pub(super) fn meant(&self) -> Meant {
        Meant::of(self.name.as_ref(), self.dir.as_ref())
    }
}

impl Meant {
    fn of(name: Option<&DevnetName>, dir: Option<&PathBuf>) -> Self {
        match (dir, name) {
            (Some(dir), _) => Self::In(dir.clone()),
            (None, Some(name)) => Self::Named(name.clone()),
            (None, None) => Self::Only,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_leads_nowhere_else() {
        for name in ["lab", "7", "a-b", &"x".repeat(NAME_CHARS_MAX)] {
            assert_eq!(name.parse::<DevnetName>().unwrap().to_string(), name);
        }
        for name in ["", "..", "a/b", "-x", ".elsewhere", "A", "a b", "ä", &"x".repeat(NAME_CHARS_MAX + 1)] {
            assert!(name.parse::<DevnetName>().is_err(), "{name}");
        }
        assert!(USUAL.parse::<DevnetName>().is_ok());
    }
}
