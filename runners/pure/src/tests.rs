//! The network, on the images that were held out from its training.

use pixels::Target;

use crate::network;

const HELD_OUT: &[u8] = include_bytes!("../../../models/digits/held-out.u8");
const HELD_OUT_RIGHT_MIN: usize = 441;

fn guess(pixels: &[u8]) -> u8 {
    let pixels = pixels::read(pixels, Target { width: 8, height: 8, invert: false }).unwrap();
    let scores = network::scores(&pixels);
    (0..10).max_by(|&a, &b| scores[usize::from(a)].total_cmp(&scores[usize::from(b)])).unwrap()
}

#[test]
fn held_out_images_are_read_as_well_as_the_card_says() {
    let (images, rest) = HELD_OUT.as_chunks::<65>();
    assert!(rest.is_empty());
    let right = images.iter().filter(|image| guess(&image[1..]) == image[0]).count();
    assert!(right >= HELD_OUT_RIGHT_MIN, "{right} of {}", images.len());
}

#[test]
fn scores_are_probabilities() {
    for pixels in [[0.0; 64], [1.0; 64]] {
        let sum: f32 = network::scores(&pixels).iter().sum();
        assert!((sum - 1.0).abs() < 1e-5, "{sum}");
    }
}
