//! Files that were cut into parts: joined into what was cut, or refused by what is wrong with them.

use std::{fs, io::Cursor, sync::Arc};

use assay_engine::{
    cpu::{Cpu, Isa},
    gguf::{Gguf, GgufError, GgufJoin, GgufPart, PartsError, join},
    model::{Choices, Model},
    pack::Pack,
    session::{Processor, RowDigest, Rows, Session},
};

use crate::{
    golden,
    splitter::{PartSaid, TakenApart, key, split},
};

/// A model that can add, of 38 tensors.
const SUMS: &[u8] = include_bytes!("../../../../models/sums/sums.gguf");
const TENSORS: usize = 38;
/// What a part says of itself: which it is, of how many, and with how many tensors.
const NUMBER: &str = "split.no";
const COUNT: &str = "split.count";
const SUM: &str = "split.tensors.count";
/// What three parts of it say.
const SAID: PartSaid = PartSaid { version: 3, number: 0, parts: 3, tensors: TENSORS as i32 };

/// Parts as they are handed in, each by its place there.
fn named(parts: &[Vec<u8>]) -> Vec<GgufPart<Cursor<Vec<u8>>>> {
    let named = parts.iter().enumerate();
    named
        .map(|(place, part)| GgufPart { name: place.to_string(), bytes: Cursor::new(part.clone()) })
        .collect()
}

fn joined(parts: &[Vec<u8>]) -> Result<Vec<u8>, PartsError> {
    let mut out = Vec::new();
    join(named(parts), &mut out).map(|()| out)
}

fn refused(parts: &[Vec<u8>]) -> PartsError {
    let mut out = Vec::new();
    let refused = join(named(parts), &mut out).unwrap_err();
    assert!(out.is_empty(), "something was written of what is refused: {refused}");
    refused
}

/// The rows of a few tokens.
fn rows(bytes: &[u8]) -> Vec<RowDigest> {
    let pack = Pack::of_file(&Gguf::parse(bytes).unwrap(), [0; 32]).unwrap();
    let model = Arc::new(Model::load(&pack, Choices::default()).unwrap());
    let mut session = Session::new(&model, 8).unwrap();
    let mut rows = Vec::new();
    let mut processor = Processor::new(Arc::clone(&model), Cpu::with(Isa::detect(), 1));
    let tokens: Vec<u32> = (1..8).collect();
    processor.extend(&mut session, &tokens, Rows::All, |row| rows.push(row.digest)).unwrap();
    rows
}

/// The parts of the model, as their numbers say, with these tensors each.
fn cut(saids: [PartSaid; 3], ends: [usize; 2]) -> Vec<Vec<u8>> {
    let apart = TakenApart::of(SUMS);
    let ranges = [0..ends[0], ends[0]..ends[1], ends[1]..TENSORS];
    saids.into_iter().zip(ranges).map(|(said, range)| apart.part(said, range)).collect()
}

/// The same of parts that say what is true, but for one.
fn cut_but(place: usize, said: impl FnOnce(&mut PartSaid)) -> Vec<Vec<u8>> {
    let mut saids = [0, 1, 2].map(|number| PartSaid { number, ..SAID });
    said(&mut saids[place]);
    cut(saids, [9, 20])
}

#[test]
fn parts_in_whatever_order_give_the_file_that_was_cut() {
    for counts in [[0, 20, 18], [13, 12, 13], [36, 1, 1], [0, 38, 0]] {
        let parts = split(SUMS, &counts);
        for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
            let parts = order.map(|place| parts[place].clone());
            assert!(joined(&parts).unwrap() == SUMS, "{counts:?} in the order {order:?}");
        }
    }
    assert!(joined(&split(SUMS, &[1; TENSORS])).unwrap() == SUMS);
}

/// The parts that `contrib/parts.py` has written, from the last to the first.
fn written_elsewhere(name: &str, count: usize) -> Vec<Vec<u8>> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/parts");
    let file = |part: usize| format!("{folder}/{name}-{part:05}-of-{count:05}.gguf");
    (1..=count).rev().map(|part| fs::read(file(part)).unwrap()).collect()
}

