//! A batch as its client sees it: what it is to do, how far it is and when what happened.
//!
//! **Invariant:** where it stands follows from when what happened, and from nothing else that is kept.

use std::{collections::BTreeMap, io, path::Path};

use assay_peer::handle::LostNotary;
use assay_protocol::units::Amount;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    asked_once::AskedOnce,
    batch::{BatchError, BatchStop, WrongLine, replace_with, short_param, short_why},
    damage::read_json,
    drawn_name::{BatchId, FileId},
    failure::HttpFailure,
    gateway_files::FileOwner,
};

/// A batch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BatchRecord {
    pub(crate) id: BatchId,
    pub(crate) owner: FileOwner,
    /// Where all of its lines go.
    pub(crate) endpoint: String,
    pub(crate) input_file: FileId,
    /// Of that file.
    #[serde(default)]
    pub(crate) input_bytes: u64,
    /// How many seconds what comes of it is kept, if its client said so.
    #[serde(default)]
    pub(crate) output_lasts_s: Option<u32>,
    /// How the request that handed it in is told from others.
    #[serde(default)]
    pub(crate) once: AskedOnce,
    /// What its client notes of it.
    pub(crate) metadata: Option<BTreeMap<String, String>>,
    pub(crate) times: BatchTimes,
    /// Why it was not begun.
    pub(crate) faults: Vec<BatchFault>,
    /// What came of its lines; drawn before it is made, so that it is made once.
    pub(crate) output_file: Option<FileId>,
    pub(crate) error_file: Option<FileId>,
    pub(crate) counts: BatchCounts,
}

/// When what happened to a batch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BatchTimes {
    pub(crate) created: Timestamp,
    pub(crate) in_progress: Option<Timestamp>,
    pub(crate) finalizing: Option<Timestamp>,
    pub(crate) completed: Option<Timestamp>,
    pub(crate) failed: Option<Timestamp>,
    pub(crate) cancelling: Option<Timestamp>,
    pub(crate) cancelled: Option<Timestamp>,
}

/// How many lines have come to what, and what that has cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BatchCounts {
    pub(crate) total: usize,
    pub(crate) completed: usize,
    pub(crate) failed: usize,
    pub(crate) spent: Amount,
}

/// Something for which a batch is not begun.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BatchFault {
    pub(crate) code: String,
    pub(crate) message: String,
    pub(crate) param: Option<String>,
    /// The number of the line, where it is one's.
    pub(crate) line: Option<usize>,
}

/// Why a batch does not go on for now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BatchWait {
    pub(crate) code: String,
    pub(crate) message: String,
}

impl BatchRecord {
    /// One that was just asked for.
    pub(crate) fn new(
        (id, owner): (BatchId, FileOwner),
        (endpoint, input_file): (String, FileId),
        metadata: Option<BTreeMap<String, String>>,
    ) -> Self {
        let times = BatchTimes {
            created: Timestamp::now(),
            in_progress: None,
            finalizing: None,
            completed: None,
            failed: None,
            cancelling: None,
            cancelled: None,
        };
        Self {
            id,
            owner,
            endpoint,
            input_file,
            input_bytes: 0,
            output_lasts_s: None,
            once: AskedOnce::default(),
            metadata,
            times,
            faults: Vec::new(),
            output_file: None,
            error_file: None,
            counts: BatchCounts::default(),
        }
    }

    /// What is written at a path; the kind of the error says whether that is damaged.
    pub(crate) fn read(path: &Path) -> io::Result<Self> {
        read_json(path)
    }

    /// Writes it to a path, whole or not at all.
    pub(crate) fn write(&self, path: &Path) -> Result<(), BatchError> {
        let disk = |error: io::Error| BatchError::disk(path, error);
        let text = serde_json::to_vec(self).map_err(|error| disk(error.into()))?;
        replace_with(path, |file| file.write_all(&text)).map_err(disk)
    }

