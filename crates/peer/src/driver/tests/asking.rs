//! What a notary asks when it has started, and who cannot keep it from that.

use super::{
    offers::{NOTARY, OWN, PROVIDER},
    *,
};
use crate::driver::pages::{self, HEAD, LEFT};

/// Another one that answers nothing.
const MUTE: [u8; 32] = [4; 32];
/// A question that nobody answers.
const UNANSWERED: u8 = 99;

/// A peer that is connected with this one, and takes as many questions as there are.
async fn neighbour(secret: [u8; 32], of: &Driver) -> (Network, mpsc::Receiver<NetworkEvent>) {
    let own = (of.own, of.background.network.listening().remove(0));
    let settings = NetworkSettings {
        secret,
        listen: Vec::new(),
        known: vec![own],
        nearby: Vec::new(),
        network: of.network_id,
        notaries: Vec::new(),
        limits: Limits { answers_max: 64, per_peer_max: 64, ..Limits::default() },
    };
    Network::start(settings, Arc::new(of.background.store.clone())).await.unwrap()
}

#[tokio::test]
async fn strangers_who_answer_nothing_keep_no_notary_from_asking_others_what_it_said() {
    let mut genesis = config::genesis("test", Keypair::from_seed(OWN).id());
    genesis.notaries = vec![Keypair::from_seed(OWN).id()];
    let folder = tempfile::tempdir().unwrap();
    let mut started = Started::new(folder.path(), OWN, genesis, 1 << 20).await;
    let Started { driver, inlets, .. } = &mut started;
    let mut mute = [neighbour(NOTARY, driver).await, neighbour(MUTE, driver).await];
    let (_speaks, mut heard) = neighbour(PROVIDER, driver).await;
    let mut connected = 0;
    while connected < 3 {
        let arrival = inlets.arrivals.recv().await.unwrap();
        connected += usize::from(matches!(arrival, Arrival::Connected(_)));
    }
    let (places, mut unanswered) = (Limits::default().asks_max, Vec::new());
    for (secret, (_, questions)) in [NOTARY, MUTE].into_iter().zip(&mut mute) {
        for _ in 0..places / 2 {
            let (network, to) = (driver.background.network.clone(), Keypair::from_seed(secret).id());
            tokio::spawn(async move { network.ask(to, UNANSWERED, Vec::new()).await });
        }
        let mut asked = 0;
        while asked < places / 2 {
            if let NetworkEvent::Asked { reply, .. } = questions.recv().await.unwrap() {
                unanswered.push(reply);
                asked += 1;
            }
        }
    }
    assert_eq!(unanswered.len(), places, "they hold all places");
    tokio::spawn(async move {
        while let Some(event) = heard.recv().await {
            let NetworkEvent::Asked { kind, reply, .. } = event else { continue };
            match kind {
                HEAD => reply.answer(pages::words(&[])),
                LEFT => reply.answer(pages::left(true)),
                _ => {}
            }
        }
    });
    let speaks = Keypair::from_seed(PROVIDER).id();
    driver.confirm_by(speaks);
    let answered = loop {
        if let Arrival::Heads(from, heads, has_left) = inlets.arrivals.recv().await.unwrap() {
            break (from, heads.map(|heads| heads.len()), has_left);
        }
    };
    assert_eq!(answered, (speaks, Some(0), true));
}
