//! What came of the lines of a batch, in a file that is only added to.
//!
//! **Invariant:** what is recorded of a line was final when it was: its job is over and its result, if there is one, is in the
//! record. Before a line is ordered once more that is on the disk, so that no order of it is ever forgotten. A record that was
//! not written whole is none.

use std::{
    fs::{File, OpenOptions},
    io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write},
    path::Path,
};

use assay_protocol::units::Amount;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Something that is known of a line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LineRecord {
    /// What came of it.
    Over(LineResult),
    /// It is open again: ordered once more, or the same order is to be looked at once more.
    Again {
        /// Which, from nought.
        line: usize,
        /// What the order is told from those before it by.
        attempt: u32,
        /// What the one before has cost that came to nothing, unless that is recorded already.
        cost: Amount,
    },
}

/// What came of a line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LineResult {
    /// Which, from nought.
    pub line: usize,
    /// Which order of it.
    pub attempt: u32,
    /// What that has cost, in all.
    pub cost: Amount,
    /// Why nothing did, if so: the code that programs read.
    pub failure: Option<String>,
    /// What stands in the file of answers.
    pub answer: Value,
}

/// How a line stands.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LineState {
    /// Which order of it is the last.
    pub attempt: u32,
    /// What came of that.
    pub end: Option<LineEnd>,
    /// What that order is known to have cost.
    cost: Amount,
}

impl LineState {
    /// What its order is known to have cost.
    pub(super) fn cost(&self) -> Amount {
        self.cost
    }
}

/// What came of a line, and where that is written.
#[derive(Clone, Debug, PartialEq)]
pub struct LineEnd {
    /// Why nothing did, if so.
    pub failure: Option<String>,
    at: u64,
}

/// The file, and what it says.
#[derive(Debug)]
pub struct LineLog {
    file: File,
    bytes: u64,
    lines: Vec<LineState>,
    spent: Amount,
    tally: LineTally,
}

/// What becomes of a file in which a record is damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Damage {
    /// It is not read.
    Refused,
    /// All other records of it are.
    PassedOver,
}

/// How many lines have come to what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LineTally {
    /// That are answered.
    pub answered: usize,
    /// Of which nothing came.
    pub failed: usize,
}

impl LineLog {
    /// Makes the file of a batch that is about to begin.
    pub(super) fn create(path: &Path) -> io::Result<()> {
        File::create_new(path)?.sync_all()
    }

    /// Opens the file of a batch of so many lines, to go on behind its last whole record.
    pub(super) fn open(path: &Path, count: usize) -> io::Result<Self> {
        let mut file = OpenOptions::new().read(true).write(true).open(path)?;
        let mut log = Self::read(&mut file, count, Damage::Refused)?;
        if log.file.metadata()?.len() != log.bytes {
            log.file.set_len(log.bytes)?;
        }
        log.file.seek(SeekFrom::Start(log.bytes))?;
        Ok(log)
    }

    /// Looks at what a batch of so many lines has come to, whoever writes there.
    pub(super) fn look(path: &Path, count: usize) -> io::Result<Self> {
        Self::read(&mut File::open(path)?, count, Damage::Refused)
    }

    /// The same without the records that are damaged: what they said is lost.
    pub(super) fn salvage(path: &Path, count: usize) -> io::Result<Self> {
        Self::read(&mut File::open(path)?, count, Damage::PassedOver)
    }

    fn read(file: &mut File, count: usize, damage: Damage) -> io::Result<Self> {
        let mut log = Self {
            file: file.try_clone()?,
            bytes: 0,
            lines: vec![LineState::default(); count],
            spent: Amount::ZERO,
            tally: LineTally::default(),
        };
        let mut reader = BufReader::new(file);
        let mut text = Vec::new();
        while reader.read_until(b'\n', &mut text)? > 0 && text.ends_with(b"\n") {
            match (serde_json::from_slice(&text), damage) {
                (Ok(record), _) => log.fold(&record),
                (Err(_), Damage::PassedOver) => {}
                (Err(error), Damage::Refused) => {
                    let message = format!("damaged behind byte {}: {error}", log.bytes);
                    return Err(io::Error::new(io::ErrorKind::InvalidData, message));
                }
            }
            log.bytes += text.len() as u64;
            text.clear();
        }
        Ok(log)
    }

