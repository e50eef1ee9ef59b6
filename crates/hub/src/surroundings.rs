//! What the user's surroundings say of a hub, by the names that the hub's own tools read.
//!
//! | variable | what |
//! |---|---|
//! | `HF_ENDPOINT` | the hub; the public one if there is none |
//! | `HF_TOKEN`, else the file `HF_TOKEN_PATH`, else `token` in `HF_HOME` | the user's token |
//! | `HF_HUB_CACHE`, else `hub` in `HF_HOME` | what other tools have fetched |
//! | `HF_HOME`, else `huggingface` in `XDG_CACHE_HOME`, else in `.cache` of the user's folder | where both are |
//! | `HF_HUB_OFFLINE` | if it is 1, nobody is asked |
//! | `SSL_CERT_FILE` | who vouches for a hub, instead of whom the web trusts |
//!
//! **Invariant:** nothing of it is changed; what cannot be read is told by its name alone.

use std::{
    ffi::OsString,
    fs,
    io::Read,
    path::{Path, PathBuf},
};

use crate::{address::Address, token::Token};

/// The hub where none is named.
const ENDPOINT: &str = "https://huggingface.co";
/// Bytes of a file with a token.
const TOKEN_FILE_BYTES_MAX: u64 = 4 * 1024;
/// Bytes of a file with certificates.
const CERTIFICATES_BYTES_MAX: u64 = 4 << 20;

/// What is around.
#[derive(Clone, Debug)]
pub struct Surroundings {
    pub(crate) endpoint: Address,
    pub(crate) token: Option<Token>,
    pub(crate) cache: Option<PathBuf>,
    pub(crate) certificates: Option<Vec<u8>>,
    pub(crate) is_offline: bool,
}

/// What cannot be used of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{variable} cannot be used: {reason}")]
pub struct BadSurroundings {
    /// The variable.
    pub variable: &'static str,
    /// What is wrong with it.
    pub reason: String,
}

impl Surroundings {
    /// Reads them; a variable that is empty is none.
    ///
    /// # Errors
    /// [`BadSurroundings`].
    pub fn read(variable: impl Fn(&str) -> Option<OsString>) -> Result<Self, BadSurroundings> {
        let variable = |name: &str| variable(name).filter(|value| !value.is_empty());
        let path = |name: &str| variable(name).map(PathBuf::from);
        let own = path("HOME").or_else(|| path("USERPROFILE"));
        let caches = path("XDG_CACHE_HOME").or_else(|| own.map(|own| own.join(".cache")));
        let hub = path("HF_HOME").or_else(|| caches.map(|caches| caches.join("huggingface")));
        let endpoint = match variable("HF_ENDPOINT") {
            None => Address::typed(ENDPOINT),
            Some(text) => text.to_str().ok_or("it is no text").and_then(Address::typed),
        };
        let bad = |variable, reason: &dyn ToString| BadSurroundings { variable, reason: reason.to_string() };
        Ok(Self {
            endpoint: endpoint.map_err(|reason| bad("HF_ENDPOINT", &reason))?,
            token: match variable("HF_TOKEN") {
                Some(text) => {
                    let token = text.to_str().and_then(Token::of);
                    Some(token.ok_or_else(|| bad("HF_TOKEN", &"it holds no token"))?)
                }
                None => {
                    let file = path("HF_TOKEN_PATH").or_else(|| hub.as_ref().map(|hub| hub.join("token")));
                    file.and_then(|file| token_in(&file))
                }
            },
            cache: path("HF_HUB_CACHE").or_else(|| hub.map(|hub| hub.join("hub"))),
            certificates: match path("SSL_CERT_FILE") {
                Some(file) => {
                    let read = read(&file, CERTIFICATES_BYTES_MAX);
                    Some(read.map_err(|error| bad("SSL_CERT_FILE", &error))?)
                }
                None => None,
            },
            is_offline: variable("HF_HUB_OFFLINE").is_some_and(|value| {
                ["1", "true", "yes", "on"].iter().any(|yes| value.eq_ignore_ascii_case(yes))
            }),
        })
    }
}

/// The token in a file, if there is one that can be read.
fn token_in(file: &Path) -> Option<Token> {
    let bytes = read(file, TOKEN_FILE_BYTES_MAX).ok()?;
    Token::of(str::from_utf8(&bytes).ok()?)
}

fn read(file: &Path, bytes_max: u64) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    // Whoever opened a pipe would wait for somebody to write to it.
    if !fs::metadata(file)?.is_file() {
        return Err(std::io::Error::other("it is no file"));
    }
    fs::File::open(file)?.take(bytes_max).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Surroundings, BadSurroundings> {
        let find = |name: &str| variables.iter().find(|(known, _)| *known == name);
        Surroundings::read(|name| find(name).map(|(_, value)| value.into()))
    }

    #[test]
    fn what_other_tools_are_told_is_read_by_the_same_names() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().to_str().unwrap();
        let cache = |variables: &[(&str, &str)]| read(variables).unwrap().cache;
        assert_eq!(cache(&[]), None);
        assert_eq!(cache(&[("HOME", "/u")]), Some("/u/.cache/huggingface/hub".into()));
        assert_eq!(cache(&[("HOME", "/u"), ("XDG_CACHE_HOME", "/c")]), Some("/c/huggingface/hub".into()));
        assert_eq!(cache(&[("HF_HOME", "/h"), ("XDG_CACHE_HOME", "/c")]), Some("/h/hub".into()));
        assert_eq!(cache(&[("HF_HOME", "/h"), ("HF_HUB_CACHE", "/b")]), Some("/b".into()));
        let token = |variables: &[(&str, &str)]| read(variables).unwrap().token;
        assert_eq!(token(&[("HF_HOME", path)]), None);
        fs::write(folder.path().join("token"), "hf_file\n").unwrap();
        assert_eq!(token(&[("HF_HOME", path)]), Token::of("hf_file"));
        assert_eq!(token(&[("HF_HOME", path), ("HF_TOKEN", "hf_said")]), Token::of("hf_said"));
        assert_eq!(token(&[("HF_HOME", path), ("HF_TOKEN", "")]), Token::of("hf_file"));
        assert_eq!(token(&[("HF_HOME", path), ("HF_TOKEN_PATH", "/nowhere")]), None);
        assert_eq!(read(&[]).unwrap().endpoint.text(), ENDPOINT);
        assert!(read(&[("HF_HUB_OFFLINE", "1")]).unwrap().is_offline);
    }

    #[test]
    fn what_cannot_be_used_is_told_without_what_it_holds() {
        for (variable, value) in
            [("HF_ENDPOINT", "http://hub.example"), ("HF_TOKEN", "two words"), ("SSL_CERT_FILE", "/nowhere")]
        {
            let bad = read(&[(variable, value)]).unwrap_err();
            assert_eq!(bad.variable, variable);
            assert!(!bad.to_string().contains("words"), "{bad}");
        }
    }
}
