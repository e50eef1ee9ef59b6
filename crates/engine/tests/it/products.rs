//! Every kernel of every format gives the definition's bits, however the work is cut.

use assay_engine::{
    arithmetic::row_product,
    cpu::{Cpu, Isa, Product},
    format::Format,
    matrix::Matrix,
    quantized::Quantized,
};

use crate::random::Random;

fn bits(x: &[f32]) -> Vec<u32> {
    x.iter().map(|x| x.to_bits()).collect()
}

/// By the definition alone.
fn defined(weights: &Matrix, x: &Quantized) -> Vec<f32> {
    let blocks = weights.cols() / 32;
    (0..x.tokens())
        .flat_map(|token| (0..weights.rows()).map(move |row| (token, row)))
        .map(|(token, row)| row_product((0..blocks).map(|b| (weights.block(row, b), *x.block(token, b)))))
        .collect()
}

fn check(cpu: &Cpu, weights: &Matrix, x: &[f32], expected: &[f32]) {
    let mut quantized = Quantized::default();
    cpu.quantize(x, weights.cols(), &mut quantized);
    let mut out = vec![f32::NAN; expected.len()];
    cpu.matmul(&quantized, &mut [Product { weights, out: &mut out }]);
    let context = format!("{weights:?}, {} tokens, {} × {}", quantized.tokens(), cpu.isa(), cpu.threads());
    assert!(bits(&out) == bits(expected), "{context}");
}

/// Activations of every kind that the arithmetic knows: plain, huge beside tiny, and blocks of zeros.
fn activations(random: &mut Random, count: usize) -> Vec<f32> {
    (0..count / 32)
        .flat_map(|_| {
            let kind = random.below(5);
            let scale = [1.0, 1e12, 1e-9, 1e-13, 0.0][kind];
            random.normals(32).into_iter().map(move |x| x * scale)
        })
        .collect()
}

fn everything(format: Format, shapes: &[(usize, usize)]) {
    let mut random = Random::new(format.code().into());
    let cpus: Vec<Cpu> =
        Isa::here().flat_map(|isa| [1, 2, 3].map(|threads| Cpu::with(isa, threads))).collect();
    let scalar = Cpu::with(Isa::Scalar, 1);
    for (rows, cols) in shapes.iter().copied() {
        let source = random.weights(format, rows, cols);
        let weights = Matrix::pack(format, rows, cols, &source).expect("finite scales");
        // From sixteen on there may be tiles.
        for tokens in [1, 2, 3, 5, 7, 13, 16, 37] {
            let x = activations(&mut random, tokens * cols);
            let mut quantized = Quantized::default();
            scalar.quantize(&x, cols, &mut quantized);
            let expected = defined(&weights, &quantized);
            assert!(expected.iter().all(|x| x.is_finite()));
            cpus.iter().for_each(|cpu| check(cpu, &weights, &x, &expected));
        }
    }
}

#[test]
fn formats_by_32_give_the_definitions_bits_everywhere() {
    use Format::*;
    for format in [F32, F16, Bf16, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Iq4Nl, Mxfp4] {
        everything(format, &[(1, 32), (16, 256), (65, 288), (270, 576)]);
    }
}

#[test]
fn formats_by_256_give_the_definitions_bits_everywhere() {
    use Format::*;
    for format in [Q2K, Q3K, Q4K, Q5K, Q6K, Iq4Xs] {
        everything(format, &[(1, 256), (49, 512), (270, 768)]);
    }
}

#[test]
fn several_matrices_at_once_are_as_each_alone() {
    let mut random = Random::new(3);
    let shapes = [(Format::Q4_0, 33), (Format::Q6K, 300), (Format::Q8_0, 16)];
    let matrices = shapes.map(|(format, rows)| {
        let source = random.weights(format, rows, 512);
        Matrix::pack(format, rows, 512, &source).unwrap()
    });
    let cpu = Cpu::new(3);
    let mut x = Quantized::default();
    cpu.quantize(&activations(&mut random, 4 * 512), 512, &mut x);
    let mut outs = matrices.each_ref().map(|weights| vec![f32::NAN; 4 * weights.rows()]);
    let mut products: Vec<Product<'_>> =
        matrices.iter().zip(&mut outs).map(|(weights, out)| Product { weights, out }).collect();
    cpu.matmul(&x, &mut products);
    for (weights, out) in matrices.iter().zip(&outs) {
        assert_eq!(bits(out), bits(&defined(weights, &x)));
    }
}

#[test]
fn codes_and_activations_at_their_ends_are_exact() {
    for format in Format::ALL {
        let (rows, cols) = (33, 512);
        let (weights, bytes) = format.unit();
        for fill in [0x00, 0xFF, 0x80, 0x7F] {
            let mut unit = vec![fill; bytes];
            for at in crate::random::halves(format) {
                unit[at..at + 2].copy_from_slice(&0x3C00u16.to_le_bytes());
            }
            match format {
                Format::F32 => unit = [1f32, -1.0].map(f32::to_le_bytes).as_flattened().repeat(16),
                Format::Bf16 => unit = [0x3F, 0xBF].map(|b| [0x80, b]).as_flattened().repeat(16),
                Format::Mxfp4 => unit[0] = 127,
                Format::F16
                | Format::Q4_0
                | Format::Q4_1
                | Format::Q5_0
                | Format::Q5_1
                | Format::Q8_0
                | Format::Q2K
                | Format::Q3K
                | Format::Q4K
                | Format::Q5K
                | Format::Q6K
                | Format::Iq4Nl
                | Format::Iq4Xs => {}
            }
            let source = unit.repeat(rows * cols / weights);
            let matrix = Matrix::pack(format, rows, cols, &source).unwrap();
            for x in [3, 17].into_iter().flat_map(|tokens| [1f32, -1.0].map(|x| vec![x; tokens * cols])) {
                let mut quantized = Quantized::default();
                Cpu::with(Isa::Scalar, 1).quantize(&x, cols, &mut quantized);
                let expected = defined(&matrix, &quantized);
                Isa::here().for_each(|isa| check(&Cpu::with(isa, 1), &matrix, &x, &expected));
            }
        }
    }
}
