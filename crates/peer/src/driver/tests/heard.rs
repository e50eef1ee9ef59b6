//! What a client heard of a job elsewhere, on its way to who is to go on with it.

use super::*;
use crate::driver::pages::HEARD;

#[tokio::test]
async fn a_run_is_tried_along_what_its_client_heard_elsewhere_and_along_nobody_elses() {
    let folders = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let genesis = config::genesis("test", Keypair::from_seed([9; 32]).id());
    let provider = Started::new(folders[0].path(), [1; 32], genesis.clone(), 1 << 20).await;
    let client = Started::new(folders[1].path(), [2; 32], genesis, 1 << 20).await;
    let Started { mut driver, mut inlets, responder, let_through, begins } = provider;
    let network = client.responder.network.clone();
    for address in responder.network.listening() {
        network.add_address(responder.own, &address).unwrap();
    }
    tokio::spawn(async move {
        let _disk = (let_through, begins);
        while let Some(arrival) = inlets.arrivals.recv().await {
            driver.arrive(arrival).await.unwrap();
        }
    });
    let (job, heard) = (Digest([7; 32]), b"27+58=".to_vec());
    let answer = network.ask(responder.own, HEARD, [&job.as_bytes()[..], &heard].concat()).await;
    assert_eq!(answer.unwrap(), Vec::<u8>::new());
    let handed = |by: PeerId, of: Digest| responder.executor.handed(by, of);
    assert_eq!(handed(client.responder.own, job), Some(heard));
    assert_eq!((handed(responder.own, job), handed(client.responder.own, Digest::default())), (None, None));
}
