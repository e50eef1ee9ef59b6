//! Pictures of every kind, cut, damaged and made to harm.

use png::{BitDepth, ColorType, Encoder};

use image_webp::WebPEncoder;

use crate::{NotAPicture, PICTURE_PIXELS_MAX, PICTURE_SIDE_MAX, PictureKind, Target, has_light_ground, read};

const EIGHT: Target = Target { width: 8, height: 8, invert: false };
const TWO: Target = Target { width: 2, height: 2, invert: false };
/// Four blocks of eight pixels a side: black, white, white, dark grey.
const BLOCKS: &[u8] = include_bytes!("../samples/blocks.jpg");
const SEVEN: &[u8] = include_bytes!("../../../models/digits/samples/seven-1.png");

fn encode(width: u32, height: u32, color: ColorType, depth: BitDepth, samples: &[u8]) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = Encoder::new(&mut file, width, height);
    encoder.set_color(color);
    encoder.set_depth(depth);
    encoder.write_header().unwrap().write_image_data(samples).unwrap();
    file
}

/// A PNG file of a signature and a header, and nothing else that a decoder would need.
fn header(width: u32, height: u32) -> Vec<u8> {
    let mut body = b"IHDR".to_vec();
    body.extend(width.to_be_bytes());
    body.extend(height.to_be_bytes());
    body.extend([8, 0, 0, 0, 0]);
    let mut file = b"\x89PNG\r\n\x1a\n\0\0\0\x0d".to_vec();
    file.extend(&body);
    file.extend(crc(&body).to_be_bytes());
    file
}

fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, byte| {
        (0..8).fold(
            crc ^ u32::from(*byte),
            |crc, _| if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 },
        )
    })
}

fn close(got: &[f32], wanted: &[f32]) {
    assert_eq!(got.len(), wanted.len());
    for (got, wanted) in got.iter().zip(wanted) {
        assert!((got - wanted).abs() < 1e-6, "{got} is not {wanted}");
    }
}

#[test]
fn raw_pixels_of_the_right_size_are_scaled() {
    let mut raw = [0; 64];
    raw[9] = 255;
    let read = read(&raw, EIGHT).unwrap();
    assert_eq!((read[8], read[9], read.len()), (0.0, 1.0, 64));
}

#[test]
fn an_enlarged_picture_gives_its_original_pixels() {
    let small: Vec<u8> = (0..64).map(|pixel| pixel * 4).collect();
    let large: Vec<u8> = (0..64 * 64).map(|at| small[at / 64 / 8 * 8 + at % 64 / 8]).collect();
    let file = encode(64, 64, ColorType::Grayscale, BitDepth::Eight, &large);
    assert_eq!(read(&file, EIGHT), read(&small, EIGHT));
}

#[test]
fn a_size_that_does_not_divide_is_weighed_by_area() {
    let file = encode(3, 1, ColorType::Grayscale, BitDepth::Eight, &[0, 255, 0]);
    close(&read(&file, Target { width: 2, height: 1, invert: false }).unwrap(), &[1.0 / 3.0, 1.0 / 3.0]);
    close(
        &read(&file, Target { width: 6, height: 2, invert: false }).unwrap(),
        &[0., 0., 1., 1., 0., 0.].repeat(2),
    );
}

#[test]
fn every_kind_of_pixel_becomes_a_brightness() {
    let one = Target { width: 1, height: 1, invert: false };
    let cases: [(ColorType, BitDepth, &[u8], f32); 8] = [
        (ColorType::Grayscale, BitDepth::One, &[0x80], 1.0),
        (ColorType::Grayscale, BitDepth::Eight, &[51], 0.2),
        (ColorType::Grayscale, BitDepth::Sixteen, &[51, 51], 0.2),
        (ColorType::GrayscaleAlpha, BitDepth::Eight, &[255, 51], 0.2),
        (ColorType::Rgb, BitDepth::Eight, &[255, 255, 255], 1.0),
        (ColorType::Rgb, BitDepth::Eight, &[0, 0, 255], 29.0 / 255.0),
        (ColorType::Rgba, BitDepth::Eight, &[255, 255, 255, 0], 0.0),
        (ColorType::Rgba, BitDepth::Sixteen, &[255, 255, 255, 255, 255, 255, 255, 255], 1.0),
    ];
    for (color, depth, samples, wanted) in cases {
        close(&read(&encode(1, 1, color, depth, samples), one).unwrap(), &[wanted]);
    }
}

#[test]
fn dark_ink_can_be_made_light() {
    let inverted = read(&[255; 64], Target { invert: true, ..EIGHT }).unwrap();
    assert_eq!(inverted, vec![0.0; 64]);
}

#[test]
fn bytes_of_another_kind_are_refused_with_both_numbers() {
    for got in [0, 1, 63, 65] {
        assert_eq!(read(&vec![0; got], EIGHT), Err(NotAPicture::Unknown { got, wanted: 64 }));
    }
}

#[test]
fn a_picture_cut_anywhere_is_refused() {
    for end in 0..SEVEN.len() - 12 {
        let refused = read(&SEVEN[..end], EIGHT).unwrap_err();
        let expected =
            if end < 8 { "neither a PNG, JPEG or WebP file nor 64 raw pixels" } else { "it ends too early" };
        assert!(refused.to_string().contains(expected), "cut at {end}: {refused}");
    }
}

#[test]
fn a_picture_with_a_wrong_byte_never_panics() {
    for at in 0..SEVEN.len() {
        let mut file = SEVEN.to_vec();
        file[at] ^= 0x55;
        let _ = read(&file, EIGHT);
    }
}

#[test]
fn an_empty_picture_is_refused() {
    for (width, height) in [(0, 0), (0, 8), (8, 0)] {
        assert!(matches!(read(&header(width, height), EIGHT), Err(NotAPicture::Broken { .. })));
    }
}

