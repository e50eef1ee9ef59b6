//! What a value may be: the shapes that a schema comes to.

/// A shape by its number.
pub(crate) type ShapeId = usize;

/// What a value may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// What any of these may be.
    OneOf(Vec<ShapeId>),
    /// One of these texts, in the order of their bytes, none twice.
    Literals(Vec<Vec<u8>>),
    Text(TextShape),
    Integer(IntegerShape),
    /// Any number.
    Number,
    List(ListShape),
    Record(RecordShape),
    /// An object of any keys, each with a value of this shape.
    Map(ShapeId),
}

/// A string, by its characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TextShape {
    pub(crate) min: u32,
    pub(crate) max: Option<u32>,
}

impl TextShape {
    pub(crate) const ANY: Self = Self { min: 0, max: None };
}

/// A whole number within bounds, both of which belong to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct IntegerShape {
    pub(crate) min: i64,
    pub(crate) max: i64,
}

/// A list of values of one shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ListShape {
    pub(crate) item: ShapeId,
    pub(crate) min: u32,
    pub(crate) max: Option<u32>,
}

/// An object with these keys, in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RecordShape {
    pub(crate) fields: Vec<Field>,
}

/// A key of an object and its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Field {
    /// The key as it is written, with its quotes; none is written twice.
    pub(crate) key: Vec<u8>,
    pub(crate) value: ShapeId,
    pub(crate) required: bool,
}

/// Decimal digits of an integer: every one of them is a number of 64 bits.
pub(crate) const INTEGER_DIGITS_MAX: u32 = 18;
/// The greatest whole number that is written.
pub(crate) const INTEGER_MAX: i64 = 999_999_999_999_999_999;
