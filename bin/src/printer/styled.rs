//! Text with colours that this program chose.
//!
//! **Invariant:** a colour is never text: what is between colours is escaped as if it all came from strangers, so nobody
//! but this program colours anything.

use std::fmt::Display;

use super::escape;

/// How a piece of text stands out on a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paint {
    /// As it is.
    Plain,
    /// Important.
    Bold,
    /// Beside the point.
    Dim,
    /// Good.
    Green,
    /// Bad.
    Red,
    /// Surprising.
    Yellow,
    /// Of these two shades of grey, by their numbers among a terminal's colours: the letter's and the one behind it.
    Shades(u8, u8),
}

/// A line with its colours.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Styled(Vec<(Paint, String)>);

impl Paint {
    /// The text in this colour.
    #[must_use]
    pub fn on(self, text: impl Display) -> Styled {
        Styled(vec![(self, text.to_string())])
    }
}

impl Styled {
    /// This line, and then that one.
    #[must_use]
    pub fn and(mut self, next: impl Into<Self>) -> Self {
        self.0.extend(next.into().0);
        self
    }

    /// What it says, as it came: nothing is escaped yet.
    #[cfg(test)]
    pub(crate) fn text(&self) -> String {
        self.0.iter().map(|(_, text)| text.as_str()).collect()
    }

    /// What is written, of so many characters in each piece at most.
    pub(super) fn shown(&self, has_colour: bool, chars_max: usize) -> String {
        self.0.iter().map(|(paint, text)| paint.shown(&escape::field(text, chars_max), has_colour)).collect()
    }
}

impl Paint {
    fn shown(self, text: &str, has_colour: bool) -> String {
        let code = match self {
            Self::Plain => None,
            Self::Bold => Some("1".to_owned()),
            Self::Dim => Some("2".to_owned()),
            Self::Green => Some("32".to_owned()),
            Self::Red => Some("31".to_owned()),
            Self::Yellow => Some("33".to_owned()),
            Self::Shades(letter, behind) => Some(format!("38;5;{letter};48;5;{behind}")),
        };
        match code.filter(|_| has_colour) {
            Some(code) => format!("\x1b[{code}m{text}\x1b[0m"),
            None => text.to_owned(),
        }
    }
}

impl From<String> for Styled {
    fn from(text: String) -> Self {
        Self(vec![(Paint::Plain, text)])
    }
}

impl From<&String> for Styled {
    fn from(text: &String) -> Self {
        text.clone().into()
    }
}

impl From<&str> for Styled {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}
