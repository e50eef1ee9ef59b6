//! What Ollama's clients call a model: its name, often with a tag behind it.
//!
//! **Invariant:** the tag of what is latest means the model itself, as many clients write it behind every name without one. Any
//! other tag is a part of the name, and so means no model.

/// The tag of a model that was asked for without one.
const LATEST: &str = ":latest";

/// The model that is meant, as the market calls it.
pub(super) fn untagged(name: &str) -> &str {
    name.strip_suffix(LATEST).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_latest_of_a_model_is_the_model() {
        let cases = [
            ("sums", "sums"),
            ("sums:latest", "sums"),
            ("sums@0123456789ab:latest", "sums@0123456789ab"),
            ("sums:8b", "sums:8b"),
            ("latest", "latest"),
            ("sums:latest:latest", "sums:latest"),
        ];
        for (typed, meant) in cases {
            assert_eq!(untagged(typed), meant, "{typed}");
        }
    }
}
