//! Model files: what was written is read, and what is wrong is refused by what is wrong with it.

mod edges;

use assay_engine::gguf::{Array, Format, Gguf, GgufError, KeyValue, Texts, Writer};

use crate::fuzz::files::sample;

#[test]
fn what_was_written_is_read() {
    let file = sample().unwrap();
    let gguf = Gguf::parse(&file).unwrap();
    assert_eq!(gguf.version(), 3);
    assert_eq!(gguf.need("general.architecture"), Ok("llama"));
    assert_eq!(gguf.need("numbers.u8"), Ok(255_u32));
    assert_eq!(gguf.need("numbers.i8"), Ok(-128_i32));
    assert_eq!(gguf.need("numbers.u16"), Ok(65_535_i64));
    assert_eq!(gguf.need("numbers.i16"), Ok(-32_768_i64));
    assert_eq!(gguf.need("numbers.u32"), Ok(u32::MAX));
    assert_eq!(gguf.need("numbers.i32"), Ok(i32::MIN));
    assert_eq!(gguf.need("numbers.u64"), Ok(u64::MAX));
    assert_eq!(gguf.need("numbers.i64"), Ok(i64::MIN));
    assert_eq!(gguf.need("numbers.f32"), Ok(1e-6_f32));
    assert_eq!(gguf.need("numbers.f64"), Ok(1e-6_f64));
    assert_eq!(gguf.need("flag"), Ok(true));
    assert_eq!(gguf.need("lists.u32"), Ok(vec![1_u32, 2, 3]));
    assert_eq!(gguf.need("lists.u32"), Ok(vec![1_usize, 2, 3]));
    assert_eq!(gguf.need("lists.f32"), Ok(vec![0.5_f32, -1.0]));
    assert_eq!(gguf.need("lists.flags"), Ok(vec![true, false]));
    assert_eq!(gguf.need("lists.none"), Ok(Vec::<i32>::new()));
    assert!(gguf.need::<Array<'_>>("lists.none").is_ok());
    let merges: Texts<'_> = gguf.need("tokenizer.ggml.merges").unwrap();
    assert_eq!(merges.iter().collect::<Vec<_>>(), [b"a b".as_slice(), b"ab c"]);
    assert_eq!(gguf.get::<u32>("numbers.none"), Ok(None));
    assert_eq!(gguf.keys().count(), 23);
    assert!(gguf.keys().any(|(key, value)| key == "flag" && value == KeyValue::Flag(true)));
}

#[test]
fn tensors_lie_where_they_were_written() {
    let file = sample().unwrap();
    let gguf = Gguf::parse(&file).unwrap();
    assert_eq!(gguf.tensors().len(), Format::ALL.len());
    for tensor_type in Format::ALL {
        let tensor = gguf.tensor(&format!("tensors.{}", tensor_type.name())).unwrap();
        assert_eq!(tensor.tensor_type, tensor_type);
        assert_eq!(tensor.lengths(), [tensor_type.block_values() * 2, 3]);
        assert_eq!((tensor.row_length(), tensor.rows()), (tensor_type.block_values() * 2, 3));
        let written: Vec<u8> = (0..tensor.bytes.len()).map(|number| number as u8).collect();
        assert!(tensor.bytes == written, "{}", tensor_type.name());
        assert_eq!(Format::from_code(tensor_type.code()), Some(tensor_type));
    }
}

#[test]
fn keys_are_read_of_a_file_that_breaks_off_behind_them() {
    let file = sample().unwrap();
    let whole = Gguf::parse(&file).unwrap();
    let behind = whole.without_tensors().len();
    for length in [behind, behind + 9, file.len()] {
        let head = Gguf::parse_keys(&file[..length]).unwrap();
        assert!(head.tensors().is_empty());
        assert!(head.keys().eq(whole.keys()), "{length} bytes");
    }
    for length in [4, 30, behind - 1] {
        let cut = Gguf::parse_keys(&file[..length]).unwrap_err();
        assert!(matches!(cut, GgufError::Truncated { .. }), "{length} bytes: {cut}");
    }
    assert_eq!(Gguf::parse_keys(b"GIF89a").unwrap_err(), GgufError::Magic);
}

#[test]
fn a_file_is_known_by_its_beginning_but_for_the_bytes_of_its_tensors() {
    let file = sample().unwrap();
    let whole = Gguf::parse(&file).unwrap();
    let is_enough = |length: &usize| Gguf::parse_outline(&file[..*length], file.len()).is_ok();
    let enough = (0..file.len()).find(is_enough).unwrap();
    let outline = Gguf::parse_outline(&file[..enough], file.len()).unwrap();
    assert!(outline.keys().eq(whole.keys()));
    assert_eq!(outline.tensors().len(), whole.tensors().len());
    for (tensor, known) in whole.tensors().iter().zip(outline.tensors()) {
        assert_eq!((known.name, known.tensor_type, known.bytes.len()), (tensor.name, tensor.tensor_type, 0));
        assert_eq!(known.lengths(), tensor.lengths());
    }
    let cut = Gguf::parse_outline(&file[..enough], enough).unwrap_err();
    assert!(matches!(cut, GgufError::Outside { .. }), "{cut}");
    assert_eq!(Gguf::parse(&file[..enough]).unwrap_err(), cut);
}

#[test]
fn what_is_asked_for_and_not_there_is_named() {
    let file = sample().unwrap();
    let gguf = Gguf::parse(&file).unwrap();
    let says = |error: GgufError| error.to_string();
    assert_eq!(says(gguf.need::<u32>("llama.layers").unwrap_err()), "the key llama.layers is missing");
    assert_eq!(says(gguf.tensor("output.weight").unwrap_err()), "the tensor output.weight is missing");
    for (error, said) in [
        (
            gguf.need::<u32>("numbers.u64").err(),
            "18446744073709551615, where a number of 32 bits without a sign",
        ),
        (gguf.need::<u32>("numbers.i8").err(), "-128, where a number of 32 bits without a sign"),
        (gguf.need::<f32>("flag").err(), "true, where a float"),
        (gguf.need::<&str>("numbers.f64").err(), "the float 0.000001, where a text"),
        (gguf.need::<bool>("general.architecture").err(), "a text, where yes or no"),
        (gguf.need::<Vec<u32>>("lists.f32").err(), "an array of 2, where an array of numbers"),
        (gguf.need::<Texts<'_>>("lists.u32").err(), "an array of 3, where an array of texts"),
        (gguf.need::<Vec<f32>>("tokenizer.ggml.merges").err(), "an array of 2, where an array of floats"),
    ] {
        let error = says(error.unwrap());
        assert!(error.contains(said), "{error}");
    }
}

#[test]
fn a_file_that_ends_too_soon_is_refused_wherever_it_ends() {
    let file = sample().unwrap();
    let whole = Gguf::parse(&file).unwrap();
    let last = whole.tensors().last().unwrap();
    let end = last.bytes.as_ptr_range().end as usize - file.as_ptr() as usize;
    for length in 0..end {
        let refused = Gguf::parse(&file[..length]).unwrap_err();
        let expected =
            matches!(refused, GgufError::Magic | GgufError::Truncated { .. } | GgufError::Outside { .. });
        assert!(expected, "{length} bytes: {refused}");
    }
    // What follows the last tensor is nobody's.
    assert!(Gguf::parse(&file[..end]).is_ok());
}

#[test]
fn tensors_may_share_their_bytes() {
    let mut writer = Writer::new();
    writer.tensor("first", Format::F32, &[8]).unwrap().tensor("second", Format::F32, &[8]).unwrap();
    let mut file = writer.to_bytes(|name, bytes| bytes.fill(if name == "first" { 1 } else { 2 }));
    // The offset of the second is the last number of the header.
    let at = file.len() - 64 - 8 - padding(&file);
    file[at..at + 8].copy_from_slice(&0_u64.to_le_bytes());
    let gguf = Gguf::parse(&file).unwrap();
    assert_eq!(gguf.tensor("first").unwrap().bytes, gguf.tensor("second").unwrap().bytes);
}

/// Zeros between the header and the first of two tensors of 32 bytes, of which the second has offset 32.
fn padding(file: &[u8]) -> usize {
    let header = &file[..file.len() - 64];
    header.len() - 8 - header.windows(8).rposition(|window| window == 32_u64.to_le_bytes()).unwrap()
}
