//! The lines of a batch as they were handed in: requests, each under a name of its own.
//!
//! **Invariant:** all lines are read before the first is ordered: a batch with a line that is no request is refused whole, with
//! the number of each such line.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fmt,
    fs::File,
    io::{self, BufRead, BufReader, Cursor, Read, Seek, SeekFrom},
    sync::{Arc, Mutex, PoisonError},
};

use assay_peer::handle::{CallError, Handle};
use assay_protocol::{id::Digest, manifest::Manifest};

use super::batch_error::{BatchError, WrongLine};
use crate::{
    BatchedFailure, BatchedRequest,
    chances::{ChanceParams, ChanceQuestion},
    failure::HttpFailure,
};

/// Lines of a batch.
const LINES_MAX: usize = 100_000;
/// Bytes of a file with them.
pub const BATCH_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// Bytes of one of them: more than any model here reads.
const LINE_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Wrong lines of which it is kept what is wrong with them: a file may have no other.
const WRONG_MAX: usize = 1_000;
/// A mark at the beginning that some programs write.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// The lines of a batch, in the order of their file. Where they stand is known, and one is read when it is asked for.
#[derive(Clone, Debug)]
pub struct BatchLines {
    places: Arc<[LinePlace]>,
    source: Arc<Mutex<dyn LineSource>>,
    tokens_max: u32,
}

/// Where a line stands.
#[derive(Clone, Copy, Debug)]
struct LinePlace {
    /// Its number in the file.
    number: usize,
    at: u64,
    bytes: usize,
}

/// What lines are read from.
trait LineSource: Read + Seek + Send + fmt::Debug {}

impl<T: Read + Seek + Send + fmt::Debug> LineSource for T {}

impl BatchLines {
    /// What was handed in, if every line of it is a request.
    ///
    /// # Errors
    /// [`BatchError::BadLines`], [`BatchError::Empty`] or [`BatchError::ManyLines`].
    pub fn read(bytes: Vec<u8>, tokens_max: u32) -> Result<Self, BatchError> {
        Self::of(Cursor::new(bytes), tokens_max)
    }

    /// What is in a file, if every line of it is a request.
    ///
    /// # Errors
    /// As [`Self::read`], or [`BatchError::Unread`].
    pub fn open(file: File, tokens_max: u32) -> Result<Self, BatchError> {
        Self::of(file, tokens_max)
    }

    fn of(source: impl LineSource + 'static, tokens_max: u32) -> Result<Self, BatchError> {
        let mut reader = BufReader::new(source);
        let mut found = FoundLines { tokens_max, ..FoundLines::default() };
        let (mut at, mut line) = (0, Vec::new());
        for number in 1.. {
            line.clear();
            let read = reader.by_ref().take(LINE_BYTES_MAX as u64 + 1).read_until(b'\n', &mut line);
            let bytes = read.map_err(BatchError::Unread)?;
            if bytes == 0 {
                break;
            }
            if bytes > LINE_BYTES_MAX {
                let why = format!("it is longer than {LINE_BYTES_MAX} bytes");
                found.refuse(WrongLine::new(number, "too_long", None, &why));
                break;
            }
            let mark =
                if number == 1 && line.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len() } else { 0 };
            found.take(number, at + mark as u64, &line[mark..]);
            at += bytes as u64;
        }
        let places = found.places()?.into();
        Ok(Self { places, source: Arc::new(Mutex::new(reader.into_inner())), tokens_max })
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.places.len()
    }

    /// What one of them asks.
    ///
    /// # Errors
    /// [`BatchError::BadLines`].
    pub fn request(&self, line: usize) -> Result<BatchedRequest, BatchError> {
        let place = self.places.get(line).copied().unwrap_or(LinePlace { number: 0, at: 0, bytes: 0 });
        let text = self.text(place).map_err(BatchError::Unread)?;
        let refused = |failure: BatchedFailure| BatchError::BadLines(vec![wrong(place.number, &failure)]);
        BatchedRequest::read(&text, self.tokens_max).map_err(refused)
    }

    fn text(&self, place: LinePlace) -> io::Result<String> {
        let mut bytes = vec![0; place.bytes];
        let mut source = self.source.lock().unwrap_or_else(PoisonError::into_inner);
        source.seek(SeekFrom::Start(place.at))?;
        source.read_exact(&mut bytes)?;
        String::from_utf8(bytes).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
    }

    /// The number of one of them in the file.
    #[must_use]
    pub fn number(&self, line: usize) -> usize {
        self.places.get(line).map_or(0, |place| place.number)
    }

    /// The same, where a line that does not say has so many tokens at most.
    #[must_use]
    pub fn with_tokens_max(self, tokens_max: u32) -> Self {
        Self { tokens_max, ..self }
    }

    /// What their models are called.
    ///
    /// # Errors
    /// [`BatchError::BadLines`].
    pub fn models(&self) -> Result<BTreeSet<String>, BatchError> {
        (0..self.count()).map(|line| Ok(self.request(line)?.model().to_owned())).collect()
    }

    /// Refuses those that their models do not do.
    ///
    /// # Errors
    /// [`BatchError::BadLines`].
    pub fn check(&self, manifests: &BTreeMap<String, Manifest>) -> Result<(), BatchError> {
        let mut all_wrong = Vec::new();
        for line in 0..self.count() {
            let request = self.request(line)?;
            let Some(manifest) = manifests.get(request.model()) else { continue };
            if let Err(failure) = request.order(manifest, 0) {
                all_wrong.push(wrong(self.number(line), &failure));
            }
            if all_wrong.len() == WRONG_MAX {
                break;
            }
        }
        if all_wrong.is_empty() { Ok(()) } else { Err(BatchError::BadLines(all_wrong)) }
    }

    /// Refuses those that ask how likely tokens were of a model of which that cannot be told here.
    ///
    /// # Errors
    /// [`BatchError::BadLines`], or [`BatchError::Call`].
    pub async fn check_chances(
        &self,
        manifests: &BTreeMap<String, Manifest>,
        handle: &Handle,
    ) -> Result<(), BatchError> {
        let mut refusals = ChanceRefusals { handle, known: BTreeMap::new() };
        let mut all_wrong = Vec::new();
        for line in 0..self.count() {
            let request = self.request(line)?;
            let manifest = manifests.get(request.model()).filter(|_| request.chances().is_some());
            let Some(manifest) = manifest else { continue };
            if let Some(failure) = refusals.of(manifest).await? {
                all_wrong.push(wrong(self.number(line), &failure));
            }
            if all_wrong.len() == WRONG_MAX {
                break;
            }
        }
        if all_wrong.is_empty() { Ok(()) } else { Err(BatchError::BadLines(all_wrong)) }
    }
}

