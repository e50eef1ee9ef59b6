//! The way to a daemon: what the command line and the gateway may ask of it, over a socket in its home or in its process.
//!
//! Each thing that can be asked is a type, a [`Call`], which names the type of its answer; how it is answered stands
//! beside it, in `driver/calls`. On a socket a call is a question in JSON with bytes beside it, and an answer is a value,
//! or a head and then parts that come when they are asked for. Any number of calls share a connection.
//!
//! **Invariant:** whoever can open the socket owns the peer, so the socket is its owner's alone; no call shows the key. A
//! call that waits holds up no other.

mod call;
mod connection;
mod frame;
mod local;
mod offer_refused;
mod providers_away;
mod refused;
mod return_wait;
mod server;
mod socket;
#[cfg(test)]
mod tests;
mod transit;

pub(crate) use self::{
    call::Ask,
    connection::{Dispatch, Dispatched},
    refused::short,
    server::Server,
};
pub use self::{
    call::{Attachment, Call, CallError},
    frame::{CALL_BYTES_MAX, FRAME_BYTES_MAX, FrameError, HANDLE_VERSION},
    local::Local,
    offer_refused::OfferRefused,
    providers_away::ProvidersAway,
    refused::{ModelRefused, Refused},
    return_wait::watch_again,
    socket::Socket,
    transit::{ByteFlow, PIECE_BYTES_MAX, PartStream, Pieces, Transit, Updates},
};
pub use crate::driver::{
    calls::{
        AccountOrder, AddModel, AddOffered, AllowRunners, AuditNotary, Audited, AuditedGrant, BenchModel,
        BenchView, BenchedModel, BlockedView, CancelJob, CancelWaiting, CancelledView, ChangeBlocked,
        ChangeLimits, ChangePrice, ClassView, ClosedServing, Demanded, DeviceSlots, DevicesView,
        DisallowRunners, DisputeJob, DisputedView, EarnedDay, EarnedSum, EarnedView, ExplainJob, Explained,
        ExportJournal, FindModel, FoundModel, GrantCredits, GrantedView, HearJob, HeedSettings,
        InstructNotary, InstructedView, JOBS_LISTED_MAX, JobPage, JobPart, JobView, KNOWN_JOBS_MAX, KeepFile,
        KeptReceipt, KnownJob, KnownJobs, LeftOut, Limited, LimitsView, ListBlocked, ListDevices, ListDue,
        ListEarned, ListHeldMoney, ListJobs, ListModels, ListOffered, ListOffers, ListReceipts, ListResting,
        ListRuns, ListedModel, LookAtMachine, LookForNotary, LostNotary, MachineView, MeasureOffered,
        MeasuredModel, Measurement, ModelAllowance, ModelList, ModelSample, ModelView, OfferView,
        OfferedModel, PageJobs, PauseProviding, PriceView, Provide, Providing, PublishModels, PublishedView,
        PullModel, PullSource, QuoteJob, RECEIPTS_LISTED_MAX, ReadHeld, ReadOutput, ReadReceipt, ReceiptPage,
        ReceiptPlace, RemoveModel, RemoveOffered, Repriced, ResumeProviding, RetriedView, RetryJob, Rivals,
        RunnerView, STATEMENT_WAIT, ServedJob, ServiceView, ServiceWish, SeverPeers, ShowAccount, ShowBooks,
        ShowDemand, ShowJob, ShowLimits, ShowPriceHistory, ShowPrices, ShowRules, ShowStatus, ShowTemplate,
        Shutdown, Sighting, StatusView, StopProviding, Submit, SubmittedView, SumEarned, TellChances,
        TemplateView, ToldChances, UnfitModel, Update, WatchUpdates, WithdrawModels, WorkYardstick,
    },
    history::{Dated, EVENTS_KEPT_MAX},
    journal_copy::{CopyError, audit_copy},
    names::ModelSource,
    prepare::units_assumed,
    provider_signs::RestingProvider,
    responder::{Respond, Responder},
};
pub use crate::{
    price_history::{PriceSpan, PricedModel},
    sensors::{CardReading, ProcessorReading},
};
pub use assay_runtime::chances::{CHANCES_MAX, TokenChance, WrittenChance};

