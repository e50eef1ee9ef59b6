//! What an ONNX file says of itself, as far as it has to be known to run it: its inputs, outputs and operators; and how more
//! is put behind it.
//!
//! **Invariant:** no tensor is read, whatever its length; graphs inside graphs are followed to a bounded depth.

mod message;

use std::{
    collections::BTreeSet,
    io::{self, ErrorKind, Read, Seek, SeekFrom},
};

use self::message::{MessageField, MessageReader};

/// Operators of a file.
const OPERATORS_MAX: usize = 1 << 20;
/// Graphs inside graphs.
const DEPTH_MAX: usize = 16;

// MessageReader, by the numbers that the format gives them. Of a model:
const GRAPH: u64 = 7;
const PROPERTIES: u64 = 14;
// Of a graph:
const NODE: u64 = 1;
const CONSTANT: u64 = 5;
const INPUT: u64 = 11;
const OUTPUT: u64 = 12;
const BETWEEN: u64 = 13;
// Of a node, and of its attributes:
const NODE_INPUT: u64 = 1;
const NODE_KIND: u64 = 4;
const NODE_ATTRIBUTE: u64 = 5;
const ATTRIBUTE_NAME: u64 = 1;
const ATTRIBUTE_TEXT: u64 = 4;
const ATTRIBUTE_GRAPH: u64 = 6;
const ATTRIBUTE_GRAPHS: u64 = 11;
// Of a constant:
const CONSTANT_AXES: u64 = 1;
const CONSTANT_NAME: u64 = 8;
// Of a value, its type, its shape and an axis:
const VALUE_NAME: u64 = 1;
const VALUE_TYPE: u64 = 2;
const TENSOR_TYPE: u64 = 1;
const TENSOR_SHAPE: u64 = 2;
const AXIS: u64 = 1;
const AXIS_LENGTH: u64 = 1;
const AXIS_NAME: u64 = 2;

/// What a network is made of.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct OnnxFile {
    /// What has to be given to it.
    pub inputs: Vec<OnnxValue>,
    /// What it gives.
    pub outputs: Vec<OnnxValue>,
    /// What it computes by.
    pub operators: Vec<OnnxOperator>,
    /// Tensors that are known to have one axis.
    pub rows: BTreeSet<String>,
}

/// One of its tensors.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct OnnxValue {
    /// What it is called.
    pub name: String,
    /// Its axes.
    pub axes: Vec<OnnxAxis>,
}

/// An axis of a tensor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OnnxAxis {
    /// It always has this length.
    Fixed(u64),
    /// It has any length; the same as all of this name.
    Named(String),
    /// It has any length.
    Open,
}

impl OnnxAxis {
    /// Its length, if that is always the same.
    #[must_use]
    pub const fn length(&self) -> Option<u64> {
        match self {
            Self::Fixed(length) => Some(*length),
            Self::Named(_) | Self::Open => None,
        }
    }
}

/// One step of what it computes.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct OnnxOperator {
    /// Which.
    pub kind: String,
    /// Of what, by names.
    pub inputs: Vec<String>,
    /// Those of its attributes that are words.
    pub words: Vec<(String, String)>,
}

impl OnnxFile {
    /// Reads what a file says.
    ///
    /// # Errors
    /// Those of the disk, and that it is no such file.
    pub fn read(mut file: impl Read + Seek) -> io::Result<Self> {
        let end = file.seek(SeekFrom::End(0))?;
        let mut found = Self::default();
        let mut constants = BTreeSet::new();
        MessageReader(file).each(0, end, &mut |reader, field| match field {
            MessageField::Message(GRAPH, start, end) => found.graph(reader, (start, end), &mut constants, 0),
            MessageField::Message(..) | MessageField::Number(..) => Ok(()),
        })?;
        // Older files list their constants among the inputs.
        found.inputs.retain(|input| !constants.contains(&input.name));
        Ok(found)
    }

