//! The asker's end of a connection: any number of calls at a time, each answered when it is ready.
//!
//! **Invariant:** a call that nobody waits for any more is cancelled, behind its question and before the next one; what
//! arrives is never more than was asked for, so reading the connection waits for nobody.

use std::{
    collections::HashMap,
    fmt, io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures::{StreamExt, stream};
use serde::de::DeserializeOwned;
use tokio::{
    io::{AsyncRead, AsyncWrite, BufReader},
    sync::{OwnedSemaphorePermit, Semaphore, mpsc},
    task::AbortHandle,
    time::timeout,
};

use super::{
    CALL_BYTES_MAX, CALLS_MAX, Call, CallError, ConnectError, FrameError, HANDLE_VERSION, PIECE_BYTES_MAX,
    PartStream, Refused, Transit,
    call::Ask,
    frame::{Frame, FrameKind, Hello, queue, write_queued},
};

/// Frames that may wait to be sent: one of each call, and its cancellation.
const QUEUE_FRAMES_MAX: usize = 2 * CALLS_MAX;
/// Messages of one call that may wait for whoever asked. A daemon sends each only when it is asked for.
const INBOX_MESSAGES_MAX: usize = 2;

/// How long a daemon has to say hello.
const HELLO_WAIT: Duration = Duration::from_secs(10);

/// A connection to a daemon. Cheap to clone; it ends when nobody holds it and no call is under way.
#[derive(Clone)]
pub struct Socket {
    link: Arc<Link>,
}

/// What the calls of a connection share.
struct Link {
    queue: mpsc::Sender<Frame>,
    open_calls: Arc<Mutex<OpenCalls>>,
    places: Arc<Semaphore>,
    listening: AbortHandle,
}

impl Drop for Link {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

/// The calls that are under way.
#[derive(Default)]
struct OpenCalls {
    last: u32,
    calls: HashMap<u32, Awaited>,
    /// Why there will be no more answers.
    ended: Option<FrameError>,
}

/// Where what comes for a call goes.
struct Awaited {
    inbox: mpsc::Sender<WholeFrame>,
    gathered: Vec<u8>,
}

/// A whole message.
type WholeFrame = (FrameKind, Vec<u8>);

impl Socket {
    /// Greets whoever is at the other end.
    pub(super) async fn greet(
        mut from: impl AsyncRead + Unpin + Send + 'static,
        mut to: impl AsyncWrite + Unpin + Send + 'static,
    ) -> Result<Self, ConnectError> {
        Hello::ours().write(&mut to).await?;
        let hello = timeout(HELLO_WAIT, Hello::read(&mut from)).await.map_err(|_| silent())??;
        if hello.assay != HANDLE_VERSION {
            return Err(ConnectError::WrongVersion {
                daemon: hello.program,
                theirs: hello.assay,
                ours: HANDLE_VERSION,
            });
        }
        Ok(Self::over(from, to))
    }

    fn over(
        from: impl AsyncRead + Unpin + Send + 'static,
        to: impl AsyncWrite + Unpin + Send + 'static,
    ) -> Self {
        let (queue, queued) = mpsc::channel(QUEUE_FRAMES_MAX);
        let open_calls = Arc::<Mutex<OpenCalls>>::default();
        let (sent, heard) = (Arc::clone(&open_calls), Arc::clone(&open_calls));
        tokio::spawn(async move {
            if let Err(error) = write_queued(queued, to).await {
                lock(&sent).end(error);
            }
        });
        let listening = tokio::spawn(async move {
            let error = listen(from, &heard).await;
            lock(&heard).end(error);
        });
        let places = Arc::new(Semaphore::new(CALLS_MAX));
        Self { link: Arc::new(Link { queue, open_calls, places, listening: listening.abort_handle() }) }
    }

    /// Asks one thing and waits for the answer, or its beginning. Dropping this, or the answer, cancels the call.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn call<C: Call>(&self, call: C) -> Result<C::Answer, CallError> {
        let (ask, attachments) = Ask::pack(call)?;
        let mut open = self.open(ask).await?;
        let mut pieces = attachments.iter().flat_map(|attachment| attachment.0.chunks(PIECE_BYTES_MAX));
        loop {
            match open.receive().await? {
                (FrameKind::Next, _) => {
                    let piece = pieces.next().ok_or_else(misplaced)?;
                    open.send(FrameKind::Part, piece.to_vec()).await?;
                }
                (FrameKind::Answer, body) => {
                    open.close();
                    return Ok(C::Answer::join(parse(&body)?, stream::empty().boxed()));
                }
                (FrameKind::Begin, body) => return Ok(C::Answer::join(parse(&body)?, open.parts())),
                (
                    FrameKind::Ask
                    | FrameKind::Part
                    | FrameKind::Cancel
                    | FrameKind::End
                    | FrameKind::Refused,
                    _,
                ) => return Err(misplaced().into()),
            }
        }
    }

    async fn open(&self, ask: Vec<u8>) -> Result<OpenCall, CallError> {
        let place = Arc::clone(&self.link.places).try_acquire_owned();
        let place = place.map_err(|_| Refused::TooManyCalls { max: CALLS_MAX })?;
        // Kept for the cancellation, which cannot wait for room where a call is dropped.
        let cancel = self.link.queue.clone().reserve_owned().await.map_err(|_| self.link.ended())?;
        let (inbox, messages) = mpsc::channel(INBOX_MESSAGES_MAX);
        let number = lock(&self.link.open_calls).enter(inbox)?;
        let link = Arc::clone(&self.link);
        let open = OpenCall { link, number, messages, cancel: Some(cancel), _place: place };
        open.send(FrameKind::Ask, ask).await?;
        Ok(open)
    }
}

impl fmt::Debug for Socket {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "a connection with {} calls under way", lock(&self.link.open_calls).calls.len())
    }
}

