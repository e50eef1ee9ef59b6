//! Rows that line up.
//!
//! **Invariant:** no cell begins a line or another cell, whoever chose what is in it.

use super::{Paint, Styled, escape};

/// Characters of a cell; the longest of ours are sentences.
const CELL_CHARS_MAX: usize = 300;

/// A heading and rows of as many cells.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    heads: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these columns and no rows.
    #[must_use]
    pub(crate) fn new<const COLUMNS: usize>(heads: [&str; COLUMNS]) -> Self {
        Self { heads: heads.map(String::from).to_vec(), rows: Vec::new() }
    }

    /// Adds a row.
    pub(crate) fn row<const COLUMNS: usize>(&mut self, cells: [String; COLUMNS]) {
        debug_assert_eq!(COLUMNS, self.heads.len(), "a row has a cell for each column");
        self.rows.push(cells.iter().map(|cell| escape::cell(cell, CELL_CHARS_MAX)).collect());
    }

    /// For people: columns that line up, below their heads.
    pub(crate) fn aligned(&self) -> impl Iterator<Item = Styled> {
        let widths: Vec<usize> = (0..self.heads.len()).map(|column| self.width(column)).collect();
        let head = Paint::Bold.on(align(&self.heads, &widths));
        let rows = self.rows.iter().map(move |row| align(row, &widths).into());
        std::iter::once(head).chain(rows)
    }

    /// For programs: a line for each row, tabs between its cells, no head.
    #[must_use]
    pub(crate) fn plain(&self) -> String {
        self.rows.iter().map(|row| row.join("\t") + "\n").collect()
    }

    fn width(&self, column: usize) -> usize {
        let cells = std::iter::once(&self.heads).chain(&self.rows).filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or_default()
    }
}

fn align(cells: &[String], widths: &[usize]) -> String {
    let padded: Vec<String> =
        cells.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
    padded.join("  ").trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_lines_up_for_people_and_is_tabs_for_programs() {
        let mut table = Table::new(["MODEL", "PRICE"]);
        table.row(["digits".to_owned(), "0.05".to_owned()]);
        let lines: Vec<Styled> = table.aligned().collect();
        assert_eq!(lines, [Paint::Bold.on("MODEL   PRICE"), "digits  0.05".into()]);
        assert_eq!(table.plain(), "digits\t0.05\n");
    }

    #[test]
    fn no_cell_forges_another() {
        let mut table = Table::new(["MODEL", "PRICE"]);
        table.row(["digits\t0.01\nsums".to_owned(), "0.05  0.01".to_owned()]);
        assert_eq!(table.plain(), "digits\\t0.01\\nsums\t0.05 0.01\n");
    }
}
