//! What is packed is what the file says, and what cannot be computed with is refused.

use std::sync::Arc;

use assay_engine::{
    format::{Format, Unfit},
    matrix::{BadWeights, Matrix},
};

use crate::random::{Random, halves};

#[test]
fn a_pack_that_was_written_is_read_back_the_same() {
    let mut random = Random::new(1);
    for format in Format::ALL {
        let (rows, cols) = (37, 768);
        let packed = Matrix::pack(format, rows, cols, &random.weights(format, rows, cols)).unwrap();
        let mut file = vec![0xAA; 64];
        file.extend(packed.bytes());
        let again = Matrix::packed(packed.format(), rows, cols, Arc::new(file.clone()), 64).unwrap();
        for row in 0..rows {
            for block in 0..cols / 32 {
                assert_eq!(again.block(row, block), packed.block(row, block), "{}", format.name());
            }
        }
        file.pop();
        let short = Matrix::packed(packed.format(), rows, cols, Arc::new(file), 64);
        assert!(matches!(short, Err(BadWeights::Length { .. })));
    }
}

#[test]
fn each_row_of_a_pack_is_its_own() {
    let mut random = Random::new(2);
    for format in Format::ALL {
        let (rows, cols) = (40, 512);
        let source = random.weights(format, rows, cols);
        let all = Matrix::pack(format, rows, cols, &source).unwrap();
        let each = source.len() / rows;
        let (mut row, mut alone) = (vec![0.0; cols], vec![0.0; cols]);
        for at in 0..rows {
            all.row(at, &mut row);
            Matrix::pack(format, 1, cols, &source[at * each..(at + 1) * each]).unwrap().row(0, &mut alone);
            assert_eq!(row, alone, "{}", format.name());
        }
    }
}

#[test]
fn a_scale_that_is_not_finite_is_refused_with_its_row() {
    let mut random = Random::new(3);
    for format in Format::ALL {
        let (rows, cols) = (20, 512);
        let source = random.weights(format, rows, cols);
        for at in halves(format) {
            for bad in [0x7C00u16, 0xFC00, 0x7E01] {
                let mut source = source.clone();
                let row = 17 * source.len() / rows;
                source[row + at..row + at + 2].copy_from_slice(&bad.to_le_bytes());
                let refused = Matrix::pack(format, rows, cols, &source).unwrap_err();
                assert!(matches!(refused, BadWeights::Block { row: 17, .. }), "{}: {refused}", format.name());
            }
        }
    }
    let mut power = random.weights(Format::Mxfp4, 1, 32);
    power[0] = 144;
    assert!(Matrix::pack(Format::Mxfp4, 1, 32, &power).is_ok());
    power[0] = 145;
    let refused = Matrix::pack(Format::Mxfp4, 1, 32, &power).unwrap_err();
    assert_eq!(refused, BadWeights::Block { row: 0, unfit: Unfit::Scale });
}

fn floats(weights: &[f32]) -> Result<Matrix, BadWeights> {
    let source: Vec<u8> = weights.iter().flat_map(|x| x.to_le_bytes()).collect();
    Matrix::pack(Format::F32, weights.len() / 32, 32, &source)
}

#[test]
fn floats_are_rounded_to_the_nearest_of_255_steps() {
    let mut random = Random::new(4);
    for size in [1e-9f32, 1e-6, 1e-3, 1.0, 1e6] {
        let weights: Vec<f32> = random.normals(320).into_iter().map(|x| x * size).collect();
        let matrix = floats(&weights).unwrap();
        let mut row = [0.0; 32];
        for (at, weights) in weights.chunks(32).enumerate() {
            matrix.row(at, &mut row);
            let scale = matrix.block(at, 0).scale;
            for (weight, packed) in weights.iter().zip(row) {
                let cut = 127.5 * scale < weight.abs();
                assert!(cut || (weight - packed).abs() <= scale * 0.500_01, "{weight} became {packed}");
            }
        }
    }
    for bad in [f32::NAN, f32::INFINITY, 1e7] {
        let mut weights = vec![1.0; 64];
        weights[40] = bad;
        assert_eq!(floats(&weights).unwrap_err(), BadWeights::Block { row: 1, unfit: Unfit::Weight });
    }
    assert!(floats(&[8e6; 32]).is_ok());
}

#[test]
fn floats_that_no_scale_is_small_enough_for_are_zeros() {
    let least = 2f32.powi(-24);
    for (greatest, scale) in [
        (f32::from_bits(1), 0.0),
        (1e-38, 0.0),
        (f32::MIN_POSITIVE, 0.0),
        (127.0 * least / 4.0, 0.0),
        (127.0 * least, least),
        (127.0 * 1023.0 * least, 1023.0 * least),
        (127.0 * 1024.0 * least, 1024.0 * least),
    ] {
        let matrix = floats(&[greatest; 32]).unwrap();
        let mut row = [f32::NAN; 32];
        matrix.row(0, &mut row);
        assert_eq!(matrix.block(0, 0).scale, scale, "{greatest:e}");
        assert_eq!(row, [127.0 * scale; 32], "{greatest:e}");
    }
}

#[test]
fn shapes_that_a_format_cannot_have_are_refused() {
    for format in Format::ALL {
        let cols = format.unit().0;
        for (rows, cols) in
            [(0, cols), (1, 0), (1, cols / 2), (1, cols + 1), (1, 1 << 30), (usize::MAX, cols)]
        {
            let refused = Matrix::pack(format, rows, cols, &[]).unwrap_err();
            assert_eq!(refused, BadWeights::Shape { format, rows, cols });
        }
        let refused = Matrix::pack(format, 2, cols, &vec![0; format.unit().1]).unwrap_err();
        assert_eq!(refused, BadWeights::Length { needed: 2 * format.unit().1, found: format.unit().1 });
    }
}

#[test]
fn each_format_has_its_number_and_name() {
    for format in Format::ALL {
        assert_eq!(Format::from_code(format.code()), Some(format));
        assert_eq!(Format::ALL[format as usize], format);
        assert_eq!(Format::ALL.iter().filter(|other| other.name() == format.name()).count(), 1);
    }
    assert_eq!(Format::from_code(9), None);
}
