//! Every field of a header at its edges.

use std::time::{Duration, Instant};

use assay_engine::gguf::{
    ARRAY_LENGTH_MAX, Format, Gguf, GgufError, HEADER_BYTES_MAX, KEYS_MAX, NAME_BYTES_MAX, TENSORS_MAX,
    TEXT_BYTES_MAX, Writable, Writer,
};

/// How long any file may take that is refused, or read: a second, and more where nothing is optimised.
const TIME_MAX: Duration =
    if cfg!(debug_assertions) { Duration::from_secs(60) } else { Duration::from_secs(1) };

/// A header in the making, field by field.
#[derive(Default)]
struct Header(Vec<u8>);

impl Header {
    /// Magic, version, and how many tensors and keys are claimed.
    fn claiming(tensors: u64, keys: u64) -> Self {
        Self(b"GGUF".to_vec()).with(3_u32).with(tensors).with(keys)
    }

    fn with(mut self, field: impl Writable) -> Self {
        field.put(&mut self.0);
        self
    }

    fn tensor(self, name: &str, lengths: &[u64], code: u32, offset: u64) -> Self {
        let mut header = self.with(name).with(lengths.len() as u32);
        lengths.iter().for_each(|length| length.put(&mut header.0));
        header.with(code).with(offset)
    }

    fn check(&self, expected: &GgufError) {
        let began = Instant::now();
        assert_eq!(Gguf::parse(&self.0).err().as_ref(), Some(expected));
        assert!(began.elapsed() < TIME_MAX, "{expected} took {:?}", began.elapsed());
    }
}

fn key() -> String {
    "the key k".to_owned()
}

#[test]
fn versions_and_byte_orders() {
    let versioned = |version: u32| Header(b"GGUF".to_vec()).with(version).with(0_u64).with(0_u64);
    assert!(Gguf::parse(&versioned(2).0).is_ok());
    assert!(Gguf::parse(&versioned(3).0).is_ok());
    for version in [0, 1, 4, u32::MAX] {
        versioned(version).check(&GgufError::Version { version });
    }
    versioned(3_u32.swap_bytes()).check(&GgufError::ByteOrder);
    Header(b"GGML".to_vec()).check(&GgufError::Magic);
    Header(Vec::new()).check(&GgufError::Magic);
}

#[test]
fn counts() {
    for found in [TENSORS_MAX + 1, 1_000_000, 1 << 32, u64::MAX] {
        Header::claiming(found, 0).check(&GgufError::Tensors { found });
    }
    for found in [KEYS_MAX + 1, u64::MAX] {
        Header::claiming(0, found).check(&GgufError::Keys { found });
    }
    // A count within its bound that is only claimed allocates nothing.
    Header::claiming(TENSORS_MAX, 0).check(&GgufError::Truncated { within: "tensor number 0".to_owned() });
    Header::claiming(0, KEYS_MAX).check(&GgufError::Truncated { within: "key number 0".to_owned() });
}

#[test]
fn names() {
    for found in [0, NAME_BYTES_MAX as u64 + 1, u64::MAX] {
        let within = "key number 0".to_owned();
        Header::claiming(0, 1).with(found).check(&GgufError::Name { within, found });
        let within = "tensor number 0".to_owned();
        Header::claiming(1, 0).with(found).check(&GgufError::Name { within, found });
    }
    let within = "key number 0".to_owned();
    Header::claiming(0, 1).with([0xff_u8; 3].as_slice()).check(&GgufError::Encoding { within });
    Header::claiming(0, 2)
        .with("k")
        .with(7_u32)
        .with(true)
        .with("k")
        .with(7_u32)
        .with(true)
        .check(&GgufError::Twice { within: key() });
    let twice = Header::claiming(2, 0).tensor("t", &[], 0, 0).tensor("t", &[], 0, 0);
    Header([twice.0, vec![0; 64]].concat()).check(&GgufError::Twice { within: "tensor t".to_owned() });
}

#[test]
fn values() {
    let value = |code: u32| Header::claiming(0, 1).with("k").with(code);
    for code in [13, 255, u32::MAX] {
        value(code).check(&GgufError::ValueType { within: key(), code });
        value(9).with(code).check(&GgufError::ValueType { within: key(), code });
    }
    value(9).with(9_u32).check(&GgufError::Nested { within: key() });
    for found in [TEXT_BYTES_MAX as u64 + 1, u64::MAX] {
        value(8).with(found).check(&GgufError::Text { within: key(), found });
        value(9).with(8_u32).with(1_u64).with(found).check(&GgufError::Text { within: key(), found });
    }
    value(8).with([0xc0_u8, 0x80].as_slice()).check(&GgufError::Encoding { within: key() });
    for found in [ARRAY_LENGTH_MAX as u64 + 1, 10_000_000, 1 << 61, u64::MAX] {
        for item in [0_u32, 8, 12] {
            value(9).with(item).with(found).check(&GgufError::Array { within: key(), found });
        }
    }
    value(9).with(12_u32).with(ARRAY_LENGTH_MAX as u64).check(&GgufError::Truncated { within: key() });
    value(9).with(8_u32).with(ARRAY_LENGTH_MAX as u64).check(&GgufError::Truncated { within: key() });
}

