//! What a daemon, a home or a network file has to say, as failures.

use std::path::Path;

use assay_market::{command::NotGranted, submission::OverDay};
use assay_peer::{
    config::{ConfigError, Home, KeyError},
    handle::{CallError, ConnectError, ModelRefused, OfferRefused, Refused},
};
use serde_json::json;

use super::{CommandError, Exit, daemon::SHORTER_HOME};
use crate::printer::shell_path;

/// A job may cost more than is left of what the home may spend a day.
const OVER_DAY: &str = "OVER_DAY";
/// What helps then.
const RAISE_DAY: &str = "`assay config set client.daily_max CREDITS` raises it from the next order on; a day begins at midnight, universal time (UTC)";

/// The same for a job that was taken before.
pub(crate) fn over_day(over: OverDay) -> CommandError {
    CommandError::new(Exit::Money, OVER_DAY, over, RAISE_DAY)
}

/// What helps where the disk has too little room.
const FREE_ROOM: &str =
    "free some space, or lower daemon.free_bytes_min in the home's config.toml; open jobs go on";
/// What mends a settings file.
const MEND_SETTINGS: &str =
    "correct it with `assay config edit`, or take the key out with `assay config unset KEY`";

impl From<ConnectError> for CommandError {
    fn from(error: ConnectError) -> Self {
        let (exit, code, hint) = match &error {
            ConnectError::NotRunning { .. } => {
                (Exit::Daemon, "NO_DAEMON", "start it with `assay up`, or leave out --no-start")
            }
            ConnectError::WrongVersion { .. } => (
                Exit::Daemon,
                "WRONG_VERSION",
                "end it with its own `assay down` and start this version's with `assay up`",
            ),
            ConnectError::Forbidden { .. } => (
                Exit::Forbidden,
                "FORBIDDEN",
                "run this as the user who started the daemon, or choose another --home",
            ),
            ConnectError::Unnameable { .. } => (Exit::Forbidden, "SOCKET", SHORTER_HOME),
            ConnectError::Broken(_) => {
                (Exit::Daemon, "DAEMON_LOST", "end the daemon with `assay down` and start it with `assay up`")
            }
        };
        Self::new(exit, code, &error, hint)
    }
}

impl From<CallError> for CommandError {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Refused(refused) => refused.into(),
            CallError::Lost(_) => lost(&error),
        }
    }
}

/// The daemon went away while it was being asked.
pub(crate) fn lost(error: &impl std::fmt::Display) -> CommandError {
    CommandError::new(
        Exit::Daemon,
        "DAEMON_LOST",
        error,
        "start it again with `assay up`; it goes on where it was, and `assay job ls` shows how far that is",
    )
    .retryable()
}

impl From<Refused> for CommandError {
    fn from(refused: Refused) -> Self {
        let (exit, code, hint) = explain(&refused);
        let failure = Self::new(exit, code, &refused, hint).with(json!({ "daemon_said": refused }));
        let failure = if let Refused::Paid { job } | Refused::NotOver { job } | Refused::InVain { job, .. } =
            &refused
        {
            failure.of_job(job)
        } else {
            failure
        };
        let passes = matches!(
            refused,
            Refused::NoAnswer { .. }
                | Refused::Unreachable { .. }
                | Refused::Ending
                | Refused::TooManyJobs
                | Refused::TooManyCalls { .. }
        );
        if passes { failure.retryable() } else { failure }
    }
}

const SAY_THE_SAME: &str =
    "take another key, or say the same as the first time: the same command again is the same job";
const OTHER_INPUT: &str =
    "`assay run` orders it with another input; `assay job retry JOB --force` orders it as it was";
const ORDER_ANEW: &str = "`assay job result JOB` prints what was bought; `assay run` orders anew";
const SHOW_JOB: &str = "`assay job show JOB` says how far it is, and what became of it";
const ALL_NAMES: &str = "`assay job ls` lists the jobs of this home, and with --json their whole names";
const START_THIS_VERSION: &str = "end the daemon with `assay down` and start this version's with `assay up`";

