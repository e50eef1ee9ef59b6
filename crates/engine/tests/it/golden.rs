//! The arithmetic as any implementation has it: inputs and results, bit by bit.

use std::{fmt::Write, fs};

use assay_engine::{
    arithmetic::{self as law, Pairs, Rotary, Sight},
    format::Format,
    matrix::Matrix,
};

use crate::random::Random;

/// Set to `write`, this variable makes the vectors anew.
const SWITCH: &str = "ASSAY_GOLDEN";

/// Compares lines with those that were written, each by what stands first in it.
pub(crate) fn check(name: &str, lines: &str) {
    let file = format!("{}/tests/golden/{name}.txt", env!("CARGO_MANIFEST_DIR"));
    if std::env::var(SWITCH).is_ok_and(|wish| wish == "write") {
        fs::write(&file, lines).unwrap_or_else(|error| panic!("{file}: {error}"));
    }
    let written = fs::read_to_string(&file).unwrap_or_else(|error| panic!("{file}: {error}"));
    for (now, before) in lines.lines().zip(written.lines()) {
        let what = now.split(' ').next().unwrap_or_default();
        assert!(now == before, "{what} is another than before: {now} instead of {before}");
    }
    assert_eq!(lines.lines().count(), written.lines().count(), "something has no vector");
}

fn hex(numbers: &[f32]) -> String {
    numbers.iter().map(|x| format!(" {:08x}", x.to_bits())).collect()
}

/// Sizes from 2^low to 2^high, evenly by exponent, and the edges.
fn sizes(low: i32, high: i32, edges: &[f32]) -> Vec<f32> {
    let mut random = Random::new(7);
    let mut sizes = edges.to_vec();
    while sizes.len() < 256 {
        let exponent = low + random.below((high - low) as usize) as i32;
        let bits = ((exponent + 127) as u32) << 23 | (random.next() >> 41) as u32;
        sizes.push(f32::from_bits(bits));
    }
    sizes
}

fn both_signs(sizes: Vec<f32>) -> Vec<f32> {
    sizes.into_iter().enumerate().map(|(at, x)| if at % 2 == 0 { x } else { -x }).collect()
}

#[test]
fn functions_are_as_ever() {
    let (least, most) = (law::LEAST, law::MOST);
    let doors = both_signs(sizes(
        -44,
        44,
        &[0.0, 0.0, least, least, most, most, least * 0.999_999_9, most * 1.000_000_1],
    ));
    let positive = sizes(-100, 100, &[1.0, 2.0, 0.5, 3.0, 1.999_999_9]);
    let negative: Vec<f32> =
        sizes(-30, 7, &[0.0, 40.0, 40.000_004, 41.0, 0.5, 1e30]).into_iter().map(|x| -x).collect();
    let middle =
        both_signs(sizes(-40, 6, &[0.0, 0.0, 0.625, 0.625, 0.624_999_94, 16.0, 16.1, most, most, 1.0, 1.0]));
    type Function = fn(f32) -> f32;
    let functions: [(&str, Function, &[f32]); 7] = [
        ("door", law::door, &doors),
        ("reciprocal", law::reciprocal, &positive),
        ("inverse_root", law::inverse_root, &positive),
        ("exp", law::exp, &negative),
        ("silu", law::silu, &middle),
        ("tanh", law::tanh, &middle),
        ("gelu", law::gelu, &middle),
    ];
    let mut lines = String::new();
    for (name, function, inputs) in functions {
        for x in inputs {
            writeln!(lines, "{name}{}", hex(&[*x, function(*x)])).unwrap();
        }
    }
    let kept =
        both_signs(sizes(-18, 17, &[0.0, 0.0, 6.103_515_6e-5, 6.102e-5, 65504.0, 65519.9, 65520.0, most]));
    for x in kept {
        writeln!(lines, "keep{} {:04x}", hex(&[x]), law::keep(x)).unwrap();
        let nearest = law::nearest_f16(x.abs()).map_or("none".into(), |bits| format!("{bits:04x}"));
        writeln!(lines, "nearest_f16{} {nearest}", hex(&[x.abs()])).unwrap();
    }
    for bits in (0..0x7C00).step_by(123).chain([1, 0x3FF, 0x400, 0x8000, 0x8001, 0x83FF, 0xFBFF]) {
        writeln!(lines, "f16 {bits:04x}{}", hex(&[law::f16(bits)])).unwrap();
    }
    // Halfway between two that f16 holds, above and below 2⁻¹⁴.
    let halves = (0x3880_1000..0x4780_0000).step_by(0x2A_6000).map(f32::from_bits);
    let subnormal = (0..1024).step_by(97).map(|step| (step as f32 + 0.5) / 16_777_216.0);
    for x in halves.chain(subnormal) {
        writeln!(lines, "keep{} {:04x}", hex(&[x]), law::keep(x)).unwrap();
        writeln!(lines, "nearest_f16{} {:04x}", hex(&[x]), law::nearest_f16(x).unwrap()).unwrap();
    }
    check("functions", &lines);
}

