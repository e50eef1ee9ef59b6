//! Rows that line up.

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
        self.rows.push(cells.to_vec());
    }

    /// For people: columns that line up, below their heads.
    #[must_use]
    pub(crate) fn aligned(&self, paint: impl Fn(&str) -> String) -> String {
        let widths: Vec<usize> = (0..self.heads.len()).map(|column| self.width(column)).collect();
        let head = paint(&align(&self.heads, &widths));
        let rows = self.rows.iter().map(|row| align(row, &widths));
        std::iter::once(head).chain(rows).map(|line| line + "\n").collect()
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
        assert_eq!(table.aligned(str::to_owned), "MODEL   PRICE\ndigits  0.05\n");
        assert_eq!(table.plain(), "digits\t0.05\n");
    }
}
