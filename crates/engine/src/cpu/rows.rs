//! What is done number by number: the definition itself, compiled for each instruction set.
//!
//! **Invariant:** one source; the compiler may widen it, never reorder it.

use super::Isa;
use crate::arithmetic::{self as law, Activations, BLOCK, LEAST, MAGIC, Pairs, max, reciprocal};

/// Blocks quantised together, so that their reciprocals stand in lanes.
const TOGETHER: usize = 16;

macro_rules! for_each_isa {
    ($(#[$doc:meta])* $name:ident($($argument:ident: $type:ty),*) $body:block) => {
        $(#[$doc])*
        #[allow(clippy::too_many_arguments)]
        pub(super) fn $name(isa: Isa, $($argument: $type),*) {
            #[inline(always)]
            fn body($($argument: $type),*) $body

            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq")]
            fn avx512($($argument: $type),*) {
                body($($argument),*);
            }

            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2")]
            fn avx2($($argument: $type),*) {
                body($($argument),*);
            }

            match isa {
                // SAFETY: a processor is made of instructions that are here alone.
                #[cfg(target_arch = "x86_64")]
                Isa::Avx512 | Isa::Amx => unsafe { avx512($($argument),*) },
                // SAFETY: as above.
                #[cfg(target_arch = "x86_64")]
                Isa::Avx2 | Isa::AvxVnni => unsafe { avx2($($argument),*) },
                #[cfg(not(target_arch = "x86_64"))]
                Isa::Amx | Isa::Avx512 | Isa::Avx2 | Isa::AvxVnni => body($($argument),*),
                Isa::Scalar | Isa::Neon | Isa::NeonDot | Isa::Simd128 => body($($argument),*),
            }
        }
    };
}

for_each_isa!(
    /// Norms rows.
    norm(out: &mut [f32], x: &[f32], weights: &[f32], epsilon: f32) {
        let cols = weights.len();
        for (out, x) in out.chunks_exact_mut(cols).zip(x.chunks_exact(cols)) {
            law::norm(out, x, weights, epsilon);
        }
    }
);
for_each_isa!(add(x: &mut [f32], y: &[f32]) { law::add(x, y) });
for_each_isa!(silu_gate(gate: &mut [f32], up: &[f32]) { law::silu_gate(gate, up) });
for_each_isa!(gelu_gate(gate: &mut [f32], up: &[f32]) { law::gelu_gate(gate, up) });
for_each_isa!(clamped_gate(gate: &mut [f32], up: &[f32]) { law::clamped_gate(gate, up) });
for_each_isa!(scale(x: &mut [f32], by: f32) { law::scale(x, by) });
for_each_isa!(rotate(head: &mut [f32], pairs: Pairs, cosines: &[f32], sines: &[f32]) {
    law::rotate(head, pairs, cosines, sines)
});
for_each_isa!(
    /// `quantize_block` for every block.
    quantize(x: &[f32], out: &mut [Activations]) {
        for (x, out) in x.chunks(BLOCK * TOGETHER).zip(out.chunks_mut(TOGETHER)) {
            let (blocks, _) = x.as_chunks::<BLOCK>();
            let mut greatest = [0f32; TOGETHER];
            for (greatest, block) in greatest.iter_mut().zip(blocks) {
                *greatest = greatest_of(block);
            }
            let scale = greatest.map(|g| if g < LEAST { 0.0 } else { g * f32::from_bits(0x3C01_0204) });
            let inverse = greatest.map(|g| if g < LEAST { 0.0 } else { 127.0 * reciprocal(g) });
            for (i, (block, out)) in blocks.iter().zip(out).enumerate() {
                let halves = block.chunks_exact(BLOCK / 2).zip(out.quants.chunks_exact_mut(BLOCK / 2));
                for ((x, quants), sum) in halves.zip(&mut out.sums) {
                    *sum = 0;
                    for (x, quant) in x.iter().zip(quants) {
                        let integer = (*x * inverse[i] + MAGIC).to_bits() as i32 - MAGIC.to_bits() as i32;
                        *quant = integer as i8;
                        *sum += integer;
                    }
                }
                out.scale = scale[i];
                out.total = scale[i] * (out.sums[0] + out.sums[1]) as f32;
            }
        }
    }
);

/// The greatest size of a block: no order changes it.
#[inline(always)]
fn greatest_of(block: &[f32; BLOCK]) -> f32 {
    let mut lanes: [f32; 16] = std::array::from_fn(|i| max(block[i].abs(), block[i + 16].abs()));
    for half in [8, 4, 2, 1] {
        for i in 0..half {
            lanes[i] = max(lanes[i], lanes[i + half]);
        }
    }
    lanes[0]
}