/// What the pass does with two numbers at a time, of any size: where a door is left out, one of these shows it.
#[test]
fn steps_are_as_ever() {
    let (one, other) = (both_signs(sizes(-44, 44, &[])), both_signs(sizes(-44, 44, &[1.0, 7.0, 7.5])));
    type Step = fn(&mut [f32], &[f32]);
    let steps: [(&str, Step); 6] = [
        ("silu_gate", law::silu_gate),
        ("gelu_gate", law::gelu_gate),
        ("clamped_gate", law::clamped_gate),
        ("add", law::add),
        ("scale", |x, by| law::scale(x, by[0])),
        ("cap", |x, limit| x[0] = law::cap(x[0], limit[0].abs())),
    ];
    let mut lines = String::new();
    for (name, step) in steps {
        for (x, y) in one.iter().zip(other.iter().rev()) {
            let mut out = [*x];
            step(&mut out, &[*y]);
            writeln!(lines, "{name}{}", hex(&[*x, *y, out[0]])).unwrap();
        }
    }
    let (cosines, sines) = ([0.8, -0.28], [0.6, 0.96]);
    for (name, pairs) in [("turn_neighbours", Pairs::Neighbours), ("turn_halves", Pairs::Halves)] {
        for head in one.as_chunks::<6>().0 {
            let mut out = *head;
            law::rotate(&mut out, pairs, &cosines, &sines);
            writeln!(lines, "{name}{}{}", hex(head), hex(&out)).unwrap();
        }
    }
    check("steps", &lines);
}

#[test]
fn sums_over_rows_are_as_ever() {
    let mut random = Random::new(8);
    let mut lines = String::new();
    for count in [1, 5, 63, 64, 65, 256, 576, 1000, 4096] {
        let row: Vec<f32> = random.normals(count);
        writeln!(lines, "sum {count}{}", hex(&[law::sum(&row), law::sum_of_squares(&row)])).unwrap();
        let mut out = vec![0.0; count];
        law::norm(&mut out, &row, &random.normals(count), 1e-5);
        writeln!(lines, "norm {count}{}", hex(&out[..count.min(8)])).unwrap();
    }
    for (positions, start) in [(1, 0), (16, 0), (255, 0), (256, 0), (257, 0), (600, 0), (600, 300)] {
        let (query, keys, values) =
            (random.normals(32), random.normals(positions * 32), random.normals(positions * 32));
        let mut out = [0.0; 32];
        for cap in [None, Some(3.0)] {
            law::attend(
                &query,
                &Sight { positions: start..positions, cap, sink: None },
                |position, column| keys[position * 32 + column],
                |position, column| values[position * 32 + column],
                &mut out,
            );
            writeln!(lines, "attend {start}..{positions}{}", hex(&out)).unwrap();
        }
    }
    check("sums", &lines);
}

#[test]
fn rotations_are_as_ever() {
    let plain = Rotary::new(64, 10_000.0);
    let factors: Vec<f32> = (0..32).map(|i| 1.0 + i as f32 / 4.0).collect();
    let tables = [
        ("plain", plain.clone()),
        ("far", Rotary::new(128, 1_000_000.0)),
        ("slowed", plain.clone().slowed(4.0)),
        ("each", plain.clone().slowed_each(&factors)),
        ("yarn", plain.clone().yarn(10_000.0, 4.0, 2048.0, 32.0, 1.0)),
        ("magnified", plain.magnified(1.19)),
    ];
    let mut lines = String::new();
    for (name, table) in tables {
        let (mut cosines, mut sines) = (vec![0.0; table.pairs()], vec![0.0; table.pairs()]);
        for position in [0, 1, 255, 4_095, 131_071] {
            table.turn(position, &mut cosines, &mut sines);
            writeln!(lines, "{name} {position}{}{}", hex(&cosines), hex(&sines)).unwrap();
        }
    }
    check("rotary", &lines);
}

/// Rotations in use: how many numbers of a head are turned, and by which base.
const ROTATIONS: [(usize, u32); 9] = [
    (64, 10_000),
    (64, 500_000),
    (64, 1_000_000),
    (80, 10_000),
    (96, 10_000),
    (128, 10_000),
    (128, 500_000),
    (128, 1_000_000),
    (256, 1_000_000),
];

#[test]
fn frequencies_are_as_ever() {
    let mut lines = String::new();
    for (width, base) in ROTATIONS {
        write!(lines, "{width}/{base}").unwrap();
        for frequency in Rotary::new(width, f64::from(base)).frequencies() {
            write!(lines, " {:016x}", frequency.to_bits()).unwrap();
        }
        lines.push('\n');
    }
    check("frequencies", &lines);
}

/// Of every format: the bytes of a row of a file, its weights, and its product with a row of activations.
#[test]
fn formats_are_as_ever() {
    let mut random = Random::new(9);
    let mut lines = String::new();
    for format in Format::ALL {
        let cols = if format.unit().0 == 256 { 512 } else { 288 };
        let source = random.weights(format, 1, cols);
        let matrix = Matrix::pack(format, 1, cols, &source).unwrap();
        let digits: String = source.iter().map(|byte| format!("{byte:02x}")).collect();
        let mut row = vec![0.0; cols];
        matrix.row(0, &mut row);
        let x = random.normals(cols);
        let blocks = x.as_chunks::<32>().0.iter().enumerate();
        let product = law::row_product(blocks.map(|(at, x)| (matrix.block(0, at), law::quantize_block(x))));
        writeln!(lines, "{} {digits}", format.name()).unwrap();
        writeln!(lines, "{}-weights{}", format.name(), hex(&row)).unwrap();
        writeln!(lines, "{}-activations{}", format.name(), hex(&x)).unwrap();
        writeln!(lines, "{}-product{}", format.name(), hex(&[product])).unwrap();
    }
    check("formats", &lines);
}