/// Why chances of a model cannot be told here, asked once of each model.
struct ChanceRefusals<'a> {
    handle: &'a Handle,
    known: BTreeMap<Digest, Option<String>>,
}

impl ChanceRefusals<'_> {
    async fn of(&mut self, manifest: &Manifest) -> Result<Option<BatchedFailure>, CallError> {
        let model = manifest.digest();
        if !self.known.contains_key(&model) {
            self.known.insert(model, ChanceQuestion::refusal(self.handle, manifest).await?);
        }
        let why = self.known.get(&model).and_then(Option::as_ref);
        Ok(why.map(|why| HttpFailure::unsupported(ChanceParams::CHAT.told, why).into()))
    }
}

/// What was found while lines were read.
#[derive(Debug, Default)]
struct FoundLines {
    tokens_max: u32,
    places: Vec<LinePlace>,
    /// More than are taken, which are not looked at.
    beyond: usize,
    wrong: Vec<WrongLine>,
    /// By the digest of what each is called, the number of the first that is.
    names: HashMap<Digest, usize>,
}

impl FoundLines {
    fn take(&mut self, number: usize, at: u64, line: &[u8]) {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let text = str::from_utf8(line);
        if text.is_ok_and(|text| text.trim().is_empty()) {
            return;
        }
        // What is no text counts as well: of a file of nothing else no more is kept.
        if self.places.len() == LINES_MAX {
            self.beyond += 1;
            return;
        }
        self.places.push(LinePlace { number, at, bytes: line.len() });
        let Ok(text) = text else {
            self.refuse(WrongLine::new(number, "invalid_request", None, "it is not UTF-8"));
            return;
        };
        match BatchedRequest::read(text, self.tokens_max) {
            Err(failure) => self.refuse(wrong(number, &failure)),
            Ok(request) => {
                let name = Digest::of(request.custom_id().as_bytes());
                if let Some(first) = self.names.insert(name, number) {
                    let why = format!("line {first} has the same custom_id");
                    self.refuse(WrongLine::new(number, "invalid_value", Some("custom_id"), &why));
                }
            }
        }
    }

    /// Keeps what is wrong with a line, as far as that is told of so many.
    fn refuse(&mut self, line: WrongLine) {
        if self.wrong.len() < WRONG_MAX {
            self.wrong.push(line);
        }
    }

    fn places(self) -> Result<Vec<LinePlace>, BatchError> {
        match self.places.len() {
            count if self.beyond > 0 => {
                Err(BatchError::ManyLines { count: count + self.beyond, most: LINES_MAX })
            }
            _ if !self.wrong.is_empty() => Err(BatchError::BadLines(self.wrong)),
            0 => Err(BatchError::Empty),
            _ => Ok(self.places),
        }
    }
}

