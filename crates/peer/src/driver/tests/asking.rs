//! What a notary asks when it has started, and who cannot keep it from that.

use super::{
    offers::{NOTARY, OWN, PROVIDER},
    *,
};
use crate::driver::{
    confirming,
    pages::{self, HEAD, LEFT},
};

/// Another one that answers nothing.
const MUTE: [u8; 32] = [4; 32];
/// A question that nobody answers.
const UNANSWERED: u8 = 99;
/// How many such questions stand in line for each place: each holds one for half a minute.
const IN_LINE: usize = 16;
/// How often somebody is asked who may be slower than it is waited for: so often takes less time than that line does.
const TRIES: usize = 24;

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
        limits: Limits { answers_max: 1_024, per_peer_max: 1_024, ..Limits::default() },
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
    let ask_mute = |secret| {
        let (network, to) = (driver.background.network.clone(), Keypair::from_seed(secret).id());
        tokio::spawn(async move { network.ask(to, UNANSWERED, Vec::new()).await });
    };
    for (secret, (_, questions)) in [NOTARY, MUTE].into_iter().zip(&mut mute) {
        (0..places / 2).for_each(|_| ask_mute(secret));
        let mut asked = 0;
        while asked < places / 2 {
            if let NetworkEvent::Asked { reply, .. } = questions.recv().await.unwrap() {
                unanswered.push(reply);
                asked += 1;
            }
        }
    }
    assert_eq!(unanswered.len(), places, "they hold all places");
    // And whichever becomes free is theirs again, however slow this machine is.
    (0..IN_LINE * places / 2).for_each(|_| [NOTARY, MUTE].into_iter().for_each(&ask_mute));
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
    let (said, mut answers) = ((speaks, Some(0), true), Vec::new());
    while answers.len() < TRIES && answers.last() != Some(&said) {
        let arrival = inlets.arrivals.recv().await.unwrap();
        let Arrival::Heads(from, heads, has_left) = arrival else { continue };
        answers.push((from, heads.map(|heads| heads.len()), has_left));
        if answers.last() != Some(&said) {
            confirming::ask_head(&driver.background, speaks, (driver.own, driver.network_id));
        }
    }
    assert_eq!(answers.last(), Some(&said), "of {}", answers.len());
}
