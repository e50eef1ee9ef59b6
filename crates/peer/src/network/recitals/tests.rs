//! A client that hears what is written for it, on two networks of this machine.

use std::sync::Arc;

use tokio::sync::mpsc;

use super::*;
use crate::{
    network::{self, BlobSource, Carried, Limits, Network, NetworkEvent, NetworkSettings},
    pieces::ServedBlob,
};

const JOB: JobId = Digest([3; 32]);
/// Longer than anything here takes, and shorter than a test may.
const WAIT_MAX: Duration = Duration::from_secs(240);

struct NoBlobs;

impl BlobSource for NoBlobs {
    fn open(&self, _: &Digest, _: &PeerId) -> Option<ServedBlob> {
        None
    }
}

fn id(seed: u8) -> PeerId {
    PeerId(ed25519_dalek::SigningKey::from_bytes(&[seed; 32]).verifying_key().to_bytes())
}

async fn start(seed: u8, known: Vec<(PeerId, String)>) -> (Network, mpsc::Receiver<NetworkEvent>) {
    let settings = NetworkSettings {
        secret: [seed; 32],
        listen: vec!["/ip4/127.0.0.1/tcp/0".into()],
        known,
        nearby: Vec::new(),
        network: Digest::of(b"recitals"),
        notaries: Vec::new(),
        limits: Limits { listeners_max: 2, listeners_per_peer_max: 2, ..Limits::default() },
    };
    Network::start(settings, Arc::new(NoBlobs)).await.unwrap()
}

/// A provider, its client, and somebody else, all connected with the provider.
struct Room {
    provider: Network,
    client: Network,
    other: Network,
    _events: Vec<mpsc::Receiver<NetworkEvent>>,
}

impl Room {
    async fn new() -> Self {
        let (provider, events) = start(1, Vec::new()).await;
        let known = vec![(id(1), provider.listening().remove(0))];
        let ((client, heard), (other, overheard)) = (start(2, known.clone()).await, start(3, known).await);
        Self { provider, client, other, _events: vec![events, heard, overheard] }
    }

    fn speaks(&self) -> crate::speech::Speaker {
        self.provider.speeches().begin(JOB, id(2), |_, _| {})
    }

    async fn hears(&self, from: u64) -> Result<network::Recital, ExchangeFailure> {
        let heard = timeout(WAIT_MAX, self.client.hear(id(1), &JOB, from)).await.unwrap();
        heard.map(|recital| recital.expect("it runs"))
    }
}

/// What is heard until so many bytes are there.
async fn heard(recital: &mut network::Recital, bytes: usize) -> Vec<u8> {
    let mut heard = Vec::new();
    while heard.len() < bytes {
        let next = timeout(WAIT_MAX, recital.next()).await.unwrap();
        heard.extend(next.unwrap().expect("there is more"));
    }
    heard
}

#[tokio::test]
async fn what_is_written_is_heard_before_there_is_more_of_it() {
    let room = Room::new().await;
    let mut speaker = room.speaks();
    let mut recital = room.hears(0).await.unwrap();
    let long: Vec<u8> = (0..=255).cycle().take(3 * FRAME_BYTES_MAX).collect();
    for said in [&b"one"[..], b"two", &long] {
        speaker.say(said);
        assert_eq!(heard(&mut recital, said.len()).await, said);
    }
    let mut late = room.hears(3).await.unwrap();
    speaker.end();
    assert_eq!(recital.next().await, Ok(None));
    let all = [b"two", &long[..]].concat();
    assert_eq!(heard(&mut late, all.len()).await, all);
    assert_eq!(late.next().await, Ok(None));
}

#[tokio::test]
async fn nobody_hears_what_does_not_run_or_is_written_for_somebody_else() {
    let room = Room::new().await;
    assert!(room.client.hear(id(1), &JOB, 0).await.unwrap().is_none());
    let mut speaker = room.speaks();
    speaker.say(b"one");
    assert!(room.other.hear(id(1), &JOB, 0).await.unwrap().is_none());
    let mut recital = room.hears(0).await.unwrap();
    assert_eq!(heard(&mut recital, 3).await, b"one");
    drop(speaker);
    assert_eq!(recital.next().await, Err(ExchangeFailure::Broken), "it broke off");
    assert!(room.client.hear(id(1), &JOB, 0).await.unwrap().is_none());
}

#[tokio::test]
async fn a_listener_that_leaves_gives_its_place_back() {
    let room = Room::new().await;
    let _speaker = room.speaks();
    let (first, second) = (room.hears(0).await.unwrap(), room.hears(0).await.unwrap());
    assert_eq!(room.hears(0).await.err(), Some(ExchangeFailure::Busy));
    drop((first, second));
    timeout(WAIT_MAX, async { while room.hears(0).await.is_err() {} }).await.unwrap();
}

#[tokio::test]
async fn strangers_who_ask_for_nothing_keep_no_listener_out() {
    let room = Room::new().await;
    let _speaker = room.speaks();
    let silent = || room.other.open_stream_of(Carried::Speeches, id(1));
    let _held = (silent().await.unwrap(), silent().await.unwrap());
    // What they opened is seen there before what is opened now.
    let asked = timeout(WAIT_MAX, room.other.hear(id(1), &JOB, 0)).await.unwrap();
    assert_eq!(asked.err(), Some(ExchangeFailure::Busy), "they are waited for as often as may be");
    assert!(room.hears(0).await.is_ok());
}
