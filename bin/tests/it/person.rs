//! Somebody at a keyboard, with a peer of their own.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use serde_json::Value;

use crate::assay::{Ran, assay, assay_told};

/// Looks for an offer, a tenth of a second apart.
const LOOKS_MAX: usize = 3_000;
/// How often a notary is asked, each time for ten seconds.
const ASKS_MAX: usize = 30;
/// How a command ends to which no notary says anything.
const SILENCE: i32 = 13;

/// A person's own peer. Its daemon ends with the test.
pub(crate) struct Person {
    pub(crate) home: PathBuf,
}

impl Person {
    /// One who has a home and nothing in it.
    pub(crate) fn new(folder: &Path, name: &str) -> Self {
        Self { home: folder.join(name) }
    }

    /// One who joins a network.
    pub(crate) fn join(folder: &Path, name: &str, network: &Path) -> Self {
        let person = Self::new(folder, name);
        person.joins(network);
        person
    }

    pub(crate) fn joins(&self, network: &Path) {
        let joined = self.types(&["init", "--yes", "--network", network.to_str().unwrap()]);
        assert_eq!(joined.status, Some(0), "{joined:?}");
    }

    pub(crate) fn types(&self, arguments: &[&str]) -> Ran {
        assay(&self.home, arguments)
    }

    /// Types it, and then something on standard input.
    pub(crate) fn told(&self, arguments: &[&str], told: &str) -> Ran {
        assay_told(&self.home, arguments, told)
    }

    /// Types what must succeed, and reads its document.
    pub(crate) fn asks(&self, arguments: &[&str]) -> Value {
        self.types(&[arguments, &["--json"]].concat()).document()
    }

    /// Types what must fail, and reads the code of the failure.
    pub(crate) fn fails(&self, arguments: &[&str], status: i32) -> Value {
        let ran = self.types(&[arguments, &["--json"]].concat());
        assert_eq!(ran.status, Some(status), "{arguments:?}: {ran:?}");
        let document: Value = serde_json::from_str(&ran.stderr).unwrap();
        document["error"]["code"].clone()
    }

    /// What this person's account holds, as its notary says once this peer has found it: a command waits for that no longer than ten
    /// seconds.
    pub(crate) fn account(&self) -> Value {
        for _ in 0..ASKS_MAX {
            let ran = self.types(&["account", "show", "--json"]);
            if ran.status != Some(SILENCE) {
                return ran.document();
            }
        }
        panic!("the notary never answers");
    }

    /// Waits until this person's peer has heard of an offer.
    pub(crate) async fn waits_for_offer(&self, model: &str, provider: &str) {
        for _ in 0..LOOKS_MAX {
            if self.types(&["offers", "--model", model, "--quiet"]).stdout.contains(provider) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("the offer of {model} never arrives");
    }
}

impl Drop for Person {
    fn drop(&mut self) {
        self.types(&["down"]);
    }
}
