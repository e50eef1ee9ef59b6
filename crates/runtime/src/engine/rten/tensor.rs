//! Tensors on their way between `wasi:nn` and rten.
//!
//! **Invariant:** a tensor whose bytes do not fit its shape and type, or whose shape or type does not fit the model, never
//! becomes a value; lengths are multiplied with a check.

use std::collections::BTreeMap;

use rten::{Dimension, Value, ValueType};
use rten_tensor::{AsView, Layout};
use wasmtime_wasi_nn::{Tensor, wit::TensorType};

use super::inexact::says_nothing;
use crate::engine::tensor_bytes::{canonical, elements, words};

/// What the model says of an input.
pub(super) struct Described {
    shape: Option<Vec<Dimension>>,
    kind: Option<ValueType>,
}

impl Described {
    pub(super) fn of(node: Option<rten::NodeInfo<'_>>) -> Self {
        Self {
            shape: node.as_ref().and_then(rten::NodeInfo::shape),
            kind: node.and_then(|node| node.dtype()),
        }
    }

    /// The value of a guest's tensor. `sizes` holds what each symbol stands for in this call.
    pub(super) fn value(&self, tensor: Tensor, sizes: &mut BTreeMap<String, usize>) -> Result<Value, String> {
        let shape: Vec<usize> = tensor.dimensions.iter().map(|size| *size as usize).collect();
        self.fit(&shape, sizes)?;
        let elements = elements(&shape).ok_or("is larger than any may be")?;
        let expected = elements.checked_mul(width(tensor.ty)?).ok_or("is larger than any may be")?;
        if expected != tensor.data.len() {
            return Err(format!("holds {} bytes, where its shape needs {expected}", tensor.data.len()));
        }
        let value = decode(&shape, tensor.ty, &tensor.data)?;
        match self.kind {
            Some(kind) if kind != value.dtype() => Err(format!("is {}, not {kind}", value.dtype())),
            Some(_) | None => Ok(value),
        }
    }

    fn fit(&self, shape: &[usize], sizes: &mut BTreeMap<String, usize>) -> Result<(), String> {
        let Some(expected) = &self.shape else { return Ok(()) };
        let misfit = || format!("has shape {shape:?}, not [{}]", readable(expected));
        if expected.len() != shape.len() {
            return Err(misfit());
        }
        for (dimension, size) in expected.iter().zip(shape) {
            let wanted = match dimension {
                Dimension::Fixed(wanted) => *wanted,
                Dimension::Symbolic(name) if says_nothing(name) => *size,
                Dimension::Symbolic(name) => *sizes.entry(name.clone()).or_insert(*size),
            };
            if wanted != *size {
                return Err(misfit());
            }
        }
        Ok(())
    }
}

fn readable(shape: &[Dimension]) -> String {
    let sizes = shape.iter().map(|dimension| match dimension {
        Dimension::Fixed(size) => size.to_string(),
        Dimension::Symbolic(name) => name.clone(),
    });
    sizes.collect::<Vec<_>>().join(", ")
}

fn width(kind: TensorType) -> Result<usize, String> {
    match kind {
        TensorType::Fp32 | TensorType::I32 => Ok(4),
        TensorType::I64 => Ok(8),
        TensorType::U8 => Ok(1),
        TensorType::Fp16 | TensorType::Bf16 | TensorType::Fp64 => {
            Err(format!("is of a type ({kind:?}) that rten does not have"))
        }
    }
}

