//! What happened in the demonstration, for programs.

use std::time::Duration;

use assay_market::view::BooksView;
use assay_protocol::{id::Digest, outcome::Outcome, units::Amount};
use serde_json::{Value, json};

use super::{
    jobs::{DemoJob, Jobs},
    network::DemoNetwork,
    parting::{PartingRow, TextParting},
    proof::Judgement,
};
use crate::{
    commands::notary,
    printer::{full, money},
};

/// The body of `assay demo --json`.
pub(super) fn document(
    network: &DemoNetwork,
    jobs: &Jobs,
    before: &BooksView,
    after: &BooksView,
    proofs: &[(Digest, Judgement)],
    took: Duration,
) -> Value {
    let unit = &network.genesis().unit;
    let peers = network.peers().iter().map(|peer| {
        json!({ "name": peer.name, "peer": full(peer.id), "role": peer.duty.word(), "words": peer.duty.words(), "process": peer.process_id() })
    });
    let tampered = proofs.iter().find(|(job, _)| *job == Digest::default());
    json!({
        "network": full(network.genesis().id()), "network_name": network.genesis().name,
        "peers": peers.collect::<Vec<_>>(),
        "receipts": jobs.all().iter().map(|job| receipt(network, job, proofs, unit)).collect::<Vec<_>>(),
        "tampered": tampered.map(|(_, judgement)| refusal(judgement)),
        "balances": balances(network, before, after, unit),
        "books": notary::books(after, unit),
        "elapsed_ms": u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
    })
}

fn receipt(network: &DemoNetwork, job: &DemoJob, proofs: &[(Digest, Judgement)], unit: &str) -> Value {
    let judged = proofs.iter().find(|(id, _)| Some(*id) == job.id);
    let (paid, slashed) = job.settled.unwrap_or_default();
    let outcome = job.closed.map(|(outcome, _)| outcome);
    json!({
        "job": job.id.map(full), "label": outcome.map(Outcome::label), "outcome": outcome,
        "receipt": job.closed.map(|(_, receipt)| full(receipt)),
        "provider": job.provider.map(full), "provider_name": job.provider.map(|id| network.name_of(id)),
        "input": job.sample.file, "expected": job.sample.answer, "answer": job.answer,
        "price": money(job.price, unit), "paid": money(paid, unit), "slashed": money(slashed, unit),
        "verified": judged.is_some_and(|(_, judgement)| judgement.holds()),
        "parting": job.parting.as_ref().map(|found| parting(network, found)),
    })
}

fn parting(network: &DemoNetwork, parting: &TextParting) -> Value {
    let (_, rows) = parting.rows();
    let row = |PartingRow { place, claimed, found, .. }: PartingRow| json!({ "token_place": place, "claimed_text": claimed, "found_text": found });
    json!({
        "verifier_name": network.name_of(parting.verifier), "tokens_same": parting.tokens_same(),
        "tokens_shown": rows.into_iter().map(row).collect::<Vec<_>>(),
    })
}

fn refusal(judgement: &Judgement) -> Value {
    json!({
        "is_refused": !judgement.holds(), "exit": judgement.status, "step": judgement.said["error"]["details"]["step"],
    })
}

fn balances(network: &DemoNetwork, before: &BooksView, after: &BooksView, unit: &str) -> Vec<Value> {
    let row = |now: &assay_market::view::BalanceView| {
        let then = before.accounts.iter().find(|account| account.peer == now.peer);
        let (free, stake) = then.map_or((Amount::ZERO, Amount::ZERO), |then| (then.free, then.stake));
        json!({
            "peer": full(now.peer), "name": network.name_of(now.peer),
            "before": { "free": money(free, unit), "stake": money(stake, unit) },
            "after": { "free": money(now.free, unit), "stake": money(now.stake, unit) },
        })
    };
    after.accounts.iter().map(row).collect()
}
