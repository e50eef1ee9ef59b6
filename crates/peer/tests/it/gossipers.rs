//! Strangers who write gossip to the wire themselves: as much of it as they like, unsigned, whatever the library would hold
//! back.

use std::{
    future, io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use assay_protocol::id::Digest;
use libp2p::{
    StreamProtocol,
    futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    request_response::{self, ProtocolSupport},
};
use tokio::time::interval;

use crate::strangers::version;

/// How long one stream of gossip lasts: longer than a flood.
const STREAM_MAX: Duration = Duration::from_secs(600);
/// Bytes of each that tell nothing.
const FILLING: [u8; 512] = [7; 512];

/// Writes so many messages every so often, for as long as the other side takes them.
#[derive(Clone)]
pub(crate) struct GossipCodec {
    topic: String,
    burst: u64,
    every: Duration,
    /// How many were taken.
    taken: Arc<AtomicU64>,
}

/// Who gossips so, with one request that is never done.
pub(crate) fn gossiper(
    network: &Digest,
    burst: u64,
    every: Duration,
    taken: Arc<AtomicU64>,
) -> request_response::Behaviour<GossipCodec> {
    let name = StreamProtocol::try_from_owned(format!("{}/gossip/1.1.0", version(network))).unwrap();
    let config = request_response::Config::default().with_request_timeout(STREAM_MAX);
    let codec = GossipCodec { topic: format!("assay/1/{network}/offers/0"), burst, every, taken };
    // Whoever gossips with nobody who gossips hears no more of it.
    request_response::Behaviour::with_codec(codec, [(name, ProtocolSupport::Full)], config)
}

impl GossipCodec {
    /// So many messages from this number on, as one frame.
    fn frame(&self, first: u64) -> Vec<u8> {
        let messages = (first..first + self.burst).flat_map(|number| {
            let data = [&number.to_le_bytes()[..], &FILLING].concat();
            field(2, &[field(2, &data), field(4, self.topic.as_bytes())].concat())
        });
        let messages: Vec<u8> = messages.collect();
        [length(messages.len()), messages].concat()
    }
}

/// A number of no more than four times seven bits.
fn length(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number >= 128 {
        bytes.push((number % 128) as u8 | 128);
        number /= 128;
    }
    bytes.push(number as u8);
    bytes
}

/// Bytes under a number, as protocol buffers have them.
fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    [&[(number << 3) | 2][..], &length(bytes.len()), bytes].concat()
}

impl request_response::Codec for GossipCodec {
    type Protocol = StreamProtocol;
    type Request = ();
    type Response = ();

    /// What the other side gossips goes nowhere.
    async fn read_request<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<()>
    where
        T: AsyncRead + Unpin + Send,
    {
        while io.read(&mut [0; 4096]).await? > 0 {}
        Err(io::ErrorKind::UnexpectedEof.into())
    }

    async fn read_response<T>(&mut self, _: &StreamProtocol, _: &mut T) -> io::Result<()>
    where
        T: AsyncRead + Unpin + Send,
    {
        future::pending().await
    }

    async fn write_request<T>(&mut self, _: &StreamProtocol, io: &mut T, (): ()) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        let (mut tick, mut first) = (interval(self.every), 0);
        loop {
            tick.tick().await;
            io.write_all(&self.frame(first)).await?;
            io.flush().await?;
            first += self.burst;
            self.taken.fetch_add(self.burst, Ordering::Relaxed);
        }
    }

    async fn write_response<T>(&mut self, _: &StreamProtocol, _: &mut T, (): ()) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        Err(io::ErrorKind::Unsupported.into())
    }
}