#[test]
fn a_second_implementation_makes_the_same_bytes_of_the_same_parts() {
    let lines = [("tiny", 3), ("bare", 2)].map(|(name, count)| {
        let file = joined(&written_elsewhere(name, count)).unwrap();
        format!("{name}: {}\n", blake3::hash(&file).to_hex())
    });
    golden::check("parts/joined", &lines.concat());
}

#[test]
fn a_model_of_joined_parts_gives_the_rows_of_the_whole() {
    let mut apart = TakenApart::of(SUMS);
    apart.tensors.reverse();
    let part = |number: u16, range| apart.part(PartSaid { number, ..SAID }, range);
    let other = joined(&[part(2, 25..TENSORS), part(0, 0..0), part(1, 0..25)]).unwrap();
    assert!(other != SUMS, "its tensors lie in the order of the parts");
    assert_eq!(rows(&other), rows(SUMS));
}

#[test]
fn the_keys_of_the_first_part_stay_and_its_alignment_is_followed() {
    let mut apart = TakenApart::of(SUMS);
    apart.keys.insert(3, key("general.alignment", 4, &256_u32.to_le_bytes()));
    apart.keys.insert(5, key("split.by", 4, &7_u32.to_le_bytes()));
    let part = |number: u16, range| apart.part(PartSaid { number, ..SAID }, range);
    let file = joined(&[part(0, 0..0), part(1, 0..25), part(2, 25..TENSORS)]).unwrap();
    let (joined, whole) = (Gguf::parse(&file).unwrap(), Gguf::parse(SUMS).unwrap());
    let kept: Vec<_> = joined.keys().filter(|(name, _)| *name != "general.alignment").collect();
    assert!(kept.into_iter().eq(whole.keys()));
    for (tensor, same) in joined.tensors().iter().zip(whole.tensors()) {
        assert!((tensor.name, tensor.bytes) == (same.name, same.bytes), "{}", same.name);
        let place = tensor.bytes.as_ptr() as usize - file.as_ptr() as usize;
        assert!(place.is_multiple_of(256), "{} lies at {place}", tensor.name);
    }
    assert!(file.len().is_multiple_of(256));
}

#[test]
fn parts_that_are_not_all_there_or_there_twice_are_refused() {
    let parts = cut_but(0, |_| {});
    for missing in 0..3 {
        let mut rest = parts.clone();
        rest.remove(missing);
        let refused = refused(&rest);
        let number = missing as u64 + 1;
        assert!(matches!(refused, PartsError::Missing { part, parts: 3 } if part == number), "{refused}");
    }
    assert!(matches!(refused(&[]), PartsError::Missing { .. }));
    let [one, two, three] = &parts[..] else { panic!("{} parts", parts.len()) };
    let twice = refused(&[one.clone(), two.clone(), two.clone(), three.clone()]);
    assert!(
        matches!(&twice, PartsError::Twice { part: 2, one, other } if one == "1" && other == "2"),
        "{twice}"
    );
}

#[test]
fn parts_that_do_not_belong_together_are_refused_by_what_differs() {
    let of_four = refused(&cut_but(1, |said| said.parts = 4));
    assert!(matches!(&of_four, PartsError::Counts { one, other } if one == "0" && other == "1"), "{of_four}");
    let other_sum = refused(&cut_but(2, |said| said.tensors = 39));
    assert!(matches!(other_sum, PartsError::Counts { .. }), "{other_sum}");
    let older = refused(&cut_but(1, |said| said.version = 2));
    assert!(matches!(older, PartsError::Versions { version: 3, found: 2, .. }), "{older}");
    let beyond = refused(&cut_but(2, |said| said.number = 3));
    assert!(matches!(beyond, PartsError::Beyond { part: 4, parts: 3, .. }), "{beyond}");
    let saids = [0, 1, 2].map(|number| PartSaid { number, tensors: 40, ..SAID });
    let short = refused(&cut(saids, [9, 20]));
    assert!(matches!(short, PartsError::Sum { found: 38, said: 40 }), "{short}");
    let many = refused(&cut_but(0, |said| said.parts = 513));
    assert!(matches!(many, PartsError::Many { parts: 513, .. }), "{many}");
    let whole = refused(&[SUMS.to_vec()]);
    assert!(matches!(&whole, PartsError::Whole { name } if name == "0"), "{whole}");
}