    /// Whether nothing more happens to it.
    pub(crate) fn is_over(&self) -> bool {
        let BatchTimes { completed, failed, cancelled, .. } = &self.times;
        completed.is_some() || failed.is_some() || cancelled.is_some()
    }

    /// Where it stands, in OpenAI's words.
    pub(crate) fn status(&self) -> &'static str {
        let BatchTimes { in_progress, finalizing, completed, failed, cancelling, cancelled, .. } =
            &self.times;
        let steps = [
            (cancelled, "cancelled"),
            (completed, "completed"),
            (failed, "failed"),
            (cancelling, "cancelling"),
            (finalizing, "finalizing"),
            (in_progress, "in_progress"),
        ];
        steps.into_iter().find(|(time, _)| time.is_some()).map_or("validating", |(_, status)| status)
    }

    /// As OpenAI's clients read it, with why it does not go on for now, if so.
    pub(crate) fn document(&self, wait: Option<&BatchWait>) -> Value {
        let Self { id, endpoint, input_file, metadata, times, faults, counts, .. } = self;
        let second = |time: Option<Timestamp>| time.map(Timestamp::as_second);
        // A file that is being made is not there yet.
        let made = |file: Option<FileId>| file.filter(|_| self.is_over()).map(|file| file.to_string());
        let faults = (!faults.is_empty()).then(|| {
            json!({ "object": "list", "data": faults.iter().map(BatchFault::document).collect::<Vec<_>>() })
        });
        let waits = wait.filter(|_| !self.is_over());
        let waits = waits.map(|wait| json!({ "code": wait.code, "message": wait.message }));
        json!({
            "id": id.to_string(), "object": "batch", "endpoint": endpoint, "errors": faults,
            "input_file_id": input_file.to_string(), "completion_window": "24h", "status": self.status(),
            "output_file_id": made(self.output_file), "error_file_id": made(self.error_file),
            "created_at": times.created.as_second(), "in_progress_at": second(times.in_progress),
            "expires_at": null, "finalizing_at": second(times.finalizing),
            "completed_at": second(times.completed), "failed_at": second(times.failed), "expired_at": null,
            "cancelling_at": second(times.cancelling), "cancelled_at": second(times.cancelled),
            "request_counts": { "total": counts.total, "completed": counts.completed, "failed": counts.failed },
            "metadata": metadata, "assay": { "spent": counts.spent.to_string(), "waits_for": waits },
        })
    }
}

impl BatchFault {
    /// As many are told.
    pub(crate) const MOST: usize = 100;
    /// Bytes of all that are told: they are kept as long as their batch is remembered.
    const BYTES_MAX: usize = 16 * 1024;

    /// Something about the batch, or one of its lines.
    pub(crate) fn new(code: &str, param: Option<&str>, line: Option<usize>, message: String) -> Self {
        Self { code: code.to_owned(), message: short_why(&message), param: param.map(short_param), line }
    }

    /// The first of these, as far as they are told; of whatever is wrong, one always is.
    pub(crate) fn told(faults: Vec<Self>) -> Vec<Self> {
        let mut bytes = 0;
        let is_told = |(place, fault): &(usize, Self)| {
            bytes += fault.message.len() + fault.param.as_ref().map_or(0, String::len);
            *place == 0 || (*place < Self::MOST && bytes <= Self::BYTES_MAX)
        };
        faults.into_iter().enumerate().take_while(is_told).map(|(_, fault)| fault).collect()
    }

    /// What is wrong with lines, as far as that is told.
    pub(crate) fn of_lines(wrong: Vec<WrongLine>) -> Vec<Self> {
        let fault = |WrongLine { number, code, param, why }: WrongLine| Self {
            code: code.to_owned(),
            message: why,
            param,
            line: Some(number),
        };
        wrong.into_iter().take(Self::MOST).map(fault).collect()
    }

    fn document(&self) -> Value {
        let Self { code, message, param, line } = self;
        json!({ "code": code, "message": message, "param": param, "line": line })
    }
}

