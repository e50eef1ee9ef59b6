//! What a byte does to an object that is open: keys, colons, commas and its end.

use super::{Open, Place, Reading};
use crate::{
    flat::FlatShapes,
    scalar::TextState,
    shape::{RecordShape, Shape, ShapeId},
};

impl Reading {
    pub(super) fn record(
        &self,
        shapes: &FlatShapes,
        (shape, field, place): (ShapeId, usize, Place),
        byte: u8,
        next: &mut Vec<Self>,
    ) {
        let Some(Shape::Record(record)) = shapes.get(shape) else { return };
        let here = |place| self.with(Open::Record(shape, field, place));
        let first = || self.may_come(shapes, record, field).next();
        match (place, byte) {
            (Place::First | Place::Behind, b'}') if is_complete(record, field) => next.push(self.closed()),
            (Place::Behind, b',') if first().is_some() => next.push(here(Place::Next(false))),
            (Place::Next(false), b' ') => next.push(here(Place::Next(true))),
            (Place::First | Place::Next(_), b'"') => {
                next.extend(first().map(|first| self.with(Open::Key(shape, field, first, 1))));
            }
            (Place::Colon, b':') => next.push(here(Place::Value(false))),
            (Place::Value(false), b' ') => next.push(here(Place::Value(true))),
            (Place::Value(_), _) => {
                let Some(value) = record.fields.get(field).map(|field| field.value) else { return };
                let within = self.within(Open::Record(shape, field + 1, Place::Behind));
                within.begin(shapes, value, byte, next);
            }
            (Place::First | Place::Behind | Place::Next(_) | Place::Colon, _) => {}
        }
    }

    /// The fields that may come next: all up to the first that must, if their values fit.
    fn may_come<'a>(
        &'a self,
        shapes: &'a FlatShapes,
        record: &'a RecordShape,
        from: usize,
    ) -> impl Iterator<Item = usize> + 'a {
        let due = record.fields.iter().skip(from).position(|field| field.required);
        let fields = record.fields.iter().enumerate().skip(from);
        fields
            .take(due.map_or(usize::MAX, |due| due + 1))
            .filter(|(_, field)| self.fits_within(shapes, field.value))
            .map(|(index, _)| index)
    }

    /// Of the keys that may come, those that begin with what is written are told apart byte by byte.
    pub(super) fn key(
        &self,
        shapes: &FlatShapes,
        (shape, from, field, at): (ShapeId, usize, usize, usize),
        byte: u8,
        next: &mut Vec<Self>,
    ) {
        let Some(Shape::Record(record)) = shapes.get(shape) else { return };
        let key = |field: usize| record.fields.get(field).map_or(&[][..], |field| field.key.as_slice());
        let written = key(field).get(..at).unwrap_or_default();
        let goes_on = |field: &usize| key(*field).starts_with(written) && key(*field).get(at) == Some(&byte);
        let Some(field) = self.may_come(shapes, record, from).find(goes_on) else { return };
        // No key is the beginning of another: each ends with the only quote that is not escaped.
        next.push(self.with(match at + 1 == key(field).len() {
            true => Open::Record(shape, field, Place::Colon),
            false => Open::Key(shape, from, field, at + 1),
        }));
    }

    pub(super) fn map(
        &self,
        shapes: &FlatShapes,
        (shape, place): (ShapeId, Place),
        byte: u8,
        next: &mut Vec<Self>,
    ) {
        let Some(Shape::Map(value)) = shapes.get(shape) else { return };
        let here = |place| self.with(Open::Map(shape, place));
        match (place, byte) {
            (Place::First | Place::Behind, b'}') => next.push(self.closed()),
            (Place::Behind, b',') if self.fits_within(shapes, *value) => next.push(here(Place::Next(false))),
            (Place::Next(false), b' ') => next.push(here(Place::Next(true))),
            (Place::First | Place::Next(_), b'"') if self.fits_within(shapes, *value) => {
                next.push(self.with(Open::MapKey(shape, TextState::BEGUN)));
            }
            (Place::Colon, b':') => next.push(here(Place::Value(false))),
            (Place::Value(false), b' ') => next.push(here(Place::Value(true))),
            (Place::Value(_), _) => {
                self.within(Open::Map(shape, Place::Behind)).begin(shapes, *value, byte, next);
            }
            (Place::First | Place::Behind | Place::Next(_) | Place::Colon, _) => {}
        }
    }
}

/// Whether no field is missing.
fn is_complete(record: &RecordShape, from: usize) -> bool {
    record.fields.iter().skip(from).all(|field| !field.required)
}
