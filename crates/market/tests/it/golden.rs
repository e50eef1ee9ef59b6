//! A receipt of each end that a job can come to, byte for byte as other versions and other implementations read it.

use std::{fs, path::PathBuf};

use assay_protocol::{
    codec,
    outcome::Outcome,
    receipt::{Receipt, verify},
    signed::{Ed25519, Keypair},
};

use crate::{office::Key, outcomes::ended};

/// Set to `write`, this variable makes the vectors anew.
const SWITCH: &str = "ASSAY_GOLDEN";

impl Key for Keypair {
    fn numbered(number: u64) -> Self {
        Self::from_seed(codec::digest("test key", &number).0)
    }
}

/// Where the vectors are: with the law that judges them.
fn file(outcome: Outcome) -> PathBuf {
    let name = serde_json::to_value(outcome).ok();
    let Some(name) = name.as_ref().and_then(|name| name.as_str()) else { panic!("an outcome is a word") };
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../protocol/tests/golden/receipts");
    PathBuf::from(folder).join(format!("{name}.receipt"))
}

#[test]
fn a_receipt_of_each_outcome_is_written_as_ever() {
    for outcome in Outcome::ALL {
        let (office, job) = ended::<Keypair>(outcome);
        let receipt: Receipt = office.receipt(job);
        let report = verify::<Ed25519>(&receipt);
        assert!(report.is_ok_and(|report| report.outcome == outcome), "{outcome:?} does not hold");
        let (bytes, file) = (receipt.to_bytes(), file(outcome));
        if std::env::var(SWITCH).is_ok_and(|wish| wish == "write") {
            fs::write(&file, &bytes).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        }
        let written = fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        assert!(
            written == bytes,
            "a receipt of {outcome:?} is written otherwise than before: if that is meant, raise `codec::VERSION` and \
             write the vectors anew with {SWITCH}=write"
        );
    }
}
