//! Which build of the program runs: it decides what comes of a run, beside its scenario and its seed.
//!
//! **Invariant:** two builds that differ in a byte go by different names, whatever version they say they are.

use std::{
    env,
    fs::File,
    io::{self, Read},
    path::PathBuf,
};

use assay_protocol::id::Digest;

use crate::{
    command_error::{CommandError, Exit},
    printer::short,
};

/// Bytes that are read at a time.
const PIECE_BYTES: u64 = 1 << 20;

/// The name of the build that runs.
pub(super) fn own_build() -> Result<String, CommandError> {
    let read = own_file().and_then(File::open).and_then(name_of);
    read.map_err(|error| {
        let message = format!("the file of this program cannot be read: {error}");
        let hint = "start it from where it lies: what is kept says which build of it made that";
        CommandError::new(Exit::Other, "UNKNOWN_BUILD", message, hint)
    })
}

/// The file that runs; where the system leads to it, also if another one was put in its place since.
fn own_file() -> io::Result<PathBuf> {
    if cfg!(target_os = "linux") { Ok(PathBuf::from("/proc/self/exe")) } else { env::current_exe() }
}

/// What a program is called that is these bytes.
fn name_of(mut file: impl Read) -> io::Result<String> {
    let (mut digest, mut piece) = (Digest::default(), Vec::new());
    while file.by_ref().take(PIECE_BYTES).read_to_end(&mut piece)? > 0 {
        digest = Digest::of(&[&digest.0[..], &piece].concat());
        piece.clear();
    }
    Ok(short(digest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_build_has_the_same_name_each_time_and_another_one_has_another() {
        assert_eq!(own_build().unwrap(), own_build().unwrap());
        let long = vec![7; 2_500_000];
        let of = |bytes: &[u8]| name_of(bytes).unwrap();
        assert_eq!(of(&long), of(&long));
        for place in [0, 1_500_000, 2_499_999] {
            let mut other = long.clone();
            other[place] = 8;
            assert_ne!(of(&other), of(&long), "a byte at {place}");
        }
        assert_ne!(of(&long[1..]), of(&long));
    }
}
