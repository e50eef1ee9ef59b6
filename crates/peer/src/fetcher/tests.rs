//! Fetches from peers that do as they are told, in time that passes as fast as it can.

use std::collections::BTreeMap;

use futures::{FutureExt, future::join_all};
use tempfile::TempDir;
use tokio::time::advance;

use super::*;
use crate::{
    disk::{Change, HomeDisk, Watcher},
    pieces::PIECE_BYTES,
};

const QUOTA_BYTES: u64 = 10_000;
const OWN: PeerId = PeerId([0; 32]);
const CONTENT: &[u8] = b"content";

/// More than jobs read and write may be, as a wish.
const LONG: u64 = 2 * BLOB_BYTES_MAX as u64;

/// How a peer behaves.
#[derive(Clone, Copy)]
enum Conduct {
    Serves,
    /// It serves so many pieces, and then the connection is lost, or it sends something else.
    Breaks {
        after: u64,
        with: FetchError,
    },
    /// It sends other bytes, which the network notices.
    Lies,
    /// It is busy so many times.
    Busy(u32),
    /// It never ends.
    Stalls,
    /// Nor does this, though so many bytes come each second.
    Trickles(u64),
    /// It takes as long as other sources are asked beside it.
    IsSlow,
    Lacks,
}

/// Peers, and what was asked of them.
#[derive(Default)]
struct Town {
    conduct: Mutex<BTreeMap<PeerId, Conduct>>,
    log: Mutex<Vec<PeerId>>,
    /// Who has sent which pieces of the long blob.
    pieces: Mutex<Vec<(u8, u64)>>,
    /// Transfers that go on, and the most that ever did.
    going: Arc<Mutex<(u32, u32)>>,
}

/// One transfer, however it ends.
struct Going(Arc<Mutex<(u32, u32)>>);

impl Drop for Going {
    fn drop(&mut self) {
        self.0.lock().unwrap().0 -= 1;
    }
}

impl Carrier for Arc<Town> {
    async fn bring(
        &self,
        from: PeerId,
        digest: Digest,
        bytes_max: u64,
        progress: &Progress,
    ) -> Result<Vec<u8>, FetchError> {
        self.log.lock().unwrap().push(from);
        {
            let mut going = self.going.lock().unwrap();
            *going = (going.0 + 1, going.1.max(going.0 + 1));
        }
        let _going = Going(Arc::clone(&self.going));
        let conduct = self.conduct.lock().unwrap().get(&from).copied().unwrap_or(Conduct::Lacks);
        sleep(Duration::from_millis(10)).await;
        match conduct {
            Conduct::Serves if CONTENT.len() as u64 > bytes_max => {
                Err(FetchError::TooLong { digest, bytes: CONTENT.len() as u64, max: bytes_max })
            }
            Conduct::Serves => Ok(CONTENT.to_vec()),
            Conduct::Breaks { with, .. } => Err(with),
            Conduct::Lies => Err(FetchError::Corrupt { digest }),
            Conduct::Lacks => Err(FetchError::Absent { digest }),
            Conduct::Stalls => std::future::pending().await,
            Conduct::Trickles(bytes) => loop {
                sleep(Duration::from_secs(1)).await;
                progress.add(bytes);
            },
            Conduct::IsSlow => {
                sleep(3 * BESIDE_WAIT / 2).await;
                match CONTENT.len() as u64 > bytes_max {
                    true => Err(FetchError::TooLong { digest, bytes: CONTENT.len() as u64, max: bytes_max }),
                    false => Ok(CONTENT.to_vec()),
                }
            }
            Conduct::Busy(times) => {
                let next = if times > 1 { Conduct::Busy(times - 1) } else { Conduct::Serves };
                self.conduct.lock().unwrap().insert(from, next);
                Err(ExchangeFailure::Busy.into())
            }
        }
    }

    async fn ask_pieces(
        &self,
        from: PeerId,
        digest: Digest,
        bytes_max: u64,
    ) -> Result<BlobPieces, FetchError> {
        let conduct = self.conduct.lock().unwrap().get(&from).copied().unwrap_or(Conduct::Lacks);
        match conduct {
            Conduct::Lacks => Err(FetchError::Absent { digest }),
            Conduct::Lies => Err(FetchError::Corrupt { digest }),
            Conduct::Busy(_) | Conduct::Stalls | Conduct::Trickles(_) | Conduct::IsSlow => {
                Err(ExchangeFailure::Busy.into())
            }
            Conduct::Serves | Conduct::Breaks { .. } => {
                let (_, pieces) = BlobPieces::read(&long()[..]).unwrap();
                let bytes = pieces.bytes();
                if bytes > bytes_max {
                    return Err(FetchError::TooLong { digest, bytes, max: bytes_max });
                }
                Ok(pieces)
            }
        }
    }

