//! What the daemon that runs says of itself: whom it reaches, who reaches it, and what time it is.

use assay_market::view::ClockView;
use assay_peer::handle::StatusView;
use assay_protocol::id::PeerId;

use super::{
    super::{
        offers::passed::{LEAVE_HINT, NOTARY_LEFT},
        status::{Reached, listening, reach},
    },
    Finding,
};
use crate::{
    command_error::{CommandError, Exit},
    printer::{number_of, short, verb},
};

pub(super) fn look(status: &StatusView, names_addresses: bool, findings: &mut Vec<Finding>) {
    findings.push(program(&status.program));
    findings.push(peers(status.neighbours.len(), status.is_notary, names_addresses));
    let serves = status.is_notary || status.is_verifier || status.providing.is_some();
    findings.push(ports(serves, &status.addresses));
    findings.push(clock(&status.clock, status.is_notary));
    let others: Vec<PeerId> = status.notaries_heard.iter().map(|heard| heard.notary).collect();
    findings.extend(books(status.waits, &status.forked, (!status.is_notary).then_some(&*others)));
    findings.extend(left_by(status.left_by));
}

fn program(version: &str) -> Finding {
    let own = env!("CARGO_PKG_VERSION");
    if version == own {
        return Finding::fine("daemon", format!("runs, version {version}"));
    }
    let found = format!("runs, of version {version}, while this program is {own}");
    Finding::warning("daemon", found, "`assay down` and `assay up`")
}

/// Whether books are kept as they should be: its own, and those of the notaries that it has to do with; of whoever keeps no
/// books, all `notaries` of its network.
fn books(waits: bool, forked: &[PeerId], notaries: Option<&[PeerId]>) -> Vec<Finding> {
    let waiting = waits.then(|| {
        Finding::warning(
            "notary",
            "keeps no books yet: it waits for somebody who heard what it said last",
            "wait for one of them to be connected; if nobody can be, `assay down` and `assay up --alone`",
        )
    });
    if let Some(notaries) = notaries
        && !notaries.is_empty()
        && notaries.iter().all(|notary| forked.contains(notary))
    {
        let failure = CommandError::new(Exit::Problem, "NOTARY_LEFT", NOTARY_LEFT, LEAVE_HINT);
        return waiting.into_iter().chain([Finding::problem("notary", &failure)]).collect();
    }
    let forked = forked.iter().map(|notary| {
        let found = format!("the notary {} keeps two journals, and this peer left it", short(notary));
        Finding::warning(
            "notary",
            found,
            "nothing more is ordered through it; receipts that it signed stay valid",
        )
    });
    waiting.into_iter().chain(forked).collect()
}

/// That others have left this notary.
fn left_by(count: u64) -> Option<Finding> {
    let left = |count: u64| {
        let peers = number_of(count, "peer");
        let say = verb(usize::try_from(count).unwrap_or(usize::MAX), "says", "say");
        let found = format!("{peers} {say} without proof to have left this notary, for two journals of it");
        Finding::warning(
            "notary",
            found,
            "nothing needs to be done if no copy of its home ever ran beside it; if one did, end it, keep its home, and see what \
             `assay notary recover` says",
        )
    };
    (count > 0).then(|| left(count))
}

/// Whom it is connected to: others look for a notary, and it waits for them. Where the network file names no addresses, they
/// are looked for on the local network.
fn peers(connected: usize, is_notary: bool, names_addresses: bool) -> Finding {
    match connected {
        0 => Finding::warning(
            "peers",
            "nobody is connected",
            match (is_notary, names_addresses) {
                (true, _) => {
                    "have others join with the network file that `assay network show` names, and start theirs; an address in it \
                     must be one at which they reach this machine"
                }
                (false, false) => {
                    "have the daemon of its notary up in the same local network: the network file names no address at which \
                     others are found elsewhere"
                }
                (false, true) => {
                    "get the network file anew from whoever founded the network; it may name peers that are gone"
                }
            },
        ),
        1 => Finding::fine("peers", "1 is connected"),
        many => Finding::fine("peers", format!("{many} are connected")),
    }
}

fn ports(serves: bool, addresses: &[String]) -> Finding {
    let said = listening(addresses);
    match (serves, reach(addresses)) {
        (true, None) => {
            let hint =
                "start it with `assay up --listen ADDR`, or name daemon.listen in the home's config.toml";
            let message = "this peer serves others and listens on nothing";
            Finding::problem("ports", &CommandError::new(Exit::Other, "NOT_LISTENING", message, hint))
        }
        (true, Some(Reached::Machine)) => Finding::warning(
            "ports",
            said,
            "name an address of this machine's as daemon.listen, if others are to find it",
        ),
        (true, Some(Reached::Room | Reached::World)) | (false, _) => Finding::fine("ports", said),
    }
}

