//! Tensors on their way between `wasi:nn` and ONNX Runtime.
//!
//! **Invariant:** a tensor whose bytes do not fit its shape and type, or whose shape or type does not fit the model, never
//! becomes a value.

use std::{collections::BTreeMap, fmt::Debug};

use ort::value::{
    DynValue, PrimitiveTensorElementType, Tensor as Numbers, TensorElementType, ValueType as ValueKind,
};
use wasmtime_wasi_nn::{Tensor, wit::TensorType};

use crate::{
    engine::tensor_bytes::{canonical, canonical_wide, elements, words},
    network_survey::{BYTE, DOUBLE, FLOAT, INTEGER, LONG, TRUTH, called},
    onnx_file::{OnnxAxis, OnnxKind, OnnxValue},
};

/// The value of a guest's tensor. `sizes` holds what each name of an axis stands for in this call.
pub(super) fn value<'a>(
    input: &'a OnnxValue,
    tensor: &Tensor,
    sizes: &mut BTreeMap<&'a str, u64>,
) -> Result<DynValue, String> {
    fit(input, &tensor.dimensions, sizes)?;
    let shape: Vec<usize> = tensor.dimensions.iter().map(|size| *size as usize).collect();
    let elements = elements(&shape).ok_or("is larger than any may be")?;
    let expected = elements.checked_mul(width(tensor.ty)?).ok_or("is larger than any may be")?;
    if expected != tensor.data.len() {
        return Err(format!("holds {} bytes, where its shape needs {expected}", tensor.data.len()));
    }
    decode(input.kind, tensor)
}

/// Whether a shape is one that the model reads there.
fn fit<'a>(input: &'a OnnxValue, shape: &[u32], sizes: &mut BTreeMap<&'a str, u64>) -> Result<(), String> {
    // A file that says nothing of a shape says the same as one of a single number.
    if input.axes.is_empty() {
        return Ok(());
    }
    let misfit = || format!("has shape {shape:?}, not [{}]", readable(&input.axes));
    if input.axes.len() != shape.len() {
        return Err(misfit());
    }
    for (axis, size) in input.axes.iter().zip(shape) {
        let size = u64::from(*size);
        let wanted = match axis {
            OnnxAxis::Fixed(wanted) => *wanted,
            OnnxAxis::Named(name) if name.is_empty() || name == "?" => size,
            OnnxAxis::Named(name) => *sizes.entry(name.as_str()).or_insert(size),
            OnnxAxis::Open => size,
        };
        if wanted != size {
            return Err(misfit());
        }
    }
    Ok(())
}

fn readable(axes: &[OnnxAxis]) -> String {
    let sizes = axes.iter().map(|axis| match axis {
        OnnxAxis::Fixed(size) => size.to_string(),
        OnnxAxis::Named(name) => name.clone(),
        OnnxAxis::Open => "?".to_owned(),
    });
    sizes.collect::<Vec<_>>().join(", ")
}

fn width(kind: TensorType) -> Result<usize, String> {
    match kind {
        TensorType::Fp32 | TensorType::I32 => Ok(4),
        TensorType::Fp64 | TensorType::I64 => Ok(8),
        TensorType::U8 => Ok(1),
        TensorType::Fp16 | TensorType::Bf16 => {
            Err(format!("is of {}, which ONNX Runtime is not given", named(kind)))
        }
    }
}

fn decode(wanted: OnnxKind, tensor: &Tensor) -> Result<DynValue, String> {
    let OnnxKind::Tensor(wanted) = wanted else { return Err("is a tensor, and none is read there".into()) };
    let (shape, data) = (&tensor.dimensions, &tensor.data);
    match (wanted, tensor.ty) {
        (FLOAT, TensorType::Fp32) => numbers(shape, words(data, f32::from_le_bytes)),
        (DOUBLE, TensorType::Fp64) => numbers(shape, words(data, f64::from_le_bytes)),
        (BYTE, TensorType::U8) => numbers(shape, data.clone()),
        (INTEGER, TensorType::I32) => numbers(shape, words(data, i32::from_le_bytes)),
        (LONG, TensorType::I64) => numbers(shape, words(data, i64::from_le_bytes)),
        // As rten takes them.
        (TRUTH, TensorType::I32) => {
            numbers(shape, words(data, |word: [u8; 4]| i32::from_le_bytes(word) != 0))
        }
        (TRUTH, TensorType::U8) => numbers(shape, words(data, |[byte]: [u8; 1]| byte != 0)),
        (wanted, given) => Err(format!("is of {}, not of {}", named(given), called(wanted))),
    }
}

