//! How fast long blobs move, beside the same stream and the same disk without proofs.

use std::{fs::File, io::Write as _, path::Path, time::Instant};

use crate::{
    blobs::Blobs,
    network::{Limits, Network, NetworkEvent, NetworkSettings},
};

use super::*;

const HOLDER: Digest = Digest([1; 32]);
const ROUNDS: usize = 3;

fn id(seed: u8) -> PeerId {
    PeerId(ed25519_dalek::SigningKey::from_bytes(&[seed; 32]).verifying_key().to_bytes())
}

async fn start(
    seed: u8,
    known: Vec<(PeerId, String)>,
    blobs: Blobs,
) -> (Network, mpsc::Receiver<NetworkEvent>) {
    let settings = NetworkSettings {
        secret: [seed; 32],
        listen: vec!["/ip4/127.0.0.1/tcp/0".into()],
        known,
        nearby: Vec::new(),
        network: Digest::of(b"race"),
        notaries: Vec::new(),
        limits: Limits::default(),
    };
    Network::start(settings, Arc::new(blobs)).await.unwrap()
}

/// Bytes of memory of this process that no file stands behind.
fn memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap_or("0");
    line.split_whitespace().next().and_then(|kilobytes| kilobytes.parse::<u64>().ok()).unwrap_or(0) * 1024
}

/// Writes pieces into a file until no more come, as an arrival does; the most memory that was held meanwhile.
fn write(mut arriving: mpsc::Receiver<Vec<u8>>, to: &Path) -> u64 {
    let (mut file, mut most) = (File::create(to).unwrap(), 0);
    while let Some(piece) = arriving.blocking_recv() {
        file.write_all(&piece).unwrap();
        most = most.max(memory());
    }
    file.sync_all().unwrap();
    most
}

/// The same as [`fetch_pieces`], and nothing is proven.
async fn fetch_unproven(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    asked: BlobWish,
    pieces: &BlobPieces,
    into: mpsc::Sender<Vec<u8>>,
) {
    let progress = Progress::default();
    let (mut reader, _) = Download::begin(stream, asked, 0).await.unwrap();
    for piece in 0..pieces.count() {
        let mut bytes = Vec::new();
        reader.read_piece(pieces, piece, &progress, &mut bytes).await.unwrap();
        into.send(bytes).await.unwrap();
    }
}

/// Prints what docs/performance.md says of long transfers: of `ASSAY_MODEL_BYTES`, 2 GiB if it is not set.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "moves 2 GiB six times"]
async fn a_model_moves_at_the_pace_of_its_carrier() {
    let bytes: u64 = std::env::var("ASSAY_MODEL_BYTES").map_or(2 << 30, |bytes| bytes.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("model");
    File::create(&model).unwrap().set_len(bytes).unwrap();
    let blobs = Blobs::open(&folder.path().join("blobs"), 1 << 40).unwrap();
    let digest = blobs.put_file(&model).unwrap();
    blobs.permit_all(HOLDER, digest);
    let (first, _events) = start(1, Vec::new(), blobs).await;
    let none = Blobs::open(&folder.path().join("none"), 0).unwrap();
    let (second, mut events) = start(2, vec![(id(1), first.listening().remove(0))], none).await;
    while !matches!(events.recv().await, Some(NetworkEvent::Connected { .. })) {}
    let began = Instant::now();
    let pieces = second.ask_pieces(id(1), digest, u64::MAX).await.unwrap();
    println!("pieces known after {:?}, {} MiB held", began.elapsed(), memory() >> 20);
    for round in 0..ROUNDS {
        for is_proven in [true, false] {
            let (into, arriving) = mpsc::channel(4);
            let out = folder.path().join("out");
            let began = Instant::now();
            let to = out.clone();
            let writes = spawn_blocking(move || write(arriving, &to));
            if is_proven {
                let progress = Progress::default();
                second.fetch_pieces(id(1), (digest, &pieces), 0, &progress, into).await.unwrap();
            } else {
                let stream = second.open_stream(id(1)).await.unwrap();
                fetch_unproven(stream, second.asked(digest, bytes), &pieces, into).await;
            }
            let most = writes.await.unwrap();
            let rate = bytes as f64 / began.elapsed().as_secs_f64() / 1e6;
            let how = if is_proven { "proven" } else { "not proven" };
            println!(
                "round {round}: {rate:.0} MB/s {how}; both ends together held {} MiB at most",
                most >> 20
            );
            std::fs::remove_file(&out).unwrap();
        }
    }
}