    async fn bring_pieces(
        &self,
        from: PeerId,
        (_, pieces): (Digest, &BlobPieces),
        first: u64,
        progress: &Progress,
        into: mpsc::Sender<Vec<u8>>,
    ) -> Result<(), FetchError> {
        let conduct = self.conduct.lock().unwrap().get(&from).copied().unwrap_or(Conduct::Lacks);
        let (end, ended) = match conduct {
            Conduct::Breaks { after, with } => (first + after, Err(with)),
            Conduct::Serves
            | Conduct::Lies
            | Conduct::Busy(_)
            | Conduct::Stalls
            | Conduct::Trickles(_)
            | Conduct::IsSlow
            | Conduct::Lacks => (u64::MAX, Ok(())),
        };
        let _ = progress;
        for piece in first..pieces.count().min(end) {
            self.pieces.lock().unwrap().push((from.0[0], piece));
            let range = pieces.range(piece);
            let bytes = long()[range.start as usize..range.end as usize].to_vec();
            into.send(bytes).await.map_err(|_| ExchangeFailure::Closed)?;
        }
        ended
    }
}

/// A blob of five pieces.
fn long() -> Vec<u8> {
    (0..4 * PIECE_BYTES + 77).map(|at| (at / 5) as u8).collect()
}

/// A fetcher among peers.
struct Scene {
    town: Arc<Town>,
    blobs: Blobs,
    fetcher: Fetcher<Arc<Town>>,
    _folder: TempDir,
}

impl Scene {
    fn new(conduct: &[(u8, Conduct)]) -> Self {
        Self::with_room(QUOTA_BYTES, conduct)
    }

    fn with_room(quota_bytes: u64, conduct: &[(u8, Conduct)]) -> Self {
        Self::on(&HomeDisk::default(), quota_bytes, conduct)
    }

