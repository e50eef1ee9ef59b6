//! What is damaged of what clients handed in: it is put aside once, and keeps nothing else back.
//!
//! **Invariant:** nothing that is damaged is thrown away: whoever runs the gateway finds it beside where it was.

use std::{
    ffi::OsString,
    fmt, fs, io,
    path::{Path, PathBuf},
};

use serde::de::DeserializeOwned;

/// Behind the name of what is put aside.
pub(crate) const ASIDE: &str = ".damaged";

/// Puts these aside, and says so once with why. What is not there need not be.
pub(crate) fn put_aside(paths: &[PathBuf], why: &dyn fmt::Display) {
    let mut moved = Vec::new();
    for path in paths {
        match fs::rename(path, aside(path)) {
            Ok(()) => moved.push(aside(path)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "what is damaged cannot be put aside");
            }
        }
    }
    if let Some(first) = moved.first() {
        tracing::warn!(aside = %first.display(), %why, "what a client handed in is damaged, and put aside");
    }
}

/// Where something is put.
fn aside(path: &Path) -> PathBuf {
    let mut aside = OsString::from(path);
    aside.push(ASIDE);
    aside.into()
}

/// What a file says that should be JSON of this kind; [`io::ErrorKind::InvalidData`] if it is damaged.
pub(crate) fn read_json<T: DeserializeOwned>(path: &Path) -> io::Result<T> {
    let named = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
    let bytes = fs::read(path).map_err(named)?;
    serde_json::from_slice(&bytes).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_aside_is_there_and_what_is_not_there_is_no_fault() {
        let folder = tempfile::tempdir().unwrap();
        let (there, absent) = (folder.path().join("there"), folder.path().join("absent"));
        fs::write(&there, "{").unwrap();
        assert_eq!(read_json::<u8>(&there).unwrap_err().kind(), io::ErrorKind::InvalidData);
        put_aside(&[there.clone(), absent.clone()], &"it is half");
        assert_eq!(fs::read_to_string(folder.path().join("there.damaged")).unwrap(), "{");
        assert!(!there.exists());
        assert_eq!(read_json::<u8>(&absent).unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
