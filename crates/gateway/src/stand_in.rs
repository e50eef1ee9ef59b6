//! A daemon that answers each call with what it was told to, and remembers what it was asked.

use std::sync::{Arc, Mutex};

use assay_market::view::{AttemptState, AttemptView, SubmissionView};
use assay_peer::{
    config::Home,
    handle::{HANDLE_VERSION, JobView, Update},
};
use assay_protocol::{
    id::{Digest, PeerId},
    units::{Amount, Rate, Timestamp},
};
use serde::Serialize;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    io::{self, AsyncReadExt, AsyncWriteExt},
    net::{UnixListener, UnixStream},
};

use crate::link::DaemonLink;

/// Kinds of frames, as a daemon reads and writes them.
const ASK: u8 = 1;
const NEXT: u8 = 2;
const PART: u8 = 3;
const ANSWER: u8 = 5;
const BEGIN: u8 = 6;

/// A daemon in a home of its own.
pub(crate) struct StandInDaemon {
    pub(crate) link: DaemonLink,
    script: Arc<Mutex<DaemonScript>>,
    _home: TempDir,
}

/// What it says, and what it was asked.
#[derive(Default)]
struct DaemonScript {
    /// Answers, by the names of calls.
    answers: Vec<(&'static str, Value)>,
    /// What whoever watches a job is told first, and alone.
    watched: Option<Value>,
    asked: Vec<(String, Value)>,
    /// Calls at which it leaves whoever asks.
    left_at: Vec<&'static str>,
}

impl StandInDaemon {
    /// Begins to listen.
    pub(crate) fn begin() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path());
        let listener = UnixListener::bind(home.socket()).unwrap();
        let script = Arc::<Mutex<DaemonScript>>::default();
        let spoken = script.clone();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                // It ends when whoever asks leaves.
                tokio::spawn(attend(stream, spoken.clone()));
            }
        });
        Self { link: DaemonLink(home), script, _home: folder }
    }

    /// Has it answer a call like this from now on.
    pub(crate) fn answers(&self, call: &'static str, with: impl Serialize) {
        let mut script = self.script.lock().unwrap();
        script.answers.retain(|(known, _)| *known != call);
        script.answers.push((call, serde_json::to_value(with).unwrap()));
    }

    /// Has it tell whoever watches this job how it stands, and show it so.
    pub(crate) fn shows(&self, job: &JobView) {
        self.answers("show_job", job);
        self.script.lock().unwrap().watched = Some(json!(Update::Job(Box::new(job.clone()))));
    }

    /// Has it end a connection by which it is asked a call like this, as one does that is started again.
    pub(crate) fn leaves_at(&self, call: &'static str) {
        self.script.lock().unwrap().left_at.push(call);
    }

    /// What it was asked by this call.
    pub(crate) fn asked(&self, call: &str) -> Vec<Value> {
        let script = self.script.lock().unwrap();
        script.asked.iter().filter(|(name, _)| name == call).map(|(_, with)| with.clone()).collect()
    }
}

/// Answers one connection. What has no answer is never answered.
async fn attend(mut stream: UnixStream, script: Arc<Mutex<DaemonScript>>) -> io::Result<()> {
    let hello = json!({ "assay": HANDLE_VERSION, "program": "a stand-in" }).to_string();
    stream.write_u32(u32::try_from(hello.len()).unwrap()).await?;
    stream.write_all(hello.as_bytes()).await?;
    let length = stream.read_u32().await?;
    stream.read_exact(&mut vec![0; usize::try_from(length).unwrap()]).await?;
    loop {
        let length = stream.read_u32().await?;
        let (kind, number) = (stream.read_u8().await?, stream.read_u32().await?);
        let mut body = vec![0; usize::try_from(length).unwrap()];
        stream.read_exact(&mut body).await?;
        let (said, leaves) = {
            let mut script = script.lock().unwrap();
            (script.said(kind, &body), kind == ASK && script.leaves())
        };
        if leaves {
            return Ok(());
        }
        let Some((kind, said)) = said else { continue };
        let said = said.to_string();
        stream.write_u32(u32::try_from(said.len()).unwrap()).await?;
        stream.write_u8(kind).await?;
        stream.write_u32(number).await?;
        stream.write_all(said.as_bytes()).await?;
    }
}

impl DaemonScript {
    /// Whether it leaves whoever asked last.
    fn leaves(&self) -> bool {
        self.asked.last().is_some_and(|(call, _)| self.left_at.iter().any(|left_at| left_at == call))
    }

    /// What is said to a frame, and as what.
    fn said(&mut self, kind: u8, body: &[u8]) -> Option<(u8, Value)> {
        match kind {
            ASK => {
                let ask: Value = serde_json::from_slice(body).unwrap();
                let call = ask["call"].as_str().unwrap().to_owned();
                self.asked.push((call.clone(), ask["with"].clone()));
                if call == "watch_updates" {
                    return Some((BEGIN, Value::Null));
                }
                let known = self.answers.iter().find(|(known, _)| *known == call);
                known.map(|(_, answer)| (ANSWER, answer.clone()))
            }
            NEXT => self.watched.take().map(|update| (PART, update)),
            _ => None,
        }
    }
}

/// A job of which nobody was asked.
pub(crate) fn submission() -> SubmissionView {
    SubmissionView {
        key: Digest::default(),
        manifest: "poet".to_owned(),
        attempts: Vec::new(),
        cancelled: false,
        ended: false,
        unmatched: None,
    }
}

/// The same with one attempt, which was opened if it has a rate.
pub(crate) fn attempted(state: AttemptState, rate: Option<Rate>) -> SubmissionView {
    let attempt = AttemptView {
        job: Digest([2; 32]),
        provider: PeerId([3; 32]),
        ordered: Timestamp(0),
        price: Amount(1),
        total_max: Amount(1),
        held: Amount(1),
        state,
        end: None,
        rate,
        output: None,
        receipt: None,
        cost: None,
    };
    SubmissionView { attempts: vec![attempt], ..submission() }
}