impl BatchWait {
    /// What is kept of a batch is not as it was written: it never goes on.
    pub(crate) const DAMAGED: &str = "damaged";

    fn new(code: &str, message: String) -> Self {
        Self { code: code.to_owned(), message }
    }

    /// Something failed that may not fail again.
    pub(crate) fn failed(message: String) -> Self {
        Self::new("failed", message)
    }

    /// What is kept of it is damaged in this way: to try again is in vain.
    pub(crate) fn damaged(what: &str) -> Self {
        Self::new(Self::DAMAGED, format!("what is kept of the batch is damaged: {}", short_why(what)))
    }

    /// The same of what a file says. Where that is kept is for whoever runs the gateway.
    fn of_damage(error: &BatchError) -> Self {
        Self::damaged(&if let BatchError::Disk { path, error } = error {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            format!("{name}: {}", error.kind())
        } else {
            error.to_string()
        })
    }

    /// What so many open jobs hold is needed for the next line.
    pub(crate) fn held(open: usize) -> Self {
        let jobs = if open == 1 { "its open job".to_owned() } else { format!("one of its {open} open jobs") };
        let message = format!(
            "too little is free for the next line until {jobs} closes; what a job holds comes back then"
        );
        Self::new("jobs_open", message)
    }

    /// The daemon is away.
    pub(crate) fn away() -> Self {
        Self::new(HttpFailure::NO_DAEMON, "the daemon is away, and is waited for".to_owned())
    }

    /// The notary is gone, without whom nothing of it is opened or closed.
    pub(crate) fn notary_gone(lost: &LostNotary) -> Self {
        let rest = ", and is waited for: nothing of the batch is opened or closed until it is back";
        HttpFailure::notary_gone(lost, rest).into()
    }
}

impl From<HttpFailure> for BatchWait {
    fn from(failure: HttpFailure) -> Self {
        Self::new(failure.code(), failure.line())
    }
}

impl From<BatchError> for BatchWait {
    fn from(error: BatchError) -> Self {
        if error.is_damage() {
            return Self::of_damage(&error);
        }
        match error {
            BatchError::Call(error) => HttpFailure::from(error).into(),
            error @ (BatchError::Disk { .. } | BatchError::Output { .. } | BatchError::Unread(_)) => {
                HttpFailure::no_room(&error, error.kind()).into()
            }
            error @ (BatchError::BadLines(_)
            | BatchError::Empty
            | BatchError::ManyLines { .. }
            | BatchError::ManyBytes { .. }
            | BatchError::Running { .. }
            | BatchError::NoModel { .. }) => Self::failed(error.to_string()),
        }
    }
}