/// The beginning of a file that says it has these keys and so many tensors.
fn beginning(keys: &[Vec<u8>], tensors: u64) -> Vec<u8> {
    let (tensors, count) = (tensors.to_le_bytes(), (keys.len() as u64).to_le_bytes());
    [&b"GGUF\x03\0\0\0"[..], &tensors[..], &count[..], &keys.concat()[..]].concat()
}

/// The keys of the first of two parts with a tensor, but for one, and another.
fn keys_but(place: usize, other: Vec<u8>) -> Vec<Vec<u8>> {
    let mut keys = vec![key(NUMBER, 2, &[0, 0]), key(COUNT, 2, &[2, 0]), key(SUM, 5, &[1, 0, 0, 0])];
    match keys.get_mut(place) {
        Some(key) => *key = other,
        None => keys.push(other),
    }
    keys
}

#[test]
fn what_a_part_says_that_cannot_be_is_refused_by_what_it_is() {
    let most = u64::MAX.to_le_bytes();
    let alignment = |bytes: u32| keys_but(3, key("general.alignment", 4, &bytes.to_le_bytes()));
    for (keys, tensors, said) in [
        (keys_but(0, key(NUMBER, 10, &most)), 0, "it is part 18446744073709551615 of 2"),
        (keys_but(0, key(NUMBER, 3, &[255, 255])), 0, "split.no holds -1"),
        (keys_but(0, key(NUMBER, 6, &[0; 4])), 0, "split.no holds the float 0"),
        (keys_but(0, key("else", 2, &[0, 0])), 0, "split.no is missing"),
        (keys_but(1, key(COUNT, 10, &most)), 0, "one of 18446744073709551615 parts"),
        (keys_but(2, key(SUM, 5, &[255; 4])), 0, "split.tensors.count holds -1"),
        (keys_but(2, key(SUM, 10, &most)), 0, "has 18446744073709551615 tensors"),
        (keys_but(2, key("else", 2, &[0, 0])), 0, "split.tensors.count is missing"),
        (keys_but(3, key(COUNT, 2, &[2, 0])), 0, "split.count is there twice"),
        (keys_but(3, key("else", 2, &[0, 0])), u64::MAX, "has 18446744073709551615 tensors"),
        (alignment(0), 0, "general.alignment is 0"),
        (alignment(48), 0, "general.alignment is 48"),
        (alignment(1 << 31), 0, "general.alignment is 2147483648"),
    ] {
        let refused = refused(&[beginning(&keys, tensors)]).to_string();
        assert!(refused.contains(said), "{said}: {refused}");
    }
    let other_types = |number: u8| {
        let keys = [key(NUMBER, 5, &[number, 0, 0, 0]), key(COUNT, 11, &2_u64.to_le_bytes())];
        beginning(&[&keys[..], &[key(SUM, 0, &[0])]].concat(), 0)
    };
    assert_eq!(joined(&[other_types(0), other_types(1)]).unwrap().len(), 32, "no keys and no tensors");
}

#[test]
fn tensors_that_are_nowhere_are_refused_by_their_names() {
    let tensor = |name: u64, rank: u32, length: u64, place: u64| {
        let (name, length) = (name.to_le_bytes(), length.to_le_bytes());
        [&name[..], b"a", &rank.to_le_bytes(), &length, &[0; 4], &place.to_le_bytes(), &[0; 64]].concat()
    };
    let keys = keys_but(0, key(NUMBER, 2, &[0, 0]));
    for (tensor, said) in [
        (tensor(1, 1, 8, u64::MAX - 31), "tensor a needs 32 bytes from 18446744073709551584"),
        (tensor(1, 1, 8, 1 << 63), "tensor a needs 32 bytes from 9223372036854775808"),
        (tensor(1, 1, 8, 1), "tensor a begins at 1"),
        (tensor(1, 1, 1 << 61, 0), "tensor a needs 9223372036854775808 bytes from 0"),
        (tensor(1, 1, 1 << 62, 0), "tensor a has more values than this machine can address"),
        (tensor(1, u32::MAX, 8, 0), "tensor a has 4294967295 dimensions"),
        (tensor(u64::MAX, 1, 8, 0), "a name of 18446744073709551615 bytes"),
    ] {
        let refused = refused(&[[beginning(&keys, 1), tensor].concat()]).to_string();
        assert!(refused.contains(said), "{said}: {refused}");
    }
}

