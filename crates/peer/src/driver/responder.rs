//! What calls are answered with: a way to the loop, and what can be used beside it.
//!
//! **Invariant:** a call is answered in a task of its own or its asker's, never on the loop; it visits the loop for what
//! the loop alone knows or may do, and the loop does nothing for a call that nobody waits for any more.

use std::{fmt, fs::File, io, sync::Arc};

use assay_protocol::{
    codec::BLOB_BYTES_MAX,
    genesis::Genesis,
    id::{Digest, PeerId},
};
use futures::future::BoxFuture;
use serde_json::Value;
use tokio::sync::{Semaphore, broadcast, mpsc, oneshot};

use super::{Driver, Visible, calls, live_settings::LiveSettings, open_models::OpenModels, pinned::Pinned};
use crate::{
    asked_notaries::AskedNotaries,
    blobs::{BlobError, Blobs},
    companion::CompanionPlace,
    executor::Executor,
    handle::{Ask, Attachment, Call, Dispatch, Dispatched, Pieces, Refused, Transit, Update},
    heard_texts::HeardTexts,
    journal::Broken,
    network::Network,
    price_history::keeper::PriceBoard,
    room::DiskRoom,
    sensors::Lookout,
    store::Store,
};

/// Visits that may wait for the loop.
pub(super) const VISITS_MAX: usize = 64;
/// Long pieces of work for users at a time, those included that nobody waits for any more.
const WORKS_MAX: usize = 8;

/// A call that knows how it is answered.
pub trait Respond: Call {
    /// Answers it.
    fn respond(
        self,
        responder: &Responder,
    ) -> impl Future<Output = Result<<Self as Call>::Answer, Refused>> + Send;
}

/// What a call has the loop do.
pub(crate) type Visit = Box<dyn for<'a> FnOnce(&'a mut Driver) -> BoxFuture<'a, Result<(), Broken>> + Send>;

/// What calls are answered with. Cheap to clone.
#[derive(Clone)]
pub struct Responder {
    pub(super) visits: mpsc::Sender<Visit>,
    /// Ends with the loop.
    pub(super) updates: broadcast::WeakSender<Arc<Update>>,
    pub(super) own: PeerId,
    pub(super) genesis: Arc<Genesis>,
    pub(super) settings: LiveSettings,
    pub(super) network: Network,
    pub(super) store: Store,
    pub(super) executor: Executor,
    pub(super) pinned: Arc<Pinned>,
    pub(super) open_models: OpenModels,
    pub(super) works: Arc<Semaphore>,
    pub(super) room: DiskRoom,
    pub(super) lookout: Lookout,
    pub(crate) beside: BesideLoop,
}

/// What goes on beside the loop, and does not concern it. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct BesideLoop {
    /// What runs beside the daemon in its process.
    pub(crate) companions: CompanionPlace,
    /// What models were offered for.
    pub(crate) prices: PriceBoard,
    /// What was heard of this client's submissions.
    pub(crate) heard: HeardTexts<Digest>,
    /// What came of asking notaries what this peer's account holds.
    pub(crate) asked: AskedNotaries,
}

impl fmt::Debug for Responder {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "the daemon of {}", self.own)
    }
}

impl Responder {
    /// Places for works, all of them free.
    pub(super) fn works() -> Arc<Semaphore> {
        Arc::new(Semaphore::new(WORKS_MAX))
    }

    /// Whether the disk has room for something new.
    pub(super) fn takes_new(&self) -> Result<(), Refused> {
        let (free, floor) = (self.room.free(), self.room.floor());
        if self.room.is_short() { Err(Refused::NoRoom { free, floor }) } else { Ok(()) }
    }

