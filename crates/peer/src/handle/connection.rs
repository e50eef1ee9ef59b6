//! The daemon's end of a connection: each call is a task of its own, and they wait for nothing but what they need.
//!
//! **Invariant:** at most [`CALLS_MAX`] calls of a connection are under way; a call that is cancelled, or whose connection
//! ends, is dropped where it stands. A part is fetched only when it was asked for, so a slow reader costs no memory.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use assay_protocol::codec::BLOB_BYTES_MAX;
use futures::StreamExt;
use serde_json::Value;
use tokio::{
    io::{AsyncRead, AsyncWrite, BufReader},
    sync::{Semaphore, mpsc},
    task::AbortHandle,
    time::timeout,
};

use super::{
    Attachment, CALLS_MAX, CallError, FrameError, HANDLE_VERSION, INPUT_BYTES_MAX, PIECE_BYTES_MAX,
    PartStream, Refused,
    call::Ask,
    frame::{Frame, FrameKind, Hello, queue, queue_after, write_queued},
};

/// Frames of all calls of a connection that may wait to be sent.
const QUEUE_FRAMES_MAX: usize = 8;
/// Bytes of attachments, of all connections together, that are here before their calls are performed.
pub(super) const ATTACHED_BYTES_MAX: usize = 4 * BLOB_BYTES_MAX;
/// How long a user has to say hello.
const HELLO_WAIT: Duration = Duration::from_secs(5);
/// How long a user has to send the next piece of an attachment.
const PIECE_WAIT: Duration = Duration::from_secs(30);
/// How long a connection that ends waits for its last frames to leave.
const LAST_WAIT: Duration = Duration::from_secs(1);

/// Where calls are answered.
pub(crate) trait Dispatch: Clone + Send + Sync + 'static {
    /// Answers a call by its name.
    fn dispatch(
        &self,
        call: &str,
        with: Value,
        attachments: Vec<Attachment>,
    ) -> impl Future<Output = Result<Dispatched, Refused>> + Send;

    /// Returns once nothing is answered any more.
    fn ended(&self) -> impl Future<Output = ()> + Send;
}

/// An answer on its way to a socket.
pub(crate) struct Dispatched {
    /// What is said at once, as JSON.
    pub(crate) head: Vec<u8>,
    /// What follows it.
    pub(crate) parts: Option<PartStream>,
}

/// Serves one user until it leaves or the daemon ends.
pub(super) async fn attend(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin + Send + 'static,
    dispatch: impl Dispatch,
    room: Arc<Semaphore>,
) -> Result<(), FrameError> {
    Hello::ours().write(&mut to).await?;
    let hello = timeout(HELLO_WAIT, Hello::read(&mut from)).await;
    if hello.map_err(|_| FrameError::Ended)??.assay != HANDLE_VERSION {
        return Ok(());
    }
    let (frames, queued) = mpsc::channel(QUEUE_FRAMES_MAX);
    let mut writing = tokio::spawn(write_queued(queued, to));
    let calls = Calls::default();
    let connection = Connection { frames, calls: calls.clone(), dispatch: dispatch.clone(), room };
    let ended = tokio::select! {
        ended = connection.listen(from) => {
            calls.abort();
            ended
        }
        () = dispatch.ended() => {
            calls.hurry();
            Ok(())
        }
        _ = &mut writing => {
            calls.abort();
            return Ok(());
        }
    };
    drop(connection);
    // The queue ends with the last call.
    if timeout(LAST_WAIT, &mut writing).await.is_err() {
        writing.abort();
        calls.abort();
    }
    ended
}

/// What the calls of a connection share.
#[derive(Clone)]
struct Connection<D> {
    frames: mpsc::Sender<Frame>,
    calls: Calls,
    dispatch: D,
    room: Arc<Semaphore>,
}

impl<D: Dispatch> Connection<D> {
    /// Takes frames to their calls until the user leaves.
    async fn listen(&self, from: impl AsyncRead + Unpin) -> Result<(), FrameError> {
        let mut from = BufReader::new(from);
        loop {
            let frame = Frame::read(&mut from).await?;
            if frame.more {
                return Err(FrameError::malformed("a question is in one frame"));
            }
            let number = frame.number;
            match frame.kind {
                FrameKind::Ask => {
                    if let Err(refused) = self.begin(number, &frame.body)? {
                        let (kind, body) = refusal(&refused)?;
                        queue(&self.frames, kind, number, body).await?;
                    }
                }
                FrameKind::Next => self.calls.tell(number, Wanted::Next)?,
                FrameKind::Part => self.calls.tell(number, Wanted::Piece(frame.body))?,
                FrameKind::Cancel => self.calls.cancel(number),
                FrameKind::Answer | FrameKind::Begin | FrameKind::End | FrameKind::Refused => {
                    return Err(FrameError::malformed("only a daemon says that"));
                }
            }
        }
    }

    /// Begins to answer a call; a second one of the same number is no call.
    fn begin(&self, number: u32, body: &[u8]) -> Result<Result<(), Refused>, FrameError> {
        let mut calls = self.calls.lock();
        if calls.contains_key(&number) {
            return Err(FrameError::malformed("this call is under way"));
        }
        if calls.len() >= CALLS_MAX {
            return Ok(Err(Refused::TooManyCalls { max: CALLS_MAX }));
        }
        let ask: Ask = match serde_json::from_slice(body) {
            Ok(ask) => ask,
            Err(error) => return Ok(Err(Refused::Unreadable { reason: error.to_string() })),
        };
        let (inbox, wanted) = mpsc::channel(1);
        let call = Answering { connection: self.clone(), number, wanted };
        // It cannot be over before it is in the list, which is locked.
        let task = tokio::spawn(call.perform(ask)).abort_handle();
        calls.insert(number, RunningCall { inbox: Some(inbox), task });
        Ok(Ok(()))
    }
}

