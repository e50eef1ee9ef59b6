//! What an ONNX file says of itself, as far as it has to be known to run it: its inputs, outputs and operators, and whether all
//! of it is in one file; and how more is put behind it.
//!
//! **Invariant:** no tensor is read, whatever its length; graphs inside graphs are followed to a bounded depth; what is kept is
//! bounded, and so is how long it takes, since whoever has a stranger's file looks at it in the process that has all else.

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
const FUNCTION: u64 = 25;
// Of a graph:
const NODE: u64 = 1;
const CONSTANT: u64 = 5;
const INPUT: u64 = 11;
const OUTPUT: u64 = 12;
const BETWEEN: u64 = 13;
const SPARSE: u64 = 15;
// Of a function:
const FUNCTION_NODE: u64 = 7;
// Of a node, and of its attributes:
const NODE_INPUT: u64 = 1;
const NODE_KIND: u64 = 4;
const NODE_ATTRIBUTE: u64 = 5;
const NODE_DOMAIN: u64 = 7;
const ATTRIBUTE_NAME: u64 = 1;
const ATTRIBUTE_TEXT: u64 = 4;
const ATTRIBUTE_TENSOR: u64 = 5;
const ATTRIBUTE_GRAPH: u64 = 6;
const ATTRIBUTE_TENSORS: u64 = 10;
const ATTRIBUTE_GRAPHS: u64 = 11;
const ATTRIBUTE_SPARSE: u64 = 22;
const ATTRIBUTE_ALL_SPARSE: u64 = 23;
// Of a constant, and of one that is mostly noughts:
const CONSTANT_AXES: u64 = 1;
const CONSTANT_NAME: u64 = 8;
const CONSTANT_ELSEWHERE: u64 = 13;
const CONSTANT_PLACE: u64 = 14;
const SPARSE_VALUES: u64 = 1;
const SPARSE_PLACES: u64 = 2;
// Of a value, its type, its shape and an axis:
const VALUE_NAME: u64 = 1;
const VALUE_TYPE: u64 = 2;
const TENSOR_TYPE: u64 = 1;
/// Sequences, maps, what is opaque, tensors that are mostly noughts, and what may be absent.
const OTHER_TYPES: [u64; 5] = [4, 5, 7, 8, 9];
const TENSOR_ELEMENT: u64 = 1;
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
    /// The first of its constants that lies in another file, by the name of that constant or of what holds it.
    pub elsewhere: Option<String>,
}

/// One of its tensors.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct OnnxValue {
    /// What it is called.
    pub name: String,
    /// What it is.
    pub kind: OnnxKind,
    /// Its axes.
    pub axes: Vec<OnnxAxis>,
}

