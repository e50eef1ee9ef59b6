//! What nobody can reach any more is let go: files whose time is over, and all that belongs to keys that were taken away.
//!
//! **Invariant:** what belongs to a key that is there goes only when its client says so. What belongs to one that is gone stays
//! for a while, because a file of keys that was moved away may come back; where the keys cannot be read it stays anyway.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use assay_protocol::id::Digest;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::{
    task::spawn_blocking,
    time::{sleep, timeout},
};

use crate::{
    AccessKeys, Gateway,
    batch::replace_with,
    damage::{put_aside, read_json},
    keyed_answers,
};

/// How often it is looked what can go.
const EVERY: Duration = Duration::from_secs(60);
/// How long what belongs to a key stays once that is gone: a week.
const GRACE_S: i64 = 7 * 24 * 60 * 60;

/// Which keys are gone that something belongs to, and since when.
#[derive(Debug)]
pub(crate) struct GoneKeys {
    path: PathBuf,
    since: Mutex<BTreeMap<Digest, Timestamp>>,
}

/// One of them, as the file has it.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct GoneKey {
    key: Digest,
    since: Timestamp,
}

/// Looks again and again what can go.
pub(crate) async fn run(gateway: Arc<Gateway>) {
    loop {
        let own = gateway.clone();
        match spawn_blocking(move || sweep(&own, Timestamp::now())).await {
            Ok(over) => {
                let tell = async {
                    for key in over {
                        keyed_answers::let_go(&gateway.link, key).await;
                    }
                };
                // A daemon that hangs holds up nothing else; it lets go of the rest in time by itself.
                if timeout(EVERY, tell).await.is_err() {
                    tracing::debug!("the daemon is not told of all results that nobody asks for again");
                }
            }
            Err(error) => tracing::error!(%error, "what nobody can reach is not let go"),
        }
        sleep(EVERY).await;
    }
}

/// Lets go of what nobody can reach any more; gives the submissions whose results nobody asks for again.
fn sweep(gateway: &Gateway, now: Timestamp) -> Vec<Digest> {
    let over = gateway.keyed.forget_old(now);
    let expired = gateway.files.let_expired_go(now);
    if expired > 0 {
        tracing::info!(files = expired, "files whose time is over are let go");
    }
    let Ok(keys) = AccessKeys::read(&gateway.keys_file) else { return over };
    let known: BTreeSet<Digest> = keys.keys.iter().map(|key| key.digest).collect();
    let mut gone = gateway.files.owners();
    gone.extend(gateway.batches.owners());
    gone.retain(|owner| !known.contains(owner));
    match gateway.gone.note(&gone, now) {
        Ok(due) => due.into_iter().for_each(|key| let_go(gateway, key)),
        Err(error) => tracing::warn!(%error, "which keys are gone cannot be written down"),
    }
    over
}

/// Lets go of all that belongs to a key. A batch that is not over ends by itself, and goes then.
fn let_go(gateway: &Gateway, key: Digest) {
    let (files, batches) = (gateway.files.remove_all(key), gateway.batches.forget_all(key));
    if files > 0 || batches > 0 {
        tracing::info!(%key, files, batches, "what belonged to a key that was taken away is let go");
    }
}

