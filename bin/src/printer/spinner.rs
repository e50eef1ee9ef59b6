//! What moves on a terminal while something takes a while.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use super::escape;

/// Between two pictures.
const SPINNER_STEP: Duration = Duration::from_millis(100);
/// Characters beside it: what wraps cannot be wiped away.
const MESSAGE_CHARS_MAX: usize = 70;

/// Something that takes a while.
#[derive(Clone, Debug)]
pub struct Spinner(ProgressBar);

impl Spinner {
    pub(super) fn hidden() -> Self {
        Self(ProgressBar::hidden())
    }

    pub(super) fn shown() -> Self {
        let bar = ProgressBar::new_spinner();
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} {elapsed:.dim}") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(SPINNER_STEP);
        Self(bar)
    }

    /// Says what is being waited for.
    pub fn say(&self, text: &str) {
        self.0.set_message(escape::field(text, MESSAGE_CHARS_MAX));
    }

    /// Takes it off the terminal.
    pub fn end(&self) {
        self.0.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_spinner_says_is_escaped_and_cut() {
        let spinner = Spinner::hidden();
        spinner.say(&format!("\x1b[2Jrefused\n{}", "x".repeat(1_000)));
        let said = spinner.0.message();
        assert!(said.starts_with("\\u{1b}[2Jrefused\\n"), "{said}");
        assert_eq!(said.chars().count(), MESSAGE_CHARS_MAX + 1);
    }
}
