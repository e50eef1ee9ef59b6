//! What moves on a terminal while something takes a while, and what is said of it where nothing can.

use std::{sync::Arc, time::Duration};

use indicatif::{ProgressBar, ProgressStyle};

use super::{
    escape,
    silence::{PlainWait, Silence},
    stream::StandardStream,
};

/// Between two pictures.
const SPINNER_STEP: Duration = Duration::from_millis(100);
/// Characters beside it: what wraps cannot be wiped away.
const MESSAGE_CHARS_MAX: usize = 70;

/// Something that takes a while.
#[derive(Clone, Debug)]
pub struct Spinner(OnScreen);

/// How that is shown.
#[derive(Clone, Debug)]
enum OnScreen {
    Moving(ProgressBar),
    Plain(Arc<PlainWait>),
}

impl Spinner {
    pub(super) fn hidden() -> Self {
        Self(OnScreen::Moving(ProgressBar::hidden()))
    }

    pub(super) fn shown() -> Self {
        let bar = ProgressBar::new_spinner();
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} {elapsed:.dim}") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(SPINNER_STEP);
        Self(OnScreen::Moving(bar))
    }

    /// One of which a plain line is said now and then.
    pub(super) fn plain(aside: StandardStream, silence: Silence) -> Self {
        Self(OnScreen::Plain(PlainWait::begin(aside, silence)))
    }

    /// Says what is being waited for.
    pub fn say(&self, text: &str) {
        match &self.0 {
            OnScreen::Moving(bar) => bar.set_message(escape::field(text, MESSAGE_CHARS_MAX)),
            OnScreen::Plain(wait) => wait.say(text),
        }
    }

    /// Takes it off the terminal.
    pub fn end(&self) {
        match &self.0 {
            OnScreen::Moving(bar) => bar.finish_and_clear(),
            OnScreen::Plain(wait) => wait.end(),
        }
    }

    /// Looks whether a plain line is due, so long after the program began.
    #[cfg(test)]
    pub(super) fn look(&self, now: Duration) {
        if let OnScreen::Plain(wait) = &self.0 {
            wait.look(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_spinner_says_is_escaped_and_cut() {
        let spinner = Spinner::hidden();
        spinner.say(&format!("\x1b[2Jrefused\n{}", "x".repeat(1_000)));
        let OnScreen::Moving(bar) = &spinner.0 else { panic!("a hidden one could move") };
        let said = bar.message();
        assert!(said.starts_with("\\u{1b}[2Jrefused\\n"), "{said}");
        assert_eq!(said.chars().count(), MESSAGE_CHARS_MAX + 1);
    }
}
