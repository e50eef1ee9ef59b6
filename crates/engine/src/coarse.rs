//! A model's file with less of each weight: what a machine might run that is paid for the whole. Demonstrations and tests show
//! with it how that is found.
//!
//! **Invariant:** it is a whole file of the same model: its keys, its tensors and their shapes, with each matrix as q4_0 and
//! everything else as it was.

use std::io;

use crate::{
    arithmetic::{BLOCK, nearest_f16},
    format::{Codes, Format, Unfit},
    gguf::{Gguf, Tensor, Writer},
};

/// What matrices are written as, the bits of a weight in it, and the bytes of a block.
const ROUNDED: Format = Format::Q4_0;
const ROUNDED_BITS: u32 = 4;
const ROUNDED_BYTES: usize = ROUNDED.block_bytes();
/// What the lowest code stands for, in scales.
const LOWEST: f32 = -8.0;
/// Where a file says what the places of its tensors are a multiple of, and what is written.
const ALIGNMENT_KEY: &str = "general.alignment";
const ALIGNMENT: u64 = 32;

/// Writes a file whose weights have so many bits, four at most, and fewer than they had.
///
/// # Errors
/// Those of `out`, and [`io::ErrorKind::InvalidData`] for weights or places of tensors that cannot be written so.
pub fn write_coarser(file: &Gguf<'_>, bits: u32, out: &mut impl io::Write) -> io::Result<()> {
    if file.get::<u64>(ALIGNMENT_KEY).map_err(invalid)?.is_some_and(|found| found != ALIGNMENT) {
        return Err(invalid("its tensors lie at places that are written nowhere else"));
    }
    let mut writer = Writer::new();
    writer.keys_of(file);
    for tensor in file.tensors() {
        let format = if is_matrix(tensor) { ROUNDED } else { tensor.tensor_type };
        writer.tensor(tensor.name, format, tensor.lengths()).map_err(invalid)?;
    }
    let mut rounded = Ok(());
    writer.write(out, |name, bytes| match file.find_tensor(name) {
        Some(tensor) if is_matrix(&tensor) => {
            if let Err(unfit) = round(&tensor, bits, bytes) {
                rounded = Err(unfit);
            }
        }
        Some(tensor) => bytes.copy_from_slice(tensor.bytes),
        None => {}
    })?;
    rounded.map_err(invalid)
}

