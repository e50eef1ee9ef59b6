//! What a file proves, as one document, or the step at which it proves nothing.

use assay_protocol::{
    id::PeerId,
    order::Order,
    payout::Fee,
    receipt::{Happening, Receipt, Refuted, Report, Stop, VIEW_BYTES_MAX, verify},
    signed::Ed25519,
    units::Amount,
};
use serde_json::{Value, json};

use crate::run::run;

/// What this file proves: the document that `assay receipt show --json` prints, and what ran; or the step that fails, and what
/// was expected there.
#[must_use]
pub fn verdict(bytes: &[u8]) -> Value {
    match judged(bytes) {
        Ok((receipt, report, order)) => {
            let document = document(&receipt, &report, &order);
            json!({ "holds": true, "receipt": document, "run": run(&receipt, &order) })
        }
        Err(Refuted { step, expected }) => {
            json!({ "holds": false, "step": step, "name": step.name(), "expected": expected })
        }
    }
}

fn judged(bytes: &[u8]) -> Result<(Receipt, Report, Order), Refuted> {
    let receipt = read(bytes).map_err(|expected| Refuted { step: Stop::Encoding, expected })?;
    let report = verify::<Ed25519>(&receipt)?;
    let open = receipt.story.open.clone().open::<Ed25519>(report.network);
    let open = open.map_err(|forged| Refuted {
        step: Stop::Order,
        expected: format!("a valid signature on {}", forged.kind),
    })?;
    let order = open.order().clone();
    Ok((receipt, report, order))
}

/// The receipt in either of its forms: the canonical one begins with a byte that no text begins with.
fn read(bytes: &[u8]) -> Result<Receipt, String> {
    let whole = |error: &dyn std::error::Error| format!("one whole receipt: {error}");
    if bytes.len() > VIEW_BYTES_MAX {
        return Err(format!("one whole receipt: {} bytes are more than any has", bytes.len()));
    }
    if !bytes.first().is_some_and(u8::is_ascii) {
        return Receipt::from_bytes(bytes).map_err(|error| whole(&error));
    }
    let text = std::str::from_utf8(bytes).map_err(|error| whole(&error))?;
    Receipt::from_view(text).map_err(|error| whole(&error))
}

fn document(receipt: &Receipt, report: &Report, order: &Order) -> Value {
    let (story, unit) = (&receipt.story, &receipt.story.genesis.unit);
    let settlement = &story.settlement;
    let money = |amount: Amount| json!({ "amount": amount.to_string(), "unit": unit });
    let fees = |fees: &[Fee]| -> Value {
        fees.iter().map(|fee| json!({ "peer": fee.peer.to_string(), "sum": money(fee.amount) })).collect()
    };
    json!({
        "schema": "assay.receipt/1",
        "label": report.outcome.label(), "outcome": report.outcome, "meaning": report.meaning(),
        "job": report.job.to_string(), "network": report.network.to_string(), "network_name": report.network_name,
        "notary": report.notary.to_string(), "client": order.client.to_string(), "provider": order.provider.to_string(),
        "manifest": order.manifest.digest().to_string(), "model": order.manifest.name,
        "weights": order.manifest.model.to_string(), "runner": order.manifest.runner.to_string(),
        "class": order.class.to_string(), "input_commit": order.input_commit.to_string(),
        "check_rate": { "parts_per_2_32": report.rate.0, "per_cent": report.rate.to_string() },
        "checks": report.checks, "agreeing": report.agreeing,
        "verifiers": verifiers(receipt).map(|peer| peer.to_string()).collect::<Vec<_>>(),
        "settlement": {
            "to_client": money(settlement.client), "to_provider": money(settlement.provider),
            "slashed": money(settlement.slashed), "fees": fees(&settlement.fees), "fines": fees(&settlement.fines),
        },
        "position": story.position, "digest": story.digest().to_string(),
    })
}

/// Who was drawn to run the job again, in the order of the draws.
fn verifiers(receipt: &Receipt) -> impl Iterator<Item = PeerId> {
    receipt.story.events.iter().filter_map(|event| {
        let Happening::Seat { tries, .. } = &event.what else { return None };
        tries.last().map(|tried| tried.leaf.peer)
    })
}

#[cfg(test)]
mod tests {
    use std::{fs, path::PathBuf};

    use super::*;

    fn golden() -> Vec<(String, Vec<u8>)> {
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../protocol/tests/golden/receipts");
        let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        files
            .map(|path| (path.file_stem().unwrap().to_str().unwrap().to_owned(), fs::read(&path).unwrap()))
            .collect()
    }

    #[test]
    fn every_receipt_holds_in_both_forms_and_says_how_its_job_ended() {
        let golden = golden();
        assert!(golden.len() > 15);
        for (name, bytes) in golden {
            let said = verdict(&bytes);
            let outcome = said["receipt"]["outcome"].as_str().unwrap_or_default();
            assert!(
                said["holds"] == true && name.starts_with(outcome) && !outcome.is_empty(),
                "{name}: {said}"
            );
            let view = format!("{:#}\n", Receipt::from_bytes(&bytes).unwrap().to_view());
            assert_eq!(verdict(view.as_bytes()), said, "{name}");
        }
    }

    #[test]
    fn what_was_changed_or_is_no_receipt_names_the_step_that_fails() {
        for (name, bytes) in golden() {
            for at in (0..bytes.len()).step_by(997) {
                let mut changed = bytes.clone();
                changed[at] ^= 1;
                let said = verdict(&changed);
                assert!(said["holds"] == false && said["step"].is_string(), "{name}, byte {at}: {said}");
            }
        }
        for bytes in [b"".as_slice(), b"{}", b"no receipt", b"\xa5\x03", &vec![b'{'; VIEW_BYTES_MAX + 1]] {
            assert_eq!(verdict(bytes)["step"], "encoding");
        }
    }

    #[test]
    fn what_was_claimed_is_told_once_it_was_opened() {
        let ran = |name: &str| {
            let bytes = golden().into_iter().find(|(known, _)| known == name).unwrap().1;
            verdict(&bytes)["run"].take()
        };
        let checked = ran("checked_text");
        assert_eq!((&checked["policy"], &checked["claimed"]["end"]), (&json!("replay"), &json!("stop")));
        assert!(
            checked["claimed"]["evidence_root"].is_string() && checked["units_max"].is_string(),
            "{checked}"
        );
        assert!(ran("not_drawn")["claimed"].is_null());
    }

    #[test]
    fn a_payment_that_was_changed_is_told_as_what_the_notary_did_not_sign() {
        let bytes = golden().into_iter().find(|(name, _)| name == "checked").unwrap().1;
        let mut receipt = Receipt::from_bytes(&bytes).unwrap();
        receipt.story.settlement.provider = Amount(receipt.story.settlement.provider.0 + 1);
        let said = verdict(&receipt.to_bytes());
        assert_eq!((&said["holds"], &said["step"]), (&json!(false), &json!("notary")), "{said}");
    }
}
