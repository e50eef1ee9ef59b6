//! Files of experiments, each of which is there whole or not at all.

use std::{fs, fs::File, io, io::Write, path::Path};

use assay_simulations::lab::artefact::ArtefactFiles;

use crate::command_error::{CommandError, Exit};

/// Writes files into a folder, one after another; the last one says that all are there.
pub(super) fn save_all(folder: &Path, files: ArtefactFiles) -> Result<(), CommandError> {
    let made = fs::create_dir_all(folder);
    made.map_err(|error| unwritable(folder, &error))?;
    files.into_iter().try_for_each(|(name, bytes)| save(&folder.join(name), &bytes))
}

/// Writes a file instead of what stood there. Nobody sees it before all of it is on the disk.
pub(super) fn save(path: &Path, bytes: &[u8]) -> Result<(), CommandError> {
    write(path, bytes).map_err(|error| unwritable(path, &error))
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut naming = tempfile::Builder::new();
    // As readable as any other file of this user: whoever goes on may be another one.
    let mut file = naming.prefix(".").suffix(".part").make_in(folder, |path| File::create_new(path))?;
    file.as_file_mut().write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|failed| failed.error)?;
    Ok(())
}

fn unwritable(path: &Path, error: &io::Error) -> CommandError {
    let message = format!("{} cannot be written: {error}", path.display());
    CommandError::new(Exit::Usage, "NOT_WRITTEN", message, "name another place for it with -o")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_as_a_whole_and_nothing_is_left_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let (within, path) = (folder.path().join("a/b"), folder.path().join("a/b/file"));
        assert_eq!(save(&path, b"one").unwrap_err().exit(), Exit::Usage, "there is no folder yet");
        save_all(&within, vec![("file", b"one".to_vec())]).unwrap();
        save(&path, b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(fs::read_dir(&within).unwrap().count(), 1);
        fs::create_dir(within.join("taken")).unwrap();
        assert!(save(&within.join("taken"), b"three").is_err());
        assert_eq!(fs::read_dir(&within).unwrap().count(), 2, "what could not be put there is gone");
    }
}
