//! Files as their owners find them, and whoever else looks.

use super::{
    kept_files::{ALL_MOST, OWN_MOST},
    *,
};

const PHONE: FileOwner = Some(Digest([1; 32]));
const LAPTOP: FileOwner = Some(Digest([2; 32]));

async fn put(files: &GatewayFiles, owner: FileOwner, text: &str) -> GatewayFile {
    let mut file = files.receive(owner, OnceHead::default()).unwrap();
    file.write(text.as_bytes()).await.unwrap();
    file.keep(FilePurpose::Batch, "../../lines.jsonl".to_owned(), None).await.unwrap()
}

/// Uploads it again, or anew, by a request with this head.
async fn send(
    files: &GatewayFiles,
    owner: FileOwner,
    (head, text): (OnceHead, &str),
) -> Result<GatewayFile, FileRefused> {
    let mut file = files.receive(owner, head)?;
    for piece in text.as_bytes().chunks(2) {
        file.write(piece).await?;
    }
    file.keep(FilePurpose::Batch, "lines.jsonl".to_owned(), None).await
}

fn head(key: Option<&'static str>, retries: &'static str) -> OnceHead {
    let mut headers = axum::http::HeaderMap::new();
    headers.insert("x-stainless-retry-count", retries.parse().unwrap());
    if let Some(key) = key {
        headers.insert("idempotency-key", key.parse().unwrap());
    }
    OnceHead::read(&headers).unwrap()
}

fn entries(files: &GatewayFiles) -> usize {
    fs::read_dir(&files.0.path).unwrap().count()
}

#[tokio::test]
async fn a_file_is_its_owners_alone_and_there_again_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("files");
    let files = GatewayFiles::open(&path, 0).unwrap();
    let first = put(&files, PHONE, "one").await;
    let second = put(&files, PHONE, "two").await;
    assert_eq!(first.filename, "../../lines.jsonl");
    assert!(files.path(first.id).starts_with(&path), "its name says nothing of where it is");
    assert_eq!(fs::read_to_string(files.path(first.id)).unwrap(), "one");
    for other in [LAPTOP, None] {
        assert_eq!(files.find(other, first.id), None);
        assert!(!files.remove(other, first.id).unwrap());
        assert!(files.all(other).is_empty());
    }
    drop(files);
    let files = GatewayFiles::open(&path, 0).unwrap();
    assert_eq!(files.all(PHONE), [first.clone(), second.clone()]);
    assert!(files.remove(PHONE, first.id).unwrap());
    assert_eq!((files.all(PHONE), entries(&files)), (vec![second], 2));
    assert!(!files.remove(PHONE, first.id).unwrap());
    #[cfg(unix)]
    for (path, mode) in [(path.clone(), 0o700), (files.path(files.all(PHONE)[0].id), 0o600)] {
        let found = std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&path).unwrap().permissions());
        assert_eq!(found & 0o777, mode, "{}", path.display());
    }
}

#[tokio::test]
async fn what_does_not_come_whole_is_not_kept_and_takes_no_room() {
    let folder = tempfile::tempdir().unwrap();
    let files = GatewayFiles::open(folder.path(), 0).unwrap();
    let mut file = files.receive(PHONE, OnceHead::default()).unwrap();
    file.write(b"half").await.unwrap();
    assert_eq!(files.lock().taken[&PHONE], FileRoom { files: 1, bytes: 4 });
    drop(file);
    assert_eq!((entries(&files), files.lock().taken.len()), (0, 0));
    // What a gateway left that was killed.
    for name in [".tmpabc", "file-0.json", &format!("{}.data", FileId::draw().unwrap())] {
        fs::write(folder.path().join(name), "x").unwrap();
    }
    fs::create_dir(folder.path().join("lost+found")).unwrap();
    assert_eq!(entries(&GatewayFiles::open(folder.path(), 0).unwrap()), 1, "what is no file is left");
}

#[tokio::test]
async fn a_request_that_is_sent_again_uploads_the_same_file_also_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let files = GatewayFiles::open(folder.path(), 0).unwrap();
    let keyed = send(&files, PHONE, (head(Some("a"), "0"), "lines")).await.unwrap();
    let repeated = send(&files, PHONE, (head(None, "0"), "others")).await.unwrap();
    drop(files);
    let files = GatewayFiles::open(folder.path(), 0).unwrap();
    let taken = files.lock().taken[&PHONE];
    // There is no room for another one, and none is needed.
    files.lock().taken.insert(PHONE, OWN_MOST);
    assert_eq!(send(&files, PHONE, (head(Some("a"), "0"), "lines")).await.unwrap(), keyed);
    let refused = send(&files, PHONE, (head(Some("a"), "0"), "other")).await.unwrap_err();
    assert!(matches!(refused, FileRefused::Key(_)), "{refused:?}");
    files.lock().taken.insert(PHONE, taken);
    assert_eq!(send(&files, PHONE, (head(None, "1"), "others")).await.unwrap(), repeated);
    assert_eq!((files.lock().taken[&PHONE], entries(&files)), (taken, 4), "nothing else is kept");
    files.find(PHONE, repeated.id).unwrap();
    let anew = send(&files, PHONE, (head(None, "1"), "others")).await.unwrap();
    assert_ne!(anew.id, repeated.id, "its client knew of the one before");
    for owner in [LAPTOP, None] {
        assert_ne!(send(&files, owner, (head(Some("a"), "0"), "lines")).await.unwrap().id, keyed.id);
        assert_ne!(send(&files, owner, (head(None, "1"), "others")).await.unwrap().id, repeated.id);
    }
    files.remove(PHONE, keyed.id).unwrap();
    assert_ne!(
        send(&files, PHONE, (head(Some("a"), "0"), "lines")).await.unwrap().id,
        keyed.id,
        "it is gone"
    );
}

