//! Something to run a model on before it is offered.
//!
//! **Invariant:** a sample is made from the manifest alone; a runner that refuses it in good order has been tested less
//! deeply, and still been tested.

use assay_protocol::manifest::Manifest;

/// What any model of language goes on from.
const TEXT: &[u8] = b"1+1=";
/// Pixels of the largest picture made up.
const PIXELS_MAX: u64 = 1024 * 1024;
/// The side of a picture where the parameters name no size.
const SIDE_ASSUMED: u64 = 8;

/// The parameter by which a manifest says that texts become vectors.
const POOLING: &str = "pooling";

/// Bytes of a number in an output.
const NUMBER_BYTES: usize = 4;

/// Whether what a model is asked is a text: it writes texts, or makes vectors of them.
#[must_use]
pub fn reads_texts(manifest: &Manifest) -> bool {
    manifest.policy.is_proven_by_rows()
        || params(manifest).is_some_and(|params| params.get(POOLING).is_some())
}

/// A vector for each text that was asked of a network that embeds texts; nothing, if the output is no such vectors.
#[must_use]
pub fn vectors(manifest: &Manifest, output: &[u8]) -> Option<Vec<Vec<f32>>> {
    let width = usize::try_from(params(manifest)?.get("width")?.as_u64()?).ok()?;
    let (numbers, rest) = output.as_chunks::<NUMBER_BYTES>();
    if width == 0 || numbers.is_empty() || !rest.is_empty() || !numbers.len().is_multiple_of(width) {
        return None;
    }
    let vector =
        |bytes: &[[u8; NUMBER_BYTES]]| bytes.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    Some(numbers.chunks_exact(width).map(vector).collect())
}

/// A text for what reads texts; else a picture of the size that the parameters name, with a stroke in it, one byte for each pixel.
pub(crate) fn sample(manifest: &Manifest) -> Vec<u8> {
    if reads_texts(manifest) {
        return TEXT.to_vec();
    }
    let params = params(manifest);
    let named = |name: &str| params.as_ref().and_then(|params| params.get(name)?.as_u64());
    let [width, height] = ["width", "height"].map(|name| named(name).unwrap_or(SIDE_ASSUMED));
    let pixels = width.saturating_mul(height);
    if pixels > PIXELS_MAX {
        return Vec::new();
    }
    let is_ink = |pixel: u64| (pixel % width).abs_diff(width / 2) <= width / 8;
    (0..pixels).map(|pixel| if is_ink(pixel) { 255 } else { 0 }).collect()
}

fn params(manifest: &Manifest) -> Option<serde_json::Value> {
    serde_json::from_str(&manifest.params).ok()
}
