//! A connection and both of its ends, with calls that do as a test wants.

mod bounds;

use std::{
    future::pending,
    io::Cursor,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures::stream;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::{
    net::{UnixListener, UnixStream},
    sync::{Semaphore, watch},
    task::JoinHandle,
    time::timeout,
};

use super::{connection::attend, *};

/// How long anything may take on a busy machine.
const WAIT_MAX: Duration = Duration::from_secs(240);

/// Never answered.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Sleep;

impl Call for Sleep {
    const NAME: &'static str = "sleep";
    type Answer = ();
}

/// Answered with so many letters.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Spell {
    letters: usize,
}

impl Call for Spell {
    const NAME: &'static str = "spell";
    type Answer = String;
}

/// Answered with one number after another, without end.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Count;

impl Call for Count {
    const NAME: &'static str = "count";
    type Answer = Updates<u64>;
}

/// Answered with what was attached.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Echo {
    first: Attachment,
    second: Option<Attachment>,
}

impl Call for Echo {
    const NAME: &'static str = "echo";
    type Answer = Pieces;

    fn attachments(&mut self) -> Vec<&mut Attachment> {
        [&mut self.first].into_iter().chain(&mut self.second).collect()
    }
}

/// What answers these calls, and what a test can see of it.
#[derive(Clone)]
struct Rig {
    /// Calls that were asked.
    begun: watch::Sender<usize>,
    /// Calls that are being worked for.
    alive: watch::Sender<usize>,
    /// Numbers that were counted, of all calls together.
    counted: Arc<AtomicU64>,
    /// Echoes that were taken whole.
    taken: watch::Sender<usize>,
    ended: watch::Sender<bool>,
}

/// Counts one call as being worked for.
struct Alive(watch::Sender<usize>);

impl Alive {
    fn new(rig: &Rig) -> Self {
        rig.begun.send_modify(|begun| *begun += 1);
        rig.alive.send_modify(|alive| *alive += 1);
        Self(rig.alive.clone())
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.send_modify(|alive| *alive -= 1);
    }
}

impl Dispatch for Rig {
    async fn dispatch(
        &self,
        call: &str,
        with: Value,
        attachments: Vec<Attachment>,
    ) -> Result<Dispatched, Refused> {
        let alive = Alive::new(self);
        match call {
            Sleep::NAME => pending().await,
            Spell::NAME => {
                let spell: Spell = Ask::unpack(with, attachments)?;
                Ok(dispatched("x".repeat(spell.letters)))
            }
            Count::NAME => {
                let counted = Arc::clone(&self.counted);
                Ok(dispatched(Updates::new(stream::unfold((0_u64, alive), move |(next, alive)| {
                    counted.fetch_add(1, Ordering::Relaxed);
                    async move { Some((Ok(next), (next + 1, alive))) }
                }))))
            }
            Echo::NAME => {
                let echo: Echo = Ask::unpack(with, attachments)?;
                let bytes = [echo.first.0, echo.second.unwrap_or_default().0].concat();
                let (length, taken) = (bytes.len() as u64, self.taken.clone());
                let taken = async move { taken.send_modify(|taken| *taken += 1) };
                Ok(dispatched(Pieces::read(Cursor::new(bytes), length, taken)))
            }
            other => Err(Refused::Unreadable { reason: other.to_owned() }),
        }
    }

    async fn ended(&self) {
        self.ended.subscribe().wait_for(|ended| *ended).await.map(drop).unwrap_or(());
    }
}

fn dispatched<T: Transit>(answer: T) -> Dispatched {
    let (head, parts) = answer.split();
    Dispatched { head: serde_json::to_vec(&head).unwrap(), parts }
}

impl Rig {
    fn new() -> Self {
        let [begun, alive, taken] = [0; 3].map(watch::Sender::new);
        Self { begun, alive, counted: Arc::default(), taken, ended: watch::Sender::new(false) }
    }

    /// A connection whose daemon's end is served.
    fn connect(&self) -> (UnixStream, JoinHandle<Result<(), FrameError>>) {
        let (near, far) = UnixStream::pair().unwrap();
        let room = Arc::new(Semaphore::new(connection::ATTACHED_BYTES_MAX));
        let (from, to) = far.into_split();
        (near, tokio::spawn(attend(from, to, self.clone(), room)))
    }

    async fn socket(&self) -> Socket {
        let (from, to) = self.connect().0.into_split();
        Socket::greet(from, to).await.unwrap()
    }

    /// Waits until so many calls are being worked for.
    async fn working_for(&self, calls: usize) {
        let mut alive = self.alive.subscribe();
        in_time(alive.wait_for(|alive| *alive == calls)).await.unwrap();
    }
}

