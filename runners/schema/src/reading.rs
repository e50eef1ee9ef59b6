//! One way to read what was written so far: what is open, from the outermost value in.
//!
//! **Invariant:** what is open can always be closed within the depth that is left; a value is begun only if one fits.

mod lists;
mod objects;

use std::rc::Rc;

use crate::{
    flat::FlatShapes,
    scalar::{IntegerState, NumberState, Taken, TextState},
    shape::{IntegerShape, Shape, ShapeId, TextShape},
};

/// Something that is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Open {
    /// A value of which nothing is written.
    Value(ShapeId),
    /// The first of the literals that may still come, and how many of its bytes are written.
    Literal(ShapeId, usize, usize),
    Text(ShapeId, TextState),
    Integer(ShapeId, IntegerState),
    Number(NumberState),
    /// The number is that of the values that are begun.
    List(ShapeId, u32, Place),
    /// The number is that of the next field that may come, or of the one whose key is written.
    Record(ShapeId, usize, Place),
    /// A key: the next field that might have come, the first that still may, and how many bytes are written.
    Key(ShapeId, usize, usize, usize),
    Map(ShapeId, Place),
    MapKey(ShapeId, TextState),
}

/// Where a list or an object stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Behind its first bracket.
    First,
    /// Behind a key.
    Colon,
    /// Behind a colon, and whether a space came.
    Value(bool),
    /// Behind a value.
    Behind,
    /// Behind a comma, and whether a space came.
    Next(bool),
}

/// A list or an object around what is open.
#[derive(Debug)]
struct Around {
    open: Open,
    around: Option<Rc<Around>>,
}

/// What is open, innermost first; nothing, once the document is closed.
#[derive(Clone, Debug)]
pub(crate) struct Reading {
    open: Option<Open>,
    around: Option<Rc<Around>>,
    /// Lists and objects around it.
    depth: u32,
}

impl PartialEq for Reading {
    fn eq(&self, other: &Self) -> bool {
        self.open == other.open && self.depth == other.depth && same(&self.around, &other.around)
    }
}

/// What was one when it was opened is found to be equal at once.
fn same(mut one: &Option<Rc<Around>>, mut other: &Option<Rc<Around>>) -> bool {
    loop {
        match (one, other) {
            (None, None) => return true,
            (Some(left), Some(right)) if Rc::ptr_eq(left, right) => return true,
            (Some(left), Some(right)) if left.open == right.open => {
                (one, other) = (&left.around, &right.around);
            }
            _ => return false,
        }
    }
}

impl Reading {
    /// Nothing is written of a value of this shape.
    pub(crate) fn begun(shape: ShapeId) -> Self {
        Self { open: Some(Open::Value(shape)), around: None, depth: 0 }
    }

    /// Whether the document may end here.
    pub(crate) fn is_whole(&self, shapes: &FlatShapes) -> bool {
        match self.open {
            None => true,
            Some(open) => self.around.is_none() && is_whole(open, shapes),
        }
    }

    /// Adds the readings that a byte leads to.
    pub(crate) fn step(&self, shapes: &FlatShapes, byte: u8, next: &mut Vec<Self>) {
        let Some(open) = self.open else { return };
        let stepped = match open {
            Open::Value(shape) => return self.begin(shapes, shape, byte, next),
            Open::Literal(shape, first, at) => literal(shapes, (shape, first, at), byte),
            Open::Text(shape, state) => text(shapes, shape)
                .and_then(|bounds| state.step(bounds, byte))
                .map(|taken| taken.map(|state| Open::Text(shape, state))),
            Open::Integer(shape, state) => integer(shapes, shape)
                .and_then(|bounds| state.step(bounds, byte))
                .map(|state| Taken::More(Open::Integer(shape, state))),
            Open::Number(state) => state.step(byte).map(|state| Taken::More(Open::Number(state))),
            Open::List(shape, count, place) => {
                return self.list(shapes, (shape, count, place), byte, next);
            }
            Open::Record(shape, field, place) => {
                return self.record(shapes, (shape, field, place), byte, next);
            }
            Open::Key(shape, from, field, at) => {
                return self.key(shapes, (shape, from, field, at), byte, next);
            }
            Open::Map(shape, place) => return self.map(shapes, (shape, place), byte, next),
            Open::MapKey(shape, state) => {
                return next.extend(state.step(TextShape::ANY, byte).map(|taken| match taken {
                    Taken::More(state) => self.with(Open::MapKey(shape, state)),
                    Taken::Whole => self.with(Open::Map(shape, Place::Colon)),
                }));
            }
        };
        match stepped {
            Some(Taken::More(open)) => next.push(self.with(open)),
            Some(Taken::Whole) => next.push(self.closed()),
            // What has no end of its own ends where something else begins.
            None if is_whole(open, shapes) => self.closed().step(shapes, byte, next),
            None => {}
        }
    }

