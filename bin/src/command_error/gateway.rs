//! What a gateway has to say, as failures.

use assay_gateway::{GatewayError, KeysError};

use super::{CommandError, Exit};

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
            GatewayError::Open(_) => {
                (Exit::Usage, "NO_KEY", "make one with `assay serve key new NAME`, or listen on 127.0.0.1")
            }
            GatewayError::Listen { .. } => (
                Exit::Usage,
                "LISTEN",
                "end what listens there, or name another address: `assay serve --listen 127.0.0.1:11436`",
            ),
            GatewayError::Spending(_) => {
                (Exit::Other, "SPENDING_FILE", "mend or delete the file; the day then begins anew")
            }
            GatewayError::Origin(_) => {
                (Exit::Usage, "ORIGIN", "name a scheme and a host, and nothing behind them")
            }
        };
        Self::new(exit, code, error, hint)
    }
}