    fn on(disk: &HomeDisk, quota_bytes: u64, conduct: &[(u8, Conduct)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let blobs = Blobs::open_on(disk, folder.path(), quota_bytes).unwrap();
        let town = Arc::new(Town::default());
        town.conduct.lock().unwrap().extend(conduct.iter().map(|(seed, conduct)| (peer(*seed), *conduct)));
        let fetcher = Fetcher::new(Arc::clone(&town), blobs.clone(), OWN);
        Self { town, blobs, fetcher, _folder: folder }
    }

    fn fetch(&self, holder: u8, from: &[u8]) -> impl Future<Output = Result<u64, Unfetched>> + use<> {
        self.fetch_within(holder, from, 1000)
    }

    fn fetch_within(
        &self,
        holder: u8,
        from: &[u8],
        bytes_max: u64,
    ) -> impl Future<Output = Result<u64, Unfetched>> + use<> {
        let (fetcher, from) = (self.fetcher.clone(), from.iter().map(|seed| peer(*seed)).collect());
        let want = Want { holder: job(holder), digest: Digest::of(CONTENT), from, bytes_max };
        async move { fetcher.fetch(want).await.map(|blob| blob.bytes) }
    }

    /// Whom was asked, in this order.
    fn asked(&self) -> Vec<u8> {
        self.town.log.lock().unwrap().iter().map(|peer| peer.0[0]).collect()
    }

    fn is_idle(&self) -> bool {
        self.town.going.lock().unwrap().0 == 0 && self.fetcher.progress(&Digest::of(CONTENT)).is_none()
    }

    /// Whether the blob stays where others need its room.
    fn is_kept(&self) -> bool {
        let figures = self.blobs.figures();
        figures.pinned_bytes == CONTENT.len() as u64 && figures.bytes == figures.pinned_bytes
    }
}

fn peer(seed: u8) -> PeerId {
    PeerId([seed; 32])
}

fn job(seed: u8) -> Digest {
    Digest([seed; 32])
}

fn nobody() -> Result<u64, Unfetched> {
    Err(Unfetched::Nobody { digest: Digest::of(CONTENT) })
}

/// Lets every other task have its turn, without time passing.
async fn settle() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_ten_ask_for_is_transferred_once_and_kept_for_each() {
    let scene = Scene::new(&[(1, Conduct::Serves)]);
    let answers = join_all((1..=10).map(|holder| scene.fetch(holder, &[1]))).await;
    assert_eq!(answers, vec![Ok(7); 10]);
    assert_eq!(scene.asked(), [1]);
    for holder in 1..=10 {
        assert!(scene.is_kept(), "until the last is released");
        scene.fetcher.release(job(holder));
    }
    assert!(!scene.is_kept() && scene.is_idle());
    assert_eq!(scene.fetch(1, &[]).await, Ok(7), "it is here");
    assert_eq!(scene.asked(), [1]);
}

#[tokio::test(start_paused = true)]
async fn a_source_that_lies_or_lacks_is_passed_over() {
    let scene = Scene::new(&[(1, Conduct::Lies), (3, Conduct::Serves), (4, Conduct::Serves)]);
    assert_eq!(scene.fetch(1, &[1, 2]).await, nobody());
    assert_eq!(scene.fetch(1, &[0, 1, 2, 3, 4]).await, Ok(7));
    assert_eq!(scene.asked(), [1, 2, 1, 2, 3], "each once, in this order, and never oneself");
}

#[tokio::test(start_paused = true)]
async fn who_joins_brings_its_own_sources() {
    let scene = Scene::new(&[(2, Conduct::Serves)]);
    let answers = tokio::join!(scene.fetch(1, &[1]), scene.fetch(2, &[1, 2]));
    assert_eq!(answers, (Ok(7), Ok(7)));
    assert_eq!(scene.asked(), [1, 2]);
}

#[tokio::test(start_paused = true)]
async fn a_fetch_that_nobody_wants_any_more_ends_at_once() {
    let scene = Scene::new(&[(1, Conduct::Stalls)]);
    let mut first = Box::pin(scene.fetch(1, &[1]));
    let second = tokio::spawn(scene.fetch(2, &[1]));
    let third = tokio::spawn(scene.fetch(3, &[1]));
    assert!((&mut first).now_or_never().is_none());
    settle().await;
    assert_eq!(scene.asked(), [1]);
    drop(first);
    second.abort();
    settle().await;
    assert!(!scene.is_idle(), "one still wants it");
    scene.fetcher.release(job(3));
    settle().await;
    assert!(scene.is_idle(), "the transfer was ended");
    assert_eq!(third.await.unwrap(), Err(Unfetched::Released));

    scene.town.conduct.lock().unwrap().insert(peer(1), Conduct::Serves);
    assert_eq!(scene.fetch(4, &[1]).await, Ok(7), "a later one begins anew");
}

#[tokio::test(start_paused = true)]
async fn a_source_that_is_busy_is_asked_again_after_the_others() {
    let scene = Scene::new(&[(1, Conduct::Busy(2))]);
    assert_eq!(scene.fetch(1, &[1, 2]).await, Ok(7));
    assert_eq!(scene.asked(), [1, 2, 1, 1]);
    let scene = Scene::new(&[(1, Conduct::Busy(1000))]);
    let given_up = timeout(Duration::from_secs(60), scene.fetch(1, &[1])).await;
    assert_eq!(given_up, Ok(nobody()), "and not for ever");
}

#[tokio::test(start_paused = true)]
async fn more_than_somebody_wants_is_not_for_that_one() {
    let scene = Scene::new(&[(1, Conduct::Serves)]);
    let too_long = Err(Unfetched::TooLong { digest: Digest::of(CONTENT), bytes: 7, max: 6 });
    assert_eq!(scene.fetch_within(1, &[1], 6).await, too_long);
    let answers = tokio::join!(scene.fetch_within(1, &[1], 6), scene.fetch_within(2, &[1], 7));
    assert_eq!(answers, (too_long, Ok(7)));
}

#[tokio::test(start_paused = true)]
async fn a_full_store_is_told_and_what_arrives_makes_room_of_what_is_idle() {
    let scene = Scene::new(&[(1, Conduct::Serves)]);
    let full = scene.blobs.put_for(job(9), &[9; QUOTA_BYTES as usize]).unwrap();
    let no_room = Unfetched::NoRoom { need: 7, have: QUOTA_BYTES, limit: QUOTA_BYTES };
    assert_eq!(scene.fetch(1, &[1]).await, Err(no_room));
    scene.fetcher.release(job(9));
    assert_eq!(scene.fetch(1, &[1]).await, Ok(7));
    assert!(scene.is_kept() && !scene.blobs.contains(&full));
}

#[tokio::test(start_paused = true)]
async fn a_source_that_is_slow_keeps_nobody_from_the_next_one() {
    let conduct = [(1, Conduct::Stalls), (2, Conduct::Stalls), (3, Conduct::Lacks), (4, Conduct::Serves)];
    let scene = Scene::new(&conduct);
    let fetched = timeout(60 * BESIDE_WAIT, scene.fetch(1, &[1, 2, 3, 4])).await;
    assert_eq!((fetched, scene.asked()), (Ok(Ok(7)), vec![1, 2, 3, 4]));
    settle().await;
    assert!(scene.is_idle(), "what the slow ones send is wanted no more");
    let given_up = timeout(60 * BESIDE_WAIT, scene.fetch(2, &[1, 3])).await;
    assert_eq!(given_up, Ok(Ok(7)), "it is here");
}

#[tokio::test(start_paused = true)]
async fn a_blob_takes_few_places_however_many_send_it_slowly() {
    let scene = Scene::new(&[1, 2, 3, 4, 5].map(|seed| (seed, Conduct::Stalls)));
    let fetched = timeout(60 * BESIDE_WAIT, scene.fetch(1, &[1, 2, 3, 4, 5])).await;
    assert!(fetched.is_err(), "nobody brings it");
    assert_eq!(scene.asked(), [1, 2, 3, 4, 5], "each once");
    assert_eq!(scene.town.going.lock().unwrap().1, 3, "or it would leave no place to others");
}

/// Three send it as slowly as may be, and the one that would bring it was named last.
#[tokio::test(start_paused = true)]
async fn the_slowest_of_three_makes_room_for_a_source_that_was_not_asked_yet() {
    let conduct = [
        (1, Conduct::Trickles(16)),
        (2, Conduct::Trickles(1)),
        (3, Conduct::Trickles(16)),
        (4, Conduct::Trickles(2)),
        (5, Conduct::Serves),
    ];
    let scene = Scene::new(&conduct);
    let fetched = timeout(20 * BESIDE_WAIT, scene.fetch(1, &[1, 2, 3, 4, 5])).await;
    assert_eq!((fetched, scene.asked()), (Ok(Ok(7)), vec![1, 2, 3, 4, 5]));
    settle().await;
    assert!(scene.is_idle(), "what the slow ones send is wanted no more");
}

#[tokio::test(start_paused = true)]
async fn a_source_that_made_room_is_asked_again_where_others_fail() {
    let conduct = [(1, Conduct::Stalls), (2, Conduct::Trickles(1)), (3, Conduct::Trickles(1))];
    let scene = Scene::new(&conduct);
    let fetching = tokio::spawn(scene.fetch(1, &[1, 2, 3, 4]));
    sleep(4 * BESIDE_WAIT).await;
    scene.town.conduct.lock().unwrap().insert(peer(1), Conduct::Serves);
    let fetched = timeout(20 * BESIDE_WAIT, fetching).await;
    assert_eq!((fetched.unwrap().unwrap(), scene.asked()), (Ok(7), vec![1, 2, 3, 4, 1]));
}

/// A disk that writes nothing before the other end has gone.
struct Stuck(Mutex<std::sync::mpsc::Receiver<()>>);

impl Watcher for Stuck {
    fn permit(&self, change: Change<'_>) -> io::Result<usize> {
        let Change::Write { bytes, .. } = change else { return Ok(0) };
        assert!(self.0.lock().unwrap().recv().is_err(), "nothing is sent");
        Ok(bytes)
    }
}

#[tokio::test(start_paused = true)]
async fn what_has_come_makes_room_for_nobody_while_the_disk_takes_it() {
    let (stuck, until) = std::sync::mpsc::channel();
    let disk = HomeDisk::watched(Arc::new(Stuck(Mutex::new(until))));
    let mut conduct = [1, 2, 3, 4].map(|seed| (seed, Conduct::Trickles(1)));
    conduct[0].1 = Conduct::Serves;
    let scene = Scene::on(&disk, QUOTA_BYTES, &conduct);
    let fetching = tokio::spawn(scene.fetch(1, &[1, 2, 3, 4]));
    settle().await;
    for _ in 0..20 {
        advance(BESIDE_WAIT).await;
        settle().await;
    }
    drop(stuck);
    let fetched = timeout(20 * BESIDE_WAIT, fetching).await;
    assert_eq!((fetched.unwrap().unwrap(), scene.asked()), (Ok(7), vec![1]), "nobody else is needed");
}

#[tokio::test(start_paused = true)]
async fn a_source_that_is_asked_now_is_not_asked_beside_itself_for_who_takes_more() {
    let scene = Scene::new(&[(1, Conduct::IsSlow)]);
    for (most, asked) in [(7, vec![1]), (6, vec![1, 1])] {
        scene.town.log.lock().unwrap().clear();
        let first = tokio::spawn(scene.fetch_within(1, &[1], most));
        settle().await;
        let answers = tokio::join!(first, scene.fetch_within(2, &[1], 8));
        let too_long = Err(Unfetched::TooLong { digest: Digest::of(CONTENT), bytes: 7, max: 6 });
        assert_eq!(answers.0.unwrap(), if most < 7 { too_long } else { Ok(7) });
        assert_eq!((answers.1, scene.asked()), (Ok(7), asked), "once more only where that was too long");
        scene.fetcher.release(job(1));
        scene.fetcher.release(job(2));
        scene.blobs.remove(&Digest::of(CONTENT)).unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_source_that_fails_beside_others_ends_no_fetch() {
    let scene = Scene::new(&[(1, Conduct::Stalls), (2, Conduct::Busy(2))]);
    let fetched = timeout(60 * BESIDE_WAIT, scene.fetch(1, &[1, 2])).await;
    assert_eq!((fetched, scene.asked()), (Ok(Ok(7)), vec![1, 2, 2, 2]));
}

#[tokio::test(start_paused = true)]
async fn who_was_not_asked_yet_comes_before_who_is_asked_again_whoever_joined_with_it() {
    // One that is busy, alone and beside another; who knows of the last source joins before it is asked again.
    let conduct = [(1, Conduct::Stalls), (2, Conduct::Busy(1)), (3, Conduct::Serves)];
    let scenes: [(&[u8], Duration); 2] = [(&[2], BUSY_WAIT / 2), (&[1, 2], 3 * BESIDE_WAIT / 2)];
    for (first, after) in scenes {
        let scene = Scene::new(&conduct);
        let fetching = tokio::spawn(scene.fetch(1, first));
        sleep(after).await;
        let joined = timeout(20 * BESIDE_WAIT, scene.fetch(2, &[3])).await;
        assert_eq!((joined, fetching.await.unwrap()), (Ok(Ok(7)), Ok(7)));
        assert_eq!(scene.asked(), [first, &[3][..]].concat());
    }
}

/// Gets the long blob.
async fn fetch_long(scene: &Scene, from: &[u8]) -> Result<u64, Unfetched> {
    let from = from.iter().map(|seed| peer(*seed)).collect();
    let want = Want { holder: job(1), digest: Digest::of(&long()), from, bytes_max: LONG };
    scene.fetcher.fetch(want).await.map(|blob| blob.bytes)
}

#[tokio::test]
async fn each_source_goes_on_where_the_last_one_ended() {
    let digest = Digest::of(&long());
    let gone = Conduct::Breaks { after: 2, with: FetchError::Absent { digest } };
    let lies = Conduct::Breaks { after: 1, with: FetchError::Corrupt { digest } };
    let scene = Scene::with_room(LONG, &[(1, gone), (2, lies), (3, Conduct::Serves), (4, Conduct::Lies)]);
    assert_eq!(fetch_long(&scene, &[4, 1]).await, Err(Unfetched::Nobody { digest }));
    assert_eq!(fetch_long(&scene, &[2, 3]).await, Ok(long().len() as u64));
    let sent = [(1, 0), (1, 1), (2, 2), (3, 3), (3, 4)];
    assert_eq!(*scene.town.pieces.lock().unwrap(), sent, "no piece twice");
    assert!(scene.blobs.get(&digest).unwrap().unwrap() == long());
}

#[tokio::test(start_paused = true)]
async fn the_only_source_is_asked_again_when_its_connection_was_lost() {
    let digest = Digest::of(&long());
    let lost = |after| Conduct::Breaks { after, with: ExchangeFailure::Broken.into() };
    let scene = Scene::with_room(LONG, &[(1, lost(2)), (2, lost(0))]);
    assert_eq!(fetch_long(&scene, &[1]).await, Ok(long().len() as u64));
    assert_eq!(*scene.town.pieces.lock().unwrap(), [0, 1, 2, 3, 4].map(|piece| (1, piece)));
    scene.fetcher.release(job(1));
    scene.blobs.remove(&digest).unwrap();
    assert_eq!(fetch_long(&scene, &[2]).await, Err(Unfetched::Nobody { digest }), "and not for ever");
}

#[tokio::test]
async fn a_long_blob_needs_its_room_before_any_of_it_comes() {
    let scene = Scene::new(&[(1, Conduct::Serves)]);
    let no_room = Unfetched::NoRoom { need: long().len() as u64, have: 0, limit: QUOTA_BYTES };
    assert_eq!(fetch_long(&scene, &[1]).await, Err(no_room));
    assert_eq!(*scene.town.pieces.lock().unwrap(), []);
}
