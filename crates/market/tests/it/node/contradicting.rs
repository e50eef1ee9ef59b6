//! A client whose provider says how much it has streamed: what of that it holds against the claim in the books.

use assay_protocol::{id::Digest, objection::Output};

use super::{
    awaiting::{bind, delivery},
    table::{Table, result},
};
use crate::office::PROVIDER;

/// Words about a stream, and whether one contradicts the claim of a result, which has three records.
fn words() -> [(u64, Digest, bool); 5] {
    let (claimed, other) = (result(4).written.root, Digest::of(b"something else"));
    [(2, other, false), (3, claimed, false), (3, other, true), (4, claimed, true), (4, other, true)]
}

#[test]
fn a_claim_is_held_against_a_stream_of_as_many_records_and_against_one_of_more() {
    for (records, root, contradicts) in words() {
        let (mut table, order, _) = Table::running(&[PROVIDER]);
        let deliver = delivery(&table, &order);
        table.hear(PROVIDER, Output { job: order.id(), records, root });
        table.hear(PROVIDER, deliver.clone());
        assert_eq!(table.count("Contradict"), 0, "it may not be the claim in the books");
        bind(&mut table, &order, &deliver);
        let (shown, revealed) = (table.count("Contradict"), table.count("Reveal"));
        let expected = if contradicts { (1, 0) } else { (0, 1) };
        assert_eq!((shown, revealed), expected, "{records} records under {root}");
    }
}

#[test]
fn a_word_that_comes_behind_the_claim_is_held_against_it_at_once() {
    for (records, root, contradicts) in words() {
        let (mut table, order, _) = Table::running(&[PROVIDER]);
        let deliver = delivery(&table, &order);
        table.hear(PROVIDER, deliver.clone());
        bind(&mut table, &order, &deliver);
        assert_eq!(table.count("Reveal"), 1);
        table.hear(PROVIDER, Output { job: order.id(), records, root });
        assert_eq!(table.count("Contradict"), usize::from(contradicts), "{records} records under {root}");
    }
}
