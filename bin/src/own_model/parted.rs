//! A model of language that was cut into several files: found beside each other, looked at as what they give, and joined.
//!
//! **Invariant:** what is joined is a file of its own in a folder of a home, and goes with whoever wanted it; what a process that
//! was killed has left there goes with the next one that joins. The parts stay as they are.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use assay_hub::{MODEL_ENDING, PartName};
use assay_peer::system::{free_bytes, raise_open_files};
use assay_runtime::{
    parts::{GgufJoin, GgufPart, PARTS_MAX, PartsError, mark_of},
    survey::{ModelSurvey, NotRun, survey},
};

use super::RefusedFile;
use crate::{
    command_error::{CommandError, Exit},
    system::create_private,
};

/// The folder of what is joined, in the folder that is named.
const JOINED: &str = "joined";
/// Longer than whoever only removes what others have left has the lock of it.
const SWEEP_WAIT: Duration = Duration::from_millis(200);

/// All parts of one model, open.
pub(crate) struct PartedModel {
    join: GgufJoin<File>,
    name: PathBuf,
    parts: usize,
}

/// What was joined. It is removed when this goes.
pub(crate) struct JoinedFile {
    path: PathBuf,
    /// Held as long as this lives.
    _lock: File,
}

/// The one file of a model of language.
pub(crate) enum WholeFile {
    /// As the user has it.
    Given(PathBuf),
    /// Joined of the parts that the user has.
    Joined(JoinedFile),
}

impl PartedModel {
    /// The model that a file is a part of, or whose parts are all the models in a folder.
    ///
    /// # Errors
    /// [`CommandError`], if there is one and its parts cannot be joined.
    pub(crate) fn find(path: &Path) -> Result<Option<Self>, CommandError> {
        let Some((folder, any)) = any_part(path) else { return Ok(None) };
        let Some(named) = PartName::of(&any) else { return Ok(None) };
        let parts = u64::from(named.parts);
        if parts > PARTS_MAX {
            return Err(unjoined(path, &PartsError::Many { name: any.clone(), parts }));
        }
        let place = |part: PartName<'_>| folder.join(part.to_string());
        if let Some(missing) = named.all().find(|part| !place(*part).is_file()) {
            let (shown, PartName { part, parts, .. }) = (path.display(), missing);
            let message =
                format!("{shown} cannot be joined: {missing} is missing, which is part {part} of {parts}");
            let hint = "put all parts of the model into one folder, and name one of them or the folder";
            return Err(CommandError::new(Exit::Usage, "NO_MODEL", message, hint));
        }
        let parts = named.all().map(|part| (part.to_string(), place(part)));
        Self::of(named.stem, parts).map(Some).map_err(|error| unjoined(path, &error))
    }

    /// The model of this name that these files give, each with what it is called.
    ///
    /// # Errors
    /// [`PartsError`], unless they are all the parts of one.
    pub(crate) fn of(
        name: &str,
        files: impl IntoIterator<Item = (String, PathBuf)>,
    ) -> Result<Self, PartsError> {
        // All are open at a time, and may be more than a process can have open at first.
        raise_open_files();
        let mut parts = Vec::new();
        for (name, path) in files {
            match File::open(path) {
                Ok(bytes) => parts.push(GgufPart { name, bytes }),
                Err(error) => return Err(PartsError::Read { name, error }),
            }
        }
        let count = parts.len();
        let join = GgufJoin::plan(parts)?;
        Ok(Self { join, name: PathBuf::from(format!("{name}.{MODEL_ENDING}")), parts: count })
    }

    /// What its file would be called, if it were one.
    pub(crate) fn name(&self) -> &Path {
        &self.name
    }

