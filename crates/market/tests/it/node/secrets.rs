//! What a peer derives from its key: the same for the same job in this life and the next, another for every other job,
//! purpose and network.

use std::collections::BTreeSet;

use assay_market::{Effect, Input};
use assay_protocol::{
    check::OpenClaim,
    genesis::Genesis,
    id::{Digest, JobId},
    message::Message,
    notice::NoticeEvent,
};

use super::table::{Table, account, output, result};
use crate::{
    course::record,
    office::{CLIENT, FIRST_VERIFIER, NOTARY, PROVIDER},
};

/// The usual network, and one that differs from it by its name.
const NETWORKS: [&str; 2] = ["test", "another"];

fn named(name: &str) -> impl FnOnce(&mut Genesis) {
    move |genesis| genesis.name = name.to_owned()
}

/// How a provider opens what it claimed for its order in this lane of this network.
fn opening(network: &str, lane: u16, restarts: bool) -> OpenClaim {
    let mut table = Table::of(PROVIDER, named(network));
    table.provide();
    let order = table.order(lane, 0);
    table.propose(&order);
    let ticket = table.ticket(&order);
    table.start(CLIENT, &order, ticket);
    table.fetched(order.input_commit, Digest::default());
    if restarts {
        table.restart();
        table.fetched(order.input_commit, Digest::default());
    }
    table.ran(order.id(), false, Ok(result(4)));
    table.notice(NOTARY, order.id(), NoticeEvent::Open { beacon: None });
    let shown = table.effects.iter().find_map(|effect| {
        let Effect::Show { run, positions, .. } = effect else { return None };
        Some((*run, positions.iter().map(|position| record(&output(), *position)).collect()))
    });
    let (run, records) = shown.expect("records are read");
    table.feed(Input::Shown { run, records });
    let opening = table.sent().find_map(|(_, message)| {
        let Message::OpenClaim(opening) = message else { return None };
        Some(opening.said().clone())
    });
    opening.expect("the claim is opened")
}

#[test]
fn what_hides_a_claim_is_another_for_each_half_each_job_and_each_network() {
    let openings =
        [opening(NETWORKS[0], 0, false), opening(NETWORKS[0], 1, false), opening(NETWORKS[1], 0, false)];
    let jobs: Vec<JobId> = openings.iter().map(|opening| opening.job).collect();
    assert!(jobs[0] != jobs[1] && jobs[0] == jobs[2], "one job in two networks has one name");
    let blinds = openings.iter().flat_map(|opening| [opening.output.blind, opening.evidence.blind]);
    assert_eq!(blinds.collect::<BTreeSet<_>>().len(), 6);
    assert_eq!(opening(NETWORKS[0], 0, true), openings[0], "after a restart as before");
}

/// What the client's order for this submission commits to in this network, without which the order is the same.
fn secret_commit(network: &str, number: u8) -> Digest {
    let mut table = Table::of(CLIENT, named(network));
    table.hear(NOTARY, account(0, 0));
    table.offer(PROVIDER);
    table.submit(number, |submission| submission.input_commit = Digest::default());
    table.proposed().1.secret_commit
}

#[test]
fn the_secret_of_an_order_is_another_for_each_order_and_each_network() {
    let mut table = Table::client(&[PROVIDER]);
    let commits = [1, 2].map(|number| {
        table.submit(number, |_| {});
        table.proposed().1.secret_commit
    });
    assert_ne!(commits[0], commits[1]);
    assert_ne!(secret_commit(NETWORKS[0], 1), secret_commit(NETWORKS[1], 1));
    assert_eq!(secret_commit(NETWORKS[0], 1), secret_commit(NETWORKS[0], 1));
}

/// What a verifier seals that found the usual for this job of this network.
fn sealed(network: &str, job: u8, restarts: bool) -> Digest {
    let mut table = Table::of(FIRST_VERIFIER, named(network));
    let check = table.check(job, FIRST_VERIFIER);
    table.hear(NOTARY, check.clone());
    table.fetched(check.input_commit, Digest::default());
    if restarts {
        table.restart();
        table.fetched(check.input_commit, Digest::default());
    }
    table.ran(check.job, true, Ok(result(4)));
    let commit = table.sent().find_map(|(_, message)| {
        let Message::Seal(seal) = message else { return None };
        Some(seal.said().commit)
    });
    commit.expect("a seal")
}

/// Who finds the same for two jobs must not be seen to.
#[test]
fn what_hides_a_finding_is_another_for_each_job_and_each_network() {
    let seals = [sealed(NETWORKS[0], 1, false), sealed(NETWORKS[0], 2, false), sealed(NETWORKS[1], 1, false)];
    assert_eq!(BTreeSet::from(seals).len(), 3);
    assert_eq!(sealed(NETWORKS[0], 1, true), seals[0], "after a restart as before");
}
