//! Pictures as SVG, whose colours are the page's.

use std::fmt::Write as _;

use super::page::escaped;

/// Where a text stands beside its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Anchor {
    Middle,
    End,
}

/// A picture under way. Classes are ours; places are those of the picture.
#[derive(Debug)]
pub(super) struct Drawing {
    text: String,
}

impl Drawing {
    /// A picture of this size, and what it shows for whoever does not see it.
    pub(super) fn new(width: f64, height: f64, label: &str) -> Self {
        let label = escaped(label);
        let text = format!("<svg viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"{label}\">\n");
        Self { text }
    }

    /// A line from one place to another.
    pub(super) fn line(&mut self, class: &str, [x, y]: [f64; 2], [to_x, to_y]: [f64; 2]) {
        let _ = writeln!(
            self.text,
            "<line class=\"{class}\" x1=\"{x:.1}\" y1=\"{y:.1}\" x2=\"{to_x:.1}\" y2=\"{to_y:.1}\"/>"
        );
    }

    /// A dot.
    pub(super) fn dot(&mut self, class: &str, [x, y]: [f64; 2], radius: f64) {
        let _ = writeln!(self.text, "<circle class=\"{class}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{radius}\"/>");
    }

    /// A line through places, if there are several.
    pub(super) fn path(&mut self, class: &str, places: &[[f64; 2]]) {
        if places.len() < 2 {
            return;
        }
        let places: Vec<String> = places.iter().map(|[x, y]| format!("{x:.1},{y:.1}")).collect();
        let _ = writeln!(self.text, "<polyline class=\"{class}\" points=\"{}\"/>", places.join(" "));
    }

    /// A mark of one of four shapes, by which series are told apart without colours.
    pub(super) fn mark(&mut self, class: &str, shape: usize, [x, y]: [f64; 2]) {
        let corners: &[[f64; 2]] = match shape % SHAPES.len() {
            0 => return self.dot(class, [x, y], 4.0),
            1 => &[[-4.0, 3.5], [4.0, 3.5], [0.0, -4.5]],
            2 => &[[-3.5, -3.5], [3.5, -3.5], [3.5, 3.5], [-3.5, 3.5]],
            _ => &[[0.0, -5.0], [5.0, 0.0], [0.0, 5.0], [-5.0, 0.0]],
        };
        let corners: Vec<String> =
            corners.iter().map(|[right, down]| format!("{:.1},{:.1}", x + right, y + down)).collect();
        let _ = writeln!(self.text, "<polygon class=\"{class}\" points=\"{}\"/>", corners.join(" "));
    }

    /// Words at a place.
    pub(super) fn words(&mut self, anchor: Anchor, [x, y]: [f64; 2], words: &str) {
        let anchor = match anchor {
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let words = escaped(words);
        let _ =
            writeln!(self.text, "<text text-anchor=\"{anchor}\" x=\"{x:.1}\" y=\"{y:.1}\">{words}</text>");
    }

    /// The whole picture.
    pub(super) fn whole(self) -> String {
        self.text + "</svg>\n"
    }
}

/// The shapes of marks, as a legend writes them.
pub(super) const SHAPES: [char; 4] = ['●', '▲', '■', '◆'];