fn explain(refused: &Refused) -> (Exit, &'static str, &'static str) {
    match refused {
        Refused::UnknownManifest { .. } => {
            (Exit::NotFound, "UNKNOWN_MODEL", "`assay model ls` and `assay offers` list what there is")
        }
        Refused::Model(refused) => explain_model(refused),
        Refused::Offer(refused) => explain_offer(refused),
        Refused::UnknownJob { .. } => {
            (Exit::NotFound, "UNKNOWN_JOB", "`assay job ls` lists the jobs of this home")
        }
        Refused::Ambiguous { .. } | Refused::TooFewDigits { .. } => (Exit::Usage, "AMBIGUOUS", ALL_NAMES),
        Refused::BlobAbsent { .. } => {
            (Exit::NotFound, "BLOB_ABSENT", "it may have made room; `assay job show` says what is still here")
        }
        Refused::NoReceipt => (Exit::NotFound, "NO_RECEIPT", "it has one once it is closed"),
        Refused::NotYet { .. } => {
            (Exit::TimedOut, "NOT_YET", "it is asked for further: saying it again does it twice")
        }
        Refused::NotCarriedOut { .. } => (Exit::Money, "NOT_DONE", "`assay account show` says what there is"),
        Refused::NotGranted { reason } => explain_not_granted(*reason),
        Refused::NotCancelled { .. } => (Exit::Usage, "NOT_CANCELLED", SHOW_JOB),
        Refused::NotDisputed { .. } => (Exit::Usage, "NOT_DISPUTED", SHOW_JOB),
        Refused::NotOver { .. } => {
            (Exit::Usage, "NOT_OVER", "`assay job wait JOB` waits for it, and `assay job cancel JOB` ends it")
        }
        Refused::Paid { .. } => (Exit::Usage, "PAID", ORDER_ANEW),
        Refused::InVain { .. } => (Exit::Usage, "IN_VAIN", OTHER_INPUT),
        Refused::Forgotten { .. } => (Exit::NotFound, "FORGOTTEN", "order it anew with `assay run`"),
        Refused::InputTooLong { .. } => (Exit::Usage, "INPUT_TOO_LONG", "send a smaller input, or split it"),
        Refused::KeyInUse => (Exit::Usage, "KEY_IN_USE", SAY_THE_SAME),
        Refused::TooMuchToOffer => {
            (Exit::Usage, "TOO_MUCH_TO_OFFER", "offer fewer models at a time: 16 at most, with short names")
        }
        Refused::TooManyJobs => {
            (Exit::Other, "TOO_MANY_JOBS", "wait until some are over; `assay job ls` lists them")
        }
        Refused::NotANotary => (Exit::Usage, "NOT_A_NOTARY", "`assay notary audit` works from any peer"),
        Refused::NoNotary => (Exit::Usage, "NO_NOTARY", "the network file must name one under `notaries`"),
        Refused::NoAnswer { .. } | Refused::Unreachable { .. } | Refused::Unheard { .. } => {
            (Exit::NoPeers, "NO_ANSWER", "look at `assay status`: is anybody connected? Then try again")
        }
        Refused::PartAbsent { .. } => {
            (Exit::NotFound, "PART_ABSENT", "stay connected and try again, or `assay model pull` it")
        }
        Refused::BlobsFull { .. } => {
            (Exit::Other, "BLOBS_FULL", "raise daemon.blob_bytes_max in config.toml, and start it again")
        }
        Refused::TestFailed { .. } => {
            (Exit::JobFailed, "SELF_TEST_FAILED", "daemon.log in the home says what the sandbox reported")
        }
        Refused::NotListening { .. } => (Exit::Other, "NOT_LISTENING", "start `assay up --listen ADDR`"),
        Refused::NoClass { .. } => {
            (Exit::Other, "NO_CLASS", "`assay doctor` tries the sandbox and the engines, and says what fails")
        }
        Refused::NothingToOffer => (Exit::Usage, "NOTHING_TO_OFFER", "name one: `assay provide digits`"),
        Refused::NotOffering => (Exit::Usage, "NOT_OFFERING", "`assay provide` offers something"),
        Refused::NoRoom { .. } => (Exit::Other, "NO_ROOM", FREE_ROOM),
        Refused::OverDay(_) => (Exit::Money, OVER_DAY, RAISE_DAY),
        Refused::BadSettings { .. } => (Exit::Usage, "BAD_SETTINGS", MEND_SETTINGS),
        Refused::Disk { .. } => (Exit::Other, "DISK", "free some space in the home and try again"),
        Refused::TooManyCalls { .. } => {
            (Exit::Other, "TOO_MANY_CALLS", "wait until some questions are answered, and ask again")
        }
        Refused::Ending => {
            (Exit::Daemon, "DAEMON_ENDING", "wait a moment and start it again with `assay up`")
        }
        Refused::Unreadable { .. } => (Exit::Daemon, "WRONG_VERSION", START_THIS_VERSION),
    }
}