#[test]
fn a_picture_that_promises_too_much_is_refused_by_its_header() {
    let cases = [
        (1 << 16, 1 << 16),
        (PICTURE_SIDE_MAX, PICTURE_SIDE_MAX),
        (PICTURE_SIDE_MAX + 1, 1),
        (1, PICTURE_SIDE_MAX + 1),
        (i32::MAX as u32, 1),
    ];
    for (width, height) in cases {
        assert_eq!(read(&header(width, height), EIGHT), Err(NotAPicture::TooLarge { width, height }));
    }
    let largest = header(PICTURE_SIDE_MAX, (PICTURE_PIXELS_MAX / u64::from(PICTURE_SIDE_MAX)) as u32);
    assert!(matches!(read(&largest, EIGHT), Err(NotAPicture::Broken { .. })));
}

fn webp(width: u32, height: u32, color: image_webp::ColorType, samples: &[u8]) -> Vec<u8> {
    let mut file = Vec::new();
    WebPEncoder::new(&mut file).encode(samples, width, height, color).unwrap();
    file
}

#[test]
fn a_jpeg_file_is_read_as_a_png_file_is() {
    assert_eq!(PictureKind::of(BLOCKS), Some(PictureKind::Jpeg));
    let read = read(BLOCKS, TWO).unwrap();
    for (got, wanted) in read.iter().zip([0.0, 1.0, 1.0, 0.2]) {
        assert!((got - wanted).abs() < 0.01, "{read:?}");
    }
}

#[test]
fn a_webp_file_is_read_with_what_it_covers_or_without() {
    let grey = webp(2, 2, image_webp::ColorType::Rgb8, &[0, 0, 0, 255, 255, 255, 51, 51, 51, 255, 0, 0]);
    assert_eq!(PictureKind::of(&grey), Some(PictureKind::Webp));
    close(&read(&grey, TWO).unwrap(), &[0.0, 1.0, 0.2, 76.0 / 255.0]);
    let clear = webp(1, 1, image_webp::ColorType::Rgba8, &[255, 255, 255, 51]);
    close(&read(&clear, Target { width: 1, height: 1, invert: false }).unwrap(), &[0.2]);
}

#[test]
fn files_of_each_kind_that_are_cut_or_damaged_are_refused_by_their_kind_and_never_panic() {
    let webp = webp(8, 8, image_webp::ColorType::L8, &[77; 64]);
    for (file, kind) in [(BLOCKS, PictureKind::Jpeg), (&webp, PictureKind::Webp)] {
        let cut = read(&file[..file.len() / 2], TWO).unwrap_err();
        assert!(matches!(cut, NotAPicture::Broken { kind: said, .. } if said == kind), "{cut:?}");
        for at in 0..file.len() {
            let mut damaged = file.to_vec();
            damaged[at] ^= 0x55;
            let _ = read(&damaged, TWO);
            let _ = read(&file[..at], TWO);
        }
    }
}

#[test]
fn a_jpeg_file_that_promises_too_much_is_refused_by_its_header() {
    let mut file = BLOCKS.to_vec();
    let frame = file.windows(2).position(|bytes| bytes == [0xff, 0xc0]).unwrap();
    file[frame + 5..frame + 9].copy_from_slice(&[0x40, 0, 0x40, 0]);
    assert_eq!(read(&file, TWO), Err(NotAPicture::TooLarge { width: 0x4000, height: 0x4000 }));
}

/// A WebP file of a canvas, with the head of what is compressed with loss and has a size of its own.
fn lossy_webp(canvas: u32, frame: u16) -> Vec<u8> {
    let side = |side: u32| (side - 1).to_le_bytes()[..3].to_vec();
    let size = [frame.to_le_bytes(); 2].concat();
    let canvas = [vec![0; 4], side(canvas), side(canvas)].concat();
    let frame = [vec![0; 3], vec![0x9d, 0x01, 0x2a], size, vec![0; 32]].concat();
    let chunk = |name: &[u8], body: Vec<u8>| [name, &(body.len() as u32).to_le_bytes(), &body].concat();
    let chunks = [b"WEBP".to_vec(), chunk(b"VP8X", canvas), chunk(b"VP8 ", frame)].concat();
    chunk(b"RIFF", chunks)
}

#[test]
fn a_webp_file_that_holds_more_than_it_says_is_refused_by_both_headers() {
    let large = NotAPicture::TooLarge { width: 0x3fff, height: 0x3fff };
    assert_eq!(read(&lossy_webp(1, 0x3fff), TWO), Err(large));
    let large = NotAPicture::TooLarge { width: 0x4000, height: 0x4000 };
    assert_eq!(read(&lossy_webp(0x4000, 1), TWO), Err(large));
    for frame in [1, 2] {
        let broken = read(&lossy_webp(1, frame), TWO).unwrap_err();
        assert!(matches!(broken, NotAPicture::Broken { kind: PictureKind::Webp, .. }), "{frame}: {broken:?}");
    }
}

#[test]
fn a_light_ground_is_told_from_a_dark_one() {
    let ground = |edge: u8, ink: u8| {
        let mut raw = [edge; 64];
        raw[27..29].fill(ink);
        raw
    };
    let is_light = |raw: &[u8], target| has_light_ground(&read(raw, target).unwrap(), target);
    assert!(is_light(&ground(240, 10), EIGHT) && !is_light(&ground(10, 240), EIGHT));
    let inverted = Target { invert: true, ..EIGHT };
    assert!(!is_light(&ground(240, 10), inverted), "what the model is shown counts");
    assert!(!is_light(SEVEN, EIGHT), "the samples are as the model wants them");
}