fn wrong(number: usize, failure: &BatchedFailure) -> WrongLine {
    WrongLine::new(number, failure.code(), failure.param(), &failure.line())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(name: &str) -> String {
        format!(
            r#"{{"custom_id":"{name}","body":{{"model":"poet","messages":[{{"role":"user","content":"Why?"}}]}}}}"#
        )
    }

    fn read(text: &str) -> Result<usize, String> {
        let read = BatchLines::read(text.as_bytes().to_vec(), 9);
        read.map(|lines| lines.count()).map_err(|error| error.to_string())
    }

    #[test]
    fn lines_are_requests_with_names_of_their_own() {
        assert_eq!(read(&format!("\u{feff}{}\r\n\n{}", line("a"), line("b"))), Ok(2));
        assert_eq!(read("\n \n"), Err("there is no line to carry out".to_owned()));
        let twice = format!("{}\n\n{}", line("a"), line("a"));
        assert_eq!(
            read(&twice),
            Err("nothing was ordered: line 3: line 1 has the same custom_id".to_owned())
        );
        let wrong = format!("{}\nnonsense\n{{}}", line("a"));
        let said = read(&wrong).unwrap_err();
        assert!(said.contains("line 2: ") && said.contains("line 3: ") && !said.contains('\n'), "{said}");
        let many = "x\n".repeat(9);
        assert!(read(&many).unwrap_err().ends_with("; and 4 more"));
        let bytes = [line("a").as_bytes(), b"\n\xff"].concat();
        let said = BatchLines::read(bytes, 9).unwrap_err();
        assert_eq!(said.to_string(), "nothing was ordered: line 2: it is not UTF-8");
    }

    #[test]
    fn what_is_told_of_a_line_is_short_however_long_the_line_is() {
        let long = "\u{200b}".repeat(100_000);
        let body = serde_json::json!({ "model": "poet", "messages": [{ "role": long, "content": "" }], });
        let role = serde_json::json!({ "custom_id": "a", "body": body });
        let body = serde_json::json!({ "model": "poet", "messages": [], long.as_str(): 1 });
        let field = serde_json::json!({ "custom_id": "b", "body": body });
        let read = BatchLines::read(format!("{role}\n{field}").into_bytes(), 9);
        let Err(BatchError::BadLines(wrong)) = read else { panic!("{read:?}") };
        assert_eq!(wrong.len(), 2);
        for line in wrong {
            let told = line.why.len() + line.param.map_or(0, |param| param.len());
            assert!(told < 10_000, "{told}");
        }
    }

    #[test]
    fn of_a_file_of_wrong_lines_it_is_kept_of_some_what_is_wrong_with_them() {
        let said = BatchLines::read("x\n".repeat(WRONG_MAX + 7).into_bytes(), 9);
        let Err(BatchError::BadLines(wrong)) = said else { panic!("{said:?}") };
        assert_eq!((wrong.len(), wrong[0].number), (WRONG_MAX, 1));
    }

    #[test]
    fn lines_in_a_file_are_those_in_memory() {
        let text = format!("\u{feff}{}\r\n\n{}", line("a"), line("b"));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lines");
        std::fs::write(&path, &text).unwrap();
        let all = [BatchLines::open(File::open(&path).unwrap(), 9), BatchLines::read(text.into_bytes(), 9)];
        for lines in all.map(Result::unwrap) {
            let named = [0, 1].map(|line| lines.request(line).unwrap().custom_id().to_owned());
            assert_eq!(named, ["a", "b"]);
            assert_eq!([lines.number(0), lines.number(1)], [1, 3]);
        }
    }

    #[test]
    fn a_line_is_no_longer_than_it_may_be() {
        let text = format!("{}\n{}", line("a"), "x".repeat(LINE_BYTES_MAX + 1));
        assert_eq!(
            read(&text),
            Err(format!("nothing was ordered: line 2: it is longer than {LINE_BYTES_MAX} bytes"))
        );
    }

    #[test]
    fn a_batch_is_no_longer_than_it_may_be() {
        let text = (0..=LINES_MAX).map(|number| line(&number.to_string()) + "\n").collect::<String>();
        assert!(read(&text).unwrap_err().contains("100001 lines"));
        let most = text.split_once('\n').unwrap().1;
        assert_eq!(read(most), Ok(LINES_MAX));
        let said = BatchLines::read(b"\xff\n".repeat(LINES_MAX + 1), 9).unwrap_err();
        assert!(matches!(said, BatchError::ManyLines { .. }), "{said}");
    }
}
