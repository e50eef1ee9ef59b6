//! What is damaged of what clients handed in: it is put aside once, and keeps nothing else back.
//!
//! **Invariant:** whoever runs the gateway finds what is damaged beside where it was: what was put aside before keeps its name,
//! and of one thing the newest few stay.

use std::{
    collections::BTreeMap,
    fmt, fs, io,
    path::{Path, PathBuf},
};

use serde::de::DeserializeOwned;

/// Behind the name of what is put aside.
pub(crate) const ASIDE: &str = ".damaged";

/// How many of one thing stay, the newest.
const KEPT_MAX: usize = 4;

/// Puts these aside, and says so once with why. What is not there need not be.
pub(crate) fn put_aside(paths: &[PathBuf], why: &dyn fmt::Display) {
    let mut moved = Vec::new();
    for path in paths {
        match move_aside(path) {
            Ok(aside) => moved.push(aside),
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

/// Moves one thing beside those of its name that lie there, and lets the oldest of them go; says where it is.
fn move_aside(path: &Path) -> io::Result<PathBuf> {
    let mut known = known_asides(path)?;
    let number = known.last_key_value().map_or(1, |(last, _)| last.saturating_add(1));
    let aside = aside(path, number)?;
    fs::rename(path, &aside)?;
    known.insert(number, aside.clone());
    while known.len() > KEPT_MAX
        && let Some((_, oldest)) = known.pop_first()
    {
        let gone = if oldest.is_dir() { fs::remove_dir_all(&oldest) } else { fs::remove_file(&oldest) };
        if let Err(error) = gone {
            tracing::warn!(path = %oldest.display(), %error, "what was put aside long ago is not let go");
        }
    }
    Ok(aside)
}

/// What lies aside of one thing, by its number.
fn known_asides(path: &Path) -> io::Result<BTreeMap<u64, PathBuf>> {
    let (folder, name) = place(path)?;
    let mut known = BTreeMap::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let number = entry.file_name().to_str().and_then(|other| number_in(name, other));
        known.extend(number.map(|number| (number, entry.path())));
    }
    Ok(known)
}

/// The number of what is called so, if it is this thing put aside. The first has none in its name.
fn number_in(name: &str, other: &str) -> Option<u64> {
    match other.strip_prefix(name)?.strip_suffix(ASIDE)? {
        "" => Some(1),
        numbered => numbered.strip_prefix('.')?.parse().ok(),
    }
}

/// Where something is put.
fn aside(path: &Path, number: u64) -> io::Result<PathBuf> {
    let (folder, name) = place(path)?;
    Ok(folder.join(match number {
        1 => format!("{name}{ASIDE}"),
        _ => format!("{name}.{number}{ASIDE}"),
    }))
}

/// The folder that something is in, and what it is called there. All names here were drawn by this program.
fn place(path: &Path) -> io::Result<(&Path, &str)> {
    let name = path.file_name().and_then(|name| name.to_str());
    path.parent().zip(name).ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))
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

    #[test]
    fn what_is_put_aside_again_has_a_number_and_the_newest_few_stay() {
        let folder = tempfile::tempdir().unwrap();
        let (file, work) = (folder.path().join("id.json"), folder.path().join("id"));
        for round in 1..=6 {
            fs::write(&file, round.to_string()).unwrap();
            fs::create_dir(&work).unwrap();
            fs::write(work.join("log"), round.to_string()).unwrap();
            put_aside(&[file.clone(), work.clone()], &"it is half");
        }
        let mut left: Vec<String> = fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        left.sort();
        let numbered =
            |name: &str| (3..=6).map(|number| format!("{name}.{number}{ASIDE}")).collect::<Vec<_>>();
        assert_eq!(left, [numbered("id"), numbered("id.json")].concat());
        assert_eq!(fs::read_to_string(folder.path().join("id.json.6.damaged")).unwrap(), "6");
        assert_eq!(fs::read_to_string(folder.path().join("id.3.damaged").join("log")).unwrap(), "3");
        assert_eq!(number_in("id", "id.json.damaged"), None, "what has a longer name is something else");
    }
}