#[test]
fn a_tensor_that_two_parts_have_is_refused_by_its_name() {
    let apart = TakenApart::of(SUMS);
    let part = |number: u16, range| apart.part(PartSaid { number, ..SAID }, range);
    let shared = refused(&[part(0, 0..10), part(1, 9..20), part(2, 20..TENSORS)]);
    let PartsError::Tensor { tensor, one, other } = &shared else { panic!("{shared}") };
    assert_eq!((tensor.as_str(), one.as_str(), other.as_str()), ("blk.1.attn_k.weight", "0", "1"));
    let mut doubled = apart.clone();
    doubled.tensors[1] = doubled.tensors[0].clone();
    let within = refused(&[doubled.part(SAID, 0..10), part(1, 10..20), part(2, 20..TENSORS)]);
    assert!(
        matches!(&within, PartsError::Part { name, error: GgufError::Twice { .. } } if name == "0"),
        "{within}"
    );
}

#[test]
fn a_part_that_ends_too_soon_is_refused_wherever_it_ends() {
    let parts = cut_but(0, |_| {});
    let whole = parts[1].len();
    for length in (0..whole).step_by(997).chain([whole - 1]) {
        let mut short = parts.clone();
        short[1].truncate(length);
        let refused = refused(&short);
        assert!(
            matches!(&refused, PartsError::Part { name, .. } if name == "1"),
            "{length} bytes: {refused}"
        );
    }
    let mut other = parts.clone();
    other[2][4..8].copy_from_slice(&9_u32.to_le_bytes());
    let refused = refused(&other);
    let is_version = matches!(refused, PartsError::Part { error: GgufError::Version { version: 9 }, .. });
    assert!(is_version, "{refused}");
}

#[test]
fn tensors_that_share_bytes_make_no_file_longer_than_its_parts() {
    let apart = TakenApart::of(SUMS);
    let mut second = apart.part(PartSaid { number: 1, ..SAID }, 9..20);
    // Each tensor but the longest is the beginning of what lies first.
    for (written, _) in &apart.tensors[9..20] {
        let at = second.windows(written.len()).position(|bytes| bytes == written).unwrap() + written.len();
        second[at..at + 8].fill(0);
    }
    let longest = apart.tensors[9..20].iter().map(|(_, bytes)| bytes.len()).max().unwrap();
    let data: usize = apart.tensors[9..20].iter().map(|(_, bytes)| bytes.len()).sum();
    second.truncate(second.len() - data + longest);
    let third = apart.part(PartSaid { number: 2, ..SAID }, 20..TENSORS);
    let overlap = refused(&[apart.part(SAID, 0..9), second, third]);
    assert!(matches!(&overlap, PartsError::Overlap { name } if name == "1"), "{overlap}");
}

#[test]
fn what_is_told_of_is_what_was_written_and_can_be_stopped() {
    let parts = split(SUMS, &[0, 20, 18]);
    let mut join = GgufJoin::plan(named(&parts)).unwrap();
    assert_eq!(join.bytes(), SUMS.len() as u64);
    assert!(SUMS.starts_with(join.head()));
    let (mut out, mut last) = (Vec::new(), 0);
    let mut told = |written: u64| {
        assert!(written >= last && written - last <= 1 << 20, "{written} after {last}");
        last = written;
        true
    };
    join.write(&mut out, &mut told).unwrap();
    assert_eq!((last, out.len()), (join.bytes(), SUMS.len()));
    let stopped = join.write(&mut Vec::new(), &mut |_| false).unwrap_err();
    assert!(matches!(stopped, PartsError::Stopped), "{stopped}");
}