    /// The same without how it ends.
    pub(crate) fn stem(&self) -> String {
        self.name.file_stem().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// How many parts it has.
    pub(crate) fn parts(&self) -> usize {
        self.parts
    }

    /// How long it is as one file.
    pub(crate) fn bytes(&self) -> u64 {
        self.join.bytes()
    }

    /// What that file says of its model, before there is one.
    ///
    /// # Errors
    /// [`RefusedFile`], if no run of it would come to anything.
    pub(crate) fn survey(&self) -> Result<ModelSurvey, RefusedFile> {
        survey(self.join.head(), self.bytes()).map_err(RefusedFile::from)
    }

    /// Begins the file in a folder, on whose disk so many bytes stay free beside it.
    ///
    /// # Errors
    /// [`CommandError`], if there is no room for it, or another process joins one of this name there.
    pub(crate) fn begin(
        &self,
        folder: &Path,
        name: &str,
        free_bytes_min: u64,
    ) -> Result<(JoinedFile, File), CommandError> {
        let folder = folder.join(JOINED);
        let begun = fs::create_dir_all(&folder).and_then(|()| {
            sweep(&folder);
            JoinedFile::begin(&folder.join(format!("{name}.{MODEL_ENDING}")), || thread::sleep(SWEEP_WAIT))
        });
        let begun = begun.map_err(|error| unjoined(&self.name, &PartsError::Write(error)))?;
        let begun = begun.ok_or_else(|| under_way(&self.name))?;
        let need = self.bytes().saturating_add(free_bytes_min);
        match free_bytes(&folder) {
            Some(free) if free < need => {
                let (name, need, free) = (self.name.display(), need >> 20, free >> 20);
                let message = format!("{name} needs {need} MiB free on the disk, which has {free}");
                let hint =
                    "free some space: its parts stay where they are, and what they give is beside them";
                Err(CommandError::new(Exit::Other, "DISK", message, hint))
            }
            Some(_) | None => Ok(begun),
        }
    }

    /// Writes it into what was begun, and tells how many bytes are written, for as long as that answers true.
    ///
    /// # Errors
    /// [`CommandError`], if a disk fails.
    pub(crate) fn write(
        mut self,
        mut file: File,
        told: &mut dyn FnMut(u64) -> bool,
    ) -> Result<(), CommandError> {
        self.join.write(&mut file, told).map_err(|error| unjoined(&self.name, &error))
    }
}

impl JoinedFile {
    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// An empty one, unless another process has it for longer than a wait: who only looks what is left there has it for a moment.
    fn begin(path: &Path, wait: impl FnOnce()) -> io::Result<Option<(Self, File)>> {
        let mut held = lock(path)?;
        if held.is_none() {
            wait();
            held = lock(path)?;
        }
        let Some(lock) = held else { return Ok(None) };
        remove(path)?;
        let file = create_private(path)?;
        Ok(Some((Self { path: path.to_owned(), _lock: lock }, file)))
    }
}

impl Drop for JoinedFile {
    fn drop(&mut self) {
        // Where it stays, the next one that joins removes it.
        let _ = remove(&self.path);
    }
}

impl WholeFile {
    /// The file of this name, or what its parts give, which is joined in a folder.
    ///
    /// # Errors
    /// [`CommandError`], if it has parts that cannot be joined.
    pub(crate) fn of(file: &Path, folder: &Path, free_bytes_min: u64) -> Result<Self, CommandError> {
        let Some(parted) = PartedModel::find(file)? else { return Ok(Self::Given(file.to_owned())) };
        let (joined, begun) = parted.begin(folder, &parted.stem(), free_bytes_min)?;
        parted.write(begun, &mut |_| true)?;
        Ok(Self::Joined(joined))
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        match self {
            Self::Given(path) => path,
            Self::Joined(joined) => joined.path(),
        }
    }
}

/// Why parts are not joined, and what is to be done.
pub(crate) fn unjoined(named: &Path, error: &PartsError) -> CommandError {
    let message = format!("{} cannot be joined: {error}", named.display());
    if is_of_disk(error) {
        return CommandError::new(Exit::Other, "DISK", message, "look at the disk, and whether it is full");
    }
    // A part of weights that are not read is no better where it is fetched again.
    let hint = if let PartsError::Part { error, .. } = error {
        RefusedFile::from(NotRun::from(error.clone())).hint
    } else {
        "fetch the parts again, all of one model, or take a file that is whole"
    };
    CommandError::new(Exit::Usage, "NO_MODEL", message, hint)
}

fn under_way(name: &Path) -> CommandError {
    let message = format!("another process joins {} here already", name.display());
    CommandError::new(Exit::Other, "UNDER_WAY", message, "wait until that one is over, or end it")
}

/// Whether it is no fault of the parts.
pub(crate) fn is_of_disk(error: &PartsError) -> bool {
    matches!(error, PartsError::Read { .. } | PartsError::Write(_) | PartsError::Stopped)
}

/// The folder of parts, and the name of one of them.
fn any_part(path: &Path) -> Option<(PathBuf, String)> {
    let metadata = fs::metadata(path).ok()?;
    if metadata.is_dir() {
        let names =
            fs::read_dir(path).ok()?.flatten().filter_map(|entry| entry.file_name().into_string().ok());
        let mut models = names.filter(|name| {
            Path::new(name).extension().is_some_and(|ending| ending.eq_ignore_ascii_case(MODEL_ENDING))
        });
        let first = models.next()?;
        let is_beside = |other: &str| {
            PartName::of(&first).zip(PartName::of(other)).is_some_and(|(one, other)| one.is_beside(&other))
        };
        let is_alone = is_beside(&first) && models.all(|other| is_beside(&other));
        return is_alone.then(|| (path.to_owned(), first.clone()));
    }
    let name = path.file_name()?.to_str()?;
    PartName::of(name)?;
    // Whoever opened a pipe would wait for somebody to write to it. A whole file may be called like a part.
    let is_part = metadata.is_file() && mark_of(File::open(path).ok()?).is_some();
    is_part.then(|| (path.parent().unwrap_or(Path::new("")).to_owned(), name.to_owned()))
}

/// Removes what processes left that were killed. What stays all the same takes room, and is in nobody's way otherwise.
fn sweep(folder: &Path) {
    let paths = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    // What its process has removed by now is nobody's to hold: another one may begin it.
    let left =
        |path: &PathBuf| path.extension().is_some_and(|ending| ending == MODEL_ENDING) && path.exists();
    for path in paths.filter(left) {
        if let Ok(Some(_held)) = lock(&path) {
            let _ = remove(&path);
        }
    }
}

/// The right to a joined file, if nobody has it. Its file stays: whoever waits for it would hold one that nobody else can find.
fn lock(path: &Path) -> io::Result<Option<File>> {
    let lock = path.with_extension("lock");
    let lock = OpenOptions::new().create(true).truncate(false).write(true).open(lock)?;
    match lock.try_lock() {
        Ok(()) => Ok(Some(lock)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// Removes a file. What is not there is no error.
fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::bundle::SUMS;

    /// A part that says which it is, and has nothing.
    pub(crate) fn part(number: u16, parts: u16) -> Vec<u8> {
        let key = |name: &str, code: u32, value: &[u8]| {
            let mut key = (name.len() as u64).to_le_bytes().to_vec();
            key.extend([name.as_bytes(), &code.to_le_bytes()[..], value].concat());
            key
        };
        let keys = [
            key("split.no", 2, &number.to_le_bytes()),
            key("split.count", 2, &parts.to_le_bytes()),
            key("split.tensors.count", 5, &[0; 4]),
        ];
        [&b"GGUF\x03\0\0\0"[..], &[0; 8], &3_u64.to_le_bytes()[..], &keys.concat()[..]].concat()
    }

    fn written(folder: &Path, files: &[(&str, Vec<u8>)]) {
        files.iter().for_each(|(name, bytes)| fs::write(folder.join(name), bytes).unwrap());
    }

    #[test]
    fn parts_are_found_beside_any_of_them_and_in_their_folder() {
        let folder = tempfile::tempdir().unwrap();
        let names = ["Big Model-00001-of-00002.gguf", "Big Model-00002-of-00002.gguf"];
        let card = ("README.md", b"# Big".to_vec());
        written(folder.path(), &[(names[0], part(0, 2)), (names[1], part(1, 2)), card]);
        let places = [folder.path().to_owned(), folder.path().join(names[0]), folder.path().join(names[1])];
        for place in places {
            let found = PartedModel::find(&place).unwrap().unwrap();
            assert_eq!((found.name(), found.parts()), (Path::new("Big Model.gguf"), 2));
            assert!(found.survey().is_err(), "it is no model");
        }
        written(folder.path(), &[("other.gguf", b"GGUF".to_vec())]);
        assert!(PartedModel::find(folder.path()).unwrap().is_none(), "two could be meant");
        fs::remove_file(folder.path().join(names[1])).unwrap();
        let missing = PartedModel::find(&folder.path().join(names[0])).err().unwrap().to_string();
        assert!(missing.contains(&format!("{} is missing, which is part 2 of 2", names[1])), "{missing}");
    }

    #[test]
    fn a_whole_file_that_is_called_like_a_part_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("sums-00001-of-00002.gguf");
        fs::write(&file, SUMS.model).unwrap();
        assert!(PartedModel::find(&file).unwrap().is_none());
        let whole = WholeFile::of(&file, folder.path(), 0).unwrap();
        assert_eq!(whole.path(), file);
        let other = folder.path().join("part.gguf");
        fs::write(&other, part(0, 2)).unwrap();
        assert!(PartedModel::find(&other).unwrap().is_none(), "nobody knows what the others are called");
    }

    #[test]
    fn weights_that_are_not_read_are_not_to_be_fetched_again() {
        let folder = tempfile::tempdir().unwrap();
        let names = ["m-00001-of-00002.gguf", "m-00002-of-00002.gguf"];
        let mut first = part(0, 2);
        first[8..16].copy_from_slice(&1_u64.to_le_bytes());
        // A tensor called `a` of 256 values, as iq2_xxs, at the beginning.
        first.extend([&1_u64.to_le_bytes()[..], b"a", &1_u32.to_le_bytes()].concat());
        first.extend([&256_u64.to_le_bytes()[..], &16_u32.to_le_bytes(), &0_u64.to_le_bytes()].concat());
        written(folder.path(), &[(names[0], first), (names[1], part(1, 2))]);
        let hint_of = || {
            let refused = PartedModel::find(folder.path()).err().unwrap();
            refused.lines()[1].to_owned()
        };
        assert!(hint_of().contains("weights are written otherwise"), "{}", hint_of());
        written(folder.path(), &[(names[0], part(1, 2))]);
        assert!(hint_of().contains("fetch the parts again"), "{}", hint_of());
    }

    #[test]
    fn what_was_joined_goes_with_whoever_wanted_it_and_what_was_left_with_the_next() {
        let folder = tempfile::tempdir().unwrap();
        let names = ["m-00001-of-00002.gguf", "m-00002-of-00002.gguf"];
        written(folder.path(), &[(names[0], part(0, 2)), (names[1], part(1, 2))]);
        let joins = folder.path().join(JOINED);
        fs::create_dir(&joins).unwrap();
        written(&joins, &[("m.gguf", b"half".to_vec()), ("other.gguf", b"half".to_vec())]);
        // No file of a process of ours, and nothing that stops one.
        fs::create_dir(joins.join("a.gguf")).unwrap();
        let given = folder.path().join(names[0]);
        let whole = WholeFile::of(&given, folder.path(), 0).unwrap();
        assert_eq!(fs::read(whole.path()).unwrap().len(), 32, "no keys and no tensors");
        assert!(!joins.join("other.gguf").exists());
        let busy = WholeFile::of(&given, folder.path(), 0).err().unwrap();
        assert_eq!((busy.code(), busy.exit()), ("UNDER_WAY", Exit::Other), "the disk is well: {busy}");
        assert!(whole.path().exists(), "it is still wanted");
        drop(whole);
        assert!(!joins.join("m.gguf").exists());
        let swept = lock(&joins.join("m.gguf")).unwrap();
        assert!(
            JoinedFile::begin(&joins.join("m.gguf"), || drop(swept)).unwrap().is_some(),
            "it was held for a moment"
        );
        let full = WholeFile::of(&given, folder.path(), u64::MAX).err().map(|error| error.to_string());
        let is_told = full.is_some_and(|said| said.contains("MiB free on the disk"));
        assert_eq!(is_told, free_bytes(folder.path()).is_some());
        assert!(!joins.join("m.gguf").exists());
    }
}
