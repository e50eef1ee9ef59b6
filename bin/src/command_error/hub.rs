//! What a hub has to say, as failures.

use assay_hub::{AbsentPart, BadSurroundings, DownloadError, HubError, NotChosen};
use serde_json::json;

use super::{CommandError, Exit};
use crate::printer::full;

impl From<BadSurroundings> for CommandError {
    fn from(error: BadSurroundings) -> Self {
        Self::new(Exit::Usage, "HUB_SETTINGS", &error, format!("set {} right, or unset it", error.variable))
    }
}

impl From<HubError> for CommandError {
    fn from(error: HubError) -> Self {
        let (exit, code, hint) = match &error {
            HubError::Unreachable { .. } => (
                Exit::Other,
                "HUB_UNREACHABLE",
                "look at the connection and at HF_ENDPOINT; the same command goes on where it was",
            ),
            HubError::Lost { .. } => {
                (Exit::Other, "HUB_LOST", "what has come stays; the same command goes on where it was")
            }
            HubError::Absent { part, .. } => (Exit::NotFound, "NOT_ON_HUB", absent(*part)),
            HubError::Gated { has_token: false, .. } => (
                Exit::Forbidden,
                "HUB_GATED",
                "ask for access on the hub's page of it, and put your token into HF_TOKEN",
            ),
            HubError::Gated { has_token: true, .. } => (
                Exit::Forbidden,
                "HUB_GATED",
                "ask for access on the hub's page of it with the token's account",
            ),
            HubError::Denied { has_token: false, .. } => (
                Exit::Forbidden,
                "HUB_DENIED",
                "check its name; if it is not open to all, put your token into HF_TOKEN",
            ),
            HubError::Denied { has_token: true, .. } => {
                (Exit::Forbidden, "HUB_DENIED", "check its name, and that the token is valid and may read it")
            }
            HubError::Busy { retry_s, .. } => {
                let hint = match retry_s {
                    Some(wait) => format!("say it again in {wait} s"),
                    None => "say it again in some minutes".to_owned(),
                };
                return Self::new(Exit::Other, "HUB_BUSY", &error, hint)
                    .with(json!({ "retry_after_ms": retry_s.map(|wait| wait * 1_000) }))
                    .retryable();
            }
            HubError::Failing { .. } => {
                (Exit::Other, "HUB_FAILING", "say it again later; what has come stays")
            }
            HubError::Malformed { .. } => {
                (Exit::Other, "HUB_MALFORMED", "look at HF_ENDPOINT: it must be the address of a hub")
            }
            HubError::Unsafe { .. } => (
                Exit::Other,
                "HUB_UNSAFE",
                "fetch the file from somebody you trust, and add it with `assay model add FILE`",
            ),
        };
        let passes =
            matches!(error, HubError::Unreachable { .. } | HubError::Lost { .. } | HubError::Failing { .. });
        let failure = Self::new(exit, code, &error, hint);
        if passes { failure.retryable() } else { failure }
    }
}

fn absent(part: AbsentPart) -> &'static str {
    match part {
        AbsentPart::Repository => "check its owner and its name, as in hf:OWNER/REPO",
        AbsentPart::Revision => "leave out @REVISION for the newest",
        AbsentPart::File => "leave out the file to see what there is",
    }
}

impl From<DownloadError> for CommandError {
    fn from(error: DownloadError) -> Self {
        if let DownloadError::Hub(error) = error {
            return error.into();
        }
        let (code, hint) = match &error {
            DownloadError::Hub(_) => unreachable!("it was looked at before"),
            DownloadError::Changed { .. } => {
                return Self::new(Exit::Other, "HUB_CHANGED", &error, "say it again: it is begun anew")
                    .retryable();
            }
            DownloadError::WrongLength { .. } | DownloadError::WrongDigest { .. } => (
                "HUB_WRONG_BYTES",
                "say it again; if it comes like this twice, do not trust this hub, or the mirror in HF_ENDPOINT",
            ),
            DownloadError::UnderWay { .. } => ("UNDER_WAY", "wait until that one is over, or end it"),
            DownloadError::DiskFull { .. } => ("DISK", "free some space, or choose a smaller file"),
            DownloadError::Disk(_) => ("DISK", "free some space in the home and try again"),
        };
        Self::new(Exit::Other, code, &error, hint)
    }
}

impl From<NotChosen> for CommandError {
    fn from(error: NotChosen) -> Self {
        let listed = |files: &[assay_hub::HubFile]| {
            let file = |file: &assay_hub::HubFile| json!({ "path": full(&file.path), "bytes": file.bytes });
            json!({ "files": files.iter().map(file).collect::<Vec<_>>() })
        };
        let (exit, code, hint, details) = match &error {
            NotChosen::None { .. } => (
                Exit::NotFound,
                "NO_MODEL",
                "only models of language, as GGUF, are taken in: look for a repository that has them"
                    .to_owned(),
                json!({}),
            ),
            NotChosen::Several { name, files } => (
                Exit::Usage,
                "SEVERAL_FILES",
                format!("name one of them: `assay model add {}`", name.with_file("FILE")),
                listed(files),
            ),
            NotChosen::Absent { files, .. } => (
                Exit::NotFound,
                "NOT_ON_HUB",
                "leave out the file to see what there is".to_owned(),
                listed(files),
            ),
            NotChosen::Part { .. } => (
                Exit::NotFound,
                "PARTS",
                "choose a model of which all parts are there, or a file that is whole".to_owned(),
                json!({}),
            ),
        };
        Self::new(exit, code, &error, hint).with(details)
    }
}