fn invalid(why: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

/// Whether something is multiplied by it; what is only added, or scales, is short and stays.
fn is_matrix(tensor: &Tensor<'_>) -> bool {
    tensor.lengths().len() > 1 && tensor.row_length().is_multiple_of(BLOCK)
}

fn bits_of(format: Format) -> u32 {
    match format.codes() {
        Codes::Bytes => 8,
        Codes::Bits { bits, .. } => bits,
        Codes::Table(_) => 4,
    }
}

/// Fills `out` with the blocks of a tensor.
fn round(tensor: &Tensor<'_>, bits: u32, out: &mut [u8]) -> Result<(), Unfit> {
    let format = tensor.tensor_type;
    let (weights, bytes) = format.unit();
    let kept = bits.min(bits_of(format) - 1).clamp(1, ROUNDED_BITS);
    let step = f32::from(1_u8 << (ROUNDED_BITS - kept));
    let mut blocks = out.as_chunks_mut::<ROUNDED_BYTES>().0.iter_mut();
    for unit in tensor.bytes.chunks_exact(bytes) {
        for (index, rounded) in (0..weights / BLOCK).zip(&mut blocks) {
            *rounded = block(&format.block(&format.read(unit, index)?).weights(), step)?;
        }
    }
    Ok(())
}

/// A block in which only each `step`-th code occurs. The greatest weight has the lowest one, so that it keeps its size.
fn block(weights: &[f32; BLOCK], step: f32) -> Result<[u8; ROUNDED_BYTES], Unfit> {
    let greater = |most: f32, weight: &f32| if weight.abs() > most.abs() { *weight } else { most };
    let scale = weights.iter().fold(0.0, greater) / LOWEST;
    let half = nearest_f16(scale.abs()).ok_or(Unfit::Weight)?;
    let sign = if scale < 0.0 { 0x8000 } else { 0 };
    let code = |weight: f32| {
        let level = if scale == 0.0 { 0.0 } else { (weight / scale / step + 0.5).floor() * step };
        (level.clamp(LOWEST, -LOWEST - step) - LOWEST) as u8
    };
    let mut block = [0; ROUNDED_BYTES];
    let (head, codes) = block.split_at_mut(size_of::<u16>());
    head.copy_from_slice(&(half | sign).to_le_bytes());
    for (place, pair) in codes.iter_mut().enumerate() {
        *pair = code(weights[place]) | code(weights[place + BLOCK / 2]) << 4;
    }
    Ok(block)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::matrix::Matrix;

    const SUMS: &[u8] = include_bytes!("../../../models/sums/sums.gguf");

    fn coarser(file: &[u8], bits: u32) -> Vec<u8> {
        let mut out = Vec::new();
        write_coarser(&Gguf::parse(file).unwrap(), bits, &mut out).unwrap();
        out
    }

    /// The codes of all matrices of a file.
    fn codes(file: &[u8]) -> BTreeSet<u8> {
        let file = Gguf::parse(file).unwrap();
        let matrices = file.tensors().iter().filter(|tensor| is_matrix(tensor));
        let blocks = matrices.flat_map(|tensor| tensor.bytes.chunks_exact(ROUNDED_BYTES));
        blocks.flat_map(|block| block[2..].iter().flat_map(|pair| [pair & 15, pair >> 4])).collect()
    }

    #[test]
    fn each_matrix_is_rounded_and_nothing_else_changes() {
        let written = coarser(SUMS, 2);
        assert!(2 * written.len() < SUMS.len() + SUMS.len() / 4, "{} bytes", written.len());
        let [file, coarse] = [SUMS, &written[..]].map(|bytes| Gguf::parse(bytes).unwrap());
        let keys =
            |file: &Gguf<'_>| file.keys().map(|(key, value)| format!("{key} = {value}")).collect::<Vec<_>>();
        assert_eq!(keys(&file), keys(&coarse));
        assert_eq!(file.tensors().len(), coarse.tensors().len());
        for (was, is) in file.tensors().iter().zip(coarse.tensors()) {
            assert_eq!((was.name, was.lengths()), (is.name, is.lengths()));
            if !is_matrix(was) {
                assert_eq!(was, is);
                continue;
            }
            let [was, is] = [was, is].map(|tensor| {
                let (rows, cols) = (tensor.rows(), tensor.row_length());
                let matrix = Matrix::pack(tensor.tensor_type, rows, cols, tensor.bytes).unwrap();
                matrix.block(rows - 1, 0).weights()
            });
            let most = was.iter().fold(0.0_f32, |most, weight| most.max(weight.abs()));
            let near = |(was, is): (&f32, &f32)| (was - is).abs() <= most * 0.51;
            assert!(was.iter().zip(&is).all(near), "{was:?} {is:?}");
        }
        assert_eq!(codes(&written).into_iter().collect::<Vec<_>>(), [0, 4, 8, 12]);
    }

    #[test]
    fn what_has_no_more_than_four_bits_has_fewer_then() {
        let once = coarser(SUMS, 4);
        assert!(codes(&once).len() > 8);
        assert!(codes(&coarser(&once, 4)).iter().all(|code| code % 2 == 0));
    }

    #[test]
    fn a_file_whose_tensors_lie_otherwise_is_refused() {
        let file = Writer::new().key(ALIGNMENT_KEY, 64_u32).to_bytes(|_, _| {});
        let refused = write_coarser(&Gguf::parse(&file).unwrap(), 4, &mut Vec::new()).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::InvalidData);
    }
}
