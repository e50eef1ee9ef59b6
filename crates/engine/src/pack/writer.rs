//! Makes packs, a few rows at a time.
//!
//! **Invariant:** what is written depends on the source alone, and passed the checks of every weight on its way.

use std::io::{self, Write};

use super::{ALIGNMENT, DIGEST, MAGIC, PREFIX, PackError, VERSION};
use crate::{
    arithmetic::door,
    format::Format,
    gguf::{Gguf, Tensor},
    matrix::{BadWeights, Matrix},
    model::{ARITHMETIC_VERSION, ModelError, ModelPlan, Shape, TensorSlot},
};

/// Rows that are packed at a time: whole tiles.
const BAND: usize = 64;

/// How many bytes a pack takes.
pub(super) fn bytes(file: &Gguf<'_>, plan: &ModelPlan) -> Result<usize, PackError> {
    let keys = file.without_tensors();
    let (_, end) = table(file, plan, keys.len())?;
    Ok(end + DIGEST)
}

/// Writes a model's pack.
///
/// # Errors
/// A weight that cannot be computed with, or what `out` fails with.
pub fn write(
    file: &Gguf<'_>,
    plan: &ModelPlan,
    source: [u8; DIGEST],
    out: &mut dyn Write,
) -> Result<(), PackError> {
    let keys = file.without_tensors();
    let (table, _) = table(file, plan, keys.len())?;
    let mut out = Hashed { out, hasher: blake3::Hasher::new(), written: 0 };
    out.put(MAGIC)?;
    out.put(&VERSION.to_le_bytes())?;
    out.put(&ARITHMETIC_VERSION.to_le_bytes())?;
    out.put(&source)?;
    out.put(&(keys.len() as u64).to_le_bytes())?;
    out.put(&(plan.slots.len() as u64).to_le_bytes())?;
    out.put(&keys)?;
    out.put(&table)?;
    for slot in &plan.slots {
        out.align()?;
        let tensor = file.tensor(&slot.name)?;
        match slot.shape {
            Shape::Vector(_) | Shape::Numbers(..) => vector(&tensor, door, &mut out)?,
            Shape::Factors(_) => vector(&tensor, |factor| factor, &mut out)?,
            Shape::Matrix(..) | Shape::Matrices(..) => matrix(slot, &tensor, &mut out)?,
        }
    }
    out.align()?;
    let digest = *out.hasher.finalize().as_bytes();
    out.put(&digest)?;
    Ok(())
}

/// The table of parts, and where the last of them ends.
fn table(file: &Gguf<'_>, plan: &ModelPlan, keys: usize) -> Result<(Vec<u8>, usize), PackError> {
    let entry = |name: &str| 2 + name.len() + 4 + 3 * 8;
    let length: usize = plan.slots.iter().map(|slot| entry(&slot.name)).sum();
    let mut at = PREFIX + keys + length;
    let mut table = Vec::with_capacity(length);
    for slot in &plan.slots {
        let (format, rows, columns, size) = packed(file, slot)?;
        at = at.next_multiple_of(ALIGNMENT);
        table.extend((slot.name.len() as u16).to_le_bytes());
        table.extend(slot.name.as_bytes());
        table.extend(format.code().to_le_bytes());
        for number in [rows, columns, at] {
            table.extend((number as u64).to_le_bytes());
        }
        at += size;
    }
    Ok((table, at.next_multiple_of(ALIGNMENT)))
}

/// The format, rows, columns and bytes of a part.
fn packed(file: &Gguf<'_>, slot: &TensorSlot) -> Result<(Format, usize, usize, usize), PackError> {
    let (rows, columns) = slot.packed();
    if !slot.is_matrix() {
        return Ok((Format::F32, rows, columns, columns * size_of::<f32>()));
    }
    let format = file.tensor(&slot.name)?.tensor_type.packed();
    let size = Matrix::pack_bytes(format, rows, columns).map_err(|why| refused(slot, why))?;
    Ok((format, rows, columns, size))
}

fn refused(slot: &TensorSlot, why: BadWeights) -> ModelError {
    ModelError::Weights { tensor: slot.name.clone(), why }
}

fn vector(tensor: &Tensor<'_>, through: fn(f32) -> f32, out: &mut Hashed<'_>) -> Result<(), PackError> {
    let numbers = tensor.bytes.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes));
    let mut bytes = Vec::with_capacity(tensor.bytes.len());
    for number in numbers {
        if !number.is_finite() {
            return Err(ModelError::Infinite { tensor: tensor.name.to_owned() }.into());
        }
        bytes.extend(through(number).to_le_bytes());
    }
    Ok(out.put(&bytes)?)
}

fn matrix(slot: &TensorSlot, tensor: &Tensor<'_>, out: &mut Hashed<'_>) -> Result<(), PackError> {
    let (rows, columns) = slot.packed();
    let format = tensor.tensor_type;
    let row_bytes = tensor.bytes.len() / rows;
    let mut band = Vec::new();
    for (number, source) in tensor.bytes.chunks(BAND * row_bytes).enumerate() {
        let here = source.len() / row_bytes;
        let size = Matrix::pack_bytes(format, here, columns).map_err(|why| refused(slot, why))?;
        band.clear();
        band.resize(size, 0);
        Matrix::pack_into(format, here, columns, source, &mut band).map_err(|why| {
            let why = match why {
                BadWeights::Block { row, unfit } => BadWeights::Block { row: number * BAND + row, unfit },
                BadWeights::Shape { .. } | BadWeights::Length { .. } => why,
            };
            refused(slot, why)
        })?;
        out.put(&band)?;
    }
    Ok(())
}

/// Hashes what it writes.
struct Hashed<'w> {
    out: &'w mut dyn Write,
    hasher: blake3::Hasher,
    written: usize,
}

impl Hashed<'_> {
    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.hasher.update(bytes);
        self.written += bytes.len();
        self.out.write_all(bytes)
    }

    fn align(&mut self) -> io::Result<()> {
        let missing = self.written.next_multiple_of(ALIGNMENT) - self.written;
        self.put(&[0; ALIGNMENT][..missing])
    }
}
