//! What is the same, what is not and where, and what is not computed at all.

use assay_protocol::{
    id::Digest,
    manifest::{End, Meter, Policy},
};
use assay_recompute::{MODEL_BYTES_MAX, NotRerun, OrderedRun, PageModel, Rerun};

use crate::known::{ANSWER, answer, greedy, order, run, sums, told};

#[test]
fn the_answer_of_a_real_network_comes_out_to_the_bit() {
    let found = greedy(&mut run(order(), Some(answer(&ANSWER)))).unwrap();
    assert_eq!((found.text.as_str(), found.end, found.units.as_str()), ("85", End::Stop, "19"));
    assert_eq!((found.tokens, &found.parting), (3, &None));
    let same = [
        found.is_same_answer,
        found.is_claimed_answer,
        found.is_claimed_output,
        found.are_claimed_rows,
        found.is_claimed_bill,
    ];
    assert_eq!(same, [Some(true); 5]);
    let alone = greedy(&mut run(order(), None)).unwrap();
    assert_eq!((alone.is_same_answer, alone.is_claimed_output), (None, Some(true)));
    let unopened = OrderedRun { claimed: None, ..order() };
    let unnamed = greedy(&mut run(unopened, Some(answer(&ANSWER)))).unwrap();
    assert_eq!((unnamed.is_same_answer, unnamed.is_claimed_output), (Some(true), None));
    assert_eq!(unnamed.written, found.written);
}

#[test]
fn a_changed_token_is_shown_where_it_stands() {
    for place in 0..ANSWER.len() {
        let mut tokens = ANSWER;
        tokens[place].0 ^= 1;
        let found = greedy(&mut run(order(), Some(answer(&tokens)))).unwrap();
        assert_eq!((found.is_same_answer, found.is_claimed_answer), (Some(false), Some(false)));
        assert_eq!(
            (found.is_claimed_output, found.tokens),
            (None, place + 1),
            "nothing behind it is computed"
        );
        let parting = found.parting.unwrap();
        assert_eq!((parting.tokens_same, parting.text_same.as_str()), (place as u64, &"85"[..place.min(2)]));
        let (claimed, computed) = (parting.claimed.unwrap(), parting.computed.unwrap());
        assert_eq!((claimed.token, computed.token), (tokens[place].0, ANSWER[place].0));
        assert_eq!(computed.text, ANSWER[place].1);
        assert!(!parting.is_in_words);
    }
}

#[test]
fn an_answer_that_ends_elsewhere_or_is_written_otherwise_is_told_as_that() {
    let parting = |answer: Vec<u8>| greedy(&mut run(order(), Some(answer))).unwrap().parting.unwrap();
    let short = parting(answer(&ANSWER[..1]));
    assert_eq!((short.tokens_same, short.claimed), (1, None));
    assert_eq!(short.computed.unwrap().token, ANSWER[1].0);
    let long = parting([answer(&ANSWER), answer(&[(53, "5")])].concat());
    assert_eq!((long.tokens_same, long.computed), (3, None));
    assert_eq!(long.claimed.unwrap().token, 53);
    let other = parting(answer(&[(56, "9")]));
    assert!(other.is_in_words && other.claimed.is_none() && other.computed.is_none(), "{other:?}");
    let whole = answer(&ANSWER);
    for broken in [b"".to_vec(), b"what no frame is".to_vec(), whole[..whole.len() - 1].to_vec()] {
        let parting = parting(broken);
        assert!(parting.claimed.is_none() && parting.computed.is_some(), "{parting:?}");
    }
}

#[test]
fn no_more_is_read_or_written_than_was_ordered() {
    let within = |units_max| {
        let found = greedy(&mut run(OrderedRun { units_max, claimed: None, ..order() }, None)).unwrap();
        (found.units, found.tokens, found.end)
    };
    assert_eq!(within(19), ("19".to_owned(), 3, End::Stop));
    assert_eq!(within(18), ("15".to_owned(), 2, End::Length));
    assert_eq!(within(11), ("11".to_owned(), 1, End::Length));
    let refused = greedy(&mut run(OrderedRun { units_max: 6, ..order() }, None)).unwrap_err();
    assert_eq!(refused, NotRerun::Refused("the units ordered are used up".to_owned()));
}

#[test]
fn a_token_without_its_row_is_no_evidence() {
    let mut run = run(order(), None);
    run.open().unwrap();
    assert!(!run.emit_tokens(&[56], b"8"));
    assert!(matches!(run.ended(End::Stop), Err(NotRerun::Refused(_))));
    assert!(matches!(run.open(), Err(NotRerun::Refused(_))), "one session a run");
}

#[test]
fn what_is_not_meant_or_not_computed_here_is_refused() {
    let load = |name, bytes| PageModel::load(name, bytes).map(|_| ()).unwrap_err();
    let (sums, noise) = (sums(), b"GGUF and nothing behind it".to_vec());
    let found = Digest::of(&noise);
    assert_eq!(load(Digest::of(&sums), noise.clone()), NotRerun::Other { what: "model", found });
    assert!(matches!(load(found, noise), NotRerun::NotAModel(_)));
    let long = vec![0; MODEL_BYTES_MAX + 1];
    assert_eq!(load(Digest::of(b""), long), NotRerun::Long { found: MODEL_BYTES_MAX + 1 });
    let refused = |order| {
        let model = PageModel::load(Digest::of(&sums), sums.clone()).unwrap();
        Rerun::new(order, model, None).map(|_| ()).unwrap_err()
    };
    assert_eq!(refused(OrderedRun { policy: Policy::Exact, ..order() }), NotRerun::NoText);
    assert_eq!(refused(OrderedRun { meter: Meter::Calls, ..order() }), NotRerun::NoText);
    assert_eq!(refused(OrderedRun { class: Digest::default(), ..order() }), NotRerun::Class);
    for text in ["", "{}", "[]", &told().to_string().replace("\"118\"", "118"), "\u{0}"] {
        assert!(matches!(OrderedRun::read(text.as_bytes()), Err(NotRerun::Order(_))), "{text}");
    }
}