fn explain_offer(refused: &OfferRefused) -> (Exit, &'static str, &'static str) {
    match refused {
        OfferRefused::NoPrice { .. } => {
            (Exit::Usage, "NO_PRICE", "`assay provider price MODEL` says what others ask, and what to ask")
        }
        OfferRefused::NotOffered { .. } => (
            Exit::NotFound,
            "NOT_OFFERED",
            "`assay provider models` lists what is; `assay provider models add` offers one more",
        ),
        OfferRefused::Last { .. } => {
            (Exit::Usage, "LAST_MODEL", "`assay finish` ends the offer; or add another one first")
        }
        OfferRefused::TooManySlots { .. } => (
            Exit::Usage,
            "TOO_MANY_SLOTS",
            "take on as many as can run here: `assay provider limits` says how many that are",
        ),
        OfferRefused::RunnerNotAllowed { .. } => (
            Exit::Forbidden,
            "RUNNER_NOT_ALLOWED",
            "if you trust the sandbox with it: `assay provider allow MODEL`",
        ),
        OfferRefused::RunnerNotYours { .. } => {
            (Exit::Usage, "RUNNER_NOT_YOURS", "`assay provider allow` says on whose word each runs")
        }
        OfferRefused::RunnerInUse { .. } => (
            Exit::Usage,
            "RUNNER_IN_USE",
            "`assay provider models rm MODEL` takes it off the offer, or `assay finish` ends it; then say it again",
        ),
        OfferRefused::TooManyBlocked { .. } => (
            Exit::Usage,
            "TOO_MANY_BLOCKED",
            "`assay provider unblock` those first that order nothing any more",
        ),
    }
}

fn explain_not_granted(reason: NotGranted) -> (Exit, &'static str, &'static str) {
    match reason {
        NotGranted::NotTheIssuer => (
            Exit::Forbidden,
            "NOT_THE_ISSUER",
            "whoever founded the network can; `assay account show` says what there is",
        ),
        NotGranted::HeldBack => (
            Exit::NoPeers,
            "HELD_BACK",
            "it goes on once a peer answers; `assay up --alone` waits for nobody beyond 10 s",
        ),
        NotGranted::Made { .. } => (
            Exit::Usage,
            "GRANT_MADE",
            "what it created is there: compare with what `assay notary audit` says before you create more",
        ),
        NotGranted::Serial { .. } => (Exit::Usage, "SERIAL", "say that number, or leave out --serial"),
        NotGranted::Nothing => (Exit::Usage, "NOTHING", "say how much is to be created, such as 50"),
        NotGranted::NobodysKey => (Exit::Usage, "NOT_A_KEY", "`assay key show` prints a peer's name"),
        NotGranted::TooMuch => {
            (Exit::Usage, "TOO_MUCH", "create less: all that there is may be 18446744073 credits at most")
        }
    }
}

