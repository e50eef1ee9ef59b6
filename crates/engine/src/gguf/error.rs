//! What can be wrong with a file.

use super::{
    ALIGNMENT_MAX, ARRAY_LENGTH_MAX, Format, HEADER_BYTES_MAX, KEYS_MAX, NAME_BYTES_MAX, TENSORS_MAX,
    TEXT_BYTES_MAX, tensor::DIMENSIONS_MAX,
};

/// Why a file, or what was asked of it, is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GgufError {
    /// It is something else.
    #[error("this is no GGUF file")]
    Magic,
    /// It is of a version that is not read.
    #[error("the file is of version {version}, and versions 2 and 3 are read")]
    Version {
        /// The version it says.
        version: u32,
    },
    /// It is written for machines of the other byte order.
    #[error("the file is written with the most significant byte first, and only the other order is read")]
    ByteOrder,
    /// It ends too soon.
    #[error("the file ends within {within}")]
    Truncated {
        /// What it ends within.
        within: String,
    },
    /// What stands before the tensors is too long.
    #[error("{within} goes beyond the {HEADER_BYTES_MAX} bytes that are read before the tensors")]
    Header {
        /// What goes beyond the bound.
        within: String,
    },
    /// More keys than are read.
    #[error("the file has {found} keys, and at most {KEYS_MAX} are read")]
    Keys {
        /// How many it says it has.
        found: u64,
    },
    /// More tensors than are read.
    #[error("the file has {found} tensors, and at most {TENSORS_MAX} are read")]
    Tensors {
        /// How many it says it has.
        found: u64,
    },
    /// The name of a key or a tensor is empty, or longer than names are.
    #[error("{within} has a name of {found} bytes, and names have 1 to {NAME_BYTES_MAX}")]
    Name {
        /// The number of the key or tensor.
        within: String,
        /// The length it says.
        found: u64,
    },
    /// A text is longer than texts are.
    #[error("{within} holds a text of {found} bytes, and at most {TEXT_BYTES_MAX} are read")]
    Text {
        /// The key.
        within: String,
        /// The length it says.
        found: u64,
    },
    /// A name or a text is not UTF-8.
    #[error("{within} holds a text that is not UTF-8")]
    Encoding {
        /// The key or tensor.
        within: String,
    },
    /// An array is longer than arrays are.
    #[error("{within} holds {found} items, and at most {ARRAY_LENGTH_MAX} are read")]
    Array {
        /// The key.
        within: String,
        /// How many items it says.
        found: u64,
    },
    /// An array of arrays, which no model needs.
    #[error("{within} holds arrays within an array, which are not read")]
    Nested {
        /// The key.
        within: String,
    },
    /// A value of a type that does not exist.
    #[error("{within} holds a value of the unknown type {code}")]
    ValueType {
        /// The key.
        within: String,
        /// The number of the type.
        code: u32,
    },
    /// Two keys or tensors of one name.
    #[error("{within} is there twice")]
    Twice {
        /// The key or tensor.
        within: String,
    },
    /// An alignment that is none.
    #[error("general.alignment is {found}, and must be a power of two of at most {ALIGNMENT_MAX}")]
    Alignment {
        /// What it says.
        found: u64,
    },
    /// A tensor of a type that is not read.
    #[error("tensor {tensor} is written as {name}, and what is read is {}", Format::known())]
    TensorType {
        /// The tensor.
        tensor: String,
        /// The name of its type, or its number.
        name: String,
    },
    /// A tensor of too many dimensions.
    #[error("tensor {tensor} has {found} dimensions, and at most {DIMENSIONS_MAX} are read")]
    Dimensions {
        /// The tensor.
        tensor: String,
        /// How many it says.
        found: u64,
    },
    /// A tensor without values.
    #[error("tensor {tensor} has a dimension of length 0")]
    Empty {
        /// The tensor.
        tensor: String,
    },
    /// A row that ends within a block.
    #[error(
        "tensor {tensor} has rows of {row} values, which are no whole blocks of {block} as {tensor_type} has"
    )]
    Row {
        /// The tensor.
        tensor: String,
        /// How it is written.
        tensor_type: &'static str,
        /// Values of a row.
        row: u64,
        /// Values of a block.
        block: usize,
    },
    /// A tensor of more values than a machine can address.
    #[error("tensor {tensor} has more values than this machine can address")]
    Large {
        /// The tensor.
        tensor: String,
    },
    /// A tensor that begins where none can.
    #[error("tensor {tensor} begins at {offset}, which is no multiple of the alignment {alignment}")]
    Offset {
        /// The tensor.
        tensor: String,
        /// Where it says it begins.
        offset: u64,
        /// What that is to be a multiple of.
        alignment: usize,
    },
    /// A tensor that is not whole in the file.
    #[error("tensor {tensor} needs {bytes} bytes from {offset}, and the file has {found} for tensors")]
    Outside {
        /// The tensor.
        tensor: String,
        /// How many bytes it needs.
        bytes: usize,
        /// Where it says it begins.
        offset: u64,
        /// How many bytes lie behind the header.
        found: usize,
    },
    /// A key that was asked for is not there.
    #[error("the key {key} is missing")]
    NoKey {
        /// The key.
        key: String,
    },
    /// A key holds something else than was asked for.
    #[error("the key {key} holds {found}, where {wanted} is needed")]
    Unfit {
        /// The key.
        key: String,
        /// What it holds, in words.
        found: String,
        /// What was asked for.
        wanted: &'static str,
    },
    /// A tensor that was asked for is not there.
    #[error("the tensor {tensor} is missing")]
    NoTensor {
        /// The tensor.
        tensor: String,
    },
}
