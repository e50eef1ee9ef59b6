//! Numbers in a shape, on their way to or from a model.

use crate::{
    Failure,
    bindings::wasi::nn::tensor::{Tensor as Handle, TensorType},
};

/// What the elements of a tensor are.
pub use crate::bindings::wasi::nn::tensor::TensorType as ElementType;

/// Numbers in a shape, row by row, little-endian.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    dimensions: Vec<u32>,
    element: ElementType,
    bytes: Vec<u8>,
}

impl Tensor {
    /// 32-bit floats.
    #[must_use]
    pub fn f32(dimensions: &[u32], values: &[f32]) -> Self {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        Self { dimensions: dimensions.to_vec(), element: TensorType::Fp32, bytes }
    }

    /// 32-bit integers.
    #[must_use]
    pub fn i32(dimensions: &[u32], values: &[i32]) -> Self {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        Self { dimensions: dimensions.to_vec(), element: TensorType::I32, bytes }
    }

    /// 64-bit integers.
    #[must_use]
    pub fn i64(dimensions: &[u32], values: &[i64]) -> Self {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        Self { dimensions: dimensions.to_vec(), element: TensorType::I64, bytes }
    }

    /// Bytes.
    #[must_use]
    pub fn bytes(dimensions: &[u32], values: Vec<u8>) -> Self {
        Self { dimensions: dimensions.to_vec(), element: TensorType::U8, bytes: values }
    }

    /// Elements as they lie in memory: row by row, little-endian.
    #[must_use]
    pub fn of(element: ElementType, dimensions: &[u32], bytes: Vec<u8>) -> Self {
        Self { dimensions: dimensions.to_vec(), element, bytes }
    }

    /// The length of each axis.
    #[must_use]
    pub fn dimensions(&self) -> &[u32] {
        &self.dimensions
    }

    /// What the elements are.
    #[must_use]
    pub fn element(&self) -> ElementType {
        self.element
    }

    /// The elements as 32-bit floats, if that is what they are.
    pub fn to_f32(&self) -> Result<Vec<f32>, Failure> {
        if self.element != TensorType::Fp32 {
            return Err(Failure::Unsupported(format!(
                "the model gives {:?} where 32-bit floats are wanted",
                self.element
            )));
        }
        let (values, rest) = self.bytes.as_chunks();
        if !rest.is_empty() {
            return Err(Failure::Internal(format!(
                "a tensor of {} bytes is not whole floats",
                self.bytes.len()
            )));
        }
        Ok(values.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect())
    }

    /// The elements as they lie in memory.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    pub(crate) fn into_handle(self) -> Handle {
        Handle::new(&self.dimensions, self.element, &self.bytes)
    }

    pub(crate) fn from_handle(handle: &Handle) -> Self {
        Self { dimensions: handle.dimensions(), element: handle.ty(), bytes: handle.data() }
    }
}
