//! Transfers whose other end moves as slowly as it dares, in time that passes as fast as it can.

use std::{
    collections::VecDeque,
    io::Write,
    pin::Pin,
    sync::Mutex,
    task::{Context, Poll},
    time::Duration,
};

use libp2p::{PeerId as Remote, futures::FutureExt as _};
use tokio::time::{Instant, Sleep, sleep};

use super::*;
use crate::{
    network::slots::Slots,
    pieces::{PIECE_BYTES, joined_of},
};

/// How often a trickle moves a byte.
const DROP_EVERY: Duration = Duration::from_secs(9);
const DIGEST: Digest = Digest([7; 32]);

/// The other end of a stream. What it says, or what it hears, is slow: so many bytes pass at once, and then one every
/// nine seconds. The other way all passes at once.
struct Trickle {
    says: Vec<u8>,
    is_slow_to_say: bool,
    /// Bytes that pass yet before it becomes slow.
    at_once: usize,
    nap: Pin<Box<Sleep>>,
}

impl Trickle {
    fn source(says: Vec<u8>, at_once: usize) -> Self {
        Self { says, is_slow_to_say: true, at_once, nap: Box::pin(sleep(DROP_EVERY)) }
    }

    fn reader(at_once: usize) -> Self {
        Self { is_slow_to_say: false, ..Self::source(question(0), at_once) }
    }

    /// How many of these bytes pass now.
    fn pass(&mut self, bytes: usize, is_slow: bool, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if !is_slow {
            return Poll::Ready(Ok(bytes));
        }
        if self.at_once == 0 {
            if self.nap.as_mut().poll(context).is_pending() {
                return Poll::Pending;
            }
            self.nap = Box::pin(sleep(DROP_EVERY));
            self.at_once = 1;
        }
        let passing = bytes.min(self.at_once);
        self.at_once -= passing;
        Poll::Ready(Ok(passing))
    }
}

impl AsyncRead for Trickle {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let (bytes, is_slow) = (into.len().min(self.says.len()), self.is_slow_to_say);
        let passed = self.pass(bytes, is_slow, context);
        if let Poll::Ready(Ok(bytes)) = passed {
            let said: Vec<u8> = self.says.drain(..bytes).collect();
            into[..bytes].copy_from_slice(&said);
        }
        passed
    }
}

