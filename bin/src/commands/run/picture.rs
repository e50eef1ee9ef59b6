//! What a picture looks like to the model that is shown it, before that is paid for.
//!
//! **Invariant:** it is said of what the bundled runners read; nothing is refused by it, and what is no picture is left to
//! whoever runs it.

use assay_protocol::manifest::Manifest;
use pixels::Target;

use super::intake;

/// Pixels of the largest picture that a model is shown.
const PIXELS_MAX: u64 = 1 << 20;

/// What is odd about a picture, for whoever is about to order.
pub(super) fn doubt(manifest: &Manifest, input: &[u8]) -> Option<String> {
    let target = target(manifest)?;
    let pixels = pixels::read(input, target).ok()?;
    pixels::has_light_ground(&pixels, target).then(|| {
        let name = &manifest.name;
        let ink = intake::ink(target.invert);
        format!("note: the picture looks the wrong way round: {name} is shown {ink}, and may see something else here")
    })
}

/// What the runner makes of a picture.
fn target(manifest: &Manifest) -> Option<Target> {
    let params = intake::picture_params(manifest)?;
    let side = |name: &str| match params.get(name) {
        Some(side) => side.as_u64().and_then(|side| u32::try_from(side).ok()),
        // A runner that has no such parameter is the one of handwritten digits.
        None => Some(8),
    };
    let (width, height) = (side("width")?, side("height")?);
    let invert = params.get("invert").and_then(serde_json::Value::as_bool).unwrap_or_default();
    let count = u64::from(width) * u64::from(height);
    (1..=PIXELS_MAX).contains(&count).then_some(Target { width, height, invert })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bundle::{DIGITS, SUMS};

    #[test]
    fn a_picture_that_is_the_wrong_way_round_is_doubted() {
        let digits = DIGITS.manifest();
        let dark: Vec<u8> = (0..64).map(|at| if at % 8 == 3 { 0 } else { 255 }).collect();
        let said = doubt(&digits, &dark).unwrap();
        assert!(said.contains("digits is shown light ink on a dark ground"), "{said}");
        let light: Vec<u8> = dark.iter().map(|pixel| 255 - pixel).collect();
        assert_eq!(doubt(&digits, &light), None);
        for sample in DIGITS.samples {
            assert_eq!(doubt(&digits, sample.bytes), None, "{}", sample.file);
        }
        let params = digits.params.replacen('{', r#"{"invert":true,"#, 1);
        let inverted = Manifest { params, ..digits.clone() };
        assert_eq!(doubt(&inverted, &dark), None);
        assert!(doubt(&inverted, &light).unwrap().contains("dark ink on a light ground"));
    }

    #[test]
    fn of_what_is_no_picture_or_of_other_models_nothing_is_said() {
        let digits = DIGITS.manifest();
        assert_eq!(doubt(&digits, b"no picture at all"), None);
        assert_eq!(doubt(&SUMS.manifest(), &[255; 64]), None);
        for params in [
            "",
            r#"{"labels":["a"],"width":4294967295,"height":4294967295}"#,
            r#"{"labels":["a"],"width":0,"height":1}"#,
        ] {
            let other = Manifest { params: params.to_owned(), ..digits.clone() };
            assert_eq!(doubt(&other, &[255; 64]), None, "{params}");
        }
    }
}
