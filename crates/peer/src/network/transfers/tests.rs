//! Transfers whose other end moves as slowly as it dares, in time that passes as fast as it can.

use std::{
    fs::File,
    io::Write,
    pin::Pin,
    task::{Context, Poll},
};

use libp2p::{PeerId as Remote, futures::io::Cursor, request_response::Codec as _};
use tokio::time::{Instant, Sleep, sleep};

use super::*;
use crate::network::slots::Slots;

static PROTOCOL: StreamProtocol = StreamProtocol::new("/blobs");
/// How often a trickle moves a byte.
const DROP_EVERY: Duration = Duration::from_secs(9);

/// The other end of a stream: so many bytes pass at once, and then one every nine seconds.
struct Trickle {
    bytes: Vec<u8>,
    at_once: usize,
    passed: usize,
    nap: Pin<Box<Sleep>>,
}

impl Trickle {
    fn new(bytes: Vec<u8>, at_once: usize) -> Self {
        Self { bytes, at_once, passed: 0, nap: Box::pin(sleep(DROP_EVERY)) }
    }

    /// How many of these bytes pass now.
    fn pass(&mut self, bytes: usize, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut passing = bytes.min(self.at_once.saturating_sub(self.passed));
        if passing == 0 {
            if self.nap.as_mut().poll(context).is_pending() {
                return Poll::Pending;
            }
            self.nap = Box::pin(sleep(DROP_EVERY));
            passing = bytes.min(1);
        }
        self.passed += passing;
        Poll::Ready(Ok(passing))
    }
}

impl AsyncRead for Trickle {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let (from, bytes) = (self.passed, into.len().min(self.bytes.len() - self.passed));
        let passed = self.pass(bytes, context);
        if let Poll::Ready(Ok(passed)) = passed {
            into[..passed].copy_from_slice(&self.bytes[from..from + passed]);
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
        self.pass(bytes.len(), context)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// A blob as it goes over the wire.
fn framed(content: &[u8]) -> Vec<u8> {
    [&[FOUND][..], &(content.len() as u32).to_le_bytes(), content].concat()
}

/// The end that fetches, once it has asked.
async fn asked(wanted: &Arc<Wanted>) -> Codec {
    let mut codec = Codec::new(Pace::default());
    let (digest, mut sent) = (Digest([7; 32]), Cursor::new(Vec::new()));
    let request = Request { digest, wanted: Arc::clone(wanted) };
    codec.write_request(&PROTOCOL, &mut sent, request).await.unwrap();
    assert_eq!(sent.into_inner(), [7; 32]);
    codec
}

#[tokio::test(start_paused = true)]
async fn a_source_that_trickles_is_given_up_in_seconds_however_it_began() {
    let content = vec![7; 1 << 20];
    for at_once in [0, 1, 5, 1000, 1 << 19] {
        let (wanted, begun) = (Arc::new(Wanted::new(1 << 20, Progress::default())), Instant::now());
        let mut source = Trickle::new(framed(&content), at_once);
        let failed = asked(&wanted).await.read_response(&PROTOCOL, &mut source).await.unwrap_err();
        assert_eq!(failed.kind(), io::ErrorKind::TimedOut);
        assert!(begun.elapsed() <= 2 * Pace::default().grace, "{:?} after {at_once}", begun.elapsed());
        assert!(wanted.progress.bytes() + 6 >= at_once as u64, "what has arrived was counted");
    }
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_trickles_gives_its_place_back_in_seconds() {
    let slots = Slots::new(1, 1);
    let source = |_: &Digest, _: &PeerId| {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&vec![7; 1 << 20]).unwrap();
        std::io::Seek::rewind(&mut file).unwrap();
        Some(file)
    };
    let source: Arc<dyn BlobSource> = Arc::new(Source(source));
    for at_once in [0, 1, 5, 1000, 1 << 19] {
        let slot = slots.take(Remote::random()).expect("the last one is free again");
        let (digest, to) = (Digest([7; 32]), PeerId([1; 32]));
        let served = Transfer::Served(Served { source: Arc::clone(&source), digest, to, slot });
        let (begun, mut reader) = (Instant::now(), Trickle::new(Vec::new(), at_once));
        let failed = Codec::new(Pace::default()).write_response(&PROTOCOL, &mut reader, served).await;
        assert_eq!(failed.unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert!(begun.elapsed() <= 2 * Pace::default().grace, "{:?} after {at_once}", begun.elapsed());
    }
}

struct Source<F>(F);

impl<F: Fn(&Digest, &PeerId) -> Option<File> + Send + Sync + 'static> BlobSource for Source<F> {
    fn open(&self, digest: &Digest, to: &PeerId) -> Option<File> {
        (self.0)(digest, to)
    }
}

#[tokio::test(start_paused = true)]
async fn what_nobody_waits_for_ends_at_once() {
    let (wanted, begun) = (Arc::new(Wanted::new(1 << 20, Progress::default())), Instant::now());
    let mut codec = asked(&wanted).await;
    let mut silent = Trickle::new(framed(&[7; 1000]), 100);
    let reading = codec.read_response(&PROTOCOL, &mut silent);
    let giving_up = async {
        tokio::task::yield_now().await;
        wanted.give_up();
    };
    let (read, ()) = tokio::join!(reading, giving_up);
    assert_eq!(read.unwrap_err().kind(), io::ErrorKind::Interrupted);

    let given_up = Arc::new(Wanted::default());
    given_up.give_up();
    let request = Request { digest: Digest([7; 32]), wanted: given_up };
    let mut sent = Cursor::new(Vec::new());
    let written = Codec::new(Pace::default()).write_request(&PROTOCOL, &mut sent, request).await;
    assert_eq!(written.unwrap_err().kind(), io::ErrorKind::Interrupted);
    assert!(sent.into_inner().is_empty(), "nobody is asked");
    assert_eq!(begun.elapsed(), Duration::ZERO);
}

#[tokio::test]
async fn more_than_was_wanted_is_not_read() {
    for (bytes_max, is_too_long) in [(999, true), (1000, false)] {
        let wanted = Arc::new(Wanted::new(bytes_max, Progress::default()));
        let mut source = Cursor::new(framed(&[7; 1000]));
        let read = asked(&wanted).await.read_response(&PROTOCOL, &mut source).await.unwrap();
        match read {
            Transfer::TooLong { bytes: 1000 } => assert!(is_too_long && source.position() == 5),
            Transfer::Blob { bytes, digest } => {
                assert!(!is_too_long && digest == Digest::of(&bytes) && bytes == [7; 1000]);
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(wanted.progress.bytes(), if is_too_long { 0 } else { 1000 });
    }
}
