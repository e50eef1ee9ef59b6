//! What a byte does to a list that is open: values, commas and its end.

use super::{Open, Place, Reading};
use crate::{
    flat::FlatShapes,
    shape::{Shape, ShapeId},
};

impl Reading {
    pub(super) fn list(
        &self,
        shapes: &FlatShapes,
        (shape, count, place): (ShapeId, u32, Place),
        byte: u8,
        next: &mut Vec<Self>,
    ) {
        let Some(Shape::List(list)) = shapes.get(shape) else { return };
        let more = list.max.is_none_or(|max| count < max) && self.fits_within(shapes, list.item);
        // Without an upper bound nothing is counted beyond the lower one, so that a long list is one state.
        let counted = count.saturating_add(1).min(list.max.unwrap_or(list.min));
        let here = |place| self.with(Open::List(shape, count, place));
        match (place, byte) {
            (Place::First | Place::Behind, b']') if count >= list.min => next.push(self.closed()),
            (Place::Behind, b',') if more => next.push(here(Place::Next(false))),
            (Place::Next(false), b' ') => next.push(here(Place::Next(true))),
            (Place::First | Place::Next(_), _) if more => {
                let within = self.within(Open::List(shape, counted, Place::Behind));
                within.begin(shapes, list.item, byte, next);
            }
            (Place::First | Place::Behind | Place::Next(_) | Place::Colon | Place::Value(_), _) => {}
        }
    }
}