    fn fold(&mut self, record: &LineRecord) {
        let at = self.bytes;
        match record {
            LineRecord::Over(LineResult { line, attempt, cost, failure, .. }) => {
                let end = LineEnd { failure: failure.clone(), at };
                let state = LineState { attempt: *attempt, end: Some(end), cost: *cost };
                // An order that was looked at once more has cost what it has cost.
                self.replace(*line, state, |before| {
                    if before.attempt == *attempt { before.cost } else { Amount::ZERO }
                });
                self.spent = plus(self.spent, *cost);
            }
            LineRecord::Again { line, attempt, cost } => {
                self.spent = plus(self.spent, *cost);
                let is_same = self.lines.get(*line).is_some_and(|before| before.attempt == *attempt);
                let known = self.lines.get(*line).filter(|_| is_same).map(|before| before.cost);
                let state = LineState { attempt: *attempt, end: None, cost: known.unwrap_or_default() };
                self.replace(*line, state, |_| Amount::ZERO);
            }
        }
    }

    /// Gives a line another state, and takes back what of the one before is not to be counted twice.
    fn replace(&mut self, line: usize, state: LineState, counted: impl FnOnce(&LineState) -> Amount) {
        let Some(place) = self.lines.get_mut(line) else { return };
        self.spent = self.spent.minus_up_to(counted(place));
        for (state, is_new) in [(&*place, false), (&state, true)] {
            let Some(end) = &state.end else { continue };
            let count = if end.failure.is_some() { &mut self.tally.failed } else { &mut self.tally.answered };
            *count = if is_new { *count + 1 } else { *count - 1 };
        }
        *place = state;
    }

    /// Adds records, which are on the disk when this returns.
    pub(super) fn add(&mut self, records: &[LineRecord]) -> io::Result<()> {
        let mut text = Vec::new();
        let mut ends = Vec::new();
        for record in records {
            serde_json::to_writer(&mut text, record)?;
            text.push(b'\n');
            ends.push(text.len() as u64);
        }
        let written = self.file.write_all(&text).and_then(|()| self.file.sync_data());
        if written.is_err() {
            // What is torn is cut off before the next.
            let _ = self.file.set_len(self.bytes).and_then(|()| self.file.seek(SeekFrom::Start(self.bytes)));
            return written;
        }
        let begin = self.bytes;
        for (record, end) in records.iter().zip(ends) {
            self.fold(record);
            self.bytes = begin + end;
        }
        Ok(())
    }

    /// How each line stands.
    #[must_use]
    pub fn lines(&self) -> &[LineState] {
        &self.lines
    }

    /// How many of them have come to what.
    #[must_use]
    pub fn tally(&self) -> LineTally {
        self.tally
    }

    /// What all orders that are over have cost.
    #[must_use]
    pub fn spent(&self) -> Amount {
        self.spent
    }

    /// That a line is ordered once more, after its last order has come to nothing and has cost so much in all: what of that is counted
    /// already, because it was looked at before, is not counted again.
    pub(super) fn ordered_again(&self, line: usize, cost: Amount) -> LineRecord {
        let (attempt, counted) =
            self.lines.get(line).map_or((0, Amount::ZERO), |state| (state.attempt, state.cost));
        LineRecord::Again { line, attempt: attempt + 1, cost: cost.minus_up_to(counted) }
    }

    /// What came of a line, as it was recorded.
    pub(super) fn result(&self, line: usize) -> io::Result<Option<LineResult>> {
        let Some(end) = self.lines.get(line).and_then(|state| state.end.as_ref()) else { return Ok(None) };
        let mut text = Vec::new();
        let mut file = &self.file;
        file.seek(SeekFrom::Start(end.at))?;
        BufReader::new(file.take(self.bytes.saturating_sub(end.at))).read_until(b'\n', &mut text)?;
        file.seek(SeekFrom::Start(self.bytes))?;
        match serde_json::from_slice(&text)? {
            LineRecord::Over(result) => Ok(Some(result)),
            LineRecord::Again { .. } => Ok(None),
        }
    }
}

