//! How often the same thing is said.
//!
//! **Invariant:** within a minute a warning is said once for each peer it is about, of at most [`SUBJECTS_MAX`] peers;
//! any other line at most [`TIMES_MAX`] times. The rest is counted, and what was counted is said when the minute is over.

use std::{
    collections::{BTreeMap, HashMap},
    time::{Duration, Instant},
};

use tracing::{Level, Metadata, callsite::Identifier};

/// How long something is not said again.
const MINUTE: Duration = Duration::from_secs(60);
/// Peers of which one warning speaks in a minute, each by its name.
const SUBJECTS_MAX: usize = 16;
/// Times that anything else is said in a minute.
const TIMES_MAX: u64 = 600;

/// Whether a line is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Admission {
    Say,
    Hold,
}

/// What was said in this minute.
pub(super) struct LogQuota {
    /// What libraries say is said like our own.
    takes_others: bool,
    since: Instant,
    kinds: HashMap<Identifier, Saying>,
}

/// One place in the source that says something.
struct Saying {
    level: Level,
    message: String,
    said: u64,
    /// Of whom it was said, and how often more it would have been.
    subjects: BTreeMap<String, u64>,
    /// Held back without a name.
    held: u64,
}

/// What was not said.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct HeldBack {
    pub(super) level: Level,
    pub(super) message: String,
    pub(super) subject: String,
    pub(super) times: u64,
}

impl LogQuota {
    pub(super) fn new(takes_others: bool, now: Instant) -> Self {
        Self { takes_others, since: now, kinds: HashMap::new() }
    }

    /// Whether a line is said now.
    pub(super) fn admit(
        &mut self,
        meta: &Metadata<'_>,
        is_own: bool,
        message: &str,
        subject: &str,
    ) -> Admission {
        let new = || Saying::new(*meta.level(), if is_own { "" } else { meta.target() }, message);
        let kind = self.kinds.entry(meta.callsite()).or_insert_with(new);
        if !is_own && !self.takes_others {
            kind.held += 1;
            return Admission::Hold;
        }
        if kind.level > Level::WARN { kind.admit_often() } else { kind.admit_once(subject) }
    }

    /// What was held back, if a minute is over.
    pub(super) fn sweep(&mut self, now: Instant) -> Vec<HeldBack> {
        if now.saturating_duration_since(self.since) < MINUTE {
            return Vec::new();
        }
        self.since = now;
        self.kinds.drain().flat_map(|(_, kind)| kind.held_back()).collect()
    }
}

impl Saying {
    fn new(level: Level, library: &str, message: &str) -> Self {
        let message = if library.is_empty() { message.to_owned() } else { format!("{library}: {message}") };
        Self { level, message, said: 0, subjects: BTreeMap::new(), held: 0 }
    }

    fn admit_once(&mut self, subject: &str) -> Admission {
        if let Some(held) = self.subjects.get_mut(subject) {
            *held += 1;
            return Admission::Hold;
        }
        if self.subjects.len() >= SUBJECTS_MAX {
            self.held += 1;
            return Admission::Hold;
        }
        self.subjects.insert(subject.to_owned(), 0);
        Admission::Say
    }

    fn admit_often(&mut self) -> Admission {
        self.said += 1;
        if self.said <= TIMES_MAX {
            return Admission::Say;
        }
        self.held += 1;
        Admission::Hold
    }

    fn held_back(self) -> impl Iterator<Item = HeldBack> {
        let Self { level, message, subjects, held, .. } = self;
        let all = subjects.into_iter().chain([(String::new(), held)]);
        all.filter(|(_, times)| *times > 0).map(move |(subject, times)| HeldBack {
            level,
            message: message.clone(),
            subject,
            times,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use tracing::{Event, Subscriber};
    use tracing_subscriber::{Layer, layer::Context, layer::SubscriberExt};

    use super::*;

    /// Asks the quota for each event, as the log does.
    struct Asking(Mutex<(LogQuota, Vec<Admission>)>);

    impl<S: Subscriber> Layer<S> for &'static Asking {
        fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
            let meta = event.metadata();
            let subject = meta
                .fields()
                .iter()
                .map(|field| field.name())
                .find(|name| *name != "message")
                .unwrap_or_default();
            let mut asking = self.0.lock().unwrap();
            let verdict = asking.0.admit(meta, meta.target() == "assay", "word", subject);
            asking.1.push(verdict);
        }
    }

    fn ask(takes_others: bool, say: impl Fn()) -> (LogQuota, Vec<Admission>) {
        let asking = Asking(Mutex::new((LogQuota::new(takes_others, Instant::now()), Vec::new())));
        let asking: &'static Asking = Box::leak(Box::new(asking));
        tracing::subscriber::with_default(tracing_subscriber::registry().with(asking), say);
        let mut asked = asking.0.lock().unwrap();
        (std::mem::replace(&mut asked.0, LogQuota::new(false, Instant::now())), std::mem::take(&mut asked.1))
    }

    #[test]
    fn a_warning_is_said_once_and_then_counted() {
        let (mut quota, verdicts) =
            ask(false, || (0..1_000).for_each(|_| tracing::warn!(target: "assay", ann = 1, "word")));
        assert_eq!(
            (verdicts[0], verdicts.iter().filter(|verdict| **verdict == Admission::Say).count()),
            (Admission::Say, 1)
        );
        assert!(quota.sweep(Instant::now()).is_empty(), "the minute is not over");
        let held = quota.sweep(Instant::now() + MINUTE);
        let expected =
            HeldBack { level: Level::WARN, message: "word".into(), subject: "ann".into(), times: 999 };
        assert_eq!(held, [expected]);
    }

    #[test]
    fn what_libraries_say_is_counted_unless_it_is_asked_for() {
        let say = || (0..9).for_each(|_| tracing::warn!(target: "libp2p_x", ann = 1, "word"));
        let (mut quota, verdicts) = ask(false, say);
        assert!(verdicts.iter().all(|verdict| *verdict == Admission::Hold));
        let held = quota.sweep(Instant::now() + MINUTE);
        assert_eq!((held[0].times, held[0].message.as_str()), (9, "libp2p_x: word"));
        assert_eq!(ask(true, say).1[0], Admission::Say);
    }

    #[test]
    fn many_peers_are_named_up_to_a_bound_and_news_up_to_another() {
        let mut kind = Saying::new(Level::WARN, "", "word");
        let said =
            (0..1_000).filter(|peer: &u32| kind.admit_once(&peer.to_string()) == Admission::Say).count();
        assert_eq!((said, kind.held), (SUBJECTS_MAX, 1_000 - SUBJECTS_MAX as u64));
        let mut news = Saying::new(Level::INFO, "", "word");
        let said = (0..1_000).filter(|_| news.admit_often() == Admission::Say).count() as u64;
        assert_eq!((said, news.held), (TIMES_MAX, 1_000 - TIMES_MAX));
    }
}