    /// Looks at the loop's state.
    pub(super) async fn look<T: Send + 'static>(
        &self,
        view: impl FnOnce(&mut Driver) -> T + Send + 'static,
    ) -> Result<T, Refused> {
        self.act(|driver| {
            let seen = view(driver);
            Box::pin(async { Ok(seen) })
        })
        .await
    }

    /// Has the loop do something.
    pub(super) async fn act<T, F>(&self, act: F) -> Result<T, Refused>
    where
        T: Send + 'static,
        F: for<'a> FnOnce(&'a mut Driver) -> BoxFuture<'a, Result<T, Broken>> + Send + 'static,
    {
        let (reply, done) = oneshot::channel();
        let visit: Visit = Box::new(move |driver| {
            Box::pin(async move {
                if !reply.is_closed() {
                    // An error means that its user has just left.
                    drop(reply.send(act(driver).await?));
                }
                Ok(())
            })
        });
        self.visits.send(visit).await.map_err(|_| Refused::Ending)?;
        done.await.map_err(|_| Refused::Ending)
    }

    /// Has the loop do something, and waits until what it saved is on the disk.
    pub(super) async fn act_and_save<T, F>(&self, act: F) -> Result<T, Refused>
    where
        T: Send + 'static,
        F: for<'a> FnOnce(&'a mut Driver) -> BoxFuture<'a, Result<T, Broken>> + Send + 'static,
    {
        let (saved, durable) = oneshot::channel();
        let done = self.act(|driver| {
            Box::pin(async move {
                let done = act(driver).await?;
                driver.let_out(Visible::Saved(saved)).await;
                Ok(done)
            })
        });
        let done = done.await?;
        durable.await.map_err(|_| Refused::Ending)?;
        Ok(done)
    }

    /// What happens from now on.
    pub(super) fn updates(&self) -> Result<broadcast::Receiver<Arc<Update>>, Refused> {
        Ok(self.updates.upgrade().ok_or(Refused::Ending)?.subscribe())
    }

    /// The notary that is meant.
    pub(super) fn notary(&self, wished: Option<PeerId>) -> Result<PeerId, Refused> {
        wished.or_else(|| self.genesis.notaries.first().copied()).ok_or(Refused::NoNotary)
    }

    /// Has a thread of its own work that may take long. The work may look whether somebody waits for it still; it keeps
    /// its place until it is done.
    pub(super) async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce(&dyn Fn() -> bool) -> T + Send + 'static,
    ) -> Result<T, Refused> {
        let place = Arc::clone(&self.works).acquire_owned().await.map_err(|_| Refused::Ending)?;
        let (reply, done) = oneshot::channel();
        tokio::task::spawn_blocking(move || {
            let _place = place;
            let result = work(&|| !reply.is_closed());
            // An error means that its user has left.
            drop(reply.send(result));
        });
        done.await.map_err(|_| Refused::Ending)
    }

    /// A blob, piece by piece; `taken` is performed once all of it was taken.
    pub(super) async fn blob(
        &self,
        digest: Digest,
        taken: impl Future<Output = ()> + Send + 'static,
    ) -> Result<Pieces, Refused> {
        let (file, bytes) = self.opened(digest).await?;
        if bytes > BLOB_BYTES_MAX as u64 {
            return Err(Refused::Disk { reason: BlobError::TooLong { bytes }.to_string() });
        }
        Ok(Pieces::read(file, bytes, taken))
    }

    /// A blob of any length, piece by piece, for whoever only looks at it.
    pub(super) async fn held(&self, digest: Digest) -> Result<Pieces, Refused> {
        let (file, bytes) = self.opened(digest).await?;
        Ok(Pieces::read(file, bytes, async {}))
    }

    /// The file of a blob, and its length.
    async fn opened(&self, digest: Digest) -> Result<(tokio::fs::File, u64), Refused> {
        let blobs = self.store.blobs.clone();
        let opened = self.work(move |_| open(&blobs, &digest)).await?;
        let opened = opened.map_err(|error| Refused::Disk { reason: error.to_string() })?;
        let (file, bytes) = opened.ok_or(Refused::BlobAbsent { digest })?;
        Ok((tokio::fs::File::from_std(file), bytes))
    }

    /// A receipt, piece by piece.
    pub(super) async fn receipt(&self, digest: Digest) -> Result<Pieces, Refused> {
        let store = self.store.clone();
        let found = self.work(move |_| store.get(&digest)).await?;
        let found = found.map_err(|error| Refused::Disk { reason: error.to_string() })?;
        let bytes = found.ok_or(Refused::BlobAbsent { digest })?;
        let length = bytes.len() as u64;
        Ok(Pieces::read(io::Cursor::new(bytes), length, async {}))
    }
}

/// The file of a blob, whose bytes were checked, and its length. Once it is open it may make room for others.
fn open(blobs: &Blobs, digest: &Digest) -> Result<Option<(File, u64)>, BlobError> {
    let Some(path) = blobs.path(digest)? else { return Ok(None) };
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened?,
    };
    let bytes = file.metadata()?.len();
    Ok(Some((file, bytes)))
}

impl Dispatch for Responder {
    async fn dispatch(
        &self,
        call: &str,
        with: Value,
        attachments: Vec<Attachment>,
    ) -> Result<Dispatched, Refused> {
        let route = calls::ROUTES.iter().find(|route| route.name == call);
        let route =
            route.ok_or_else(|| Refused::Unreadable { reason: format!("nothing is called {call}") })?;
        (route.answer)(self, with, attachments).await
    }

    async fn ended(&self) {
        self.visits.closed().await;
    }
}

/// An answer that is being worked out.
type Dispatching<'a> = BoxFuture<'a, Result<Dispatched, Refused>>;

/// From the name of a call to its answer.
pub(super) struct Route {
    pub(super) name: &'static str,
    answer: fn(&Responder, Value, Vec<Attachment>) -> Dispatching<'_>,
}

impl Route {
    /// The route to this call.
    pub(super) const fn to<C: Respond>() -> Self {
        Self { name: C::NAME, answer: answer::<C> }
    }
}

fn answer<C: Respond>(responder: &Responder, with: Value, attachments: Vec<Attachment>) -> Dispatching<'_> {
    Box::pin(async move {
        let call: C = Ask::unpack(with, attachments)?;
        let (head, parts) = call.respond(responder).await?.split();
        let head = serde_json::to_vec(&head);
        let head = head.map_err(|error| Refused::Unreadable { reason: error.to_string() })?;
        Ok(Dispatched { head, parts })
    })
}
