//! Answers to requests that their clients gave a key: whoever sends one again, after whatever end, gets the answer of the same
//! job.
//!
//! **Invariant:** by what word an order is known to the daemon is on the disk before it is made: whoever asks again finds it and
//! makes no other. It is made anew only where nothing came of it and nothing is paid, and if it was cancelled, where that was
//! before it was opened. Who hangs up may come back for a while before its job is cancelled, and the end of a gateway cancels none
//! of these.

mod keyed_request;

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use assay_market::view::AwaitedPlace;
use assay_peer::handle::{ReadOutput, ShowJob, Submit};
use assay_protocol::{codec, id::Digest};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::{sync::Mutex as Turns, time::sleep};

pub(crate) use self::keyed_request::KeyedRequest;
use crate::{
    answer::random_word,
    asked_once::{AskedOnce, KeyTaken},
    batch::replace_with,
    counted::counted,
    damage::{put_aside, read_json},
    failure::HttpFailure,
    gateway_files::{FileOwner, make_private},
    link::DaemonLink,
    template_traits::TemplateTraits,
};

/// How long a key is remembered: a day.
const LASTS_S: i64 = 24 * 60 * 60;
/// Keys that are remembered of an owner, and of all: of more the oldest of whoever comes with another one.
const KEYS_MAX: (usize, usize) = (1_000, 10_000);
/// How long whoever hung up may come back.
const RETURN_WAIT: Duration = Duration::from_secs(60);
/// Behind the name of a record.
const RECORD: &str = ".json";

/// The answers of a gateway that have keys. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct KeyedAnswers(Arc<KeyedFolder>);

#[derive(Debug)]
struct KeyedFolder {
    path: PathBuf,
    known: Mutex<BTreeMap<AnswerName, Arc<KeyedAnswer>>>,
    /// Submissions whose results nobody asks for again.
    over: Mutex<Vec<Digest>>,
}

/// Whose answer, and the digest of the key that its request has.
type AnswerName = (FileOwner, Digest);

/// An answer that has a key.
#[derive(Debug)]
struct KeyedAnswer {
    path: PathBuf,
    record: Mutex<KeyedRecord>,
    /// Whether it is on the disk.
    is_kept: AtomicBool,
    /// Had by whoever looks for its order, or makes it.
    turn: Arc<Turns<()>>,
    /// Who waits for it now, and how many ever have since the gateway was started.
    waiting: AtomicUsize,
    ever: AtomicUsize,
    /// For want of what its order was cancelled, if one who waits for it has had that done.
    lacked: Mutex<Option<AwaitedPlace>>,
}

/// What is known of it, as it is on the disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyedRecord {
    owner: FileOwner,
    once: AskedOnce,
    created: Timestamp,
    /// What runs.
    model: Digest,
    /// What its template showed, by which the answer is read again as it was, if it was looked at.
    #[serde(default)]
    traits: Option<TemplateTraits>,
    /// By what word its order is known to the daemon.
    word: String,
    /// Whether the daemon is known to have it.
    is_made: bool,
}

/// Somebody who waits for an answer that has a key.
#[derive(Debug)]
pub(crate) struct AnswerWaiter(Arc<KeyedAnswer>);

