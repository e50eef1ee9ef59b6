//! The library of ONNX Runtime, loaded into this process by the path that its owner names.
//!
//! **Invariant:** it is loaded once, by that path and no other, and never let go. Whoever names it is who starts this process; no
//! model, guest or variable has a say.

#![allow(
    unsafe_code,
    reason = "a library is opened and asked for its version; each block says why it is sound"
)]

use std::{ffi::CStr, mem, path::Path, sync::OnceLock};

use libloading::{Library, Symbol};
use ort::{environment::Environment, logging::LogLevel, sys::OrtApiBase};

/// What came of it, once it was tried.
static LOADED: OnceLock<Result<String, String>> = OnceLock::new();

/// The entry that each version of the library has.
const ENTRY: &[u8] = b"OrtGetApiBase";

/// Whether the library is here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LoadedLibrary {
    /// Nobody named one.
    Absent,
    /// In this version.
    Version(&'static str),
    /// One was named that cannot be used, for this reason.
    Unusable(&'static str),
}

/// Loads the library. It is not tried a second time.
pub(crate) fn load(path: &Path) {
    let _ = LOADED.get_or_init(|| open(path));
}

/// Whether it is loaded.
pub(crate) fn loaded() -> LoadedLibrary {
    match LOADED.get() {
        None => LoadedLibrary::Absent,
        Some(Ok(version)) => LoadedLibrary::Version(version),
        Some(Err(why)) => LoadedLibrary::Unusable(why),
    }
}

/// Opens the library and makes its environment, which tells nobody anything: that is said once more here, and before in the
/// variables of this process.
fn open(path: &Path) -> Result<String, String> {
    let version = version(path)?;
    let environment = ort::init_from(path).map_err(|error| error.to_string())?;
    environment.with_name("assay").with_telemetry(false).commit();
    let environment = Environment::current().map_err(|error| error.to_string())?;
    environment.set_log_level(LogLevel::Fatal);
    Ok(version)
}

/// The version that a library says it is, which the binding does not tell. It stays open.
fn version(path: &Path) -> Result<String, String> {
    // SAFETY: what runs when it is opened is code that the owner of this process chose, as this program is.
    let library = unsafe { Library::new(path) };
    let library = library.map_err(|error| format!("{}: {error}", path.display()))?;
    let version = said(&library).map_err(|why| format!("{}: {why}", path.display()))?;
    // What it began when it was opened may go on.
    mem::forget(library);
    Ok(version)
}

fn said(library: &Library) -> Result<String, String> {
    // SAFETY: a library that exports this name is ONNX Runtime, of which each version has it with this type.
    let entry: Symbol<'_, unsafe extern "system" fn() -> *const OrtApiBase> =
        unsafe { library.get(ENTRY) }.map_err(|error| error.to_string())?;
    // SAFETY: it takes nothing and gives a constant of the library, or nothing.
    let base = unsafe { entry().as_ref() }.ok_or("it has no interface")?;
    // SAFETY: it takes nothing and gives a text of the library's own that ends with a nought.
    let version = unsafe { CStr::from_ptr((base.GetVersionString)()) };
    Ok(version.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_library_is_refused_by_its_path() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("libonnxruntime.so");
        assert!(version(&file).unwrap_err().contains("libonnxruntime.so"));
        std::fs::write(&file, b"no library").unwrap();
        assert!(version(&file).unwrap_err().contains("libonnxruntime.so"));
    }
}
