//! What is done number by number is the definition's, on every instruction set and however it is cut.

use assay_engine::{
    arithmetic::{self as law, Pairs, quantize_block},
    cpu::{Cpu, Isa, Turned},
    quantized::Quantized,
};

use crate::random::Random;

fn bits(x: &[f32]) -> Vec<u32> {
    x.iter().map(|x| x.to_bits()).collect()
}

/// Numbers of every size, with those at the doors' edges.
fn wild(random: &mut Random, count: usize) -> Vec<f32> {
    let edges = [0.0, -0.0, law::LEAST, -law::LEAST, law::MOST, law::MOST * 2.0, law::LEAST * 0.5, 1.0, -1.0];
    (0..count)
        .map(|_| match random.below(8) {
            0 => edges[random.below(edges.len())],
            1 => random.normal() * 1e-13,
            2 => random.normal() * 1e13,
            _ => random.normal() * 4.0,
        })
        .collect()
}

fn everywhere(check: impl Fn(&Cpu)) {
    for isa in Isa::here() {
        for threads in [1, 3] {
            check(&Cpu::with(isa, threads));
        }
    }
}

#[test]
fn activations_are_quantised_as_each_block_is_defined() {
    let mut random = Random::new(1);
    let (tokens, cols) = (77, 608);
    let mut x = wild(&mut random, tokens * cols);
    x[..32].fill(0.0);
    x[32..64].fill(law::LEAST * 0.99);
    x[64..96].fill(law::LEAST);
    everywhere(|cpu| {
        let mut quantized = Quantized::default();
        cpu.quantize(&x, cols, &mut quantized);
        assert_eq!((quantized.tokens(), quantized.cols()), (tokens, cols));
        for (at, block) in x.as_chunks::<32>().0.iter().enumerate() {
            let (token, block_at) = (at / (cols / 32), at % (cols / 32));
            assert_eq!(*quantized.block(token, block_at), quantize_block(block), "{}", cpu.isa());
        }
    });
}

#[test]
fn norms_gates_and_sums_are_the_definitions() {
    let mut random = Random::new(2);
    let (tokens, cols) = (37, 1000);
    let (x, y) = (wild(&mut random, tokens * cols), wild(&mut random, tokens * cols));
    let weights = random.normals(cols);
    let small: Vec<f32> = x.iter().map(|x| law::door(*x) * 1e-6).collect();
    everywhere(|cpu| {
        let (mut out, mut expected) = (vec![0.0; x.len()], vec![0.0; x.len()]);
        cpu.norm(&small, &weights, 1e-5, &mut out);
        for (expected, x) in expected.chunks_mut(cols).zip(small.chunks(cols)) {
            law::norm(expected, x, &weights, 1e-5);
        }
        assert_eq!(bits(&out), bits(&expected));
        type Pair = (fn(&Cpu, &mut [f32], &[f32]), fn(f32, f32) -> f32);
        let pairs: [Pair; 3] = [
            (Cpu::add, |x, y| law::door(x + y)),
            (Cpu::silu_gate, |x, y| law::silu(law::door(x)) * law::door(y)),
            (Cpu::gelu_gate, |x, y| law::gelu(law::door(x)) * law::door(y)),
        ];
        for (f, definition) in pairs {
            let mut out = x.clone();
            f(cpu, &mut out, &y);
            let expected: Vec<f32> = x.iter().zip(&y).map(|(x, y)| definition(*x, *y)).collect();
            assert_eq!(bits(&out), bits(&expected), "{}", cpu.isa());
        }
        let mut out = x.clone();
        cpu.scale(&mut out, 0.125);
        assert_eq!(bits(&out), bits(&x.iter().map(|x| law::door(x * 0.125)).collect::<Vec<_>>()));
    });
}

#[test]
fn heads_are_rotated_pair_by_pair() {
    let mut random = Random::new(5);
    let (tokens, heads, width, turned) = (70, 3, 80, 32);
    let x = wild(&mut random, tokens * heads * width);
    let (cosines, sines) = (random.normals(tokens * turned / 2), random.normals(tokens * turned / 2));
    for pairs in [Pairs::Neighbours, Pairs::Halves] {
        let mut expected = x.clone();
        for (at, head) in expected.chunks_mut(width).enumerate() {
            let row = at / heads * turned / 2;
            for pair in 0..turned / 2 {
                let (a, b) = match pairs {
                    Pairs::Neighbours => (2 * pair, 2 * pair + 1),
                    Pairs::Halves => (pair, pair + turned / 2),
                };
                let (x, y) = (law::door(head[a]), law::door(head[b]));
                let (c, s) = (cosines[row + pair], sines[row + pair]);
                (head[a], head[b]) = (x * c - y * s, x * s + y * c);
            }
        }
        everywhere(|cpu| {
            let mut out = x.clone();
            cpu.rotate(&mut out, Turned { heads, width, turned, pairs }, &cosines, &sines);
            assert_eq!(bits(&out), bits(&expected), "{}", cpu.isa());
        });
    }
}
