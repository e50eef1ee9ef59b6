//! Models that were cut into several files: what tells such a file, and what joins them.
//!
//! **Invariant:** what is joined is one file, the same for everybody who has the same parts.

use std::io::Read;

use assay_engine::gguf::{Gguf, read_beginning};

pub use assay_engine::gguf::{GgufJoin, GgufPart, PARTS_MAX, PartsError, SplitMark};

/// What a file says of its being a part; nothing, if it says nothing of that or is no model.
pub fn mark_of(file: impl Read) -> Option<SplitMark> {
    let marked = read_beginning(file, |head| Gguf::parse_keys(head).and_then(|file| SplitMark::of(&file)));
    marked.ok()?.ok()?
}

#[cfg(test)]
mod tests {
    use assay_engine::gguf::Writer;

    use super::*;

    #[test]
    fn a_part_is_known_by_what_its_file_says() {
        let said = |count: u16| {
            mark_of(&Writer::new().key("split.no", 1_u16).key("split.count", count).to_bytes(|_, _| {})[..])
        };
        assert_eq!(said(3), Some(SplitMark { part: 2, parts: 3 }));
        assert_eq!([said(0), said(1)], [None, None], "it was joined again, or never cut");
        assert_eq!(mark_of(&b"GGUF"[..]), None);
    }
}
