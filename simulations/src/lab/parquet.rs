//! Tables as Parquet: one group of rows, one plain page a column, nothing compressed. Every reader of the format reads that.
//!
//! **Invariant:** equal tables give equal bytes.

/// What each file begins and ends with.
const MAGIC: &[u8; 4] = b"PAR1";
/// Kinds of fields, in Thrift's compact protocol.
const I32: u8 = 5;
const I64: u8 = 6;
const BINARY: u8 = 8;
const LIST: u8 = 9;
const STRUCT: u8 = 12;
/// Encodings of values and of levels.
const PLAIN: u64 = 0;
const RUN_LENGTHS: u64 = 3;

/// A column of a table.
#[derive(Clone, Debug, PartialEq)]
pub enum ParquetColumn {
    /// Whole numbers.
    Whole(Vec<i64>),
    /// Numbers, some of which may be missing.
    Number(Vec<Option<f64>>),
    /// Words.
    Text(Vec<String>),
}

impl ParquetColumn {
    fn rows(&self) -> usize {
        match self {
            Self::Whole(values) => values.len(),
            Self::Number(values) => values.len(),
            Self::Text(values) => values.len(),
        }
    }

    /// How its values are stored, whether some may be missing, and whether they are words.
    fn kind(&self) -> (u64, bool, bool) {
        match self {
            Self::Whole(_) => (2, false, false),
            Self::Number(_) => (5, true, false),
            Self::Text(_) => (6, false, true),
        }
    }

    /// Its page without the header: which values there are, where some may be missing, and the values.
    fn page(&self) -> Vec<u8> {
        match self {
            Self::Whole(values) => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
            Self::Number(values) => {
                let levels = levels(values);
                let mut page = length(&levels).to_vec();
                page.extend(levels);
                page.extend(values.iter().flatten().flat_map(|value| value.to_le_bytes()));
                page
            }
            Self::Text(values) => values
                .iter()
                .flat_map(|text| length(text.as_bytes()).into_iter().chain(text.bytes()))
                .collect(),
        }
    }
}

/// Writes a table whose columns are of the same length.
#[must_use]
pub fn write(columns: &[(String, ParquetColumn)]) -> Vec<u8> {
    let mut file = MAGIC.to_vec();
    let chunks: Vec<ThriftStruct> = columns
        .iter()
        .map(|(name, column)| {
            let (begin, page) = (file.len(), column.page());
            file.extend(page_header(column.rows(), page.len()).ended());
            file.extend(page);
            chunk(name, column, begin, file.len() - begin)
        })
        .collect();
    let rows = columns.first().map_or(0, |(_, column)| column.rows()) as u64;
    let mut group = ThriftStruct::default();
    group.structs(1, chunks);
    group.whole(2, I64, (file.len() - MAGIC.len()) as u64);
    group.whole(3, I64, rows);
    let mut root = ThriftStruct::default();
    root.text(4, "schema");
    root.whole(5, I32, columns.len() as u64);
    let schema = core::iter::once(root).chain(columns.iter().map(|(name, column)| element(name, column)));
    let mut footer = ThriftStruct::default();
    footer.whole(1, I32, 1);
    footer.structs(2, schema.collect());
    footer.whole(3, I64, rows);
    footer.structs(4, vec![group]);
    let footer = footer.ended();
    file.extend(&footer);
    file.extend(length(&footer));
    file.extend(MAGIC);
    file
}

/// A column in the schema.
fn element(name: &str, column: &ParquetColumn) -> ThriftStruct {
    let (stored, is_optional, is_text) = column.kind();
    let mut element = ThriftStruct::default();
    element.whole(1, I32, stored);
    element.whole(3, I32, u64::from(is_optional));
    element.text(4, name);
    if is_text {
        element.whole(6, I32, 0);
    }
    element
}

fn page_header(rows: usize, bytes: usize) -> ThriftStruct {
    let mut data = ThriftStruct::default();
    data.whole(1, I32, rows as u64);
    data.whole(2, I32, PLAIN);
    data.whole(3, I32, RUN_LENGTHS);
    data.whole(4, I32, RUN_LENGTHS);
    let mut header = ThriftStruct::default();
    header.whole(1, I32, 0);
    header.whole(2, I32, bytes as u64);
    header.whole(3, I32, bytes as u64);
    header.inner(5, data);
    header
}

