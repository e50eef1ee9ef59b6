//! What `assay status` says of messages that came to nothing, and of a notary that says nothing.

use std::{
    fs,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use assay_cli::Bundle;
use assay_peer::{
    network::{BlobSource, Limits, Network, NetworkEvent, NetworkSettings},
    pieces::ServedBlob,
};
use assay_protocol::{
    genesis::Genesis,
    id::{Digest, PeerId},
    message::Message,
    order::{Abort, Failure, Order, Propose},
    signed::{Keypair, Signed, Signer, Statement, Verified},
    units::{Amount, Timestamp},
};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::{
    assay::{Ran, assay},
    homes::{Homestead, private_folder},
};

/// The longest that a message is on its way.
const PATIENCE: Duration = Duration::from_secs(300);
/// The key of somebody whom nobody knows.
const SEED: [u8; 32] = [9; 32];

/// A peer that is alone in its network. Its daemon ends with the test.
pub(crate) struct Hermit {
    home: tempfile::TempDir,
    genesis: Genesis,
}

impl Hermit {
    pub(crate) fn found() -> Self {
        let home = private_folder();
        let genesis = assay_peer::config::genesis("test", PeerId([1; 32]));
        let manifests = Bundle::all().iter().map(|bundle| bundle.manifest()).collect();
        let genesis = Genesis { manifests, ..genesis };
        let network = home.path().join("joined.toml");
        fs::write(&network, assay_peer::config::to_documented_toml(&genesis, &[])).unwrap();
        let joined = assay(home.path(), &["init", "--yes", "--network", network.to_str().unwrap()]);
        assert_eq!(joined.status, Some(0), "{joined:?}");
        // It would listen on nothing by itself.
        let settings = "[daemon]\nlisten = [\"/ip4/127.0.0.1/tcp/0\"]\n";
        fs::write(home.path().join("config.toml"), settings).unwrap();
        Self { home, genesis }
    }

    pub(crate) fn types(&self, arguments: &[&str]) -> Ran {
        assay(self.home.path(), arguments)
    }

    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    pub(crate) fn status(&self) -> Value {
        self.types(&["status", "--json"]).document()
    }

    /// The line that says what could not be taken.
    fn line(&self) -> Option<String> {
        let printed = self.types(&["status"]).stdout;
        printed.lines().find_map(|line| Some(line.strip_prefix("not taken\t")?.to_owned()))
    }
}

impl Drop for Hermit {
    fn drop(&mut self) {
        self.types(&["down"]);
    }
}

/// Somebody who has its address, and a key.
pub(crate) struct Stranger {
    network: Network,
    _events: mpsc::Receiver<NetworkEvent>,
    to: PeerId,
    genesis: Genesis,
}

struct Nothing;

impl BlobSource for Nothing {
    fn open(&self, _: &Digest, _: &PeerId) -> Option<ServedBlob> {
        None
    }
}

impl Stranger {
    pub(crate) async fn knocks_at(hermit: &Hermit, status: &Value) -> Self {
        let (genesis, text) = (hermit.genesis.clone(), |value: &Value| value.as_str().unwrap().to_owned());
        let to: PeerId = text(&status["peer"]).parse().unwrap();
        let settings = NetworkSettings {
            secret: SEED,
            listen: Vec::new(),
            nearby: Vec::new(),
            known: vec![(to, text(&status["addresses"][0]))],
            network: genesis.id(),
            notaries: genesis.notaries.clone(),
            limits: Limits::default(),
        };
        let (network, mut events) = Network::start(settings, Arc::new(Nothing)).await.unwrap();
        connected(&mut events, to).await;
        Self { network, _events: events, to, genesis }
    }

    /// Sends what need be no message; what finds no room is as if it was never sent.
    pub(crate) fn sends(&self, bytes: Vec<u8>) {
        let _ = self.network.send(self.to, bytes);
    }

    fn says<T: Statement>(&self, statement: T)
    where
        Message: From<Verified<T>>,
    {
        let signed = Signed::seal(statement, &Keypair::from_seed(SEED), self.genesis.id());
        self.network.send(self.to, Message::from(signed).encode()).unwrap();
    }
}

async fn connected(events: &mut mpsc::Receiver<NetworkEvent>, to: PeerId) {
    let wait = async {
        while let Some(event) = events.recv().await {
            if matches!(event, NetworkEvent::Connected { peer, .. } if peer == to) {
                return;
            }
        }
    };
    tokio::time::timeout(PATIENCE, wait).await.unwrap();
}

/// An order of the stranger for somebody else.
fn elsewhere() -> Order {
    let nothing = Digest::default();
    Order {
        client: Keypair::from_seed(SEED).id(),
        provider: PeerId([2; 32]),
        notary: PeerId([1; 32]),
        lane: 0,
        nonce: 0,
        class: nothing,
        manifest: Bundle::all()[0].manifest(),
        input_commit: nothing,
        units_max: 1,
        work_max: 1,
        unit_price: Amount(1),
        total_max: Amount(1),
        checks: 0,
        unchecked_ok: false,
        cancel_fee: Amount::ZERO,
        run_max: assay_protocol::units::Duration::seconds(1),
        open_by: Timestamp::default(),
        secret_commit: nothing,
    }
}

/// The stranger goes on while a command is waited for.
#[tokio::test(flavor = "multi_thread")]
async fn messages_that_could_not_be_taken_are_counted_by_kind_and_reason() {
    let hermit = Hermit::found();
    let before = hermit.status();
    assert_eq!((&before["faults"], hermit.line()), (&json!([]), None));

    let stranger = Stranger::knocks_at(&hermit, &before).await;
    let abort = Abort { job: Digest::default(), ticket: Digest::default(), reason: Failure::Trap };
    let order = Signed::seal(elsewhere(), &Keypair::from_seed(SEED), stranger.genesis.id()).into_signed();
    stranger.says(abort);
    stranger.says(abort);
    stranger.says(Propose { order, standing: None });

    let expected = json!([
        { "kind": "Abort", "reason": "unknown", "count": 2 },
        { "kind": "Propose", "reason": "stranger", "count": 1 },
    ]);
    let begin = Instant::now();
    while hermit.status()["faults"] != expected {
        assert!(begin.elapsed() < PATIENCE, "{}", hermit.status()["faults"]);
    }
    let line = "messages that should not have been sent: 1 Propose (from somebody else than it must be from)";
    assert_eq!(hermit.line().as_deref(), Some(line), "what is about nothing known here is usual");
}

#[test]
fn commands_at_the_same_time_start_one_daemon_and_are_all_answered() {
    let hermit = Hermit::found();
    let said: Vec<Ran> = std::thread::scope(|scope| {
        let asking: Vec<_> = (0..6).map(|_| scope.spawn(|| hermit.types(&["status", "--json"]))).collect();
        asking.into_iter().map(|asked| asked.join().unwrap()).collect()
    });
    let peers: std::collections::BTreeSet<String> =
        said.iter().map(|ran| ran.document()["peer"].as_str().unwrap().to_owned()).collect();
    assert_eq!(peers.len(), 1);
}

#[test]
fn a_notary_that_was_not_heard_is_named() {
    let homestead = Homestead::new(false);
    let (told, printed) = (homestead.types(&["status", "--json"]), homestead.types(&["status"]));
    assert_eq!(homestead.types(&["down"]).status, Some(0));
    let notary = "01".repeat(32);
    let unheard = json!([{ "notary": notary, "heard_ago_ms": null }]);
    assert_eq!(told.document()["notaries_heard"], unheard);
    let line = format!("\nnotary\t{}, not heard yet\n", &notary[..12]);
    assert!(printed.stdout.contains(&line), "{printed:?}");
}