#[test]
fn alignments() {
    let aligned = |found: u64| Header::claiming(0, 1).with("general.alignment").with(10_u32).with(found);
    for found in [1, 8, 65_536] {
        assert!(Gguf::parse(&aligned(found).0).is_ok(), "{found}");
    }
    for found in [0, 3, 33, 1 << 17, u64::MAX] {
        aligned(found).check(&GgufError::Alignment { found });
    }
    let refused = Header::claiming(0, 1).with("general.alignment").with(8_u32).with("32");
    assert!(Gguf::parse(&refused.0).unwrap_err().to_string().contains("general.alignment holds a text"));
}

#[test]
fn shapes() {
    let tensor = || "t".to_owned();
    for found in [5, u32::MAX] {
        let header = Header::claiming(1, 0).with("t").with(found);
        header.check(&GgufError::Dimensions { tensor: tensor(), found: u64::from(found) });
    }
    Header::claiming(1, 0).tensor("t", &[4, 0, 4], 0, 0).check(&GgufError::Empty { tensor: tensor() });
    let row = GgufError::Row { tensor: tensor(), tensor_type: "q8_0", row: 33, block: 32 };
    Header::claiming(1, 0).tensor("t", &[33], 8, 0).check(&row);
    for lengths in [[u64::MAX, 1], [1 << 62, 4], [1 << 32, 1 << 32], [1 << 31, 1 << 31]] {
        Header::claiming(1, 0).tensor("t", &lengths, 0, 0).check(&GgufError::Large { tensor: tensor() });
    }
    // Fewer bytes than values: both are counted.
    Header::claiming(1, 0).tensor("t", &[256, 1 << 56], 10, 0).check(&GgufError::Large { tensor: tensor() });
    let scalar = Header::claiming(1, 0).tensor("t", &[], 0, 0);
    let file = [scalar.0, vec![0; 64]].concat();
    assert_eq!(Gguf::parse(&file).unwrap().tensor("t").unwrap().bytes.len(), 4);
}

#[test]
fn types_are_refused_by_name_with_what_is_known() {
    for (code, name) in [(16, "iq2_xxs"), (26, "i32"), (35, "tq2_0"), (40, "nvfp4"), (43, "type 43")] {
        let header = Header::claiming(1, 0).tensor("t", &[256], code, 0);
        header.check(&GgufError::TensorType { tensor: "t".to_owned(), name: name.to_owned() });
    }
    let header = Header::claiming(1, 0).tensor("blk.0.attn_q.weight", &[256], 19, 0);
    assert_eq!(
        Gguf::parse(&header.0).unwrap_err().to_string(),
        "tensor blk.0.attn_q.weight is written as iq1_s, and what is read is f32, f16, bf16, q4_0, q4_1, q5_0, q5_1, \
         q8_0, q2_K, q3_K, q4_K, q5_K, q6_K, iq4_nl, iq4_xs, mxfp4"
    );
}

#[test]
fn places() {
    let tensor = || "t".to_owned();
    let at = |offset: u64, behind: usize| {
        let mut header = Header::claiming(1, 0).tensor("t", &[8], 0, offset);
        header.0.resize(header.0.len().next_multiple_of(32) + behind, 0);
        header
    };
    assert!(Gguf::parse(&at(0, 32).0).is_ok());
    assert!(Gguf::parse(&at(32, 64).0).is_ok());
    for offset in [1, 31, u64::MAX] {
        at(offset, 64).check(&GgufError::Offset { tensor: tensor(), offset, alignment: 32 });
    }
    for (offset, found) in [(0, 0), (0, 31), (32, 63), (64, 64), (u64::MAX - 31, 64)] {
        at(offset, found).check(&GgufError::Outside { tensor: tensor(), bytes: 32, offset, found });
    }
}

#[test]
fn headers_that_are_as_long_as_they_can_be() {
    let mut header = Header::claiming(0, KEYS_MAX);
    // Texts of no bytes are what takes the longest to walk over for the bytes they have.
    for number in 0..KEYS_MAX {
        header = header.with(format!("k{number}")).with(9_u32).with(8_u32).with(8_192_u64);
        header.0.resize(header.0.len() + 8_192 * 8, 0);
    }
    assert!(header.0.len() > HEADER_BYTES_MAX);
    let began = Instant::now();
    let refused = Gguf::parse(&header.0).unwrap_err();
    assert!(matches!(refused, GgufError::Header { .. }), "{refused}");
    assert!(began.elapsed() < TIME_MAX, "{:?}", began.elapsed());
}

#[test]
fn files_of_as_many_tensors_as_there_can_be() {
    let mut writer = Writer::new();
    for number in 0..TENSORS_MAX {
        writer.tensor(&format!("tensors.{number}"), Format::F32, &[1]).unwrap();
    }
    let file = writer.to_bytes(|_, _| ());
    let began = Instant::now();
    assert_eq!(Gguf::parse(&file).unwrap().tensors().len() as u64, TENSORS_MAX);
    assert!(began.elapsed() < TIME_MAX, "{:?}", began.elapsed());
}
