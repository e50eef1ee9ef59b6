//! What a product, a row and an attention cost on each instruction set that is here.
//!
//! **Invariant:** one thread; weights of a large matrix come from memory, those of a small one from the cache.

use assay_engine::{
    cache::Cache,
    cpu::{Attention, Cpu, Isa, Product, View},
    format::Format,
    matrix::Matrix,
    quantized::Quantized,
};
use divan::{Bencher, counter::ItemsCount};

fn main() {
    divan::main();
}

const FORMATS: [Format; 12] = [
    Format::Q4_0,
    Format::Q4_1,
    Format::Q5_0,
    Format::Q8_0,
    Format::Q2K,
    Format::Q3K,
    Format::Q4K,
    Format::Q5K,
    Format::Q6K,
    Format::Iq4Nl,
    Format::Iq4Xs,
    Format::Mxfp4,
];

/// The numbers 0, 1, 2, … turned into something without a pattern.
fn numbers(count: usize) -> impl Iterator<Item = u32> {
    (0..count as u32).map(|i| (i ^ 0x5bd1_e995).wrapping_mul(0x9E37_79B9) >> 8)
}

fn activations(count: usize) -> Vec<f32> {
    numbers(count).map(|n| n as f32 / (1 << 23) as f32 - 1.0).collect()
}

fn matrix(format: Format, rows: usize, cols: usize) -> Matrix {
    let (weights, bytes) = format.unit();
    // No exponent of an f16 in these bytes is that of an infinity, no byte of them a power beyond what mxfp4 may have.
    let source: Vec<u8> = numbers(rows * cols / weights * bytes).map(|n| (n & 0x8B) as u8).collect();
    Matrix::pack(format, rows, cols, &source).expect("finite scales")
}

fn product(bencher: Bencher<'_, '_>, format: Format, isa: Isa, shape: (usize, usize), tokens: usize) {
    let (rows, cols) = shape;
    let (weights, cpu) = (matrix(format, rows, cols), Cpu::with(isa, 1));
    let mut x = Quantized::default();
    cpu.quantize(&activations(tokens * cols), cols, &mut x);
    let mut out = vec![0.0; tokens * rows];
    bencher
        .counter(ItemsCount::new(rows * cols * tokens))
        .bench_local(|| cpu.matmul(&x, &mut [Product { weights: &weights, out: &mut out }]));
}

/// An argument as divan prints it.
struct Case(Format, Isa);

impl std::fmt::Display for Case {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.0.name(), self.1)
    }
}

fn cases() -> Vec<Case> {
    let vectors: Vec<Isa> = Isa::here().filter(|isa| *isa != Isa::Scalar).collect();
    FORMATS.iter().flat_map(|format| vectors.iter().map(|isa| Case(*format, *isa))).collect()
}

#[divan::bench(args = cases(), sample_count = 20)]
fn one_token_from_memory(bencher: Bencher<'_, '_>, case: &Case) {
    product(bencher, case.0, case.1, (8192, 4096), 1);
}

#[divan::bench(args = cases(), sample_count = 50)]
fn one_token_from_the_cache(bencher: Bencher<'_, '_>, case: &Case) {
    product(bencher, case.0, case.1, (256, 2048), 1);
}

#[divan::bench(args = cases(), sample_count = 20)]
fn forty_eight_tokens(bencher: Bencher<'_, '_>, case: &Case) {
    product(bencher, case.0, case.1, (512, 4096), 48);
}

#[divan::bench(args = Isa::here().filter(|isa| *isa != Isa::Scalar))]
fn rows_of_4096(bencher: Bencher<'_, '_>, isa: Isa) {
    let (cpu, x) = (Cpu::with(isa, 1), activations(4096));
    let (mut normed, mut gate, mut quantized) = (vec![0.0; 4096], x.clone(), Quantized::default());
    bencher.bench_local(|| {
        cpu.norm(&x, &x, 1e-5, &mut normed);
        cpu.quantize(&normed, 4096, &mut quantized);
        cpu.silu_gate(&mut gate, &x);
    });
}

#[divan::bench(args = Isa::here().filter(|isa| *isa != Isa::Scalar), consts = [256, 2048])]
fn attention_after<const PAST: usize>(bencher: Bencher<'_, '_>, isa: Isa) {
    let (heads, keys, width) = (32, 8, 128);
    let mut cache = Cache::new(keys, width);
    cache.extend(&activations(PAST * keys * width), &activations(PAST * keys * width));
    let (cpu, queries) = (Cpu::with(isa, 1), activations(heads * width));
    let mut out = vec![0.0; heads * width];
    let view = View { heads, window: None, cap: None, sinks: None };
    bencher.bench_local(|| {
        let sequence = Attention { queries: &queries, cache: &cache, first: PAST - 1, out: &mut out };
        cpu.attend(&view, &mut [sequence]);
    });
}
