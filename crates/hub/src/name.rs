//! What a file of a hub is called: `hf:OWNER/REPO[/FILE][@REVISION]`.
//!
//! **Invariant:** no part of a name leads out of a folder, nor holds a sign that is not seen.

use std::{fmt, str::FromStr};

/// What the name of a file on a hub begins with.
pub const SCHEME: &str = "hf:";

/// Bytes of an owner or a repository.
const WORD_BYTES_MAX: usize = 96;
/// Bytes of a revision.
const REVISION_BYTES_MAX: usize = 128;
/// Bytes of the path of a file in its repository.
const PATH_BYTES_MAX: usize = 512;
/// The revision where none is named.
const REVISION: &str = "main";

/// A repository of a hub, a file in it, and at which revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HubName {
    /// Whose repository.
    pub owner: String,
    /// Which.
    pub repo: String,
    /// The path of a file in it; where it has one model only, none is needed.
    pub file: Option<String>,
    /// A branch, a tag or a commit.
    pub revision: Option<String>,
}

/// What was typed names nothing on a hub.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{typed}` names no file of a hub: {part}")]
pub struct BadHubName {
    /// What was typed.
    pub typed: String,
    /// What is wrong with it.
    pub part: &'static str,
}

impl HubName {
    /// The revision that is meant.
    #[must_use]
    pub fn revision(&self) -> &str {
        self.revision.as_deref().unwrap_or(REVISION)
    }

    /// One file of the repository, at one commit.
    #[must_use]
    pub fn at(&self, file: &str, commit: &str) -> Self {
        Self { file: Some(file.to_owned()), revision: Some(commit.to_owned()), ..self.clone() }
    }

    /// The same repository and revision, another file.
    #[must_use]
    pub fn with_file(&self, file: &str) -> Self {
        Self { file: Some(file.to_owned()), ..self.clone() }
    }
}

impl fmt::Display for HubName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{SCHEME}{}/{}", self.owner, self.repo)?;
        self.file.iter().try_for_each(|file| write!(out, "/{file}"))?;
        self.revision.iter().try_for_each(|revision| write!(out, "@{revision}"))
    }
}

impl FromStr for HubName {
    type Err = BadHubName;

    fn from_str(typed: &str) -> Result<Self, BadHubName> {
        let bad = |part| BadHubName { typed: typed.to_owned(), part };
        let name = typed.strip_prefix(SCHEME).ok_or_else(|| bad("it does not begin with hf:"))?;
        let (path, revision) = match name.split_once('@') {
            Some((path, revision)) => (path, Some(revision)),
            None => (name, None),
        };
        let mut parts = path.splitn(3, '/');
        let (owner, repo, file) = (parts.next().unwrap_or_default(), parts.next(), parts.next());
        let repo = repo.ok_or_else(|| bad("it needs an owner and a repository, as in hf:OWNER/REPO"))?;
        match () {
            () if !is_word(owner) || !is_word(repo) => {
                Err(bad("owner and repository are letters, digits, dots, - and _"))
            }
            () if file.is_some_and(|file| !is_path(file)) => {
                Err(bad("the file is no path inside its repository"))
            }
            () if revision.is_some_and(|revision| !is_revision(revision)) => {
                Err(bad("the revision behind its @ is no branch, tag or commit"))
            }
            () => Ok(Self {
                owner: owner.to_owned(),
                repo: repo.to_owned(),
                file: file.map(str::to_owned),
                revision: revision.map(str::to_owned),
            }),
        }
    }
}

/// Whether this is one word of a path and of an address.
fn is_word(text: &str) -> bool {
    (1..=WORD_BYTES_MAX).contains(&text.len())
        && text.chars().all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '-' | '_'))
        && !matches!(text, "." | "..")
}

fn is_revision(text: &str) -> bool {
    text.len() <= REVISION_BYTES_MAX && text.split('/').all(is_word)
}

/// Whether this names a file inside a folder, wherever that is.
pub(crate) fn is_path(text: &str) -> bool {
    let is_part = |part: &str| !matches!(part, "" | "." | "..");
    text.len() <= PATH_BYTES_MAX
        && text.split('/').all(is_part)
        && !text.chars().any(|letter| letter.is_control() || matches!(letter, '\\' | ':' | '@'))
}

/// Whether this is what a commit is called.
pub(crate) fn is_commit(text: &str) -> bool {
    text.len() == 40 && text.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
}

/// A path as it stands in an address.
pub(crate) fn escaped(path: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
    let escape = |byte: u8| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    path.bytes().map(escape).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_as_it_is_written() {
        for typed in [
            "hf:ggml-org/models",
            "hf:o/r/small.Q4_0.gguf",
            "hf:o/r/quants/small.gguf@refs/pr/1",
            "hf:o/r@0123456789abcdef0123456789abcdef01234567",
        ] {
            assert_eq!(typed.parse::<HubName>().unwrap().to_string(), typed);
        }
        let name: HubName = "hf:o/r/a b.gguf@v1".parse().unwrap();
        assert_eq!((name.file.as_deref(), name.revision()), (Some("a b.gguf"), "v1"));
        assert_eq!("hf:o/r".parse::<HubName>().unwrap().revision(), "main");
        assert_eq!(escaped("quants/a b#ü.gguf"), "quants/a%20b%23%C3%BC.gguf");
    }

    #[test]
    fn a_name_that_leads_elsewhere_is_refused() {
        for typed in [
            "o/r",
            "hf:",
            "hf:o",
            "hf:/r",
            "hf:o/",
            "hf:../r",
            "hf:o/..",
            "hf:o/r/",
            "hf:o/r/../x.gguf",
            "hf:o/r//x.gguf",
            "hf:o/r/a\\..\\x.gguf",
            "hf:o/r/C:x.gguf",
            "hf:o/r/x\u{1b}[2J.gguf",
            "hf:o/r@",
            "hf:o/r@../main",
            "hf:o/r@a@b",
            "hf:o?x=/r",
            "hf:o/r@main?x",
        ] {
            assert!(typed.parse::<HubName>().is_err(), "{typed:?}");
        }
        assert!(format!("hf:o/r/{}", "f".repeat(513)).parse::<HubName>().is_err());
    }
}
