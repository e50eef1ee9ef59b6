//! A network's file and a home's settings, there and back.

use assay_protocol::{
    genesis::{Founder, Genesis},
    id::{Digest, PeerId},
    manifest::{Manifest, Meter, Policy, TensorFormat, TokenWeights, WorkPerMeter},
    units::{Amount, Rate},
};

use super::*;

fn full() -> NetworkFile {
    let peer = |byte| PeerId([byte; 32]);
    let manifest = |name: &str, policy| Manifest {
        name: name.to_owned(),
        runner: Digest([7; 32]),
        model: Digest([8; 32]),
        params: "{\"labels\": \"a\\n\\\"b\\\"\"}".to_owned(),
        policy,
        meter: Meter::MegaFuel,
        work: WorkPerMeter { call: 1, token_read: 2, token_written: 3, mega_fuel: 4 },
        work_most: 1_000,
        memory_bytes: 1 << 28,
        licence: "MIT OR Apache-2.0".to_owned(),
    };
    let mut genesis = Genesis {
        notaries: vec![peer(1)],
        manifests: vec![
            manifest("digits", Policy::Tensor(TensorFormat::F32)),
            manifest("pure", Policy::Exact),
            Manifest {
                meter: Meter::Tokens(TokenWeights { read: 1, written: 4 }),
                ..manifest("text", Policy::Replay)
            },
        ],
        verifiers: vec![Founder {
            peer: peer(3),
            stake: Amount(123_456_789_012),
            free: Amount::ZERO,
            classes: vec![Digest([4; 32]), Digest([5; 32])],
        }],
        ..genesis("test", peer(9))
    };
    genesis.checks.power = Rate(4_080_218_931);
    let contact =
        |byte, port| Contact { peer: peer(byte), addresses: vec![format!("/ip4/127.0.0.1/tcp/{port}")] };
    NetworkFile { genesis, contacts: vec![contact(1, 4001), contact(6, 4002)] }
}

#[test]
fn a_network_reads_back_from_its_file() {
    let network = full();
    let read = NetworkFile::parse(&network.to_toml()).unwrap();
    assert_eq!(read, network);
    assert_eq!(read.genesis.id(), network.genesis.id());
}

#[test]
fn every_key_has_a_comment_above_it() {
    for text in [full().to_toml(), Settings::default().to_documented_toml()] {
        let lines: Vec<&str> = text.lines().collect();
        let keys =
            lines.iter().enumerate().filter(|(_, line)| line.contains(" = ") && !line.starts_with('#'));
        let documented = keys.inspect(|(place, line)| {
            assert!(lines[place - 1].starts_with("# "), "{line} has no comment");
        });
        assert!(documented.count() > 5);
    }
}

#[test]
fn a_bad_file_is_one_line_that_names_the_key() {
    let cases = [
        ("tick = ", "tikc = ", "timers.tikc is no known key; is timers.tick meant?"),
        ("[timers]", "[tmers]", "tmers is no known key; is timers meant?"),
        ("[checks]", "[zzz]", "zzz is no known key"),
        ("ramp = 5", "", "checks.ramp is missing: expected a whole number"),
        ("base = \"2%\"", "base = 2", "checks.base is 2: expected a rate such as \"2%\" or \"1.5\""),
        (
            "per_work = \"0.000001\"",
            "per_work = \"-1\"",
            "money.per_work is \"-1\": expected credits such as \"12\" or \"0.0035\"",
        ),
        ("ramp = 5", "ramp = -5", "checks.ramp is -5: expected a whole number"),
        (
            "[[verifier]]",
            "[verifier]",
            "verifier is a table: expected a list of tables, each below a line [[…]]",
        ),
        (
            "work_most = 1000",
            "work_most = 0",
            "manifest.work_most: a run needs at least 1, or nobody can order one",
        ),
        (
            "work_most = 1000",
            "work_most = 9223372036854775807",
            "manifest.work_most: it is more than this network has money to check",
        ),
        ("name = \"pure\"", "name = \"digits\"", "manifest: two manifests have one name"),
        ("bad = \"0.05%\"", "bad = \"0.005%\"", "threshold: ok must be below bad"),
        (
            "real_money = false",
            "real_money = true",
            "network.real_money: this release knows no network whose credits are money",
        ),
        (
            "meter = \"mega_fuel\"",
            "meter = \"seconds\"",
            "manifest 1.meter is \"seconds\": expected \"calls\", \"mega_fuel\", or \"tokens\" with their weights such as \"tokens 1 4\"",
        ),
        (
            "mega_fuel = 4",
            "mega_fule = 4",
            "manifest 1.work is a table: expected whole numbers such as { call = 1, token_read = 0, token_written = 0, mega_fuel = 0 }",
        ),
    ];
    let good = full().to_toml();
    for (from, to, message) in cases {
        assert!(good.contains(from), "{from}");
        let bad = NetworkFile::parse(&good.replacen(from, to, 1)).unwrap_err();
        assert_eq!(bad.to_string(), message);
    }
    let syntax = NetworkFile::parse("[network]\nname = \n").unwrap_err();
    assert!(matches!(syntax, BadConfig::Syntax { line: 2, .. }), "{syntax}");
}

#[test]
fn settings_read_back_and_may_be_left_out() {
    assert_eq!(Settings::parse("").unwrap(), Settings::default());
    let mut settings = Settings::default();
    settings.client.cost_max = Amount(5);
    settings.daemon.listen.clear();
    assert_eq!(Settings::parse(&settings.to_documented_toml()).unwrap(), settings);
    let bad = Settings::parse("[client]\ncostmax = \"1\"\n").unwrap_err();
    assert_eq!(bad.to_string(), "client.costmax is no known key; is client.cost_max meant?");
}

#[test]
fn a_home_without_room_for_any_model_is_refused() {
    let parse = |bytes: u64| Settings::parse(&format!("[daemon]\nblob_bytes_max = {bytes}\n"));
    assert_eq!(parse(BLOB_ROOM_MIN).unwrap().daemon.blob_bytes_max, BLOB_ROOM_MIN);
    let refused = parse(BLOB_ROOM_MIN - 1).unwrap_err().to_string();
    let setting = HomeSetting::find("daemon.blob_bytes_max").unwrap();
    assert_eq!(setting.read(&BLOB_ROOM_MIN.to_string()).unwrap(), BLOB_ROOM_MIN.to_string());
    let untyped = setting.read(&(BLOB_ROOM_MIN - 1).to_string()).unwrap_err().to_string();
    for told in [refused, untyped] {
        assert!(
            told.starts_with("daemon.blob_bytes_max") && told.contains(&BLOB_ROOM_MIN.to_string()),
            "{told}"
        );
    }
}

#[test]
fn a_key_is_made_once_and_refused_when_others_can_read_it() {
    use std::{fs, os::unix::fs::PermissionsExt};
    let folder = tempfile::tempdir().unwrap();
    let home = Home::at(folder.path().join("home"));
    assert!(matches!(home.key(), Err(KeyError::Absent { .. })));
    let peer = home.create_key().unwrap();
    assert_eq!(assay_protocol::signed::Signer::id(&home.key().unwrap()), peer);
    assert!(matches!(home.create_key(), Err(KeyError::Present { .. })));
    fs::set_permissions(home.identity(), fs::Permissions::from_mode(0o640)).unwrap();
    assert!(matches!(home.key(), Err(KeyError::Exposed { mode: 0o640, .. })));
}
