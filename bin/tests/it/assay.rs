//! The one door: runs the program and says what came of it.

use std::{
    path::Path,
    process::{Command, Stdio},
};

use serde_json::Value;

/// The program under test.
pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_assay");

/// What came of a run.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) status: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs `assay` in a home, away from everything that this machine's user has.
pub(crate) fn assay(home: &Path, arguments: &[&str]) -> Ran {
    let output = Command::new(BINARY)
        .args(arguments)
        .env_clear()
        .env("ASSAY_HOME", home)
        .env("COLUMNS", "100")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ran { status: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

impl Ran {
    /// The one document on standard output.
    pub(crate) fn document(&self) -> Value {
        assert_eq!(self.status, Some(0), "{self:?}");
        serde_json::from_str(&self.stdout).unwrap()
    }
}
