//! The log of a home as it is read: its files in their order, and what is added to them.
//!
//! **Invariant:** a line is given once and whole, also where the log turns meanwhile.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
};

use assay_protocol::units::Timestamp;

use super::rotated::before;
use crate::system;

/// Characters of a moment as the log writes it.
const MOMENT_CHARS: usize = "2026-11-28T00:00:00.000Z".len();
/// What a line can be of.
const LEVELS: [&str; 5] = ["error", "warn", "info", "debug", "trace"];
/// Bytes that are read at a time: of a file that is longer than a log gets, the end.
const READ_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// How often both files are opened, where the log turns just then.
const TRIES_MAX: u32 = 10;

/// A log that is read.
pub(crate) struct LogReader {
    path: PathBuf,
    /// The older file until it is read, and the one that is written to.
    files: Vec<File>,
    /// The beginning of a line whose end is not written yet.
    begun: Vec<u8>,
}

impl LogReader {
    /// Opens the log at this path: nothing of it need be there.
    ///
    /// # Errors
    /// The disk fails.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let mut files = Vec::new();
        for _ in 0..TRIES_MAX {
            let (now, older) = (open(path)?, open(&before(path))?);
            let is_still_there = now.as_ref().is_none_or(|now| system::is_file_at(now, path));
            files = older.into_iter().chain(now).collect();
            if is_still_there {
                break;
            }
        }
        Ok(Self { path: path.to_owned(), files, begun: Vec::new() })
    }

    /// False if there is no file at all.
    pub(crate) fn has_files(&self) -> bool {
        !self.files.is_empty()
    }

    /// The lines that were added since, as far as they are whole.
    ///
    /// # Errors
    /// The disk fails.
    pub(crate) fn next_lines(&mut self) -> io::Result<Vec<String>> {
        let mut lines = Vec::new();
        while self.files.len() > 1 {
            let mut older = self.files.remove(0);
            self.read(&mut older, &mut lines)?;
            lines.extend(self.last_line());
        }
        if let Some(mut file) = self.files.pop() {
            // Looked at first: once another has its name, nothing is added to it.
            let is_turned = self.path.exists() && !system::is_file_at(&file, &self.path);
            self.read(&mut file, &mut lines)?;
            match is_turned {
                true => lines.extend(self.last_line()),
                false => self.files.push(file),
            }
        }
        if self.files.is_empty()
            && let Some(mut file) = open(&self.path)?
        {
            self.read(&mut file, &mut lines)?;
            self.files.push(file);
        }
        Ok(lines)
    }

    /// What was written of a line that has no end, where nothing more is waited for.
    pub(crate) fn last_line(&mut self) -> Option<String> {
        let begun = std::mem::take(&mut self.begun);
        (!begun.is_empty()).then(|| String::from_utf8_lossy(&begun).into_owned())
    }

    fn read(&mut self, file: &mut File, lines: &mut Vec<String>) -> io::Result<()> {
        let (length, at) = (file.metadata()?.len(), file.stream_position()?);
        if length < at {
            // Somebody has emptied it.
            file.rewind()?;
            self.begun.clear();
        } else if length - at > READ_BYTES_MAX {
            file.seek(SeekFrom::Start(length - READ_BYTES_MAX))?;
            self.begun.clear();
        }
        file.read_to_end(&mut self.begun)?;
        let Some(end) = self.begun.iter().rposition(|byte| *byte == b'\n') else { return Ok(()) };
        let begun = self.begun.split_off(end + 1);
        let whole = std::mem::replace(&mut self.begun, begun);
        lines.extend(String::from_utf8_lossy(&whole).lines().map(str::to_owned));
        Ok(())
    }
}

/// When a line was said, of which level, and what it says. Last words and what libraries print have neither.
pub(crate) fn parts(line: &str) -> (Option<Timestamp>, Option<&str>, &str) {
    let stamped = || {
        let (moment, rest) = line.split_at_checked(MOMENT_CHARS)?;
        let ms = moment.parse::<jiff::Timestamp>().ok()?.as_millisecond();
        let (level, words) = rest.strip_prefix("  ")?.split_once(' ')?;
        let level = LEVELS.into_iter().find(|known| *known == level)?;
        Some((Timestamp(u64::try_from(ms).ok()?), level, words.trim_start()))
    };
    stamped().map_or((None, None, line), |(at, level, words)| (Some(at), Some(level), words))
}

fn open(path: &Path) -> io::Result<Option<File>> {
    match File::open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tracing::Level;

    use super::{super::rotated::Rotated, *};
    use crate::printer::moment;

    #[test]
    fn every_line_is_read_once_while_the_log_turns_and_turns() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("daemon.log");
        let mut reader = LogReader::open(&path).unwrap();
        assert!(!reader.has_files());
        let mut log = Rotated::open(&path, 200, false).unwrap();
        let mut read = Vec::new();
        for number in 0..500 {
            log.write(format!("line {number}\n").as_bytes()).unwrap();
            if number % 7 == 0 {
                read.extend(reader.next_lines().unwrap());
            }
        }
        read.extend(reader.next_lines().unwrap());
        assert_eq!(read, (0..500).map(|number| format!("line {number}")).collect::<Vec<_>>());
        let late = LogReader::open(&path).unwrap().next_lines().unwrap();
        assert!(late.len() > 10 && read.ends_with(&late), "both files, the older one first: {late:?}");
    }

    #[test]
    fn a_line_is_given_once_its_end_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("daemon.log");
        let mut reader = LogReader::open(&path).unwrap();
        let mut log = Rotated::open(&path, 1_000, false).unwrap();
        log.write("one\ntw".as_bytes()).unwrap();
        assert_eq!(reader.next_lines().unwrap(), ["one"]);
        log.write(b"o \xff\nthree").unwrap();
        assert_eq!(reader.next_lines().unwrap(), ["two \u{fffd}"]);
        fs::rename(&path, before(&path)).unwrap();
        assert!(reader.next_lines().unwrap().is_empty(), "more may come of it");
        fs::write(&path, "").unwrap();
        assert_eq!(reader.next_lines().unwrap(), ["three"], "nothing more comes of it");
        assert_eq!(reader.last_line(), None);
    }

    #[test]
    fn a_line_is_taken_apart_as_it_was_put_together() {
        let line = super::super::line(moment, Level::WARN, "a peer sent what is no message (from 3fa2)");
        let (at, level, words) = parts(line.trim_end());
        assert!(at.is_some_and(|at| at.0 > 0));
        assert_eq!((level, words), (Some("warn"), "a peer sent what is no message (from 3fa2)"));
        for bare in [
            "",
            "thread 'main' panicked",
            "2026-11-28T00:00:00.000Z  loud  words",
            "2026-11-28T00:00:00.000Ä",
        ] {
            assert_eq!(parts(bare), (None, None, bare));
        }
    }
}