/// What a value of a network is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnnxKind {
    /// The file does not say.
    #[default]
    Unsaid,
    /// A tensor of this type, by the number that the format gives it.
    Tensor(u64),
    /// No tensor.
    Other,
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
    /// Whose operator it is; that of the format itself, if empty.
    pub domain: String,
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
        MessageReader::new(file, end).each(0, end, &mut |reader, field| match field {
            MessageField::Message(GRAPH, start, end) => found.graph(reader, (start, end), &mut constants, 0),
            MessageField::Message(FUNCTION, start, end) => {
                found.function(reader, (start, end), &mut constants)
            }
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
                NODE => self.operator(reader, (start, end), &mut graphs)?,
                CONSTANT => {
                    let (name, axes) = constant(reader, start, end)?;
                    self.note(&name, axes);
                    if is_elsewhere(reader, start, end)? {
                        self.elsewhere.get_or_insert_with(|| name.clone());
                    }
                    constants.insert(name);
                }
                SPARSE if is_sparse_elsewhere(reader, start, end)? => {
                    self.elsewhere.get_or_insert_with(String::new);
                }
                INPUT | OUTPUT | BETWEEN => {
                    reader.keep(0)?;
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

    /// Takes in what an operator is made of that the file brings itself.
    fn function<R: Read + Seek>(
        &mut self,
        reader: &mut MessageReader<R>,
        (start, end): (u64, u64),
        constants: &mut BTreeSet<String>,
    ) -> io::Result<()> {
        let mut graphs = Vec::new();
        reader.each(start, end, &mut |reader, field| match field {
            MessageField::Message(FUNCTION_NODE, start, end) => {
                self.operator(reader, (start, end), &mut graphs)
            }
            MessageField::Message(..) | MessageField::Number(..) => Ok(()),
        })?;
        graphs.into_iter().try_for_each(|graph| self.graph(reader, graph, constants, 1))
    }

    /// Takes in a node; graphs inside it are put among `graphs`.
    fn operator<R: Read + Seek>(
        &mut self,
        reader: &mut MessageReader<R>,
        (start, end): (u64, u64),
        graphs: &mut Vec<(u64, u64)>,
    ) -> io::Result<()> {
        if self.operators.len() >= OPERATORS_MAX {
            return Err(ErrorKind::InvalidData.into());
        }
        let (operator, has_all) = operator(reader, start, end, graphs)?;
        if !has_all {
            self.elsewhere.get_or_insert_with(|| operator.kind.clone());
        }
        self.operators.push(operator);
        Ok(())
    }

    fn note(&mut self, name: &str, axes: usize) {
        if axes == 1 {
            self.rows.insert(name.to_owned());
        }
    }
}

/// A node, where the graphs inside it lie, and whether its constants are all in this file.
fn operator<R: Read + Seek>(
    reader: &mut MessageReader<R>,
    start: u64,
    end: u64,
    graphs: &mut Vec<(u64, u64)>,
) -> io::Result<(OnnxOperator, bool)> {
    let (mut operator, mut has_all) = (OnnxOperator::default(), true);
    reader.each(start, end, &mut |reader, field| {
        match field {
            MessageField::Message(NODE_INPUT, start, end) => operator.inputs.push(reader.text(start, end)?),
            MessageField::Message(NODE_KIND, start, end) => operator.kind = reader.text(start, end)?,
            MessageField::Message(NODE_DOMAIN, start, end) => operator.domain = reader.text(start, end)?,
            MessageField::Message(NODE_ATTRIBUTE, start, end) => {
                let (word, is_here) = attribute(reader, start, end, graphs)?;
                operator.words.extend(word);
                has_all &= is_here;
            }
            MessageField::Message(..) | MessageField::Number(..) => {}
        }
        Ok(())
    })?;
    Ok((operator, has_all))
}

/// An attribute, if it is a word; where the graphs in it lie, and whether its constants are all in this file.
fn attribute<R: Read + Seek>(
    reader: &mut MessageReader<R>,
    start: u64,
    end: u64,
    graphs: &mut Vec<(u64, u64)>,
) -> io::Result<(Option<(String, String)>, bool)> {
    let (mut name, mut text, mut has_all) = (None, None, true);
    reader.each(start, end, &mut |reader, field| {
        match field {
            MessageField::Message(ATTRIBUTE_NAME, start, end) => name = Some((start, end)),
            MessageField::Message(ATTRIBUTE_TEXT, start, end) => text = Some((start, end)),
            MessageField::Message(ATTRIBUTE_GRAPH | ATTRIBUTE_GRAPHS, start, end) => {
                reader.keep(0)?;
                graphs.push((start, end));
            }
            MessageField::Message(ATTRIBUTE_TENSOR | ATTRIBUTE_TENSORS, start, end) => {
                has_all &= !is_elsewhere(reader, start, end)?;
            }
            MessageField::Message(ATTRIBUTE_SPARSE | ATTRIBUTE_ALL_SPARSE, start, end) => {
                has_all &= !is_sparse_elsewhere(reader, start, end)?;
            }
            MessageField::Message(..) | MessageField::Number(..) => {}
        }
        Ok(())
    })?;
    // Bytes that are no word are passed over: they may be of any length.
    let Some(((name, name_end), (text, text_end))) = name.zip(text) else { return Ok((None, has_all)) };
    let word = reader.word(name, name_end)?.zip(reader.word(text, text_end)?);
    Ok((word, has_all))
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

/// Whether the numbers of a constant lie in another file.
fn is_elsewhere<R: Read + Seek>(reader: &mut MessageReader<R>, start: u64, end: u64) -> io::Result<bool> {
    let mut is_elsewhere = false;
    reader.each(start, end, &mut |_, field| {
        match field {
            MessageField::Number(CONSTANT_PLACE, place) => is_elsewhere |= place != 0,
            MessageField::Message(CONSTANT_ELSEWHERE, ..) => is_elsewhere = true,
            MessageField::Message(..) | MessageField::Number(..) => {}
        }
        Ok(())
    })?;
    Ok(is_elsewhere)
}

/// The same of a constant that is mostly noughts.
fn is_sparse_elsewhere<R: Read + Seek>(
    reader: &mut MessageReader<R>,
    start: u64,
    end: u64,
) -> io::Result<bool> {
    let mut found = false;
    reader.each(start, end, &mut |reader, field| {
        if let MessageField::Message(SPARSE_VALUES | SPARSE_PLACES, start, end) = field {
            found |= is_elsewhere(reader, start, end)?;
        }
        Ok(())
    })?;
    Ok(found)
}

fn value<R: Read + Seek>(reader: &mut MessageReader<R>, start: u64, end: u64) -> io::Result<OnnxValue> {
    let mut value = OnnxValue::default();
    let mut shape = None;
    reader.each(start, end, &mut |reader, field| {
        match field {
            MessageField::Message(VALUE_NAME, start, end) => value.name = reader.text(start, end)?,
            MessageField::Message(VALUE_TYPE, start, end) => {
                (value.kind, shape) = value_kind(reader, start, end)?;
            }
            MessageField::Message(..) | MessageField::Number(..) => {}
        }
        Ok(())
    })?;
    let Some((start, end)) = shape else { return Ok(value) };
    reader.each(start, end, &mut |reader, field| {
        let MessageField::Message(AXIS, start, end) = field else { return Ok(()) };
        reader.keep(0)?;
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

/// What a value is, and where the shape of a tensor lies.
fn value_kind<R: Read + Seek>(
    reader: &mut MessageReader<R>,
    start: u64,
    end: u64,
) -> io::Result<(OnnxKind, Option<(u64, u64)>)> {
    let (mut kind, mut shape) = (OnnxKind::Unsaid, None);
    reader.each(start, end, &mut |reader, field| {
        match field {
            MessageField::Message(TENSOR_TYPE, start, end) => {
                let mut element = 0;
                reader.each(start, end, &mut |_, field| {
                    match field {
                        MessageField::Number(TENSOR_ELEMENT, number) => element = number,
                        MessageField::Message(TENSOR_SHAPE, start, end) => shape = Some((start, end)),
                        MessageField::Message(..) | MessageField::Number(..) => {}
                    }
                    Ok(())
                })?;
                kind = OnnxKind::Tensor(element);
            }
            MessageField::Message(other, ..) if OTHER_TYPES.contains(&other) => kind = OnnxKind::Other,
            MessageField::Message(..) | MessageField::Number(..) => {}
        }
        Ok(())
    })?;
    Ok((kind, shape))
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

/// Puts a field behind a message.
pub(crate) fn put(field: u64, bytes: &[u8], to: &mut Vec<u8>) {
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
mod tests;
