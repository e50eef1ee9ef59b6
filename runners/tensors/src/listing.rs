//! Tensors as they are written: a line of JSON that lists them, then their bytes.
//!
//! **Invariant:** a list that does not say how many bytes each tensor has, or says another number than there are, is refused.

use assay_runner::{ElementType, Failure, Tensor};
use serde::{Deserialize, Serialize};

/// One tensor of a list.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Listed {
    name: String,
    #[serde(rename = "type")]
    element: Element,
    shape: Vec<u32>,
}

/// What its numbers are.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
enum Element {
    F16,
    Bf16,
    F32,
    F64,
    U8,
    I32,
    I64,
}

impl Element {
    const ALL: [(Self, ElementType, u64); 7] = [
        (Self::F16, ElementType::Fp16, 2),
        (Self::Bf16, ElementType::Bf16, 2),
        (Self::F32, ElementType::Fp32, 4),
        (Self::F64, ElementType::Fp64, 8),
        (Self::U8, ElementType::U8, 1),
        (Self::I32, ElementType::I32, 4),
        (Self::I64, ElementType::I64, 8),
    ];

    /// What an engine calls it, and the bytes of a number.
    fn known(self) -> (ElementType, u64) {
        let (_, known, bytes) = Self::ALL[self as usize];
        (known, bytes)
    }

    fn of(known: ElementType) -> Option<Self> {
        Self::ALL.into_iter().find_map(|(element, each, _)| (each == known).then_some(element))
    }
}

/// The tensors of an input.
pub(crate) fn read(input: &[u8]) -> Result<Vec<(String, Tensor)>, Failure> {
    let refuse = |why: String| Failure::BadInput(format!("the input lists no tensors: {why}"));
    let end = input.iter().position(|byte| *byte == b'\n').ok_or_else(|| refuse("it has no line".into()))?;
    let listed: Vec<Listed> = serde_json::from_slice(&input[..end]).map_err(|why| refuse(why.to_string()))?;
    let mut rest = &input[end + 1..];
    let mut tensors = Vec::new();
    for Listed { name, element, shape } in listed {
        let (known, width) = element.known();
        let bytes = shape.iter().try_fold(width, |product, axis| product.checked_mul(u64::from(*axis)));
        let split = bytes.and_then(|bytes| rest.split_at_checked(usize::try_from(bytes).ok()?));
        let Some((bytes, behind)) = split else {
            return Err(refuse(format!("it ends before the numbers of {name:?} do")));
        };
        rest = behind;
        tensors.push((name, Tensor::of(known, &shape, bytes.to_vec())));
    }
    if !rest.is_empty() {
        return Err(refuse(format!("{} bytes are left over", rest.len())));
    }
    Ok(tensors)
}

/// The same of an output.
pub(crate) fn write(tensors: Vec<(String, Tensor)>) -> Result<Vec<u8>, Failure> {
    let mut listed = Vec::new();
    let mut numbers = Vec::new();
    for (name, tensor) in tensors {
        let element = Element::of(tensor.element())
            .ok_or_else(|| Failure::Unsupported(format!("{name:?} is of a type without a name")))?;
        listed.push(Listed { name, element, shape: tensor.dimensions().to_vec() });
        numbers.extend(tensor.into_bytes());
    }
    let mut output = serde_json::to_vec(&listed).map_err(|why| Failure::Internal(why.to_string()))?;
    output.push(b'\n');
    output.extend(numbers);
    Ok(output)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &[u8] = br#"[{"name":"x","type":"f32","shape":[1,2]},{"name":"n","type":"i64","shape":[]}]"#;

    fn input(numbers: &[u8]) -> Vec<u8> {
        [LIST, b"\n", numbers].concat()
    }

    #[test]
    fn tensors_are_written_as_they_are_read() {
        let numbers: Vec<u8> = (0..16).collect();
        let tensors = read(&input(&numbers)).unwrap();
        let [(x, floats), (n, number)] = &tensors[..] else { panic!("{tensors:?}") };
        assert_eq!(
            (x.as_str(), floats.element(), floats.dimensions()),
            ("x", ElementType::Fp32, &[1, 2][..])
        );
        assert_eq!((n.as_str(), number.element(), number.dimensions()), ("n", ElementType::I64, &[][..]));
        assert_eq!(write(tensors).unwrap(), input(&numbers));
    }

    #[test]
    fn every_type_has_one_name() {
        for (place, (element, known, _)) in Element::ALL.into_iter().enumerate() {
            assert_eq!((element as usize, element.known().0), (place, known));
        }
    }

    #[test]
    fn a_list_that_does_not_fit_its_numbers_is_refused() {
        let endless = br#"[{"name":"x","type":"f64","shape":[4294967295,4294967295]}]"#;
        for (wrong, says) in [
            (input(&[0; 15]), "ends before the numbers of \"n\""),
            (input(&[0; 17]), "1 bytes are left over"),
            (LIST.to_vec(), "no line"),
            ([endless, &b"\n"[..]].concat(), "ends before"),
            (b"[{\"name\":\"x\",\"type\":\"f8\",\"shape\":[]}]\n".to_vec(), "unknown variant"),
        ] {
            let Err(Failure::BadInput(why)) = read(&wrong) else { panic!("{says}") };
            assert!(why.contains(says), "{why}");
        }
    }
}
