//! A receipt of each end that a job can come to, and of a check under each policy, byte for byte as other versions and other implementations read it.

use std::{fs, path::PathBuf};

use assay_protocol::{
    codec,
    manifest::Policy,
    outcome::Outcome,
    receipt::{Receipt, verify},
    signed::{Ed25519, Keypair},
};

use crate::{
    office::Key,
    outcomes::{checked_under, ended},
};

/// Set to `write`, this variable makes the vectors anew.
const SWITCH: &str = "ASSAY_GOLDEN";

impl Key for Keypair {
    fn numbered(number: u64) -> Self {
        Self::from_seed(codec::digest("test key", &number).0)
    }
}

/// Where the vectors are: with the law that judges them.
fn file(name: &str) -> PathBuf {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../protocol/tests/golden/receipts");
    PathBuf::from(folder).join(format!("{name}.receipt"))
}

/// Holds a receipt against its vector.
fn check(name: &str, receipt: &Receipt, outcome: Outcome) {
    let report = verify::<Ed25519>(receipt);
    assert!(report.is_ok_and(|report| report.outcome == outcome), "{name} does not hold");
    let (bytes, file) = (receipt.to_bytes(), file(name));
    if std::env::var(SWITCH).is_ok_and(|wish| wish == "write") {
        fs::write(&file, &bytes).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    }
    let written = fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    assert!(
        written == bytes,
        "{name} is written otherwise than before: if that is meant, raise `codec::VERSION` and write the vectors anew \
         with {SWITCH}=write"
    );
}

#[test]
fn a_receipt_of_each_outcome_is_written_as_ever() {
    for outcome in Outcome::ALL {
        let (office, job) = ended::<Keypair>(outcome);
        let name = serde_json::to_value(outcome).ok();
        let Some(name) = name.as_ref().and_then(|name| name.as_str()) else { panic!("an outcome is a word") };
        check(name, &office.receipt(job), outcome);
    }
}

/// The first kind of policy is that of the receipts above.
#[test]
fn a_receipt_of_a_check_of_equal_bytes_and_of_a_text_is_written_as_ever() {
    for (name, policy) in [("checked_exact", Policy::Exact), ("checked_text", Policy::Replay)] {
        let (office, job) = checked_under::<Keypair>(policy);
        check(name, &office.receipt(job), Outcome::Checked);
    }
}
