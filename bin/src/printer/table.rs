//! Rows that line up.
//!
//! **Invariant:** no cell begins a line or another cell, whoever chose what is in it, and none is empty but where that says
//! something.

use super::{Paint, Styled, escape, wrap};

/// Characters of a cell; the longest of ours are sentences.
const CELL_CHARS_MAX: usize = 300;
/// Characters that are left of a text, at least, where a terminal is narrow.
const TEXT_CHARS_MIN: usize = 12;
/// What stands where there is nothing to say.
const NOTHING: &str = "-";
/// What stands between two columns.
const GAP: &str = "  ";
/// What stands before what goes on of a cell that is no sentence, so that it is not taken for another row.
const GOES_ON: &str = "  ";

/// A heading and rows of as many cells.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    heads: Vec<String>,
    rows: Vec<Vec<String>>,
    /// Columns that may be shortened.
    texts: Vec<usize>,
    /// Those of them that go on in further lines instead of being cut.
    folded: Vec<usize>,
    /// Columns that may be left out, those of least worth first.
    spared: Vec<usize>,
    /// Whether the last column goes on in further lines.
    wraps: bool,
    /// Cells with nothing in them stay so.
    has_blanks: bool,
}

impl Table {
    /// A table with these columns and no rows.
    #[must_use]
    pub(crate) fn new<const COLUMNS: usize>(heads: [&str; COLUMNS]) -> Self {
        let heads = heads.map(String::from).to_vec();
        Self {
            heads,
            rows: Vec::new(),
            texts: Vec::new(),
            folded: Vec::new(),
            spared: Vec::new(),
            wraps: false,
            has_blanks: false,
        }
    }

    /// Lets these columns be shortened where a terminal is narrow. What is copied or counted is none of them.
    #[must_use]
    pub(crate) fn shortens(self, heads: &[&str]) -> Self {
        Self { texts: self.columns(heads), ..self }
    }

    /// Lets these columns be narrower where a terminal is, and go on in further lines: names that are whole wherever they are read.
    #[must_use]
    pub(crate) fn folds(self, heads: &[&str]) -> Self {
        let folded = self.columns(heads);
        Self { texts: [self.texts, folded.clone()].concat(), folded, ..self }
    }

    /// Lets these columns be left out where that is not enough, the first of them first.
    #[must_use]
    pub(crate) fn spares(self, heads: &[&str]) -> Self {
        Self { spared: self.columns(heads), ..self }
    }

    /// Lets the last column go on in further lines where a terminal is narrow: its cells are sentences.
    #[must_use]
    pub(crate) fn wraps(self) -> Self {
        Self { wraps: true, ..self }
    }

    /// Lets cells stay empty, where a row has nothing that belongs below a head.
    #[must_use]
    pub(crate) fn blanks(self) -> Self {
        Self { has_blanks: true, ..self }
    }

    /// Adds a row.
    pub(crate) fn row<const COLUMNS: usize>(&mut self, cells: [String; COLUMNS]) {
        debug_assert_eq!(COLUMNS, self.heads.len(), "a row has a cell for each column");
        let has_blanks = self.has_blanks;
        let cell = |cell: &String| match cell.trim() {
            "" if !has_blanks => NOTHING.to_owned(),
            _ => escape::cell(cell, CELL_CHARS_MAX),
        };
        self.rows.push(cells.iter().map(cell).collect());
    }

    /// For people: columns that line up, below their heads, in lines of so many characters where that can be.
    pub(crate) fn aligned(&self, chars_max: Option<usize>) -> impl Iterator<Item = Styled> {
        let shown = self.fitting(chars_max.unwrap_or(usize::MAX));
        let head = Paint::Bold.on(align(&self.heads, &shown));
        let rows = self.rows.iter().flat_map(move |row| self.lines(row, &shown)).map(Styled::from);
        std::iter::once(head).chain(rows)
    }

    /// For programs: a line for each row, tabs between its cells, no head.
    #[must_use]
    pub(crate) fn plain(&self) -> String {
        self.rows.iter().map(|row| row.join("\t") + "\n").collect()
    }

    /// The columns that are shown, and how wide each is.
    fn fitting(&self, chars_max: usize) -> Vec<(usize, usize)> {
        let mut spared = self.spared.iter();
        let mut columns: Vec<usize> = (0..self.heads.len()).collect();
        loop {
            let mut shown: Vec<(usize, usize)> =
                columns.iter().map(|column| (*column, self.width(*column))).collect();
            self.narrow(&mut shown, chars_max);
            let fits = self.shorten(&mut shown, chars_max);
            match spared.next() {
                Some(least) if !fits => columns.retain(|column| column != least),
                Some(_) | None => return shown,
            }
        }
    }