/// Where the one page of a column lies.
fn chunk(name: &str, column: &ParquetColumn, begin: usize, bytes: usize) -> ThriftStruct {
    let mut meta = ThriftStruct::default();
    meta.whole(1, I32, column.kind().0);
    meta.list(2, I32, 2);
    [PLAIN, RUN_LENGTHS].into_iter().for_each(|encoding| meta.bytes.extend(varint(encoding << 1)));
    meta.list(3, BINARY, 1);
    meta.bytes.extend(counted(name));
    meta.whole(4, I32, 0);
    meta.whole(5, I64, column.rows() as u64);
    meta.whole(6, I64, bytes as u64);
    meta.whole(7, I64, bytes as u64);
    meta.whole(9, I64, begin as u64);
    let mut chunk = ThriftStruct::default();
    chunk.whole(2, I64, begin as u64);
    chunk.inner(3, meta);
    chunk
}

/// Which values there are, as runs: how many are alike, and whether they are there.
fn levels(values: &[Option<f64>]) -> Vec<u8> {
    let runs = values.chunk_by(|one, other| one.is_some() == other.is_some());
    let run = |run: &[Option<f64>]| {
        let mut bytes = varint((run.len() as u64) << 1);
        bytes.push(u8::from(run.first().is_some_and(Option::is_some)));
        bytes
    };
    runs.flat_map(run).collect()
}

/// How many bytes these are, in four.
fn length(bytes: &[u8]) -> [u8; 4] {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_le_bytes()
}

/// A number, the lowest seven bits first.
fn varint(mut number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}

/// A text behind its length.
fn counted(text: &str) -> Vec<u8> {
    let mut bytes = varint(text.len() as u64);
    bytes.extend(text.bytes());
    bytes
}

/// Fields of a struct in Thrift's compact protocol, in the order of their numbers.
#[derive(Debug, Default)]
struct ThriftStruct {
    bytes: Vec<u8>,
    last: u8,
}

impl ThriftStruct {
    /// Begins the field with this number.
    fn field(&mut self, number: u8, kind: u8) {
        self.bytes.push((number - self.last) << 4 | kind);
        self.last = number;
    }

    /// A number that is not below nought.
    fn whole(&mut self, number: u8, kind: u8, value: u64) {
        self.field(number, kind);
        self.bytes.extend(varint(value << 1));
    }

    fn text(&mut self, number: u8, text: &str) {
        self.field(number, BINARY);
        self.bytes.extend(counted(text));
    }

    fn inner(&mut self, number: u8, inner: Self) {
        self.field(number, STRUCT);
        self.bytes.extend(inner.ended());
    }

    /// Begins a list of so many of a kind.
    fn list(&mut self, number: u8, kind: u8, count: usize) {
        self.field(number, LIST);
        if count < 15 {
            self.bytes.push((count as u8) << 4 | kind);
        } else {
            self.bytes.push(0xf0 | kind);
            self.bytes.extend(varint(count as u64));
        }
    }

    fn structs(&mut self, number: u8, structs: Vec<Self>) {
        self.list(number, STRUCT, structs.len());
        structs.into_iter().for_each(|each| self.bytes.extend(each.ended()));
    }

    fn ended(self) -> Vec<u8> {
        let mut bytes = self.bytes;
        bytes.push(0);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `contrib/parquet` reads with a reader that others made.
    const GOLDEN: &[u8] = include_bytes!("../../../contrib/parquet/golden.parquet");

    fn table() -> Vec<(String, ParquetColumn)> {
        let numbers = |of: fn(i64) -> Option<f64>| ParquetColumn::Number((0..20).map(of).collect());
        let mut columns = vec![
            ("whole".to_owned(), ParquetColumn::Whole((0..20).map(|row| row * 1_000 - 3).collect())),
            ("words, \"é\"".to_owned(), ParquetColumn::Text((0..20).map(|row| format!("é {row}")).collect())),
            ("some".to_owned(), numbers(|row| (row % 3 != 0 && row < 12).then(|| row as f64 / 7.0))),
            ("none".to_owned(), numbers(|_| None)),
        ];
        columns.extend((0..16).map(|number| (format!("all {number}"), numbers(|row| Some(-row as f64)))));
        columns
    }

    #[test]
    fn a_table_is_written_as_the_one_that_another_reader_reads() {
        let written = write(&table());
        assert_eq!(written.len(), GOLDEN.len());
        let differs = written.iter().zip(GOLDEN).position(|(one, other)| one != other);
        assert_eq!(differs, None, "contrib/parquet reads another file");
    }

    #[test]
    fn a_number_below_and_above_a_byte_is_read_from_its_lowest_bits() {
        assert_eq!([0, 127, 128, 300].map(varint), [vec![0], vec![0x7f], vec![0x80, 1], vec![0xac, 2]]);
        assert_eq!(varint(u64::MAX).len(), 10);
    }
}