impl From<BatchStop> for BatchWait {
    fn from(stop: BatchStop) -> Self {
        match stop {
            BatchStop::Ceiling { .. } => {
                Self::new("insufficient_quota", "too little is left for another line".to_owned())
            }
            BatchStop::Money(why) => Self::new("refused", why),
            BatchStop::Nobody(why) => Self::new("no_offer", why),
            BatchStop::OverDay(over) => Self::new("insufficient_quota", over.to_string()),
            BatchStop::Refused(refused) => HttpFailure::from(refused).into(),
            BatchStop::NotAllowed(failure) => Self::new(failure.code(), failure.line()),
            BatchStop::Cancelled => Self::new("cancelled", "it was cancelled".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use assay_peer::handle::ConnectError;

    use super::*;
    use crate::{gateway_files::FileRefused, keys::KeysError};

    fn record() -> BatchRecord {
        let ids = (BatchId::draw().unwrap(), FileId::draw().unwrap());
        let metadata = BTreeMap::from([("page".to_owned(), "7".to_owned())]);
        BatchRecord::new((ids.0, None), ("/v1/completions".to_owned(), ids.1), Some(metadata))
    }

    #[test]
    fn where_a_batch_stands_follows_from_what_happened_to_it() {
        let mut record = record();
        let now = Some(Timestamp::now());
        assert_eq!(record.status(), "validating");
        record.times.in_progress = now;
        assert_eq!(record.status(), "in_progress");
        record.output_file = Some(FileId::draw().unwrap());
        let mut done = record.clone();
        done.times.finalizing = now;
        assert_eq!(done.status(), "finalizing");
        assert_eq!(done.document(None)["output_file_id"], Value::Null, "it is not made yet");
        done.times.completed = now;
        assert_eq!((done.status(), done.is_over()), ("completed", true));
        assert_eq!(done.document(None)["output_file_id"], record.output_file.unwrap().to_string());
        record.times.cancelling = now;
        assert_eq!((record.status(), record.is_over()), ("cancelling", false));
        record.times.cancelled = now;
        assert_eq!((record.status(), record.is_over()), ("cancelled", true));
    }

    #[test]
    fn what_is_wrong_is_told_by_line_as_clients_read_it() {
        let mut record = record();
        assert_eq!(record.document(None)["errors"], Value::Null);
        let wrong = |number| WrongLine {
            number,
            code: "invalid_value",
            param: Some("custom_id".to_owned()),
            why: "it has none".to_owned(),
        };
        record.faults = BatchFault::of_lines((1..=200).map(wrong).collect());
        assert_eq!(record.faults.len(), BatchFault::MOST);
        let long = BatchFault::new("model_not_allowed", None, Some(1), "x".repeat(100_000));
        assert!(long.message.len() < 10_000, "{}", long.message.len());
        let many = vec![long.clone(); BatchFault::MOST];
        let told = BatchFault::told(many);
        assert!(!told.is_empty() && told.len() < 20, "{}", told.len());
        assert_eq!(BatchFault::told(record.faults.clone()), record.faults, "short ones are all told");
        let document = record.document(None);
        assert_eq!(document["errors"]["object"], "list");
        let first =
            json!({ "code": "invalid_value", "message": "it has none", "param": "custom_id", "line": 1 });
        assert_eq!(document["errors"]["data"][0], first);
        let waits = record.document(Some(&BatchWait::away()));
        assert_eq!(waits["assay"]["waits_for"]["code"], "no_daemon");
        assert_eq!((&waits["metadata"]["page"], &waits["expires_at"]), (&json!("7"), &Value::Null));
    }

    #[test]
    fn where_something_is_kept_is_told_to_no_client() {
        let path = Path::new("/home/nora/batches/plan.json");
        let full = || io::Error::new(io::ErrorKind::StorageFull, "at path /home/nora/batches");
        let disk = BatchWait::from(BatchError::disk(path, full()));
        let output = BatchWait::from(BatchError::Output { path: path.to_owned(), error: full() });
        let file = HttpFailure::from(FileRefused::Disk(full())).line();
        let keys = HttpFailure::no_keys(&KeysError::Disk { path: path.to_owned(), error: full() }).line();
        let away = ConnectError::NotRunning { home: path.to_owned() };
        let away = BatchWait::from(HttpFailure::from(away)).message;
        for told in [disk.message, output.message, file, keys, away] {
            assert!(!told.contains("nora"), "{told}");
        }
        assert_eq!(disk.code, "no_room");
        let torn = io::Error::new(io::ErrorKind::InvalidData, "of /home/nora");
        let damaged = BatchWait::from(BatchError::disk(path, torn));
        assert_eq!(damaged.code, BatchWait::DAMAGED);
        assert_eq!(damaged.message, "what is kept of the batch is damaged: plan.json: invalid data");
    }

    #[test]
    fn what_is_written_down_is_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("batch.json");
        let record = record();
        record.write(&path).unwrap();
        assert_eq!(BatchRecord::read(&path).unwrap(), record);
        std::fs::write(&path, "{").unwrap();
        assert_eq!(BatchRecord::read(&path).unwrap_err().kind(), io::ErrorKind::InvalidData);
    }
}
