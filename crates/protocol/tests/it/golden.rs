//! Every message, byte for byte as other versions and other implementations read it.

use std::fs;

use assay_protocol::{
    codec,
    message::{Message, Opened},
    signed::{Ed25519, Statement},
};

use crate::samples;

/// Set to `write`, this variable makes the vectors anew.
const SWITCH: &str = "ASSAY_GOLDEN";
const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/messages.txt");

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn bytes(digits: &str) -> Vec<u8> {
    let pairs = (0..digits.len() / 2).map(|place| &digits[2 * place..2 * place + 2]);
    pairs.map(|pair| u8::from_str_radix(pair, 16).unwrap_or_else(|_| panic!("{pair} is no byte"))).collect()
}

#[test]
fn each_message_is_written_as_ever() {
    let lines: String = samples::all()
        .iter()
        .map(|message| format!("{} {}\n", message.kind(), hexadecimal(&message.encode())))
        .collect();
    if std::env::var(SWITCH).is_ok_and(|wish| wish == "write") {
        fs::write(FILE, &lines).unwrap_or_else(|error| panic!("{FILE}: {error}"));
    }
    let written = fs::read_to_string(FILE).unwrap_or_else(|error| panic!("{FILE}: {error}"));
    for (now, before) in lines.lines().zip(written.lines()) {
        let kind = now.split(' ').next().unwrap_or_default();
        assert!(
            now == before,
            "{kind} is written otherwise than before: if that is meant, raise `codec::VERSION` and write the vectors \
             anew with {SWITCH}=write"
        );
    }
    assert_eq!(lines.lines().count(), written.lines().count(), "a kind of message has no vector");
}

#[test]
fn each_message_is_read_as_ever_and_its_signature_holds() {
    let written = fs::read_to_string(FILE).unwrap_or_else(|error| panic!("{FILE}: {error}"));
    for (line, sample) in written.lines().zip(samples::all()) {
        let Some((kind, digits)) = line.split_once(' ') else { panic!("no vector: {line}") };
        let message = Message::decode(&bytes(digits)).unwrap_or_else(|error| panic!("{kind}: {error}"));
        assert_eq!(message, sample);
        let opened: Opened =
            message.open::<Ed25519>(samples::network()).unwrap_or_else(|forged| panic!("{kind}: {forged}"));
        assert_eq!((opened.kind(), opened.signer()), (kind, samples::key(1)));
    }
}

#[test]
fn every_kind_of_message_has_a_sample() {
    let kinds: Vec<&str> = samples::all().iter().map(Message::kind).collect();
    let mut once = kinds.clone();
    once.sort_unstable();
    once.dedup();
    assert_eq!(once.len(), kinds.len(), "a kind has two samples");
    assert_eq!(kinds.len(), Message::KINDS.len(), "{kinds:?} of {:?}", Message::KINDS);
}

#[test]
fn a_version_that_is_not_ours_is_named() {
    let mut bytes = samples::all()[0].encode();
    bytes[1] = codec::VERSION + 1;
    let error = Message::decode(&bytes).map_err(|error| error.to_string());
    assert!(error.is_err_and(|text| text.contains("too new")), "the header is not looked at");
}

#[test]
fn each_statement_is_signed_under_a_name_of_its_own() {
    let names = [
        <assay_protocol::order::Order as Statement>::NAME,
        <assay_protocol::order::Open as Statement>::NAME,
        <assay_protocol::notice::Settled as Statement>::NAME,
    ];
    assert_eq!(names, ["Order", "Open", "Settled"], "the names are part of what is signed");
}