/// How far this machine's clock is from what notaries say, by the peer's own rule.
fn clock(clock: &ClockView, is_notary: bool) -> Finding {
    let mend = "have the system set its clock by the network, and start the daemon again";
    if clock.jumped_ms != 0 {
        let found = format!("the machine's clock was moved by {} ms while the daemon ran", clock.jumped_ms);
        return Finding::warning("clock", found, mend);
    }
    let farthest = clock.skews.iter().max_by_key(|skew| skew.ahead_ms.unsigned_abs());
    let Some(skew) = farthest else {
        return Finding::fine(
            "clock",
            match is_notary {
                true => "not compared: this peer keeps books, and says what time it is",
                false => {
                    "not compared yet: that is done by the ticks of a notary, which come now and then, and not by its answers"
                }
            },
        );
    };
    let side = if skew.ahead_ms < 0 { "behind" } else { "ahead of" };
    let off = skew.ahead_ms.unsigned_abs();
    let found = format!("{off} ms {side} what the notary {} last said", short(skew.notary));
    if !clock.skews.iter().any(|skew| skew.is_far()) {
        return Finding::fine("clock", found);
    }
    Finding::problem("clock", &CommandError::new(Exit::Other, "CLOCK_OFF", found, mend))
}

#[cfg(test)]
mod tests {
    use assay_market::view::SkewView;

    use super::*;
    use crate::commands::finding::Severity;

    #[test]
    fn a_daemon_of_another_version_is_named() {
        assert_eq!(program(env!("CARGO_PKG_VERSION")).severity, Severity::Fine);
        let other = program("7.7.7");
        assert!(other.severity == Severity::Warning && other.found.contains("7.7.7"), "{other:?}");
        assert!(other.mend.is_some_and(|mend| mend.contains("assay up")));
    }

    #[test]
    fn a_notary_with_two_journals_is_named() {
        let (two, all) = ([PeerId([7; 32]), PeerId([8; 32])], [7, 8, 9].map(|byte| PeerId([byte; 32])));
        assert!(books(false, &[], Some(&all)).is_empty() && books(false, &[], Some(&[])).is_empty());
        let left = books(false, &two, Some(&two));
        let [all_left] = &left[..] else { panic!("{left:?}") };
        assert_eq!((all_left.severity, all_left.code), (Severity::Problem, Some("NOTARY_LEFT")));
        assert!(all_left.found.contains("left it for good"), "{all_left:?}");
        assert!(books(false, &two, None).iter().all(|found| found.severity == Severity::Warning));
        let forked = books(false, &two, Some(&all));
        let [first, second] = &forked[..] else { panic!("{forked:?}") };
        assert!(first.severity == Severity::Warning && first.found.contains("two journals"), "{first:?}");
        assert_ne!(first.found, second.found, "each by its name");
    }

    #[test]
    fn a_notary_that_others_have_left_is_told_how_many() {
        assert_eq!(left_by(0), None);
        let found = left_by(2).map(|found| (found.severity, found.found));
        let said = "2 peers say without proof to have left this notary, for two journals of it".to_owned();
        assert_eq!(found, Some((Severity::Warning, said)));
        assert!(left_by(1).unwrap().found.starts_with("1 peer says without proof"));
    }

    #[test]
    fn a_notary_is_told_what_others_must_do() {
        let mend = |is_notary| peers(0, is_notary, true).mend.unwrap_or_default();
        assert!(mend(true).starts_with("have others join with the network file"), "{}", mend(true));
        assert!(mend(false).starts_with("get the network file anew"), "{}", mend(false));
        let nameless = peers(0, false, false).mend.unwrap_or_default();
        assert!(nameless.starts_with("have the daemon of its notary up"), "{nameless}");
        assert_eq!(peers(1, true, true), peers(1, false, true));
        let found = |is_notary| clock(&ClockView { jumped_ms: 0, skews: Vec::new() }, is_notary).found;
        assert!(
            found(true).contains("this peer keeps books")
                && found(false).contains("by the ticks of a notary")
        );
    }

    #[test]
    fn whoever_serves_others_must_be_found_by_them() {
        let severity = |serves, addresses: &[&str]| {
            let addresses: Vec<String> = addresses.iter().map(|address| (*address).to_owned()).collect();
            ports(serves, &addresses).severity
        };
        let (machine, room) = ("/ip4/127.0.0.1/tcp/1", "/ip4/192.168.0.2/tcp/1");
        assert_eq!([severity(true, &[]), severity(false, &[])], [Severity::Problem, Severity::Fine]);
        assert_eq!(
            [severity(true, &[machine]), severity(false, &[machine])],
            [Severity::Warning, Severity::Fine]
        );
        assert_eq!(severity(true, &[machine, room]), Severity::Fine);
    }

    #[test]
    fn a_clock_that_is_off_by_the_peers_own_rule_is_named() {
        let off = |ahead_ms: &[i64]| {
            let skew =
                |(byte, ahead_ms): (u8, &i64)| SkewView { notary: PeerId([byte; 32]), ahead_ms: *ahead_ms };
            let skews = (0..).zip(ahead_ms).map(skew).collect();
            clock(&ClockView { jumped_ms: 0, skews }, false)
        };
        assert_eq!(off(&[]).severity, Severity::Fine);
        assert_eq!(off(&[-5_000, 120_000]).severity, Severity::Fine);
        for (ahead_ms, said) in [(-5_001, "5001 ms behind "), (120_001, "120001 ms ahead of ")] {
            let found = off(&[ahead_ms]);
            assert!(found.severity == Severity::Problem && found.found.starts_with(said), "{found:?}");
            assert!(found.mend.is_some_and(|mend| mend.contains("clock")));
        }
        assert_eq!(off(&[40_000, -6_000]).severity, Severity::Problem, "the nearer one is off as well");
        let jumped = clock(&ClockView { jumped_ms: -70_000, skews: Vec::new() }, false);
        assert!(jumped.severity == Severity::Warning && jumped.found.contains("-70000 ms"), "{jumped:?}");
    }
}