    /// The first byte of a value in this place.
    fn begin(&self, shapes: &FlatShapes, shape: ShapeId, byte: u8, next: &mut Vec<Self>) {
        for start in shapes.starts(shape).iter().copied().filter(|start| shapes.fits(*start, self.depth)) {
            let Some(shape) = shapes.get(start) else { continue };
            let begun = match (shape, byte) {
                (Shape::Literals(_), _) => literal(shapes, (start, 0, 0), byte),
                (Shape::Text(_), b'"') => Some(Taken::More(Open::Text(start, TextState::BEGUN))),
                (Shape::Integer(bounds), _) => IntegerState::BEGUN
                    .step(*bounds, byte)
                    .map(|state| Taken::More(Open::Integer(start, state))),
                (Shape::Number, _) => {
                    NumberState::Begun.step(byte).map(|state| Taken::More(Open::Number(state)))
                }
                (Shape::List(_), b'[') => Some(Taken::More(Open::List(start, 0, Place::First))),
                (Shape::Record(_), b'{') => Some(Taken::More(Open::Record(start, 0, Place::First))),
                (Shape::Map(_), b'{') => Some(Taken::More(Open::Map(start, Place::First))),
                (Shape::OneOf(_) | Shape::Text(_) | Shape::List(_) | Shape::Record(_) | Shape::Map(_), _) => {
                    None
                }
            };
            next.extend(begun.map(|taken| match taken {
                Taken::More(open) => self.with(open),
                Taken::Whole => self.closed(),
            }));
        }
    }

    /// The same place with something else open.
    fn with(&self, open: Open) -> Self {
        Self { open: Some(open), around: self.around.clone(), depth: self.depth }
    }

    /// What is around, once what is open is whole.
    fn closed(&self) -> Self {
        match &self.around {
            Some(around) => Self {
                open: Some(around.open),
                around: around.around.clone(),
                depth: self.depth.saturating_sub(1),
            },
            None => Self { open: None, around: None, depth: 0 },
        }
    }

    /// The place of a value within a list or an object, which goes on behind it as is said.
    fn within(&self, behind: Open) -> Self {
        let around = Some(Rc::new(Around { open: behind, around: self.around.clone() }));
        Self { open: None, around, depth: self.depth + 1 }
    }

    /// Whether some value fits within a list or an object in this place.
    fn fits_within(&self, shapes: &FlatShapes, value: ShapeId) -> bool {
        shapes.fits(value, self.depth + 1)
    }
}

/// Whether something that has no end of its own may end.
fn is_whole(open: Open, shapes: &FlatShapes) -> bool {
    match open {
        Open::Number(state) => state.is_whole(),
        Open::Integer(shape, state) => integer(shapes, shape).is_some_and(|bounds| state.is_whole(bounds)),
        Open::Literal(shape, first, at) => {
            literals(shapes, shape).get(first).is_some_and(|literal| literal.len() == at)
        }
        Open::Value(_)
        | Open::Text(..)
        | Open::List(..)
        | Open::Record(..)
        | Open::Key(..)
        | Open::Map(..)
        | Open::MapKey(..) => false,
    }
}

/// Literals are in order, so those that begin in the same way stand together, the shortest first.
fn literal(
    shapes: &FlatShapes,
    (shape, first, at): (ShapeId, usize, usize),
    byte: u8,
) -> Option<Taken<Open>> {
    let literals = literals(shapes, shape);
    let written = literals.get(first)?.get(..at)?;
    let begun = literals.iter().enumerate().skip(first).take_while(|(_, one)| one.starts_with(written));
    let mut left = begun.filter(|(_, one)| one.get(at) == Some(&byte));
    let (first, one) = left.next()?;
    let is_last = one.len() == at + 1 && left.next().is_none();
    Some(if is_last { Taken::Whole } else { Taken::More(Open::Literal(shape, first, at + 1)) })
}

fn literals(shapes: &FlatShapes, shape: ShapeId) -> &[Vec<u8>] {
    if let Some(Shape::Literals(literals)) = shapes.get(shape) { literals } else { &[] }
}

fn text(shapes: &FlatShapes, shape: ShapeId) -> Option<TextShape> {
    if let Some(Shape::Text(text)) = shapes.get(shape) { Some(*text) } else { None }
}

fn integer(shapes: &FlatShapes, shape: ShapeId) -> Option<IntegerShape> {
    if let Some(Shape::Integer(integer)) = shapes.get(shape) { Some(*integer) } else { None }
}
