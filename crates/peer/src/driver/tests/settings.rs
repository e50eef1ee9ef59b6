//! What a running daemon heeds of its home's file.

use std::fs;

use assay_protocol::{
    signed::{Keypair, Signer},
    units::Amount,
};

use super::Started;
use crate::{
    config::{self, Home},
    handle::{HeedSettings, Refused, Respond},
};

#[tokio::test]
async fn settings_are_heeded_once_their_file_makes_sense() {
    let folder = tempfile::tempdir().unwrap();
    let genesis = config::genesis("test", Keypair::from_seed([1; 32]).id());
    let Started { mut driver, mut inlets, responder, let_through, begins } =
        Started::new(folder.path(), [1; 32], genesis, 1 << 20).await;
    tokio::spawn(async move {
        let _disk = (let_through, begins);
        while let Some(visit) = inlets.visits.recv().await {
            visit(&mut driver).await.unwrap();
        }
    });
    let file = Home::at(folder.path()).settings();
    let held = || responder.settings.client().cost_max;
    fs::write(&file, "[client]\ncost_max = \"7\"\n").unwrap();
    assert_eq!(held(), Amount::credits(1), "nobody said so yet");
    HeedSettings.respond(&responder).await.unwrap();
    assert_eq!(held(), Amount::credits(7));
    fs::write(&file, "[client]\ncost_max = \"9\"\nrunmax = 1\n").unwrap();
    let refused = HeedSettings.respond(&responder).await.unwrap_err();
    assert!(matches!(&refused, Refused::BadSettings { reason } if reason.contains("runmax")), "{refused}");
    assert_eq!(held(), Amount::credits(7));
}