fn decode(shape: &[usize], kind: TensorType, bytes: &[u8]) -> Result<Value, String> {
    let value = match kind {
        TensorType::Fp32 => {
            Value::from_shape(shape, words(bytes, f32::from_le_bytes)).map_err(|error| error.to_string())
        }
        TensorType::I32 => {
            Value::from_shape(shape, words(bytes, i32::from_le_bytes)).map_err(|error| error.to_string())
        }
        TensorType::I64 => {
            // rten holds 64-bit numbers in 32 bits; one that does not fit is refused, not wrapped.
            let numbers: Result<Vec<i32>, _> =
                words(bytes, i64::from_le_bytes).into_iter().map(i32::try_from).collect();
            let numbers = numbers.map_err(|_| "holds a number beyond 32 bits")?;
            Value::from_shape(shape, numbers).map_err(|error| error.to_string())
        }
        TensorType::U8 => Value::from_shape(shape, bytes.to_vec()).map_err(|error| error.to_string()),
        TensorType::Fp16 | TensorType::Bf16 | TensorType::Fp64 => {
            Err(String::from("is of a type that rten does not have"))
        }
    };
    value.map_err(|why| format!("does not fit: {why}"))
}

/// The tensor of a value that rten computed.
#[expect(clippy::wildcard_enum_match_arm, reason = "rten may add types, none of which wasi:nn has")]
pub(super) fn of_value(value: Value) -> Result<Tensor, String> {
    let (shape, kind, data) = match value {
        Value::FloatTensor(tensor) => {
            let bytes = tensor.iter().flat_map(|number| canonical(*number).to_le_bytes()).collect();
            (tensor.shape().to_vec(), TensorType::Fp32, bytes)
        }
        Value::Int32Tensor(tensor) => {
            let bytes = tensor.iter().flat_map(|number| number.to_le_bytes()).collect();
            (tensor.shape().to_vec(), TensorType::I32, bytes)
        }
        Value::UInt8Tensor(tensor) => (tensor.shape().to_vec(), TensorType::U8, tensor.to_vec()),
        other => return Err(format!("is {}, which wasi:nn has no type for", other.dtype())),
    };
    let dimensions: Result<Vec<u32>, _> = shape.into_iter().map(u32::try_from).collect();
    Ok(Tensor::new(dimensions.map_err(|_| "is larger than any may be")?, kind, data))
}

#[cfg(test)]
mod tests {
    use rten_tensor::Tensor as Numbers;

    use super::*;

    #[test]
    fn every_nan_leaves_with_the_same_bits() {
        let nans = [0x7FC0_0001, 0xFFC0_0000, 0x7F80_0001].map(f32::from_bits);
        let value = Value::from(Numbers::from_data(&[4], [nans[0], nans[1], nans[2], -0.0].to_vec()));
        let tensor = of_value(value).expect("floats have a type");
        assert_eq!(
            tensor.data,
            [[0, 0, 0xC0, 0x7F]; 3].concat().into_iter().chain([0, 0, 0, 0x80]).collect::<Vec<_>>()
        );
    }

    #[test]
    fn one_symbol_stands_for_one_size() {
        let shape = Some(vec![Dimension::Symbolic("n".into()), Dimension::Symbolic("n".into())]);
        let described = Described { shape, kind: None };
        let value = |rows, columns, sizes: &mut _| {
            let tensor = Tensor::new(vec![rows, columns], TensorType::U8, vec![0; (rows * columns) as usize]);
            described.value(tensor, sizes).map(drop)
        };
        let mut sizes = BTreeMap::new();
        assert_eq!(value(3, 3, &mut sizes), Ok(()));
        assert_eq!(value(2, 2, &mut sizes), Err("has shape [2, 2], not [n, n]".into()));
        assert_eq!(value(2, 3, &mut BTreeMap::new()), Err("has shape [2, 3], not [n, n]".into()));
        let nameless = Some(vec![Dimension::Symbolic("?".into()), Dimension::Symbolic("?".into())]);
        assert_eq!(Described { shape: nameless, kind: None }.fit(&[2, 3], &mut BTreeMap::new()), Ok(()));
    }

    #[test]
    fn a_number_beyond_32_bits_is_refused() {
        let described = Described { shape: None, kind: None };
        let value = |number: i64| {
            let tensor = Tensor::new(vec![1], TensorType::I64, number.to_le_bytes().into());
            described.value(tensor, &mut BTreeMap::new()).map(drop)
        };
        assert_eq!(value(-7), Ok(()));
        assert_eq!(value(1 << 31), Err("holds a number beyond 32 bits".into()));
    }
}