impl Link {
    /// Why there are no more answers.
    fn ended(&self) -> FrameError {
        lock(&self.open_calls).ended.clone().unwrap_or(FrameError::Ended)
    }
}

impl OpenCalls {
    fn enter(&mut self, inbox: mpsc::Sender<WholeFrame>) -> Result<u32, FrameError> {
        if let Some(error) = &self.ended {
            return Err(error.clone());
        }
        self.last = self.last.wrapping_add(1);
        while self.calls.contains_key(&self.last) {
            self.last = self.last.wrapping_add(1);
        }
        self.calls.insert(self.last, Awaited { inbox, gathered: Vec::new() });
        Ok(self.last)
    }

    /// Takes a frame to its call. What comes for a call that was cancelled is of no use.
    fn take(&mut self, frame: Frame) -> Result<(), FrameError> {
        let Some(call) = self.calls.get_mut(&frame.number) else { return Ok(()) };
        let bytes = call.gathered.len() + frame.body.len();
        if bytes > CALL_BYTES_MAX {
            return Err(FrameError::TooLong { bytes, max: CALL_BYTES_MAX });
        }
        if frame.more || !call.gathered.is_empty() {
            call.gathered.extend_from_slice(&frame.body);
        }
        if frame.more {
            return Ok(());
        }
        let gathered = std::mem::take(&mut call.gathered);
        let whole = if gathered.is_empty() { frame.body } else { gathered };
        match call.inbox.try_send((frame.kind, whole)) {
            Ok(()) | Err(mpsc::error::TrySendError::Closed(_)) => Ok(()),
            Err(mpsc::error::TrySendError::Full(_)) => Err(FrameError::malformed("nobody asked for it")),
        }
    }

    /// Tells all that wait that nothing more comes.
    fn end(&mut self, error: FrameError) {
        self.ended.get_or_insert(error);
        self.calls.clear();
    }
}

async fn listen(from: impl AsyncRead + Unpin, open_calls: &Mutex<OpenCalls>) -> FrameError {
    let mut from = BufReader::new(from);
    loop {
        let read = Frame::read(&mut from).await;
        if let Err(error) = read.and_then(|frame| lock(open_calls).take(frame)) {
            return error;
        }
    }
}

/// A call that is under way.
struct OpenCall {
    link: Arc<Link>,
    number: u32,
    messages: mpsc::Receiver<WholeFrame>,
    /// Room for the cancellation; none once the call is over.
    cancel: Option<mpsc::OwnedPermit<Frame>>,
    _place: OwnedSemaphorePermit,
}

impl OpenCall {
    async fn send(&self, kind: FrameKind, body: Vec<u8>) -> Result<(), FrameError> {
        queue(&self.link.queue, kind, self.number, body).await.map_err(|_| self.link.ended())
    }

    /// The next message, if it is no refusal.
    async fn receive(&mut self) -> Result<WholeFrame, CallError> {
        let message = self.messages.recv().await.ok_or_else(|| self.link.ended())?;
        let (FrameKind::Refused, body) = message else { return Ok(message) };
        self.close();
        Err(CallError::Refused(parse(&body)?))
    }

    /// The call is over: there is nothing to cancel.
    fn close(&mut self) {
        self.cancel = None;
    }

    /// The next part of the answer.
    async fn pull(&mut self) -> Result<Option<Vec<u8>>, CallError> {
        self.send(FrameKind::Next, Vec::new()).await?;
        match self.receive().await? {
            (FrameKind::Part, body) => Ok(Some(body)),
            (FrameKind::End, _) => {
                self.close();
                Ok(None)
            }
            (
                FrameKind::Ask
                | FrameKind::Next
                | FrameKind::Cancel
                | FrameKind::Answer
                | FrameKind::Begin
                | FrameKind::Refused,
                _,
            ) => Err(misplaced().into()),
        }
    }

    fn parts(self) -> PartStream {
        let stream = stream::unfold(Some(self), |open| async {
            let mut open = open?;
            match open.pull().await.transpose()? {
                Ok(part) => Some((Ok(part), Some(open))),
                Err(error) => Some((Err(error), None)),
            }
        });
        stream.boxed()
    }
}

impl Drop for OpenCall {
    fn drop(&mut self) {
        lock(&self.link.open_calls).calls.remove(&self.number);
        if let Some(permit) = self.cancel.take() {
            permit.send(Frame::new(FrameKind::Cancel, self.number, Vec::new()));
        }
    }
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, FrameError> {
    Ok(serde_json::from_slice(body)?)
}

/// The failure of a daemon that does not greet.
fn silent() -> FrameError {
    io::Error::from(io::ErrorKind::TimedOut).into()
}

fn misplaced() -> FrameError {
    FrameError::malformed("it is of another kind")
}

fn lock(open_calls: &Mutex<OpenCalls>) -> MutexGuard<'_, OpenCalls> {
    open_calls.lock().unwrap_or_else(PoisonError::into_inner)
}