fn explain_model(refused: &ModelRefused) -> (Exit, &'static str, &'static str) {
    match refused {
        ModelRefused::Shared { .. } => (Exit::Usage, "AMBIGUOUS", "name one of them like this: NAME@DIGITS"),
        ModelRefused::Unusable { .. } => (
            Exit::NoMatch,
            "UNUSABLE_MODEL",
            "nobody can order it here: choose another, `assay offers` lists them",
        ),
        ModelRefused::ManifestAbsent { .. } => (
            Exit::NoPeers,
            "MANIFEST_ABSENT",
            "look at `assay status`: is anybody connected? Then try again, or choose another model",
        ),
        ModelRefused::NotPulled { .. } => (
            Exit::NotFound,
            "NOT_PULLED",
            "what has arrived stays: try again while somebody offers it, with room below daemon.blob_bytes_max",
        ),
        ModelRefused::NotPublished { .. } => (
            Exit::Usage,
            "NOT_PUBLISHED",
            "`assay model ls` says which models are this home's, and whether all of each is here",
        ),
        ModelRefused::NoTemplate { .. } => (
            Exit::NoPeers,
            "NO_TEMPLATE",
            "whoever offers the model has it: look at `assay status`, and try again",
        ),
        ModelRefused::NotAdded { .. } => (
            Exit::Usage,
            "NO_MODEL",
            "docs/arithmetic.md lists what the engine knows; daemon.blob_bytes_max in config.toml says how much room there is",
        ),
        ModelRefused::Library { .. } => {
            (Exit::Other, "LIBRARY", "`assay model rm` lets one go that is not needed")
        }
        ModelRefused::Offered { .. } => (
            Exit::Usage,
            "MODEL_OFFERED",
            "`assay provider models rm` offers it no more, and leaves the others",
        ),
    }
}

/// Whether the journal of a peer lies beside the place of its key.
fn has_journal(key: &Path) -> bool {
    key.parent().is_some_and(|home| Home::at(home).journal().exists())
}

impl From<KeyError> for CommandError {
    fn from(error: KeyError) -> Self {
        let (exit, code, hint) = match &error {
            KeyError::Absent { path } if has_journal(path) => (
                Exit::Forbidden,
                "KEY_LOST",
                "it is that of the journal which is there: put it back with `assay key restore FILE`, or put back the newest \
                 copy of the whole home; a new key would be another peer's"
                    .to_owned(),
            ),
            KeyError::Absent { .. } => (
                Exit::NotFound,
                "NO_HOME",
                "make one with `assay init --network FILE`, or name another with --home".to_owned(),
            ),
            KeyError::Present { .. } => {
                (Exit::Usage, "KEY_PRESENT", "a key is never replaced; choose another --home".to_owned())
            }
            KeyError::Exposed { path, .. } => {
                (Exit::Forbidden, "KEY_EXPOSED", format!("run `chmod 600 {}`", shell_path(path)))
            }
            KeyError::Malformed { .. } => (
                Exit::Forbidden,
                "KEY_MALFORMED",
                "move it aside and put the key back with `assay key restore FILE`; without it the account is lost"
                    .to_owned(),
            ),
            KeyError::Disk { .. } => (
                Exit::Forbidden,
                "KEY_UNREADABLE",
                "check who owns the home and whether its disk is writable".to_owned(),
            ),
        };
        Self::new(exit, code, &error, hint)
    }
}

impl From<ConfigError> for CommandError {
    fn from(error: ConfigError) -> Self {
        let (code, hint) = match &error {
            ConfigError::Bad { .. } => (
                "BAD_NETWORK_FILE",
                "correct this line, or get the file anew from whoever founded the network",
            ),
            ConfigError::BadSettings { .. } => ("BAD_SETTINGS", MEND_SETTINGS),
            ConfigError::Disk { file, .. } if file.ends_with("config.toml") => {
                let hint = "check who owns the home, that its disk is not full, and that the file is text";
                return Self::new(Exit::Other, "DISK", &error, hint);
            }
            ConfigError::Disk { .. } => {
                ("BAD_NETWORK_FILE", "name the file that whoever founded the network gave you")
            }
        };
        Self::new(Exit::Usage, code, &error, hint)
    }
}