    /// Leaves to a last column that goes on in further lines what the others leave.
    fn narrow(&self, shown: &mut [(usize, usize)], chars_max: usize) {
        let Some(((_, last), others)) = shown.split_last_mut().filter(|_| self.wraps) else { return };
        let left = chars_max.saturating_sub(indent(others));
        if left >= wrap::LINE_CHARS_MIN {
            *last = left.min(*last);
        }
    }

    /// A row as it stands below the heads.
    fn lines(&self, row: &[String], shown: &[(usize, usize)]) -> Vec<String> {
        let parts: Vec<Vec<String>> =
            shown.iter().map(|(column, width)| self.parts(*column, &row[*column], *width)).collect();
        let count = parts.iter().map(Vec::len).max().unwrap_or_default();
        let line = |number: usize| {
            let cells = parts.iter().zip(shown.iter().copied()).map(|(parts, (_, width))| {
                let part = parts.get(number).map_or("", String::as_str);
                format!("{part:<width$}")
            });
            cells.collect::<Vec<_>>().join(GAP).trim_end().to_owned()
        };
        (0..count).map(line).collect()
    }

    /// A cell of a column, in lines of so many characters.
    fn parts(&self, column: usize, cell: &str, width: usize) -> Vec<String> {
        let is_sentence = self.wraps && column + 1 == self.heads.len();
        if is_sentence {
            return wrap::lines(cell, width);
        }
        if !self.folded.contains(&column) {
            return vec![cut(cell, width)];
        }
        if cell.chars().count() <= width {
            return vec![cell.to_owned()];
        }
        let parts = wrap::lines(cell, width.saturating_sub(GOES_ON.len()));
        let begins = std::iter::once("").chain(std::iter::repeat(GOES_ON));
        begins.zip(parts).map(|(begin, part)| format!("{begin}{part}")).collect()
    }

    /// Takes from the widest text until all columns fit; false if they do not.
    fn shorten(&self, shown: &mut [(usize, usize)], chars_max: usize) -> bool {
        loop {
            let gaps = GAP.len() * shown.len().saturating_sub(1);
            let over = (shown.iter().map(|(_, width)| width).sum::<usize>() + gaps).saturating_sub(chars_max);
            if over == 0 {
                return true;
            }
            let texts = shown
                .iter_mut()
                .filter(|(column, width)| self.texts.contains(column) && *width > TEXT_CHARS_MIN);
            let Some((_, width)) = texts.max_by_key(|(_, width)| *width) else { return false };
            *width -= 1;
        }
    }

    /// Where these columns stand.
    fn columns(&self, heads: &[&str]) -> Vec<usize> {
        heads.iter().filter_map(|head| self.heads.iter().position(|known| known == head)).collect()
    }

    fn width(&self, column: usize) -> usize {
        let cells = std::iter::once(&self.heads).chain(&self.rows).filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or_default()
    }
}

/// Where the column behind these begins.
fn indent(columns: &[(usize, usize)]) -> usize {
    columns.iter().map(|(_, width)| width + GAP.len()).sum()
}

fn align(cells: &[String], shown: &[(usize, usize)]) -> String {
    let cells = shown.iter().filter_map(|(column, width)| Some((cells.get(*column)?, *width)));
    let padded: Vec<String> = cells.map(|(cell, width)| format!("{:<width$}", cut(cell, width))).collect();
    padded.join(GAP).trim_end().to_owned()
}