    /// Takes in a graph, which may be inside another.
    fn graph<R: Read + Seek>(
        &mut self,
        reader: &mut MessageReader<R>,
        (start, end): (u64, u64),
        constants: &mut BTreeSet<String>,
        depth: usize,
    ) -> io::Result<()> {
        if depth > DEPTH_MAX {
            return Err(ErrorKind::InvalidData.into());
        }
        let mut graphs = Vec::new();
        reader.each(start, end, &mut |reader, field| {
            let MessageField::Message(kind, start, end) = field else { return Ok(()) };
            match kind {
                NODE if self.operators.len() >= OPERATORS_MAX => return Err(ErrorKind::InvalidData.into()),
                NODE => self.operators.push(operator(reader, start, end, &mut graphs)?),
                CONSTANT => {
                    let (name, axes) = constant(reader, start, end)?;
                    self.note(&name, axes);
                    constants.insert(name);
                }
                INPUT | OUTPUT | BETWEEN => {
                    let value = value(reader, start, end)?;
                    self.note(&value.name, value.axes.len());
                    match (kind, depth) {
                        (INPUT, 0) => self.inputs.push(value),
                        (OUTPUT, 0) => self.outputs.push(value),
                        _ => {}
                    }
                }
                _ => {}
            }
            Ok(())
        })?;
        graphs.into_iter().try_for_each(|graph| self.graph(reader, graph, constants, depth + 1))
    }

    fn note(&mut self, name: &str, axes: usize) {
        if axes == 1 {
            self.rows.insert(name.to_owned());
        }
    }
}

/// A node, and where the graphs inside it lie.
fn operator<R: Read + Seek>(
    reader: &mut MessageReader<R>,
    start: u64,
    end: u64,
    graphs: &mut Vec<(u64, u64)>,
) -> io::Result<OnnxOperator> {
    let mut operator = OnnxOperator::default();
    reader.each(start, end, &mut |reader, field| {
        match field {
            MessageField::Message(NODE_INPUT, start, end) => operator.inputs.push(reader.text(start, end)?),
            MessageField::Message(NODE_KIND, start, end) => operator.kind = reader.text(start, end)?,
            MessageField::Message(NODE_ATTRIBUTE, start, end) => {
                let (mut name, mut text) = (None, None);
                reader.each(start, end, &mut |_, field| {
                    match field {
                        MessageField::Message(ATTRIBUTE_NAME, start, end) => name = Some((start, end)),
                        MessageField::Message(ATTRIBUTE_TEXT, start, end) => text = Some((start, end)),
                        MessageField::Message(ATTRIBUTE_GRAPH | ATTRIBUTE_GRAPHS, start, end) => {
                            graphs.push((start, end))
                        }
                        MessageField::Message(..) | MessageField::Number(..) => {}
                    }
                    Ok(())
                })?;
                // Bytes that are no word are passed over: they may be of any length.
                if let (Some(name), Some(text)) = (name, text)
                    && let (Ok(name), Ok(text)) = (reader.text(name.0, name.1), reader.text(text.0, text.1))
                {
                    operator.words.push((name, text));
                }
            }
            MessageField::Message(..) | MessageField::Number(..) => {}
        }
        Ok(())
    })?;
    Ok(operator)
}

/// The name of a constant, and how many axes it has.
fn constant<R: Read + Seek>(
    reader: &mut MessageReader<R>,
    start: u64,
    end: u64,
) -> io::Result<(String, usize)> {
    let (mut name, mut axes) = (String::new(), 0);
    reader.each(start, end, &mut |reader, field| {
        match field {
            MessageField::Message(CONSTANT_NAME, start, end) => name = reader.text(start, end)?,
            MessageField::Message(CONSTANT_AXES, start, end) => axes += reader.count(start, end)?,
            MessageField::Number(CONSTANT_AXES, _) => axes += 1,
            MessageField::Message(..) | MessageField::Number(..) => {}
        }
        Ok(())
    })?;
    Ok((name, axes))
}

