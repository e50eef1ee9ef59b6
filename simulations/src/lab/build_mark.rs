//! Which build of the program made what a file keeps, in the line above that.
//!
//! **Invariant:** what was said is read again, where the line has it between two commas; a line that names no build is of none.

/// What stands before the name.
const WORD: &str = "build ";

/// How a line says it.
pub(super) fn of(build: &str) -> String {
    format!("{WORD}{build}")
}

/// The build that a line names.
pub(super) fn named(line: &str) -> Option<&str> {
    line.split(", ").find_map(|part| part.strip_prefix(WORD))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_build_is_read_out_of_the_line_that_names_it_and_out_of_no_other() {
        let line = format!("# cell 3 of 6, {}, digest 0123", of("0a1b2c"));
        assert_eq!(named(&line), Some("0a1b2c"));
        for bare in ["", "# cell 3 of 6, digest 0123", "# build 3, rebuild 4"] {
            assert_eq!(named(bare), None, "{bare}");
        }
    }
}