/// A cell of so many characters at most.
fn cut(cell: &str, chars_max: usize) -> String {
    if cell.chars().count() <= chars_max {
        return cell.to_owned();
    }
    let kept: String = cell.chars().take(chars_max.saturating_sub(1)).collect();
    format!("{}{}", kept.trim_end(), escape::CUT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_lines_up_for_people_and_is_tabs_for_programs() {
        let mut table = Table::new(["MODEL", "PRICE"]);
        table.row(["digits".to_owned(), "0.05".to_owned()]);
        let lines: Vec<Styled> = table.aligned(None).collect();
        assert_eq!(lines, [Paint::Bold.on("MODEL   PRICE"), "digits  0.05".into()]);
        assert_eq!(table.plain(), "digits\t0.05\n");
    }

    /// A table such as that of offers.
    fn wide() -> Table {
        let heads = ["PROVIDER", "MODEL", "RUN", "SLOTS", "MACHINE"];
        let mut table = Table::new(heads).shortens(&["MACHINE"]).spares(&["SLOTS", "RUN"]);
        let cells = [
            "0123456789ab",
            "a-model-of-language@3fa29c71",
            "900 ms",
            "4",
            "AMD EPYC 9654, 96 cores, 12 MiB",
        ];
        table.row(cells.map(String::from));
        table
    }

    fn lines(table: &Table, chars_max: Option<usize>) -> Vec<String> {
        table.aligned(chars_max).map(|line| line.text()).collect()
    }

    #[test]
    fn at_80_columns_a_text_is_shortened_and_nothing_else() {
        let shown = lines(&wide(), Some(80));
        assert_eq!(
            shown,
            [
                "PROVIDER      MODEL                         RUN     SLOTS  MACHINE",
                "0123456789ab  a-model-of-language@3fa29c71  900 ms  4      AMD EPYC 9654, 96 co…",
            ]
        );
        assert_eq!(shown[1].chars().count(), 80);
    }

    #[test]
    fn at_60_columns_what_is_of_least_worth_is_left_out_as_well() {
        assert_eq!(
            lines(&wide(), Some(60)),
            [
                "PROVIDER      MODEL                         MACHINE",
                "0123456789ab  a-model-of-language@3fa29c71  AMD EPYC 9654,…",
            ]
        );
    }

    #[test]
    fn a_sentence_goes_on_below_itself_and_what_is_copied_is_whole() {
        let mut table = Table::new(["WHAT", "HOW"]).wraps();
        let name = "0123456789abcdef".repeat(2);
        table.row(["standing".to_owned(), "a newcomer's, the worst case".to_owned()]);
        table.row(["provider".to_owned(), name.clone()]);
        assert_eq!(
            lines(&table, Some(34)),
            [
                "WHAT      HOW".to_owned(),
                "standing  a newcomer's, the worst".to_owned(),
                "          case".to_owned(),
                format!("provider  {name}"),
            ]
        );
        assert_eq!(lines(&table, None)[1], "standing  a newcomer's, the worst case");
        assert_eq!(
            lines(&table, Some(20))[1],
            "standing  a newcomer's, the worst case",
            "that is too narrow"
        );
        assert!(table.plain().starts_with("standing\ta newcomer's, the worst case\n"));
    }

    #[test]
    fn a_name_goes_on_below_itself_and_is_whole_at_every_width() {
        let mut table = Table::new(["FIGURE", "FIRST", "INTERVAL", ""]).folds(&["FIGURE"]).blanks();
        let rows = [
            ["orders", "40.5", "-9.1000 to +9.1000", "differs"],
            ["stake lost by one of forgers, credits", "-5.0", "-1.0000 to +1.0000", ""],
        ];
        rows.into_iter().for_each(|cells| table.row(cells.map(String::from)));
        assert_eq!(
            lines(&table, Some(54)),
            [
                "FIGURE              FIRST  INTERVAL",
                "orders              40.5   -9.1000 to +9.1000  differs",
                "stake lost by       -5.0   -1.0000 to +1.0000",
                "  one of forgers,",
                "  credits",
            ]
        );
        for width in 30..100 {
            let shown = lines(&table, Some(width)).join(" ");
            let words: Vec<&str> = shown.split_whitespace().collect();
            for word in rows[1][0].split(' ') {
                assert!(words.contains(&word), "{word} at {width}: {shown}");
            }
        }
        assert_eq!(lines(&table, None).len(), 3);
        assert!(table.plain().contains("stake lost by one of forgers, credits\t-5.0\t"));
    }

    #[test]
    fn where_nobody_says_how_wide_a_line_is_all_of_it_is_there() {
        let table = wide();
        assert!(lines(&table, None)[1].ends_with("4      AMD EPYC 9654, 96 cores, 12 MiB"));
        assert_eq!(
            table.plain(),
            "0123456789ab\ta-model-of-language@3fa29c71\t900 ms\t4\tAMD EPYC 9654, 96 cores, 12 MiB\n"
        );
        // What may not be shortened is whole, however narrow the terminal is.
        assert_eq!(lines(&table, Some(10))[1], "0123456789ab  a-model-of-language@3fa29c71  AMD EPYC 96…");
    }

    #[test]
    fn a_cell_says_that_there_is_nothing_unless_a_row_may_have_blanks() {
        let cells = ["digits".to_owned(), "  ".to_owned(), String::new()];
        let mut table = Table::new(["MODEL", "AGE", "MACHINE"]);
        table.row(cells.clone());
        assert_eq!(table.plain(), "digits\t-\t-\n");
        let mut table = Table::new(["MODEL", "AGE", "MACHINE"]).blanks();
        table.row(cells);
        assert_eq!(table.plain(), "digits\t  \t\n");
    }

    #[test]
    fn no_cell_forges_another() {
        let mut table = Table::new(["MODEL", "PRICE"]);
        table.row(["digits\t0.01\nsums".to_owned(), "0.05  0.01".to_owned()]);
        assert_eq!(table.plain(), "digits\\t0.01\\nsums\t0.05 0.01\n");
    }
}
