//! Something to run a model on before it is offered.
//!
//! **Invariant:** a sample is made from the manifest alone; a runner that refuses it in good order has been tested less
//! deeply, and still been tested.

use assay_protocol::manifest::Manifest;

/// Pixels of the largest picture made up.
const PIXELS_MAX: u64 = 1024 * 1024;

/// A picture of the size that the parameters name, with a stroke in it; nothing for runners of other things.
pub(crate) fn sample(manifest: &Manifest) -> Vec<u8> {
    let params: Option<serde_json::Value> = serde_json::from_str(&manifest.params).ok();
    let side = |name: &str| params.as_ref().and_then(|params| params.get(name)?.as_u64());
    let (Some(width), Some(height)) = (side("width"), side("height")) else { return Vec::new() };
    let pixels = width.saturating_mul(height);
    if pixels > PIXELS_MAX {
        return Vec::new();
    }
    let is_ink = |pixel: u64| (pixel % width).abs_diff(width / 2) <= width / 8;
    (0..pixels).map(|pixel| if is_ink(pixel) { 255 } else { 0 }).collect()
}
