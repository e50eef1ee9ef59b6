//! Makes packs, a few rows at a time.
//!
//! **Invariant:** what is written depends on the source alone, and passed the checks of every weight on its way.

use std::{
    io::{self, Write},
    panic, thread,
};

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
/// Bands that a thread packs before they are written.
const BANDS: usize = 4;

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
    write_by(1, file, plan, source, out)
}

/// Writes a model's pack by so many threads. They change no byte of it.
///
/// # Errors
/// As [`write`].
pub fn write_by(
    threads: usize,
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
            Shape::Matrix(..) | Shape::Matrices(..) => matrix(threads, slot, &tensor, &mut out)?,
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

fn matrix(
    threads: usize,
    slot: &TensorSlot,
    tensor: &Tensor<'_>,
    out: &mut Hashed<'_>,
) -> Result<(), PackError> {
    let (rows, columns) = slot.packed();
    let row_bytes = tensor.bytes.len() / rows;
    let sources: Vec<&[u8]> = tensor.bytes.chunks(BAND * row_bytes).collect();
    let pack = |first: usize, sources: &[&[u8]]| -> Result<Vec<u8>, BadWeights> {
        let mut packed = Vec::new();
        for (number, source) in sources.iter().enumerate() {
            let first_row = (first + number) * BAND;
            band(tensor.tensor_type, source.len() / row_bytes, columns, source, &mut packed)
                .map_err(|why| below(first_row, why))?;
        }
        Ok(packed)
    };
    for (turn, sources) in sources.chunks(BANDS * threads.max(1)).enumerate() {
        let first = turn * BANDS * threads.max(1);
        let parts = sources.chunks(BANDS).enumerate().map(|(part, sources)| (first + part * BANDS, sources));
        let done: Vec<Result<Vec<u8>, BadWeights>> = thread::scope(|scope| {
            let pack = &pack;
            let (mut parts, mut others) = (parts, Vec::new());
            let own = parts.next();
            others.extend(parts.map(|(first, sources)| scope.spawn(move || pack(first, sources))));
            let own = own.into_iter().map(|(first, sources)| pack(first, sources)).collect::<Vec<_>>();
            let joined =
                others.into_iter().map(|one| one.join().unwrap_or_else(|why| panic::resume_unwind(why)));
            own.into_iter().chain(joined).collect()
        });
        for part in done {
            out.put(&part.map_err(|why| refused(slot, why))?)?;
        }
    }
    Ok(())
}

/// Adds the pack of a few rows.
fn band(
    format: Format,
    rows: usize,
    columns: usize,
    source: &[u8],
    out: &mut Vec<u8>,
) -> Result<(), BadWeights> {
    let begin = out.len();
    out.resize(begin + Matrix::pack_bytes(format, rows, columns)?, 0);
    Matrix::pack_into(format, rows, columns, source, &mut out[begin..])
}

/// What is wrong, said of the whole matrix.
const fn below(first: usize, why: BadWeights) -> BadWeights {
    match why {
        BadWeights::Block { row, unfit } => BadWeights::Block { row: first + row, unfit },
        BadWeights::Shape { .. } | BadWeights::Length { .. } => why,
    }
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
