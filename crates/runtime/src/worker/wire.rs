//! What a worker and its parent say to each other.
//!
//! **Invariant:** both sides read bounded frames only: two lengths, a head of at most [`HEAD_BYTES_MAX`] that is one
//! canonical value, and a body of at most what the reader allows. A worker that a guest took over can lie to its parent,
//! but neither make it read without end nor make it allocate what was never sent.

use std::io::{self, Read, Write};

use assay_protocol::{
    codec,
    id::Digest,
    manifest::{End, Meters},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{class::Class, engine::far::SessionBounds, envelope::Envelope, outcome::RunFailure};

/// Bytes in the longest head of a frame.
const HEAD_BYTES_MAX: usize = 64 * 1024;
/// Bytes that there is room for before any has come.
const ROOM_BYTES: usize = 1024 * 1024;
/// Bytes before the head: the lengths of head and body.
const LENGTHS_BYTES: usize = 4 + 8;
/// Bytes of the longest body that is written along with its head: whoever reads wakes once for both.
const JOINED_BYTES_MAX: usize = 4 * 1024;

/// What a process is for, which decides what it may touch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Purpose {
    /// Runs guests; may read compiled components.
    Run,
    /// Holds a model for those who run guests; runs none.
    Host,
    /// The same with the model on a graphics card, whose driver names files and devices.
    Card,
    /// Compiles components and never runs one; may write what it compiled.
    Compile,
}

/// What the parent says.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Request {
    /// The first message: how to shut oneself in.
    Prepare {
        /// What the worker is for.
        purpose: Purpose,
        /// Where compiled components are kept.
        cache: Option<String>,
        /// The library of ONNX Runtime, if the worker is to load one.
        onnx_runtime: Option<String>,
        /// Whom to run as instead of root; the cache belongs to that user.
        user: Option<u32>,
        /// Bytes of stack for guests.
        stack_bytes: u32,
        /// Bytes that the process may write to.
        process_memory_bytes: u64,
        /// Bytes of the longest file that it may write.
        file_bytes: u64,
    },
    /// The body is what the next job is expected to write.
    Draft,
    /// Runs a job; the body is its input. So many open files follow: the runner's, then the model's.
    Start {
        /// The job.
        envelope: Envelope,
        /// How many files follow.
        files: u8,
        /// Whether behind them comes a session at the engine that holds the model.
        has_session: bool,
        /// How many of the likeliest tokens are told of each place, if chances are.
        chances: Option<u8>,
    },
    /// Compiles the runner whose open file follows.
    Compile {
        /// Whether it is for a model of language, whose jobs machines of all kinds give the same bits for.
        has_one_nan: bool,
        /// Bytes of stack for guests.
        stack_bytes: u32,
    },
    /// Says which graphics cards there are.
    Cards,
    /// Reads a model, for those who get a session. What it is read from follows.
    Load {
        /// Its name.
        model: Digest,
        /// Where its pack comes from.
        pack: PackPlace,
        /// The card that it is to be on, if on one.
        card: Option<CardPlace>,
        /// How many threads compute.
        threads: u16,
        /// Bytes of sessions that ended, which are kept for those who asked for them.
        kept_bytes: u64,
    },
    /// Serves a session, whose other end follows, until that is closed.
    EngineSession(SessionBounds),
    /// Says which classes this machine is in.
    Classify,
    /// Ends the running job soon.
    Cancel,
}

/// What the worker says.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum WorkerReply {
    /// The worker has shut itself in, except for what it names.
    Ready {
        /// Protections that this machine did not give.
        missing: Vec<String>,
    },
    /// The body is a line of the job's log.
    Line,
    /// The body is a piece of output.
    Chunk,
    /// The body is a piece of the evidence: digests of rows.
    Rows,
    /// The body is a piece of what was asked of chances.
    Chances,
    /// The job has ended; the body is the output of a runner that emitted none.
    Done {
        /// Why.
        end: End,
        /// What was counted.
        meters: Meters,
    },
    /// The job has failed.
    Failed(RunFailure),
    /// The component is compiled and in the cache.
    Compiled,
    /// What this machine is.
    Classified {
        /// The classes that it is in.
        classes: Vec<Class>,
        /// Why ONNX Runtime, whose library was named, is of no use.
        onnx_runtime_fault: Option<String>,
    },
    /// The graphics cards of this machine.
    Cards(Vec<FoundCard>),
    /// The pack that was handed over is what was written.
    PackTaken,
    /// It is not, which was seen by this.
    PackRefused(String),
    /// The model's pack is written, and this is its digest.
    Packed(Digest),
    /// It is not written, for this reason: the model is packed into memory.
    NotPacked(String),
    /// The model is read.
    Loaded(HostedModel),
}