fn value<R: Read + Seek>(reader: &mut MessageReader<R>, start: u64, end: u64) -> io::Result<OnnxValue> {
    let mut value = OnnxValue::default();
    let mut shape = None;
    reader.each(start, end, &mut |reader, field| {
        match field {
            MessageField::Message(VALUE_NAME, start, end) => value.name = reader.text(start, end)?,
            MessageField::Message(VALUE_TYPE, start, end) => {
                shape = reader.within(start, end, &[TENSOR_TYPE, TENSOR_SHAPE])?;
            }
            MessageField::Message(..) | MessageField::Number(..) => {}
        }
        Ok(())
    })?;
    let Some((start, end)) = shape else { return Ok(value) };
    reader.each(start, end, &mut |reader, field| {
        let MessageField::Message(AXIS, start, end) = field else { return Ok(()) };
        let mut axis = OnnxAxis::Open;
        reader.each(start, end, &mut |reader, field| {
            match field {
                MessageField::Number(AXIS_LENGTH, length) => axis = OnnxAxis::Fixed(length),
                MessageField::Message(AXIS_NAME, start, end) => {
                    axis = OnnxAxis::Named(reader.text(start, end)?)
                }
                MessageField::Message(..) | MessageField::Number(..) => {}
            }
            Ok(())
        })?;
        value.axes.push(axis);
        Ok(())
    })?;
    Ok(value)
}

/// Properties in the form in which they are put behind a file, which they then belong to.
pub fn properties<'a>(all: impl IntoIterator<Item = (&'a str, &'a str)>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (name, text) in all {
        let mut property = Vec::new();
        put(1, name.as_bytes(), &mut property);
        put(2, text.as_bytes(), &mut property);
        put(PROPERTIES, &property, &mut bytes);
    }
    bytes
}

fn put(field: u64, bytes: &[u8], to: &mut Vec<u8>) {
    for mut number in [field << 3 | 2, bytes.len() as u64] {
        while number >= 128 {
            to.push((number & 127) as u8 | 128);
            number >>= 7;
        }
        to.push(number as u8);
    }
    to.extend(bytes);
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    const DIGITS: &[u8] = include_bytes!("../../../models/digits/digits.onnx");

    fn read(bytes: &[u8]) -> io::Result<OnnxFile> {
        OnnxFile::read(Cursor::new(bytes))
    }

    #[test]
    fn a_file_names_what_it_reads_and_what_it_gives() {
        let OnnxFile { inputs, outputs, operators, rows } = read(DIGITS).unwrap();
        let [pixels] = &inputs[..] else { panic!("{inputs:?}") };
        let [scores] = &outputs[..] else { panic!("{outputs:?}") };
        assert_eq!(
            (pixels.name.as_str(), pixels.axes.last().and_then(OnnxAxis::length)),
            ("pixels", Some(64))
        );
        assert_eq!(
            (scores.name.as_str(), scores.axes.last().and_then(OnnxAxis::length)),
            ("scores", Some(10))
        );
        assert!(operators.iter().any(|operator| operator.kind == "Softmax"), "{operators:?}");
        assert_eq!(rows, BTreeSet::new());
    }

    #[test]
    fn what_is_put_behind_a_file_changes_nothing_else_of_it() {
        let long = "a\n".repeat(10_000);
        let more = properties([("tokens", long.as_str()), ("cased", "true")]);
        assert_eq!(read(&[DIGITS, &more].concat()).unwrap(), read(DIGITS).unwrap());
    }

    #[test]
    fn graphs_inside_graphs_are_read_to_a_depth() {
        let within = |depth: usize| {
            let mut graph = Vec::new();
            put(NODE_KIND, b"Inmost", &mut graph);
            let mut graph = nested(NODE, &graph);
            for _ in 0..depth {
                graph = nested(NODE, &nested(NODE_ATTRIBUTE, &nested(ATTRIBUTE_GRAPH, &graph)));
            }
            read(&nested(GRAPH, &graph))
        };
        let mut kinds = within(DEPTH_MAX).unwrap().operators.into_iter().map(|operator| operator.kind);
        assert_eq!(kinds.next_back().as_deref(), Some("Inmost"));
        assert!(within(DEPTH_MAX + 1).is_err());
    }

    fn nested(field: u64, bytes: &[u8]) -> Vec<u8> {
        let mut message = Vec::new();
        put(field, bytes, &mut message);
        message
    }

    #[test]
    fn a_file_that_is_cut_off_or_damaged_is_refused() {
        for length in [1, 3, 100, DIGITS.len() / 2, DIGITS.len() - 1] {
            assert!(read(&DIGITS[..length]).is_err(), "{length} bytes");
        }
        for kind in [3_u8, 4, 6, 7] {
            assert!(read(&[8 | kind, 0]).is_err(), "{kind} is no kind of field");
        }
        assert!(read(&[0x3A, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 1]).is_err());
    }
}