#[tokio::test]
async fn a_file_that_is_damaged_is_put_aside_once_and_keeps_no_other_back() {
    let folder = tempfile::tempdir().unwrap();
    let files = GatewayFiles::open(folder.path(), 0).unwrap();
    let healthy = put(&files, PHONE, "one").await;
    let (torn, cut) = (put(&files, PHONE, "two").await, put(&files, PHONE, "three").await);
    fs::write(files.card(torn.id), "{").unwrap();
    fs::write(files.path(cut.id), "th").unwrap();
    drop(files);
    for _ in 0..2 {
        let files = GatewayFiles::open(folder.path(), 0).unwrap();
        assert_eq!(files.all(PHONE), std::slice::from_ref(&healthy));
        let aside =
            |id: FileId| fs::read_to_string(folder.path().join(format!("{id}.data.damaged"))).unwrap();
        assert_eq!(
            (aside(torn.id).as_str(), aside(cut.id).as_str()),
            ("two", "th"),
            "nothing is thrown away"
        );
        assert_eq!(entries(&files), 6);
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_file_whose_bytes_cannot_be_looked_at_is_not_taken_for_one_that_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let files = GatewayFiles::open(folder.path(), 0).unwrap();
    let (kept, gone) = (put(&files, PHONE, "one").await, put(&files, PHONE, "two").await);
    fs::remove_file(files.path(gone.id)).unwrap();
    fs::remove_file(files.path(kept.id)).unwrap();
    // A link to itself leads nowhere, and is there.
    std::os::unix::fs::symlink(files.path(kept.id), files.path(kept.id)).unwrap();
    drop(files);
    let files = GatewayFiles::open(folder.path(), 0).unwrap();
    assert!(files.all(PHONE).is_empty());
    let aside = |id: FileId| folder.path().join(format!("{id}.json.damaged")).exists();
    assert_eq!((aside(kept.id), aside(gone.id)), (true, false));
}

#[tokio::test]
async fn there_are_no_more_files_and_bytes_than_there_may_be() {
    let folder = tempfile::tempdir().unwrap();
    let files = GatewayFiles::open(folder.path(), 0).unwrap();
    let mut file = files.receive(PHONE, OnceHead::default()).unwrap();
    file.bytes = FILE_BYTES_MAX - 1;
    file.write(b"x").await.unwrap();
    assert!(matches!(file.write(b"x").await, Err(FileRefused::TooLong)));
    let full = FileRoom { files: OWN_MOST.files - 1, bytes: OWN_MOST.bytes - 1 };
    files.lock().taken.insert(PHONE, full);
    let mut last = files.receive(PHONE, OnceHead::default()).unwrap();
    let refused = files.receive(PHONE, OnceHead::default()).unwrap_err();
    assert!(matches!(refused, FileRefused::Full { most: OWN_MOST, .. }), "{refused:?}");
    let (files_max, bytes_max) = (OWN_MOST.files, OWN_MOST.bytes);
    let told = format!(
        "you have {files_max} files of {} bytes together, where at most {files_max} of {bytes_max}",
        bytes_max - 1
    );
    assert!(refused.to_string().starts_with(&told), "{refused}");
    assert!(files.receive(LAPTOP, OnceHead::default()).is_ok(), "another key has room of its own");
    last.write(b"x").await.unwrap();
    assert!(matches!(last.write(b"x").await, Err(FileRefused::Full { .. })));
    files.lock().taken.insert(LAPTOP, FileRoom { files: ALL_MOST.files, bytes: 0 });
    assert!(matches!(
        files.receive(None, OnceHead::default()),
        Err(FileRefused::Full { most: ALL_MOST, .. })
    ));
    let id = FileId::draw().unwrap();
    let write = |path: &Path| fs::write(path, "paid").map_err(|error| BatchError::disk(path, error));
    files.make((id, PHONE), ("output".to_owned(), None), write).unwrap();
    files.make((id, PHONE), ("output".to_owned(), None), |_| unreachable!("it is made")).unwrap();
    assert_eq!(files.find(PHONE, id).unwrap().bytes, 4, "what is paid is kept");
    files.lock().taken.remove(&LAPTOP);
    assert!(files.check_room(PHONE).is_err(), "and no more is begun until some is deleted");
    assert!(files.check_room(LAPTOP).is_ok() && !files.lock().taken.contains_key(&LAPTOP));
}

#[cfg(unix)]
#[tokio::test]
async fn nothing_is_taken_that_would_fill_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    let files = GatewayFiles::open(folder.path(), u64::MAX).unwrap();
    assert!(matches!(files.receive(PHONE, OnceHead::default()), Err(FileRefused::Short(_))));
    assert!(matches!(files.check_room(PHONE), Err(FileRefused::Short(_))));
    assert_eq!((entries(&files), files.lock().taken.len()), (0, 0));
    let id = FileId::draw().unwrap();
    let write = |path: &Path| fs::write(path, "paid").map_err(|error| BatchError::disk(path, error));
    files.make((id, PHONE), ("output".to_owned(), None), write).unwrap();
    assert_eq!(
        files.find(PHONE, id).unwrap().bytes,
        4,
        "what is paid is kept as long as there is room at all"
    );
}