impl GoneKeys {
    /// What is written down at a path; none is gone where there is nothing.
    pub(crate) fn open(path: PathBuf) -> io::Result<Self> {
        let known = match read_json::<Vec<GoneKey>>(&path) {
            Ok(known) => known,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                // Their time begins anew.
                put_aside(std::slice::from_ref(&path), &error);
                Vec::new()
            }
            Err(error) => return Err(error),
        };
        let since = known.into_iter().map(|gone| (gone.key, gone.since)).collect();
        Ok(Self { path, since: Mutex::new(since) })
    }

    /// Takes note of which are gone now; gives those that have been for long enough.
    fn note(&self, gone: &BTreeSet<Digest>, now: Timestamp) -> io::Result<Vec<Digest>> {
        let mut since = self.since.lock().unwrap_or_else(PoisonError::into_inner);
        let mut next: BTreeMap<Digest, Timestamp> = gone.iter().map(|key| (*key, now)).collect();
        for (key, moment) in since.iter() {
            if let Some(since) = next.get_mut(key) {
                *since = *moment;
            }
        }
        if next != *since {
            let all: Vec<GoneKey> =
                next.iter().map(|(key, since)| GoneKey { key: *key, since: *since }).collect();
            let text = serde_json::to_vec(&all)?;
            replace_with(&self.path, |file| file.write_all(&text))?;
            *since = next;
        }
        let is_due = |since: Timestamp| now.as_second() - since.as_second() >= GRACE_S;
        Ok(since.iter().filter(|(_, since)| is_due(**since)).map(|(key, _)| *key).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        asked_once::OnceHead,
        batch_record::BatchRecord,
        drawn_name::{BatchId, FileId},
        gateway_files::{FileOwner, FilePurpose},
        tests::bound,
    };

    fn later(seconds: i64) -> Timestamp {
        Timestamp::from_second(Timestamp::now().as_second() + seconds).unwrap()
    }

    async fn upload(gateway: &Gateway, owner: FileOwner, lasts_s: Option<u32>) -> FileId {
        let mut file = gateway.files.receive(owner, OnceHead::default()).unwrap();
        file.write(b"lines").await.unwrap();
        file.keep(FilePurpose::Batch, "lines.jsonl".to_owned(), lasts_s).await.unwrap().id
    }

    fn hand_in(gateway: &Gateway, owner: FileOwner, is_over: bool) -> BatchId {
        let ids = (BatchId::draw().unwrap(), FileId::draw().unwrap());
        let mut record = BatchRecord::new((ids.0, owner), ("/v1/embeddings".to_owned(), ids.1), None);
        record.times.completed = is_over.then(Timestamp::now);
        gateway.batches.add(record).unwrap().unwrap();
        ids.0
    }

    #[tokio::test]
    async fn what_belongs_to_a_key_that_is_gone_is_let_go_after_a_week_and_nothing_else_is() {
        let folder = tempfile::tempdir().unwrap();
        let keys_file = folder.path().join("keys.toml");
        let mut keys = AccessKeys::default();
        for name in ["laptop", "phone"] {
            keys.add(name, None, Vec::new()).unwrap();
        }
        keys.write(&keys_file).unwrap();
        let [laptop, phone] = [0, 1].map(|place: usize| Some(keys.keys[place].digest));
        let bound_again = async || bound(folder.path(), "127.0.0.1:0", None).await.unwrap().gateway;
        let gateway = bound_again().await;
        for owner in [laptop, phone, None] {
            upload(&gateway, owner, None).await;
            hand_in(&gateway, owner, true);
        }
        let open = hand_in(&gateway, phone, false);
        let left = |gateway: &Gateway, owner: FileOwner| {
            (gateway.files.all(owner).len(), gateway.batches.all(owner).len())
        };
        keys.remove("phone").unwrap();
        keys.write(&keys_file).unwrap();
        sweep(&gateway, later(0));
        drop(gateway);
        let gateway = bound_again().await;
        sweep(&gateway, later(GRACE_S - 60));
        assert_eq!(left(&gateway, phone), (1, 2), "it may come back");
        let kept = std::fs::read_to_string(&keys_file).unwrap();
        std::fs::write(&keys_file, "key =").unwrap();
        sweep(&gateway, later(2 * GRACE_S));
        assert_eq!(left(&gateway, phone), (1, 2), "who may come is not known");
        std::fs::write(&keys_file, kept).unwrap();
        sweep(&gateway, later(GRACE_S + 60));
        assert_eq!(left(&gateway, phone), (0, 1), "what is not over ends first");
        gateway
            .batches
            .find(phone, open)
            .unwrap()
            .change(|record| record.times.cancelled = Some(later(0)))
            .unwrap();
        sweep(&gateway, later(GRACE_S + 120));
        assert_eq!(left(&gateway, phone), (0, 0));
        for owner in [laptop, None] {
            assert_eq!(left(&gateway, owner), (1, 1), "it can be reached");
        }
    }

    #[tokio::test]
    async fn a_key_that_comes_back_has_its_week_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("gone.json");
        let keys = GoneKeys::open(path.clone()).unwrap();
        let (key, gone) = (Digest([1; 32]), BTreeSet::from([Digest([1; 32])]));
        assert!(keys.note(&gone, later(0)).unwrap().is_empty());
        assert!(keys.note(&BTreeSet::new(), later(GRACE_S)).unwrap().is_empty());
        assert!(keys.note(&gone, later(GRACE_S)).unwrap().is_empty());
        let keys = GoneKeys::open(path.clone()).unwrap();
        assert_eq!(keys.note(&gone, later(2 * GRACE_S)).unwrap(), [key]);
        std::fs::write(&path, "[").unwrap();
        let keys = GoneKeys::open(path).unwrap();
        assert!(keys.note(&gone, later(3 * GRACE_S)).unwrap().is_empty());
    }

    #[tokio::test]
    async fn a_file_goes_when_its_client_said() {
        let folder = tempfile::tempdir().unwrap();
        let gateway = bound(folder.path(), "127.0.0.1:0", None).await.unwrap().gateway;
        let (short, long) = (upload(&gateway, None, Some(3_600)).await, upload(&gateway, None, None).await);
        sweep(&gateway, later(3_500));
        assert!(gateway.files.find(None, short).is_some());
        sweep(&gateway, later(3_700));
        assert!(gateway.files.find(None, short).is_none() && gateway.files.find(None, long).is_some());
        assert!(!gateway.files.path(short).exists());
    }
}