/// Where the pack of a model comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum PackPlace {
    /// The model's open file follows, and is packed into memory.
    Memory,
    /// The model's open file follows, and behind it one that its pack is written into.
    Draft {
        /// Bytes that there is room for.
        bytes_max: u64,
    },
    /// The pack's own open file follows.
    Kept {
        /// The digest of its bytes.
        digest: Digest,
    },
}

/// A graphics card, before it is opened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoundCard {
    /// Its number in the driver's list.
    pub index: u32,
    /// Its name.
    pub name: String,
    /// Its driver, with the version.
    pub driver: String,
    /// Whether it is a card, and not a processor that plays one.
    pub is_hardware: bool,
    /// Whether it is a part of the processor, whose memory it computes in.
    pub is_integrated: bool,
    /// Bytes of memory of its own, where the driver says so.
    pub memory_bytes: Option<u64>,
}

/// Which card is meant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CardName {
    /// Its number in the driver's list.
    pub(crate) index: u32,
    /// Its name, by which one that has come to stand in its place is told from it.
    pub(crate) name: String,
}

/// A card, and how much of its memory a model may take there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CardPlace {
    /// The card.
    pub(crate) name: CardName,
    /// Bytes for the model and its sessions. Of a model that needs more some layers are the processor's.
    pub(crate) bytes: u64,
}

/// How many layers of a model are on a card; the others are the processor's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CardLayers {
    /// Those on the card, which are the last.
    pub on_card: u32,
    /// All that the model has.
    pub all: u32,
}

impl CardLayers {
    /// Whether the processor has none of them.
    #[must_use]
    pub const fn is_whole(self) -> bool {
        self.on_card == self.all
    }
}

/// What a model takes of a card's memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CardRoom {
    /// Layers that are there.
    pub(crate) layers: u32,
    /// Bytes that are always taken: of weights, and of sessions that ended.
    pub(crate) kept_bytes: u64,
    /// Bytes of a session beside its pages.
    pub(crate) session_bytes: u64,
    /// Bytes of each 256 positions.
    pub(crate) page_bytes: u64,
    /// Positions that a session has there at most.
    pub(crate) positions: u64,
}

/// What a model takes of the process that holds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct HostedModel {
    /// Bytes that are always taken.
    pub(crate) kept_bytes: u64,
    /// Bytes of each 256 positions of a session.
    pub(crate) page_bytes: u64,
    /// Bytes of a session beside those, while something is expected of it.
    pub(crate) draft_bytes: u64,
    /// Positions that a session has at most.
    pub(crate) positions: u64,
    /// Layers that the model has.
    pub(crate) layers: u32,
    /// What there is on the card, where it is on one.
    pub(crate) card: Option<CardRoom>,
}

impl CardRoom {
    /// Bytes of a session of so many pages.
    pub(crate) const fn session(&self, pages: u64) -> u64 {
        self.session_bytes.saturating_add(self.page_bytes.saturating_mul(pages))
    }
}

/// Writes one frame.
pub(crate) fn send<T: Serialize>(to: &mut impl Write, head: &T, body: &[u8]) -> io::Result<()> {
    let head = codec::encode(head);
    let (joined, apart) = if body.len() <= JOINED_BYTES_MAX { (body, &[][..]) } else { (&[][..], body) };
    let mut frame = Vec::with_capacity(LENGTHS_BYTES + head.len() + joined.len());
    frame.extend_from_slice(&u32::try_from(head.len()).unwrap_or(u32::MAX).to_le_bytes());
    frame.extend_from_slice(&(body.len() as u64).to_le_bytes());
    frame.extend_from_slice(&head);
    frame.extend_from_slice(joined);
    to.write_all(&frame)?;
    to.write_all(apart)?;
    to.flush()
}

/// Reads one frame; nothing at the end of the stream.
pub(crate) fn receive<T: Serialize + DeserializeOwned>(
    from: &mut impl Read,
    body_bytes_max: u64,
) -> io::Result<Option<(T, Vec<u8>)>> {
    let mut lengths = [0; LENGTHS_BYTES];
    let count = from.read(&mut lengths)?;
    if count == 0 {
        return Ok(None);
    }
    from.read_exact(&mut lengths[count..])?;
    let (head_bytes, body_bytes) = split(&lengths, body_bytes_max)?;
    let head = open(&exactly(from, head_bytes as u64)?)?;
    Ok(Some((head, exactly(from, body_bytes)?)))
}

/// Takes one frame from the front of `buffer`, if it is there in full.
pub(super) fn take<T: Serialize + DeserializeOwned>(
    buffer: &mut Vec<u8>,
    body_bytes_max: u64,
) -> io::Result<Option<(T, Vec<u8>)>> {
    let Some(lengths) = buffer.first_chunk() else { return Ok(None) };
    let (head_bytes, body_bytes) = split(lengths, body_bytes_max)?;
    let body_start = LENGTHS_BYTES + head_bytes;
    let end = usize::try_from(body_bytes).ok().and_then(|bytes| body_start.checked_add(bytes));
    let end = end.ok_or_else(|| malformed("longer than memory"))?;
    if buffer.len() < end {
        return Ok(None);
    }
    let head = open(&buffer[LENGTHS_BYTES..body_start])?;
    let rest = buffer.split_off(end);
    let mut body = std::mem::replace(buffer, rest);
    body.drain(..body_start);
    Ok(Some((head, body)))
}