impl AsyncWrite for Trickle {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let is_slow = !self.is_slow_to_say;
        self.pass(bytes.len(), is_slow, context)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// What is asked for the pieces of a blob from one on.
fn question(first: u64) -> Vec<u8> {
    [&DIGEST.0[..], &first.to_le_bytes()].concat()
}

/// A blob as it goes over the wire.
fn framed(content: &[u8]) -> Vec<u8> {
    let (_, pieces) = BlobPieces::read(content).unwrap();
    [&[FOUND][..], &pieces.bytes().to_le_bytes(), &pieces.values().concat(), content].concat()
}

fn wish(content: &[u8], bytes_max: u64) -> BlobWish {
    BlobWish { digest: Digest::of(content), bytes_max, pace: Pace::default() }
}

#[tokio::test(start_paused = true)]
async fn a_source_that_trickles_is_given_up_in_seconds_however_it_began() {
    let content = vec![7; 1 << 20];
    for at_once in [0, 1, 5, 1000, 1 << 19] {
        let (progress, begun) = (Progress::default(), Instant::now());
        let source = Trickle::source(framed(&content), at_once);
        let failed = fetch(source, wish(&content, 1 << 20), &progress).await;
        assert_eq!(failed, Err(ExchangeFailure::TimedOut.into()));
        assert!(begun.elapsed() <= 2 * Pace::default().grace, "{:?} after {at_once}", begun.elapsed());
        let before = framed(&content).len() - content.len();
        assert!(progress.bytes() + before as u64 >= at_once as u64, "what has arrived was counted");
    }
}

struct Sevens;

impl BlobSource for Sevens {
    fn open(&self, _: &Digest, _: &PeerId) -> Option<ServedBlob> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&vec![7; 1 << 20]).unwrap();
        ServedBlob::read(file).ok().map(|(_, served)| served)
    }
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_trickles_gives_its_place_back_in_seconds() {
    let slots = Slots::new(1, 1);
    for at_once in [0, 1, 5, 1000, 1 << 19] {
        let asker = slots.admit(Remote::random());
        let serving = Upload { source: Arc::new(Sevens), to: PeerId([1; 32]), asker, pace: Pace::default() };
        let begun = Instant::now();
        let failed = answer(Trickle::reader(at_once), serving).await.unwrap_err();
        assert_eq!(failed.kind(), io::ErrorKind::TimedOut);
        assert!(begun.elapsed() <= 2 * Pace::default().grace, "{:?} after {at_once}", begun.elapsed());
        assert!(slots.take(Remote::random()).is_some(), "the last one is free again");
    }
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_opens_a_stream_and_asks_for_nothing_keeps_no_place_from_others() {
    let (slots, silent) = (Slots::new(1, 1), Remote::random());
    let serving = Upload {
        source: Arc::new(Sevens),
        to: PeerId([1; 32]),
        asker: slots.admit(silent),
        pace: Pace::default(),
    };
    let mut asks_slowly = std::pin::pin!(answer(Trickle::source(question(0), 0), serving));
    assert!((&mut asks_slowly).now_or_never().is_none());
    assert!(slots.take(Remote::random()).is_some(), "another has it meanwhile");
    assert!(slots.admit(silent).is_none(), "it is waited for once");
    assert_eq!(asks_slowly.await.unwrap_err().kind(), io::ErrorKind::TimedOut);
    assert!(slots.admit(silent).is_some());
}

#[tokio::test]
async fn more_than_was_wanted_is_not_read() {
    let content = [7; 1000];
    let digest = Digest::of(&content);
    for bytes_max in [999, 1000] {
        let (progress, source) = (Progress::default(), Trickle::source(framed(&content), usize::MAX));
        let fetched = fetch(source, wish(&content, bytes_max), &progress).await;
        let expected = match bytes_max {
            1000 => Ok(content.to_vec()),
            max => Err(FetchError::TooLong { digest, bytes: 1000, max }),
        };
        assert_eq!(progress.bytes(), if expected.is_ok() { 1000 } else { 0 });
        assert_eq!(fetched, expected);
    }
}

/// Content of a little more than three pieces.
fn long() -> Vec<u8> {
    (0..3 * PIECE_BYTES + 5).map(|at| (at / 3) as u8).collect()
}

/// What a source says that was asked for the pieces from `first` on.
fn from(first: u64, content: &[u8]) -> Vec<u8> {
    let before = framed(content).len() - content.len();
    let start = (first.min(pieces::count(content.len() as u64) - 1) * PIECE_BYTES) as usize;
    [&framed(content)[..before], &content[start..]].concat()
}

#[tokio::test]
async fn pieces_are_handed_on_up_to_the_one_that_is_another() {
    let content = long();
    let (digest, pieces) = BlobPieces::read(&content[..]).unwrap();
    let mut bent = content.clone();
    bent[2 * PIECE_BYTES as usize + 9] ^= 1;
    for (first, source, handed_on) in [
        (0, from(0, &content), Ok(4)),
        (2, from(2, &content), Ok(2)),
        (
            1,
            [&framed(&content)[..framed(&content).len() - content.len()], &bent[PIECE_BYTES as usize..]]
                .concat(),
            Err(1),
        ),
        (0, from(0, &bent), Err(0)),
    ] {
        let (progress, (into, mut taken)) = (Progress::default(), mpsc::channel(8));
        let source = Trickle::source(source, usize::MAX);
        let fetched = fetch_pieces(source, wish(&content, u64::MAX), &pieces, first, &progress, into).await;
        let mut count = 0;
        while let Some(piece) = taken.recv().await {
            assert!(pieces.proves(first + count, &piece));
            count += 1;
        }
        let corrupt = Err(FetchError::Corrupt { digest });
        assert_eq!(
            (fetched, count),
            (handed_on.map(drop).or(corrupt), handed_on.unwrap_or_else(|count| count))
        );
        if fetched.is_ok() {
            assert_eq!(progress.bytes(), content.len() as u64, "with what was there before");
        }
    }
}

#[tokio::test]
async fn values_of_another_height_are_found_out_before_anything_is_made_of_them() {
    let content: Vec<u8> = (0..8 * PIECE_BYTES).map(|at| (at / 11) as u8).collect();
    let (_, pieces) = BlobPieces::read(&content[..]).unwrap();
    let true_one =
        ask_pieces(Trickle::source(from(u64::MAX, &content), usize::MAX), wish(&content, u64::MAX)).await;
    assert_eq!(true_one, Ok(pieces));
    // Half as many values of pieces twice as long, and twice as many of half as long, each a tree of the same root.
    for (bytes, height) in [(4 * PIECE_BYTES, 2 * PIECE_BYTES), (16 * PIECE_BYTES, PIECE_BYTES / 2)] {
        let values = joined_of(&content, height);
        assert!(BlobPieces::proven(&Digest::of(&content), bytes, values.clone()).is_some(), "they join");
        let last = &content[content.len() - PIECE_BYTES as usize..];
        let says = [&[FOUND][..], &bytes.to_le_bytes(), &values.concat(), last].concat();
        let asked = ask_pieces(Trickle::source(says, usize::MAX), wish(&content, u64::MAX)).await;
        assert_eq!(asked, Err(FetchError::Corrupt { digest: Digest::of(&content) }));
    }
}

/// Asks something, and keeps what it hears.
struct Asker {
    says: VecDeque<u8>,
    heard: Arc<Mutex<Vec<u8>>>,
}

impl AsyncRead for Asker {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(io::Read::read(&mut self.says, into))
    }
}

impl AsyncWrite for Asker {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.heard.lock().unwrap().extend(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[tokio::test]
async fn a_source_sends_the_pieces_that_are_asked_for() {
    struct Long;
    impl BlobSource for Long {
        fn open(&self, _: &Digest, _: &PeerId) -> Option<ServedBlob> {
            let mut file = tempfile::tempfile().unwrap();
            file.write_all(&long()).unwrap();
            ServedBlob::read(file).ok().map(|(_, served)| served)
        }
    }
    for first in [0, 1, 3, 4, LAST_PIECE] {
        let heard = Arc::default();
        let asker = Asker { says: question(first).into(), heard: Arc::clone(&heard) };
        let place = Slots::new(1, 1).admit(Remote::random());
        let serving =
            Upload { source: Arc::new(Long), to: PeerId([1; 32]), asker: place, pace: Pace::default() };
        answer(asker, serving).await.unwrap();
        assert!(*heard.lock().unwrap() == from(first, &long()), "from {first} on");
    }
}