fn plus(sum: Amount, cost: Amount) -> Amount {
    sum.plus(cost).unwrap_or(Amount(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(folder: &tempfile::TempDir) -> std::path::PathBuf {
        let path = folder.path().join("log");
        LineLog::create(&path).unwrap();
        path
    }

    fn over(line: usize, attempt: u32, failure: Option<&str>) -> LineRecord {
        let failure = failure.map(str::to_owned);
        let answer = Value::from(format!("{line} {attempt}"));
        LineRecord::Over(LineResult { line, attempt, cost: Amount(5), failure, answer })
    }

    #[test]
    fn what_was_recorded_is_there_again_and_what_was_torn_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = made(&folder);
        let mut log = LineLog::open(&path, 3).unwrap();
        log.add(&[over(0, 0, None), over(2, 0, Some("no_offer"))]).unwrap();
        log.add(&[LineRecord::Again { line: 2, attempt: 1, cost: Amount::ZERO }]).unwrap();
        assert_eq!(log.result(0).unwrap().unwrap().answer, "0 0");
        log.add(&[over(1, 0, None)]).unwrap();
        let (lines, whole) = (log.lines.clone(), std::fs::read(&path).unwrap());
        for cut in (log.bytes as usize - 20)..whole.len() {
            std::fs::write(&path, &whole[..cut]).unwrap();
            let mut again = LineLog::open(&path, 3).unwrap();
            assert_eq!((again.lines()[1].end.clone(), again.lines()[2].attempt), (None, 1), "{cut}");
            again.add(&[over(1, 0, None)]).unwrap();
            assert_eq!(std::fs::read(&path).unwrap(), whole);
        }
        let again = LineLog::look(&path, 3).unwrap();
        assert_eq!((again.lines(), again.spent()), (&lines[..], Amount(15)));
        assert_eq!(again.result(1).unwrap().unwrap().answer, "1 0");
        assert_eq!(again.result(2).unwrap(), None);
    }

    #[test]
    fn what_an_order_has_cost_is_counted_once_however_often_it_is_looked_at() {
        let folder = tempfile::tempdir().unwrap();
        let mut log = LineLog::open(&made(&folder), 2).unwrap();
        log.add(&[over(0, 0, Some("undelivered")), over(1, 0, None)]).unwrap();
        assert_eq!((log.spent(), log.tally()), (Amount(10), LineTally { answered: 1, failed: 1 }));
        log.add(&[LineRecord::Again { line: 0, attempt: 0, cost: Amount::ZERO }]).unwrap();
        assert_eq!((log.spent(), log.tally()), (Amount(10), LineTally { answered: 1, failed: 0 }));
        log.add(&[over(0, 0, None)]).unwrap();
        assert_eq!((log.spent(), log.tally()), (Amount(10), LineTally { answered: 2, failed: 0 }));
        // What another order of it kept counts beside.
        log.add(&[LineRecord::Again { line: 1, attempt: 1, cost: Amount(2) }, over(1, 1, None)]).unwrap();
        assert_eq!((log.spent(), log.tally()), (Amount(17), LineTally { answered: 2, failed: 0 }));
    }

    #[test]
    fn what_an_order_has_cost_that_comes_to_nothing_when_it_is_looked_at_once_more_is_counted_once() {
        let folder = tempfile::tempdir().unwrap();
        let mut log = LineLog::open(&made(&folder), 1).unwrap();
        log.add(&[over(0, 0, Some("undelivered"))]).unwrap();
        log.add(&[LineRecord::Again { line: 0, attempt: 0, cost: Amount::ZERO }]).unwrap();
        log.add(&[log.ordered_again(0, Amount(7))]).unwrap();
        assert_eq!((log.lines()[0].attempt, log.spent()), (1, Amount(7)), "5 of it were counted");
        log.add(&[log.ordered_again(0, Amount(2))]).unwrap();
        assert_eq!((log.lines()[0].attempt, log.spent()), (2, Amount(9)), "of this one nothing was");
    }

    #[test]
    fn a_record_that_is_damaged_is_not_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = made(&folder);
        LineLog::open(&path, 1).unwrap().add(&[over(0, 0, None)]).unwrap();
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, [b"{}\n", &whole[..]].concat()).unwrap();
        let error = LineLog::open(&path, 1).unwrap_err();
        assert!(error.to_string().starts_with("damaged behind byte 0"), "{error}");
        assert_eq!(std::fs::read(&path).unwrap().len(), whole.len() + 3, "nothing of it is thrown away");
        let salvaged = LineLog::salvage(&path, 1).unwrap();
        assert_eq!((salvaged.tally(), salvaged.spent()), (LineTally { answered: 1, failed: 0 }, Amount(5)));
        assert_eq!(salvaged.result(0).unwrap().unwrap().answer, "0 0", "what is whole is found");
    }
}