/// What the user wants of a call that is under way.
enum Wanted {
    /// The next part of the answer.
    Next,
    /// To attach this piece.
    Piece(Vec<u8>),
}

/// A call that is under way.
struct RunningCall {
    /// None once nothing more is taken from the user.
    inbox: Option<mpsc::Sender<Wanted>>,
    task: AbortHandle,
}

/// The calls of a connection that are under way.
#[derive(Clone, Default)]
struct Calls(Arc<Mutex<HashMap<u32, RunningCall>>>);

impl Calls {
    fn lock(&self) -> MutexGuard<'_, HashMap<u32, RunningCall>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Passes something on. What is for a call that is over has crossed its end.
    fn tell(&self, number: u32, wanted: Wanted) -> Result<(), FrameError> {
        let calls = self.lock();
        let Some(inbox) = calls.get(&number).and_then(|call| call.inbox.as_ref()) else { return Ok(()) };
        inbox.try_send(wanted).map_err(|_| FrameError::malformed("the call waits for nothing"))
    }

    fn cancel(&self, number: u32) {
        if let Some(call) = self.lock().remove(&number) {
            call.task.abort();
        }
    }

    fn remove(&self, number: u32) {
        self.lock().remove(&number);
    }

    /// Ends all of them.
    fn abort(&self) {
        self.lock().drain().for_each(|(_, call)| call.task.abort());
    }

    /// Ends those that wait for the user; the others end with what they wait for.
    fn hurry(&self) {
        self.lock().values_mut().for_each(|call| call.inbox = None);
    }
}

/// One call that is being answered.
struct Answering<D> {
    connection: Connection<D>,
    number: u32,
    wanted: mpsc::Receiver<Wanted>,
}

impl<D: Dispatch> Answering<D> {
    async fn perform(mut self, ask: Ask) {
        let last = self.answer(ask).await.or_else(|refused| refusal(&refused));
        let Ok((kind, body)) = last else { return self.connection.calls.remove(self.number) };
        let Connection { frames, calls, .. } = &self.connection;
        // Its place is free before the user can know that it is over, and taken as long as there is something to send.
        let free = || calls.remove(self.number);
        // An error means that the user has left.
        drop(queue_after(frames, kind, self.number, body, free).await);
    }

    /// Answers the call, but for the last message.
    async fn answer(&mut self, ask: Ask) -> Result<(FrameKind, Vec<u8>), Refused> {
        let Dispatched { head, parts } = self.dispatch(ask).await?;
        let Some(mut parts) = parts else { return Ok((FrameKind::Answer, head)) };
        self.send(FrameKind::Begin, head).await?;
        loop {
            match self.wanted.recv().await.ok_or(Refused::Ending)? {
                Wanted::Next => {}
                Wanted::Piece(_) => return Err(unreadable("a piece that belongs to no attachment")),
            }
            match parts.next().await {
                Some(Ok(part)) => self.send(FrameKind::Part, part).await?,
                Some(Err(CallError::Refused(refused))) => return Err(refused),
                Some(Err(CallError::Lost(error))) => return Err(unreadable(&error.to_string())),
                None => return Ok((FrameKind::End, Vec::new())),
            }
        }
    }

    async fn dispatch(&mut self, ask: Ask) -> Result<Dispatched, Refused> {
        let Ask { call, with, attached } = ask;
        let bytes = attached.iter().fold(0_u64, |sum, bytes| sum.saturating_add(*bytes));
        let length = u32::try_from(bytes).ok().filter(|_| bytes <= INPUT_BYTES_MAX as u64);
        let length = length.ok_or(Refused::InputTooLong { bytes, max: INPUT_BYTES_MAX as u64 })?;
        let room = Arc::clone(&self.connection.room);
        let _room = room.acquire_many_owned(length).await.map_err(|_| Refused::Ending)?;
        let mut attachments = Vec::new();
        for length in attached {
            attachments.push(self.attachment(length).await?);
        }
        self.connection.dispatch.dispatch(&call, with, attachments).await
    }

    /// Gets an attachment from the user, piece by piece.
    async fn attachment(&mut self, length: u64) -> Result<Attachment, Refused> {
        let mut bytes = Vec::new();
        while (bytes.len() as u64) < length {
            self.send(FrameKind::Next, Vec::new()).await?;
            let wanted = timeout(PIECE_WAIT, self.wanted.recv()).await;
            let late = || unreadable(&format!("no piece of it came within {} s", PIECE_WAIT.as_secs()));
            match wanted.map_err(|_| late())?.ok_or(Refused::Ending)? {
                Wanted::Piece(piece) if piece.is_empty() || piece.len() > PIECE_BYTES_MAX => {
                    return Err(unreadable("a piece of no bytes, or of too many"));
                }
                Wanted::Piece(piece) => bytes.extend_from_slice(&piece),
                Wanted::Next => return Err(unreadable("the answer has not begun")),
            }
        }
        if bytes.len() as u64 > length {
            return Err(unreadable("an attachment is longer than was announced"));
        }
        Ok(Attachment(bytes))
    }

    /// Sends a message that is not the last.
    async fn send(&self, kind: FrameKind, body: Vec<u8>) -> Result<(), Refused> {
        queue(&self.connection.frames, kind, self.number, body).await.map_err(|_| Refused::Ending)
    }
}

fn refusal(refused: &Refused) -> Result<(FrameKind, Vec<u8>), FrameError> {
    Ok((FrameKind::Refused, serde_json::to_vec(refused)?))
}

fn unreadable(reason: &str) -> Refused {
    Refused::Unreadable { reason: reason.to_owned() }
}
