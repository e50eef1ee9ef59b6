//! Shapes as they are followed: each with what a value of it may begin as, and how deep it must be.
//!
//! **Invariant:** what a value may begin as is no choice itself, so beginning one ends.

use crate::{
    SchemaError,
    shape::{Shape, ShapeId},
};

/// Lists and objects within each other.
pub(crate) const DEPTH_MAX: u32 = 32;
/// What one value may begin as.
pub(crate) const STARTS_MAX: usize = 64;

/// The shapes of a schema.
#[derive(Debug)]
pub(crate) struct FlatShapes {
    pub(crate) root: ShapeId,
    pub(crate) shapes: Vec<Shape>,
    /// The most fields or texts that one shape has to choose from.
    pub(crate) width: u64,
    /// What a value of each shape may begin as: itself, or what it is a choice of.
    starts: Vec<Vec<ShapeId>>,
    /// How many lists and objects the flattest value of each is deep; none if it has no value.
    heights: Vec<Option<u32>>,
}

impl FlatShapes {
    /// The shapes below a root, if a document fits them.
    pub(crate) fn new(shapes: Vec<Shape>, root: ShapeId) -> Result<Self, SchemaError> {
        let starts: Vec<Vec<ShapeId>> = (0..shapes.len()).map(|shape| starts(&shapes, shape)).collect();
        if let Some(many) = starts.iter().map(Vec::len).find(|count| *count > STARTS_MAX) {
            let why = format!("comes to {many} kinds of one value, and at most {STARTS_MAX} are held");
            return Err(SchemaError::Wrong { keyword: "anyOf".into(), at: String::new(), why });
        }
        let heights = heights(&shapes);
        let width = shapes.iter().map(width).max().unwrap_or(0);
        let flat = Self { root, shapes, width, starts, heights };
        if !flat.fits(root, 0) {
            return Err(SchemaError::Impossible { at: String::new() });
        }
        Ok(flat)
    }

    pub(crate) fn starts(&self, shape: ShapeId) -> &[ShapeId] {
        self.starts.get(shape).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn get(&self, shape: ShapeId) -> Option<&Shape> {
        self.shapes.get(shape)
    }

    /// Whether some value fits within so many lists and objects.
    pub(crate) fn fits(&self, shape: ShapeId, depth: u32) -> bool {
        let height = self.heights.get(shape).copied().flatten();
        height.is_some_and(|height| depth.saturating_add(height) <= DEPTH_MAX)
    }
}

/// How many fields or texts a shape has to choose from.
fn width(shape: &Shape) -> u64 {
    match shape {
        Shape::Literals(texts) => texts.len() as u64,
        Shape::Record(record) => record.fields.len() as u64,
        Shape::OneOf(_)
        | Shape::Text(_)
        | Shape::Integer(_)
        | Shape::Number
        | Shape::List(_)
        | Shape::Map(_) => 0,
    }
}

/// What is behind all choices, each once, in the order in which they stand.
fn starts(shapes: &[Shape], shape: ShapeId) -> Vec<ShapeId> {
    let mut seen = vec![false; shapes.len()];
    let mut due = vec![shape];
    let mut starts = Vec::new();
    while let Some(shape) = due.pop() {
        match (seen.get_mut(shape), shapes.get(shape)) {
            (Some(seen), Some(found)) if !*seen => {
                *seen = true;
                match found {
                    Shape::OneOf(several) => due.extend(several.iter().rev()),
                    Shape::Literals(_)
                    | Shape::Text(_)
                    | Shape::Integer(_)
                    | Shape::Number
                    | Shape::List(_)
                    | Shape::Record(_)
                    | Shape::Map(_) => starts.push(shape),
                }
            }
            _ => {}
        }
    }
    starts
}

fn heights(shapes: &[Shape]) -> Vec<Option<u32>> {
    let mut heights = vec![None; shapes.len()];
    // Each round settles at least one more shape, or is the last.
    loop {
        let next: Vec<Option<u32>> = shapes.iter().map(|shape| height(shape, &heights)).collect();
        if next == heights {
            return heights;
        }
        heights = next;
    }
}

fn height(shape: &Shape, known: &[Option<u32>]) -> Option<u32> {
    let of = |shape: &ShapeId| known.get(*shape).copied().flatten();
    match shape {
        Shape::OneOf(several) => several.iter().filter_map(of).min(),
        Shape::Literals(_) | Shape::Text(_) | Shape::Integer(_) | Shape::Number => Some(0),
        Shape::Map(_) => Some(1),
        Shape::List(list) if list.min == 0 => Some(1),
        Shape::List(list) => of(&list.item).map(|height| height + 1),
        Shape::Record(record) => {
            let mut required = record.fields.iter().filter(|field| field.required);
            let deepest = required.try_fold(0, |most: u32, field| Some(most.max(of(&field.value)?)));
            deepest.map(|height| height + 1)
        }
    }
}