async fn in_time<T>(done: impl Future<Output = T>) -> T {
    timeout(WAIT_MAX, done).await.expect("done in time")
}

/// A call that another task waits for.
fn left_open<C: Call>(socket: &Socket, call: C) -> JoinHandle<Result<C::Answer, CallError>> {
    let socket = socket.clone();
    tokio::spawn(async move { socket.call(call).await })
}

fn noise(bytes: usize) -> Vec<u8> {
    let mut hash = blake3::Hasher::new();
    hash.update(b"noise");
    let mut noise = vec![0; bytes];
    hash.finalize_xof().fill(&mut noise);
    noise
}

fn echo(bytes: Vec<u8>) -> Echo {
    Echo { first: Attachment(bytes), second: None }
}

#[tokio::test]
async fn who_is_hung_up_on_unheard_finds_whoever_comes_next() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::at(folder.path());
    let dying = UnixListener::bind(home.socket()).unwrap();
    let calling = home.clone();
    let connecting = tokio::spawn(async move { Handle::connect(&calling).await });
    let (unheard, _) = in_time(dying.accept()).await.unwrap();
    let mut server = Server::bind(&home).unwrap();
    server.serve(Rig::new());
    drop(unheard);
    assert!(in_time(connecting).await.unwrap().is_ok());
}

#[tokio::test]
async fn who_is_always_hung_up_on_is_told_so_and_where_nobody_is_left_that() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::at(folder.path());
    let rude = UnixListener::bind(home.socket()).unwrap();
    let hanging_up = tokio::spawn(async move {
        loop {
            drop(rude.accept().await.unwrap());
        }
    });
    let refused = in_time(Handle::connect(&home)).await.unwrap_err();
    assert!(matches!(&refused, ConnectError::Broken(error) if error.is_end()), "{refused:?}");
    hanging_up.abort();
    assert!(in_time(hanging_up).await.unwrap_err().is_cancelled());
    let nobody = in_time(Handle::connect(&home)).await.unwrap_err();
    assert!(matches!(nobody, ConnectError::NotRunning { .. }), "{nobody:?}");
}

#[tokio::test]
async fn a_call_that_waits_holds_up_no_other() {
    let (rig, spell) = (Rig::new(), Spell { letters: 3 });
    let socket = rig.socket().await;
    let sleeping = left_open(&socket, Sleep);
    let mut unread = in_time(socket.call(Count)).await.unwrap();
    rig.working_for(2).await;
    for _ in 0..3 {
        assert_eq!(in_time(socket.call(spell)).await.unwrap(), "xxx");
        assert_eq!(in_time(socket.call(echo(vec![7]))).await.unwrap().all().await.unwrap(), [7]);
    }
    assert_eq!(in_time(unread.next()).await.unwrap().unwrap(), 0);
    assert!(!sleeping.is_finished());
}

#[tokio::test]
async fn what_nobody_waits_for_is_not_worked_for() {
    let rig = Rig::new();
    let socket = rig.socket().await;
    let asleep: Vec<_> = (0..CALLS_MAX).map(|_| left_open(&socket, Sleep)).collect();
    rig.working_for(CALLS_MAX).await;
    let refused = in_time(socket.call(Spell { letters: 1 })).await.unwrap_err();
    assert!(matches!(refused, CallError::Refused(Refused::TooManyCalls { max: CALLS_MAX })), "{refused:?}");

    for sleeping in &asleep {
        sleeping.abort();
    }
    rig.working_for(0).await;
    let mut counting = in_time(socket.call(Count)).await.unwrap();
    assert_eq!(in_time(counting.next()).await.unwrap().unwrap(), 0);
    rig.working_for(1).await;
    drop(counting);
    rig.working_for(0).await;
}

#[tokio::test]
async fn what_was_cancelled_frees_its_place_before_the_next_question() {
    let rig = Rig::new();
    let socket = rig.socket().await;
    let asleep: Vec<_> = (1..CALLS_MAX).map(|_| left_open(&socket, Sleep)).collect();
    rig.working_for(CALLS_MAX - 1).await;
    for _ in 0..100 {
        // Each takes the last place.
        drop(in_time(socket.call(Count)).await.unwrap());
        assert_eq!(in_time(socket.call(Spell { letters: 1 })).await.unwrap(), "x");
    }
    drop(asleep);
}

