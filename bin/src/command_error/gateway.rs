//! What a gateway has to say, as failures.

use assay_gateway::{BatchError, GatewayError, KeysError};
use serde_json::json;

use super::{CommandError, Exit};
use crate::printer::short;

/// How lines are written.
const WRITE_LINES: &str =
    r#"a line is {"custom_id":"a","body":{"model":"NAME","messages":[{"role":"user","content":"TEXT"}]}}"#;

impl From<KeysError> for CommandError {
    fn from(error: KeysError) -> Self {
        let (exit, code, hint) = match &error {
            KeysError::Malformed { .. } => {
                (Exit::Usage, "KEYS_FILE", "mend the file, or move it away and make the keys anew")
            }
            KeysError::Present(_) => {
                (Exit::Usage, "KEY_EXISTS", "choose another name, or take it away with `assay serve key rm`")
            }
            KeysError::Absent(_) => (Exit::NotFound, "NO_SUCH_KEY", "`assay serve key ls` lists them"),
            KeysError::Name => (Exit::Usage, "KEY_NAME", "call it after who uses it, such as phone"),
            KeysError::TooMany => {
                (Exit::Usage, "TOO_MANY_KEYS", "take away what nobody uses: `assay serve key rm`")
            }
            KeysError::Disk { .. } => {
                (Exit::Other, "DISK", "free some space in the home and check who owns it")
            }
        };
        Self::new(exit, code, error, hint)
    }
}

impl From<GatewayError> for CommandError {
    fn from(error: GatewayError) -> Self {
        let (exit, code, hint) = match error {
            GatewayError::Keys(error) => return error.into(),
            GatewayError::Gone { ref folder } => {
                let home = folder.parent().unwrap_or(folder);
                let hint = format!(
                    "this gateway writes nothing more there; {}",
                    super::daemon::where_it_went(home, "serve")
                );
                return Self::new(Exit::NotFound, "HOME_GONE", &error, hint);
            }
            GatewayError::Open(_) => {
                (Exit::Usage, "NO_KEY", "make one with `assay serve key new NAME`, or listen on 127.0.0.1")
            }
            GatewayError::Listen { .. } => (
                Exit::Usage,
                "LISTEN",
                "end what listens there, or name another address: `assay serve --listen 127.0.0.1:11436`, \
                 `assay up --serve 127.0.0.1:11436`",
            ),
            GatewayError::Running { .. } => (
                Exit::Daemon,
                "GATEWAY_RUNNING",
                "use that one, or end it where it was started: Ctrl-C ends `assay serve`, `assay down` one of `assay up --serve`",
            ),
            GatewayError::Spending(_) => {
                (Exit::Other, "SPENDING_FILE", "mend or delete the file; the day then begins anew")
            }
            GatewayError::Files(_) => {
                (Exit::Other, "FILES", "mend or delete what is named; who uploaded it may upload it again")
            }
            GatewayError::Collector(_) => (
                Exit::Usage,
                "COLLECTOR",
                "mend it: `assay config set gateway.otlp http://127.0.0.1:4318`, or `none`",
            ),
            GatewayError::Origin(_) => {
                (Exit::Usage, "ORIGIN", "name a scheme and a host, and nothing behind them")
            }
        };
        Self::new(exit, code, error, hint)
    }
}

impl From<BatchError> for CommandError {
    fn from(error: BatchError) -> Self {
        let message = error.to_string();
        let (exit, code, hint) = match error {
            BatchError::Call(error) => return error.into(),
            BatchError::Running { name } => return running(&short(name)),
            BatchError::BadLines(wrong) => {
                let lines = wrong.iter().map(|line| json!({ "line": line.number, "why": line.why }));
                let lines = lines.collect::<Vec<_>>();
                return Self::new(Exit::Usage, "BAD_LINES", message, WRITE_LINES)
                    .with(json!({ "wrong_lines": lines }));
            }
            BatchError::Empty => (Exit::Usage, "EMPTY_BATCH", WRITE_LINES),
            BatchError::ManyLines { .. } | BatchError::ManyBytes { .. } => {
                (Exit::Usage, "LONG_BATCH", "split it into several")
            }
            BatchError::NoModel { .. } => (Exit::Other, "BATCH_DAMAGED", "`assay batch rm` forgets it"),
            BatchError::Output { .. } => {
                (Exit::Other, "DISK", "free some space there, or name another file with -o")
            }
            BatchError::Unread(_) | BatchError::Disk { .. } => (
                Exit::Other,
                "DISK",
                "check that the disk is not full and who owns the home; what was ordered is not lost: say the same again",
            ),
        };
        Self::new(exit, code, message, hint)
    }
}

fn running(name: &str) -> CommandError {
    let message = format!("the batch {name} is being carried out by another process");
    let hint = format!("`assay batch status {name}` says how far it is");
    CommandError::new(Exit::Other, "BATCH_RUNNING", message, hint)
}

#[cfg(test)]
mod tests {
    use assay_peer::home::{LockError, Locked};

    use super::*;

    #[test]
    fn a_second_gateway_of_a_home_ends_as_its_second_daemon_does() {
        let address = Some(([127, 0, 0, 1], 11_435).into());
        let gateway = CommandError::from(GatewayError::Running { address });
        let daemon = CommandError::from(LockError::Locked(Locked { pid: 7 }));
        assert_eq!([gateway.exit(), daemon.exit()], [Exit::Daemon; 2]);
        for failure in [&gateway, &daemon] {
            let [_, hint] = failure.lines();
            assert!(hint.starts_with("use that one, or end it ") && hint.contains("`assay down`"), "{hint}");
        }
        let [line, _] = gateway.lines();
        assert_eq!(line, "a gateway of this home runs already, at http://127.0.0.1:11435");
    }
}
