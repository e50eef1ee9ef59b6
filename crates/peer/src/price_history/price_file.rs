//! The file of what models were offered for: a line for each model and hour, added when the hour is over.
//!
//! **Invariant:** a line that is none is passed over, and a file that cannot be written costs what it would have held and nothing
//! else. It is written anew once it is twice as long as need be, so that nothing grows and little is written: of
//! [`MODELS_MAX`](super::MODELS_MAX) models less than half a megabyte a day.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read, Write},
    path::PathBuf,
};

use assay_protocol::id::Digest;
use serde::{Deserialize, Serialize};

use super::{HourSpan, PriceHistory};
use crate::system::private;

/// Bytes that are read at most.
const READ_MAX: u64 = 32 * 1024 * 1024;
/// Bytes beyond which it may be written anew.
const REWRITTEN_MIN: u64 = 256 * 1024;

/// One line.
#[derive(Debug, Serialize, Deserialize)]
struct PriceLine {
    model: Digest,
    name: String,
    pinned: bool,
    #[serde(flatten)]
    span: HourSpan,
}

/// The file.
#[derive(Debug)]
pub(super) struct PriceFile {
    path: PathBuf,
    /// How long it was when it was written anew.
    written_anew: u64,
}

impl PriceFile {
    /// The file at a path, which need not be there, and what it says.
    pub(super) fn open(path: PathBuf) -> (Self, PriceHistory) {
        let mut history = PriceHistory::default();
        if let Ok(file) = File::open(&path) {
            let lines = BufReader::new(file.take(READ_MAX)).lines().map_while(Result::ok);
            for line in lines.filter_map(|line| serde_json::from_str::<PriceLine>(&line).ok()) {
                history.recall(line.model, line.name, line.pinned, line.span);
            }
        }
        (Self { path, written_anew: 0 }, history)
    }

    /// Adds what models cost in one hour, or writes all anew.
    pub(super) fn add(&mut self, history: &PriceHistory, hour: u64) -> io::Result<()> {
        let lines = text(history.hour(hour));
        if lines.is_empty() {
            return Ok(());
        }
        let mut file = private().create(true).append(true).open(&self.path)?;
        file.write_all(lines.as_bytes())?;
        let length = file.metadata()?.len();
        if length > REWRITTEN_MIN && length > 2 * self.written_anew {
            self.write_anew(history)?;
        }
        Ok(())
    }

    fn write_anew(&mut self, history: &PriceHistory) -> io::Result<()> {
        let (beside, lines) = (self.path.with_extension("new"), text(history.all()));
        let mut file = private().create(true).truncate(true).write(true).open(&beside)?;
        file.write_all(lines.as_bytes())?;
        std::fs::rename(&beside, &self.path)?;
        self.written_anew = lines.len() as u64;
        Ok(())
    }
}

fn text<'a>(spans: impl Iterator<Item = (Digest, &'a str, bool, HourSpan)>) -> String {
    let line = |(model, name, pinned, span): (Digest, &str, bool, HourSpan)| {
        let line = PriceLine { model, name: name.to_owned(), pinned, span };
        serde_json::to_string(&line).map(|line| line + "\n").unwrap_or_default()
    };
    spans.map(line).collect()
}
