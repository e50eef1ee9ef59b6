//! A hub with one repository, and the store that it sends on to: another server, as far as anybody can tell.

use std::sync::{Arc, Mutex};

use assay_hub::Sha256Sum;

use crate::server::{Asked, Ends, Reply, Server};

/// The commit of everything in it.
pub(crate) const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// What a test may have otherwise.
#[derive(Clone)]
pub(crate) struct Script {
    /// What lies in the repository, and the length and the digest that the hub names of it.
    pub(crate) files: Vec<NamedFile>,
    /// How the next answers of the store end; then all of them do with all.
    pub(crate) ends: Vec<Ends>,
    /// What the store calls the bytes of its files.
    pub(crate) tag: String,
    /// Whether the store knows parts of files.
    pub(crate) knows_ranges: bool,
    /// Whether the store looks at what it is to call them.
    pub(crate) heeds_tags: bool,
    /// The token that everything needs.
    pub(crate) token: Option<&'static str>,
    /// What the hub says instead of its list.
    pub(crate) list: Option<fn() -> Reply>,
    /// What it says instead of where a file lies.
    pub(crate) resolve: Option<fn() -> Reply>,
    /// What the store says.
    pub(crate) store: Option<fn() -> Reply>,
}

/// A file of the repository.
#[derive(Clone)]
pub(crate) struct NamedFile {
    pub(crate) path: &'static str,
    pub(crate) content: Vec<u8>,
    pub(crate) bytes: u64,
    pub(crate) sha256: Option<Sha256Sum>,
}

impl NamedFile {
    /// One of which the hub says what is true.
    pub(crate) fn of(path: &'static str, content: Vec<u8>) -> Self {
        Self { path, bytes: content.len() as u64, sha256: Some(Sha256Sum::of(&content)), content }
    }
}

/// The hub and its store.
pub(crate) struct FakeHub {
    pub(crate) hub: Server,
    pub(crate) store: Server,
    script: Arc<Mutex<Script>>,
}

impl FakeHub {
    pub(crate) fn with(files: Vec<NamedFile>) -> Self {
        let script = Script {
            files,
            ends: Vec::new(),
            tag: "\"first\"".to_owned(),
            knows_ranges: true,
            heeds_tags: true,
            token: None,
            list: None,
            resolve: None,
            store: None,
        };
        let script = Arc::new(Mutex::new(script));
        let stored = Arc::clone(&script);
        let store = Server::start(move |asked| give(&mut stored.lock().unwrap(), asked));
        let (listed, address) = (Arc::clone(&script), store.address());
        let hub = Server::start(move |asked| say(&listed.lock().unwrap(), asked, &address));
        Self { hub, store, script }
    }

    /// Has it otherwise from now on.
    pub(crate) fn change(&self, change: impl FnOnce(&mut Script)) {
        change(&mut self.script.lock().unwrap());
    }
}

/// What the hub says.
fn say(script: &Script, asked: &Asked, store: &str) -> Reply {
    let is_known = script
        .token
        .is_none_or(|token| asked.header("authorization") == Some(format!("Bearer {token}").as_str()));
    if !is_known {
        return Reply::with(401, "").header("X-Error-Code", "GatedRepo");
    }
    if asked.path == "/api/models/o/r/revision/main?blobs=true" {
        return script.list.map_or_else(|| list(script), |list| list());
    }
    if let Some(words) = asked.path.strip_prefix("/api/models?search=") {
        return script.list.map_or_else(|| found(words), |list| list());
    }
    let Some(path) = asked.path.strip_prefix(&format!("/o/r/resolve/{COMMIT}/")) else {
        let code = if asked.path.contains("/o/r/") { "RevisionNotFound" } else { "RepoNotFound" };
        return Reply::with(404, "").header("X-Error-Code", code);
    };
    if let Some(resolve) = script.resolve {
        return resolve();
    }
    let Some(file) = script.files.iter().find(|file| file.path == path) else {
        return Reply::with(404, "").header("X-Error-Code", "EntryNotFound");
    };
    let mut reply = Reply::with(302, "")
        .header("Location", format!("{store}/{path}?signed=yes"))
        .header("X-Repo-Commit", COMMIT)
        .header("X-Linked-Size", file.bytes);
    if let Some(sum) = file.sha256 {
        reply = reply.header("X-Linked-ETag", format!("\"{sum}\""));
    }
    reply
}

fn list(script: &Script) -> Reply {
    let file = |file: &NamedFile| {
        let stored =
            file.sha256.map(|sum| format!(r#", "lfs": {{"sha256": "{sum}", "size": {}}}"#, file.bytes));
        let (path, stored) = (file.path.replace('\\', "\\\\"), stored.unwrap_or_default());
        format!(r#"{{"rfilename": "{path}", "size": {}{stored}}}"#, file.bytes)
    };
    let files: Vec<String> = script.files.iter().map(file).collect();
    let text = format!(
        r#"{{"id": "o/r", "sha": "{COMMIT}", "cardData": {{"license": "apache-2.0"}}, "siblings": [{}]}}"#,
        files.join(", ")
    );
    Reply::with(200, text).header("Content-Type", "application/json")
}

/// What it finds: its one repository, whose models add.
fn found(words: &str) -> Reply {
    let one = r#"{"id": "o/r", "downloads": 7, "tags": ["gguf", "license:apache-2.0"]}"#;
    let found = if words.starts_with("add") { one } else { "" };
    Reply::with(200, format!("[{found}]")).header("Content-Type", "application/json")
}

/// What the store gives.
fn give(script: &mut Script, asked: &Asked) -> Reply {
    let path = asked.path.trim_start_matches('/').trim_end_matches("?signed=yes");
    let Some(file) = script.files.iter().find(|file| file.path == path) else { return Reply::with(404, "") };
    if let Some(store) = script.store {
        return store();
    }
    let ends = if script.ends.is_empty() { Ends::WithAll } else { script.ends.remove(0) };
    let (begin, whole) = (asked.begins_at(), file.content.len());
    let is_same = !script.heeds_tags || asked.header("if-range").is_none_or(|tag| tag == script.tag);
    let reply = match begin {
        _ if begin > whole => Reply::with(416, "").header("Content-Range", format!("bytes */{whole}")),
        1.. if script.knows_ranges && is_same => Reply::with(206, &file.content[begin..])
            .header("Content-Range", format!("bytes {begin}-{}/{whole}", whole - 1)),
        _ => Reply::with(200, &file.content[..]),
    };
    reply.header("ETag", &script.tag).ending(ends)
}