/// A type of the interface by its name.
fn named(kind: TensorType) -> String {
    match kind {
        TensorType::Fp16 | TensorType::Bf16 => "16-bit floats".to_owned(),
        TensorType::Fp32 => called(FLOAT),
        TensorType::Fp64 => called(DOUBLE),
        TensorType::U8 => called(BYTE),
        TensorType::I32 => called(INTEGER),
        TensorType::I64 => called(LONG),
    }
}

fn numbers<T: PrimitiveTensorElementType + Debug + Clone + 'static>(
    shape: &[u32],
    numbers: Vec<T>,
) -> Result<DynValue, String> {
    let shape: Vec<i64> = shape.iter().map(|size| i64::from(*size)).collect();
    let made = Numbers::from_array((shape, numbers)).map_err(|error| format!("does not fit: {error}"))?;
    Ok(made.into_dyn())
}

/// The tensor of a value that ONNX Runtime computed.
pub(super) fn tensor(value: &DynValue) -> Result<Tensor, String> {
    let ValueKind::Tensor { ty, shape, .. } = value.dtype() else {
        return Err(format!("is {}, which is no tensor", value.dtype()));
    };
    let ty = *ty;
    let (kind, data) = if ty == TensorElementType::Float32 {
        (TensorType::Fp32, bytes(value, |number: f32| canonical(number).to_le_bytes())?)
    } else if ty == TensorElementType::Float64 {
        (TensorType::Fp64, bytes(value, |number: f64| canonical_wide(number).to_le_bytes())?)
    } else if ty == TensorElementType::Uint8 {
        (TensorType::U8, bytes(value, u8::to_le_bytes)?)
    } else if ty == TensorElementType::Int32 {
        (TensorType::I32, bytes(value, i32::to_le_bytes)?)
    } else if ty == TensorElementType::Int64 {
        (TensorType::I64, bytes(value, i64::to_le_bytes)?)
    } else {
        return Err(format!("is of {ty}, which no tensor of a job is"));
    };
    let dimensions: Result<Vec<u32>, _> = shape.iter().map(|size| u32::try_from(*size)).collect();
    Ok(Tensor::new(dimensions.map_err(|_| "is larger than any may be")?, kind, data))
}

fn bytes<T: PrimitiveTensorElementType + Copy, const WIDTH: usize>(
    value: &DynValue,
    encode: fn(T) -> [u8; WIDTH],
) -> Result<Vec<u8>, String> {
    let (_, numbers) = value.try_extract_tensor::<T>().map_err(|error| error.to_string())?;
    Ok(numbers.iter().flat_map(|number| encode(*number)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(kind: u64, axes: Vec<OnnxAxis>) -> OnnxValue {
        OnnxValue { name: "x".into(), kind: OnnxKind::Tensor(kind), axes }
    }

    #[test]
    fn a_shape_fits_the_files_own() {
        let named = || OnnxAxis::Named("n".into());
        let square = input(FLOAT, vec![named(), named(), OnnxAxis::Fixed(4)]);
        let fits = |shape: &[u32]| fit(&square, shape, &mut BTreeMap::new());
        assert_eq!(fits(&[3, 3, 4]), Ok(()));
        assert_eq!(fits(&[3, 2, 4]), Err("has shape [3, 2, 4], not [n, n, 4]".into()));
        assert_eq!(fits(&[3, 3, 5]), Err("has shape [3, 3, 5], not [n, n, 4]".into()));
        assert_eq!(fits(&[3, 3]), Err("has shape [3, 3], not [n, n, 4]".into()));
        let open =
            input(FLOAT, vec![OnnxAxis::Open, OnnxAxis::Named("?".into()), OnnxAxis::Named(String::new())]);
        assert_eq!(fit(&open, &[1, 2, 3], &mut BTreeMap::new()), Ok(()));
        assert_eq!(fit(&input(FLOAT, Vec::new()), &[1, 2], &mut BTreeMap::new()), Ok(()));
    }

    #[test]
    fn a_tensor_of_another_type_or_length_is_refused_before_the_library_is_asked() {
        let refused = |wanted: u64, given: TensorType, bytes: usize| {
            let tensor = Tensor::new(vec![2], given, vec![0; bytes]);
            value(&input(wanted, Vec::new()), &tensor, &mut BTreeMap::new()).map(drop).unwrap_err()
        };
        assert_eq!(refused(FLOAT, TensorType::I64, 16), "is of 64-bit integers, not of 32-bit floats");
        assert_eq!(refused(TRUTH, TensorType::Fp32, 8), "is of 32-bit floats, not of truth values");
        assert_eq!(refused(FLOAT, TensorType::Fp32, 4), "holds 4 bytes, where its shape needs 8");
        assert!(refused(FLOAT, TensorType::Fp16, 4).contains("16-bit floats"));
    }
}
