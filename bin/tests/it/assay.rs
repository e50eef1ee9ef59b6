//! The one door: runs the program and says what came of it.

use std::{
    io::Write,
    path::Path,
    process::{Command, Stdio},
};

use serde_json::Value;

use crate::schema_set;

/// The program under test.
pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_assay");

/// Where people are: wherever this machine stands, what they are told of times is the same.
pub(crate) const ZONE: &str = "TST-5:30";

/// What came of a run.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) status: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs `assay` in a home, away from everything that this machine's user has.
pub(crate) fn assay(home: &Path, arguments: &[&str]) -> Ran {
    assay_told(home, arguments, "")
}

/// The same with something on standard input.
pub(crate) fn assay_told(home: &Path, arguments: &[&str], told: &str) -> Ran {
    ran(command(home, arguments, &[]), told)
}

/// The same where these variables are set.
pub(crate) fn assay_among(home: &Path, variables: &[(&str, &str)], arguments: &[&str]) -> Ran {
    ran(command(home, arguments, variables), "")
}

/// The program, not started yet.
pub(crate) fn command(home: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> Command {
    let mut command = Command::new(BINARY);
    command.args(arguments).env_clear().env("ASSAY_HOME", home).env("COLUMNS", "100").env("TZ", ZONE);
    // Where the home of somebody would be who names none.
    command.env("XDG_DATA_HOME", home);
    command.envs(variables.iter().copied());
    command
}

fn ran(mut command: Command, told: &str) -> Ran {
    let running = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut running = running.unwrap();
    // Whoever reads nothing may be gone before it is told.
    let _ = running.stdin.take().unwrap().write_all(told.as_bytes());
    let output = running.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let ran = Ran { status: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) };
    if command.get_args().any(|argument| argument == "--json") {
        ran.judge();
    }
    ran
}

impl Ran {
    /// Holds all that was printed for programs to its schemas: documents, and the failure if it failed.
    fn judge(&self) {
        schema_set::judge(&self.stdout);
        let failures = self.stderr.lines().filter(|line| line.starts_with('{'));
        let failures = failures.inspect(|line| schema_set::judge(line)).count();
        assert!(
            self.status.is_none_or(|status| status == 0) || failures > 0,
            "it does not say why: {self:?}"
        );
    }

    /// The one document on standard output.
    pub(crate) fn document(&self) -> Value {
        assert_eq!(self.status, Some(0), "{self:?}");
        serde_json::from_str(&self.stdout).unwrap()
    }
}