fn split(lengths: &[u8; LENGTHS_BYTES], body_bytes_max: u64) -> io::Result<(usize, u64)> {
    let [a, b, c, d, body @ ..] = *lengths;
    let (head, body) = (u32::from_le_bytes([a, b, c, d]) as usize, u64::from_le_bytes(body));
    if head > HEAD_BYTES_MAX || body > body_bytes_max {
        return Err(malformed("a frame is too long"));
    }
    Ok((head, body))
}

fn open<T: Serialize + DeserializeOwned>(head: &[u8]) -> io::Result<T> {
    codec::decode(head, HEAD_BYTES_MAX).map_err(|error| malformed(&error.to_string()))
}

/// Reads `count` bytes, allocating as they come; a row of most models at once.
pub(super) fn exactly(from: &mut impl Read, count: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(usize::try_from(count).unwrap_or(ROOM_BYTES).min(ROOM_BYTES));
    from.take(count).read_to_end(&mut bytes)?;
    if (bytes.len() as u64) < count {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(bytes)
}

fn malformed(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_arrive_whole_however_they_are_cut() {
        let mut stream = Vec::new();
        send(&mut stream, &WorkerReply::Chunk, b"one").expect("a vector takes all");
        send(&mut stream, &WorkerReply::Line, b"").expect("a vector takes all");
        let mut buffer = Vec::new();
        let mut bodies = Vec::new();
        for byte in stream {
            buffer.push(byte);
            if let Some((_, body)) = take::<WorkerReply>(&mut buffer, 8).expect("frames are well formed") {
                bodies.push(body);
            }
        }
        assert_eq!(bodies, [b"one".to_vec(), Vec::new()]);
    }

    /// Counts what is written to it.
    #[derive(Default)]
    struct WriteSizes(Vec<usize>);

    impl Write for WriteSizes {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.push(bytes.len());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn whoever_waits_for_a_short_frame_wakes_once() {
        for (body, writes) in [(0, 1), (JOINED_BYTES_MAX, 1), (JOINED_BYTES_MAX + 1, 2)] {
            let mut heard = WriteSizes::default();
            send(&mut heard, &WorkerReply::Chunk, &vec![1_u8; body]).expect("it takes all");
            let whole: usize = heard.0.iter().sum();
            assert_eq!(heard.0.len(), writes, "{body} bytes: {:?}", heard.0);
            assert_eq!(whole, LENGTHS_BYTES + codec::encode(&WorkerReply::Chunk).len() + body);
        }
    }

    /// Gives so many bytes at a time.
    struct Drops<'a>(&'a [u8], usize);

    impl Read for Drops<'_> {
        fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
            let count = bytes.len().min(self.1).min(self.0.len());
            let (given, left) = self.0.split_at(count);
            bytes[..count].copy_from_slice(given);
            self.0 = left;
            Ok(count)
        }
    }

    #[test]
    fn a_frame_is_read_whole_and_nothing_behind_it() {
        let mut stream = Vec::new();
        send(&mut stream, &WorkerReply::Chunk, b"one").expect("a vector takes all");
        stream.extend(b"a file");
        for at_once in [1, 5, LENGTHS_BYTES, stream.len()] {
            let mut drops = Drops(&stream, at_once);
            let read = receive::<WorkerReply>(&mut drops, 8).expect("frames are well formed");
            assert_eq!(read, Some((WorkerReply::Chunk, b"one".to_vec())));
            assert_eq!(drops.0, b"a file", "{at_once} bytes at a time");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_a_reader_panic(mut bytes: Vec<u8>, head_bytes in 0_u8..16, body_bytes in 0_u8..16) {
            let _ = take::<WorkerReply>(&mut bytes.clone(), 8);
            bytes.splice(..0, [head_bytes, 0, 0, 0, body_bytes, 0, 0, 0, 0, 0, 0, 0]);
            let _ = receive::<Request>(&mut bytes.as_slice(), 8);
            let _ = take::<WorkerReply>(&mut bytes, 8);
        }
    }

    #[test]
    fn a_frame_beyond_its_bound_is_refused_before_it_is_read() {
        let mut stream = Vec::new();
        send(&mut stream, &WorkerReply::Chunk, &[0; 9]).expect("a vector takes all");
        assert!(take::<WorkerReply>(&mut stream.clone(), 8).is_err());
        assert!(receive::<WorkerReply>(&mut stream.as_slice(), 8).is_err());
        assert!(take::<WorkerReply>(&mut vec![255; LENGTHS_BYTES], 8).is_err());
    }
}