impl KeyedAnswers {
    /// Those in a folder, which is made if there is none.
    pub(crate) fn open(folder: &Path) -> io::Result<Self> {
        make_private(folder)?;
        let mut known = BTreeMap::new();
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if !path.to_str().is_some_and(|path| path.ends_with(RECORD)) {
                continue;
            }
            match read_json::<KeyedRecord>(&path) {
                Ok(record) => {
                    let Some(key) = record.once.key() else { continue };
                    known.insert((record.owner, key), Arc::new(KeyedAnswer::new(path, record, true)));
                }
                Err(error) if error.kind() == io::ErrorKind::InvalidData => put_aside(&[path], &error),
                Err(error) => return Err(error),
            }
        }
        let (path, known, over) = (folder.to_owned(), Mutex::new(known), Mutex::default());
        Ok(Self(Arc::new(KeyedFolder { path, known, over })))
    }

    /// What ran for a request when it came before, if it did.
    pub(crate) fn model(&self, owner: FileOwner, once: &AskedOnce) -> Result<Option<Digest>, KeyTaken> {
        let Some(key) = once.key() else { return Ok(None) };
        let Some(answer) = self.lock().get(&(owner, key)).cloned() else { return Ok(None) };
        answer.is_again(once).map(|()| Some(answer.record().model))
    }

    /// What the template of that model showed then, if it was looked at.
    pub(crate) fn traits(&self, owner: FileOwner, once: &AskedOnce) -> Option<TemplateTraits> {
        let answer = self.lock().get(&(owner, once.key()?)).cloned()?;
        answer.is_again(once).ok()?;
        answer.record().traits
    }

    /// Begins to look for the order of a request that has this key, or to make it, once nobody else does.
    pub(crate) async fn begin(
        &self,
        name: AnswerName,
        once: AskedOnce,
        runs: (Digest, Option<&TemplateTraits>),
    ) -> Result<KeyedRequest, HttpFailure> {
        loop {
            let answer = self.answer(name, once, runs)?;
            let turn = Arc::clone(&answer.turn).lock_owned().await;
            // Whoever had the turn before may have given the key back.
            if self.lock().get(&name).is_some_and(|known| Arc::ptr_eq(known, &answer)) {
                return Ok(KeyedRequest::new(self.clone(), name, (answer, turn)));
            }
        }
    }

    fn answer(
        &self,
        name: AnswerName,
        once: AskedOnce,
        (model, traits): (Digest, Option<&TemplateTraits>),
    ) -> Result<Arc<KeyedAnswer>, HttpFailure> {
        let mut known = self.lock();
        if let Some(answer) = known.get(&name) {
            answer.is_again(&once)?;
            return Ok(answer.clone());
        }
        self.make_room(&mut known, name.0)?;
        let path = self.0.path.join(format!("{}{RECORD}", codec::digest("keyed answer", &name)));
        let (owner, created, word) = (name.0, Timestamp::now(), random_word()?);
        let traits = traits.map(TemplateTraits::without_text);
        let record = KeyedRecord { owner, once, created, model, traits, word, is_made: false };
        let answer = Arc::new(KeyedAnswer::new(path, record, false));
        known.insert(name, answer.clone());
        Ok(answer)
    }

    /// Forgets the oldest of an owner's if there are as many as there may be.
    fn make_room(
        &self,
        known: &mut BTreeMap<AnswerName, Arc<KeyedAnswer>>,
        owner: FileOwner,
    ) -> Result<(), HttpFailure> {
        let own = known.range((owner, Digest([0; 32]))..=(owner, Digest([u8::MAX; 32])));
        let (have, all) = (own.clone().count(), known.len());
        if have < KEYS_MAX.0 && all < KEYS_MAX.1 {
            return Ok(());
        }
        let idle = own.filter(|(_, answer)| answer.is_idle());
        let Some(oldest) = idle.min_by_key(|(_, answer)| answer.record().created).map(|(name, _)| *name)
        else {
            let (own_most, all_most) = KEYS_MAX;
            let message = format!(
                "you have {} with keys of at most {own_most}, and all together {all} of at most {all_most}",
                counted(have, "request", "requests")
            );
            return Err(HttpFailure::busy(message));
        };
        if let Some(answer) = known.remove(&oldest) {
            self.let_go(&answer);
        }
        Ok(())
    }

    /// Forgets those whose day is over, and gives the submissions whose results nobody asks for again.
    pub(crate) fn forget_old(&self, now: Timestamp) -> Vec<Digest> {
        let is_old = |answer: &KeyedAnswer| {
            answer.is_idle() && now.as_second() - answer.record().created.as_second() >= LASTS_S
        };
        self.lock().retain(|_, answer| {
            let is_kept = !is_old(answer);
            if !is_kept {
                // Before anybody else knows of the key: another record of it would stand in the same place.
                self.let_go(answer);
            }
            is_kept
        });
        std::mem::take(&mut *self.0.over.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Of an answer that is not known any more.
    fn let_go(&self, answer: &KeyedAnswer) {
        answer.remove();
        let key = Submit::key_of(&answer.record().word);
        self.0.over.lock().unwrap_or_else(PoisonError::into_inner).push(key);
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<AnswerName, Arc<KeyedAnswer>>> {
        self.0.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl KeyedAnswer {
    fn new(path: PathBuf, record: KeyedRecord, is_kept: bool) -> Self {
        Self {
            path,
            record: Mutex::new(record),
            is_kept: AtomicBool::new(is_kept),
            turn: Arc::default(),
            waiting: AtomicUsize::new(0),
            ever: AtomicUsize::new(0),
            lacked: Mutex::default(),
        }
    }

    fn record(&self) -> KeyedRecord {
        self.record.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set_lacked(&self, lacked: Option<AwaitedPlace>) {
        *self.lacked.lock().unwrap_or_else(PoisonError::into_inner) = lacked;
    }

    fn is_kept(&self) -> bool {
        self.is_kept.load(Ordering::Relaxed)
    }

    /// Whether nobody waits for it, nor looks for it.
    fn is_idle(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) == 0 && self.turn.try_lock().is_ok()
    }

    /// Refuses a request with the same key that asks for something else.
    fn is_again(&self, once: &AskedOnce) -> Result<(), KeyTaken> {
        let record = self.record();
        once.is_again(&record.once, (record.created, false)).map(|_| ())
    }

    /// Something is known of it; it is on the disk when this returns.
    fn keep(&self, change: impl FnOnce(&mut KeyedRecord)) -> io::Result<KeyedRecord> {
        let mut next = self.record();
        change(&mut next);
        let text = serde_json::to_vec(&next)?;
        replace_with(&self.path, |file| file.write_all(&text))?;
        *self.record.lock().unwrap_or_else(PoisonError::into_inner) = next.clone();
        self.is_kept.store(true, Ordering::Relaxed);
        Ok(next)
    }

    /// It is on the disk no more.
    fn remove(&self) {
        let was_kept = self.is_kept.swap(false, Ordering::Relaxed);
        if let Err(error) = fs::remove_file(&self.path)
            && was_kept
        {
            tracing::warn!(%error, "an answer with a key is not forgotten");
        }
    }
}

impl AnswerWaiter {
    fn of(answer: &Arc<KeyedAnswer>) -> Self {
        answer.waiting.fetch_add(1, Ordering::Relaxed);
        answer.ever.fetch_add(1, Ordering::Relaxed);
        Self(answer.clone())
    }

    /// If its order is cancelled now, then for want of this.
    pub(crate) fn withdraw(&self, lacked: AwaitedPlace) {
        self.0.set_lacked(Some(lacked));
    }

    /// For want of what it was cancelled, if it was.
    pub(crate) fn lacked(&self) -> Option<AwaitedPlace> {
        *self.0.lacked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Goes away, and waits a while for whoever may come back.
    pub(crate) async fn leave_for_long(self) -> LeftAnswer {
        let left = self.leave();
        sleep(RETURN_WAIT).await;
        left
    }

    fn leave(self) -> LeftAnswer {
        LeftAnswer { answer: self.0.clone(), ever: self.0.ever.load(Ordering::Relaxed) }
    }
}

impl Drop for AnswerWaiter {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

/// An answer that somebody waited for and does no more.
#[derive(Debug)]
pub(crate) struct LeftAnswer {
    answer: Arc<KeyedAnswer>,
    /// How many had waited for it by then.
    ever: usize,
}

impl LeftAnswer {
    /// Whether nobody else waits for it, or has come since.
    pub(crate) fn is_alone(&self) -> bool {
        let (waiting, ever) = (&self.answer.waiting, &self.answer.ever);
        waiting.load(Ordering::Relaxed) == 0 && ever.load(Ordering::Relaxed) == self.ever
    }
}

/// Tells the daemon that nobody asks for a result again. Where that is not heard, it lets it go in time by itself.
pub(crate) async fn let_go(link: &DaemonLink, key: Digest) {
    let taken = async {
        let handle = link.connect().await.ok()?;
        let job = handle.call(ShowJob { name: key.to_string() }).await.ok()?;
        let digest = job.submission.answer()?.output?;
        handle.call(ReadOutput { digest, of: Some(key) }).await.ok()?.all().await.ok()
    };
    if taken.await.is_none() {
        tracing::debug!(%key, "no result of this job is let go");
    }
}

#[cfg(test)]
mod tests;