#[tokio::test]
async fn who_leaves_is_not_worked_for() {
    let rig = Rig::new();
    let (socket, other) = (rig.socket().await, rig.socket().await);
    let counting = in_time(socket.call(Count)).await.unwrap();
    let sleeping = left_open(&socket, Sleep);
    let mut others = in_time(other.call(Count)).await.unwrap();
    rig.working_for(3).await;
    drop(socket);
    sleeping.abort();
    rig.working_for(2).await;
    drop(counting);
    rig.working_for(1).await;
    assert_eq!(in_time(others.next()).await.unwrap().unwrap(), 0);
}

#[tokio::test]
async fn a_slow_reader_makes_nothing_pile_up() {
    let rig = Rig::new();
    let socket = rig.socket().await;
    let mut counting = in_time(socket.call(Count)).await.unwrap();
    for expected in 0..5 {
        assert_eq!(in_time(counting.next()).await.unwrap().unwrap(), expected);
        // The daemon had every opportunity to run ahead.
        assert_eq!(in_time(socket.call(Spell { letters: 1 })).await.unwrap(), "x");
        assert_eq!(rig.counted.load(Ordering::Relaxed), expected + 1);
    }
}

#[tokio::test]
async fn an_answer_that_waits_may_be_waited_for_anew() {
    let rig = Rig::new();
    let socket = rig.socket().await;
    let mut counting = in_time(socket.call(Count)).await.unwrap();
    for expected in 0..50 {
        // Dropped half way, now and then.
        for _ in 0..expected % 3 {
            let mut next = Box::pin(counting.next());
            if let Some(early) = futures::FutureExt::now_or_never(&mut next) {
                panic!("{early:?} came before it was asked for");
            }
        }
        assert_eq!(in_time(counting.next()).await.unwrap().unwrap(), expected);
    }
}

#[tokio::test]
async fn bytes_go_through_as_they_are() {
    let rig = Rig::new();
    let socket = rig.socket().await;
    let piece = PIECE_BYTES_MAX;
    for bytes in [0, 1, piece - 1, piece, piece + 1, 3 * piece, INPUT_BYTES_MAX] {
        let sent = noise(bytes);
        let pieces = in_time(socket.call(echo(sent.clone()))).await.unwrap();
        assert_eq!(pieces.bytes(), bytes as u64);
        assert!(in_time(pieces.all()).await.unwrap() == sent, "{bytes} bytes");
    }
    let both = Echo { first: Attachment(noise(piece + 9)), second: Some(Attachment(noise(5))) };
    let back = in_time(socket.call(both)).await.unwrap().all().await.unwrap();
    assert!(back == [noise(piece + 9), noise(5)].concat());
    for letters in [0, FRAME_BYTES_MAX - 2, FRAME_BYTES_MAX - 1, 2 * FRAME_BYTES_MAX - 2, 1_000_000] {
        assert_eq!(in_time(socket.call(Spell { letters })).await.unwrap().len(), letters);
    }
}

#[tokio::test]
async fn bytes_count_as_taken_once_all_of_them_were() {
    let rig = Rig::new();
    let socket = rig.socket().await;
    let mut pieces = in_time(socket.call(echo(noise(2 * PIECE_BYTES_MAX)))).await.unwrap();
    for _ in 0..2 {
        assert_eq!(in_time(pieces.next()).await.unwrap().unwrap().len(), PIECE_BYTES_MAX);
    }
    assert_eq!(in_time(socket.call(Spell { letters: 1 })).await.unwrap(), "x");
    assert_eq!(*rig.taken.borrow(), 0, "the last piece may be lost yet");
    drop(pieces);
    rig.working_for(0).await;
    assert_eq!(*rig.taken.borrow(), 0);

    let pieces = in_time(socket.call(echo(noise(2 * PIECE_BYTES_MAX)))).await.unwrap();
    in_time(pieces.all()).await.unwrap();
    assert_eq!(*rig.taken.borrow(), 1);
}

#[tokio::test]
async fn a_daemon_that_ends_says_so() {
    let rig = Rig::new();
    let (stream, attending) = rig.connect();
    let (from, to) = stream.into_split();
    let socket = Socket::greet(from, to).await.unwrap();
    let mut counting = in_time(socket.call(Count)).await.unwrap();
    assert_eq!(in_time(counting.next()).await.unwrap().unwrap(), 0);
    rig.ended.send_replace(true);
    in_time(attending).await.unwrap().unwrap();
    let end = in_time(counting.next()).await.unwrap().unwrap_err();
    assert!(matches!(end, CallError::Refused(Refused::Ending)), "{end:?}");
    assert!(counting.next().await.is_none());
    let lost = in_time(socket.call(Spell { letters: 1 })).await.unwrap_err();
    assert!(matches!(lost, CallError::Lost(_)), "{lost:?}");
    rig.working_for(0).await;
}