use std::{
    io,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use assay_protocol::codec::BLOB_BYTES_MAX;
use tokio::time::sleep;

use crate::{config::Home, executor::SALT_BYTES, system};

/// Calls at a time on one connection.
pub const CALLS_MAX: usize = 128;
/// Bytes in the longest input; so many may travel beside one call.
pub const INPUT_BYTES_MAX: usize = BLOB_BYTES_MAX - SALT_BYTES;

/// How long somebody who hangs up before it has said anything is tried again. A process that was killed takes calls for as
/// long as one that it was just starting has its socket open, and answers none.
const HUNG_UP_WAIT: Duration = Duration::from_secs(1);
/// Between two tries.
const HUNG_UP_STEP: Duration = Duration::from_millis(20);

/// Why there is no way to a daemon.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// Nobody listens on the socket.
    #[error("no daemon is running in {}", home.display())]
    NotRunning {
        /// The home that was tried.
        home: PathBuf,
    },
    /// The daemon speaks another version.
    #[error("the daemon is version {daemon} and speaks protocol {theirs}, this program speaks {ours}")]
    WrongVersion {
        /// The daemon's program version.
        daemon: String,
        /// The daemon's protocol.
        theirs: u32,
        /// Ours.
        ours: u32,
    },
    /// The socket belongs to somebody else.
    #[error("the daemon's socket {} is not yours to use", socket.display())]
    Forbidden {
        /// Which socket.
        socket: PathBuf,
    },
    /// No socket can have this name, which is too long for one: no daemon listens there, and none could.
    #[error("cannot listen on {}: {error}", socket.display())]
    Unnameable {
        /// Which socket.
        socket: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// Something else listens there, or the connection failed.
    #[error("the daemon does not answer: {0}")]
    Broken(#[from] FrameError),
}

/// The way to one daemon. Cheap to clone.
#[derive(Clone, Debug)]
#[allow(clippy::large_enum_variant, reason = "there are few, and a box would cost an allocation a clone")]
pub enum Handle {
    /// Over the socket in its home.
    Socket(Socket),
    /// In the same process.
    Local(Local),
}

impl Handle {
    /// Finds the daemon of `home`.
    ///
    /// # Errors
    /// [`ConnectError`], by which a program knows whether to start a daemon.
    pub async fn connect(home: &Home) -> Result<Self, ConnectError> {
        let deadline = Instant::now() + HUNG_UP_WAIT;
        loop {
            match reach(home).await {
                // Whoever that was may be gone, and somebody else there soon.
                Err(ConnectError::Broken(error)) if error.is_end() && Instant::now() < deadline => {
                    sleep(HUNG_UP_STEP).await;
                }
                reached => return reached.map(Self::Socket),
            }
        }
    }

    /// Asks one thing and waits for the answer, or its beginning. Dropping this, or the answer, cancels the call; the
    /// daemon then stops working for it.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn call<C: Respond>(&self, call: C) -> Result<C::Answer, CallError> {
        match self {
            Self::Socket(socket) => socket.call(call).await,
            Self::Local(local) => local.call(call).await,
        }
    }
}

async fn reach(home: &Home) -> Result<Socket, ConnectError> {
    let socket = home.socket();
    // Said at once: a daemon that is started there finds it out in vain.
    if let Err(error) = system::nameable(&unnamed(&socket)) {
        return Err(ConnectError::Unnameable { socket, error });
    }
    let (from, to) = system::connect(&socket).await.map_err(|error| unreached(error, home))?;
    Socket::greet(from, to).await
}

/// What a socket is called until it is its owner's alone.
fn unnamed(socket: &Path) -> PathBuf {
    socket.with_extension("new")
}

fn unreached(error: io::Error, home: &Home) -> ConnectError {
    if error.kind() == io::ErrorKind::PermissionDenied {
        return ConnectError::Forbidden { socket: home.socket() };
    }
    let nobody = matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused);
    match nobody {
        true => ConnectError::NotRunning { home: home.root().to_owned() },
        false => ConnectError::Broken(error.into()),
    }
}
