//! `assay config`: what the user settled once for this home.
//!
//! **Invariant:** the file is changed only into one that makes sense; no verb of this noun shows a key.

mod change;
mod edit;
mod look;

use assay_peer::{
    config::{Heeded, HomeSetting},
    handle::{ConnectError, Handle, HeedSettings},
};
use serde_json::{Value, json};

use crate::{
    command_error::{CommandError, Exit},
    invocation::Invocation,
};

/// See and change the settings of this home.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Verb {
    Get(look::GetArgs),
    Set(change::SetArgs),
    Unset(change::UnsetArgs),
    Ls(look::SettingsArgs),
    Path(look::PathArgs),
    Edit(edit::Args),
}

pub(crate) async fn perform(verb: &Verb, invocation: &Invocation) -> Result<(), CommandError> {
    match verb {
        Verb::Get(args) => look::get(args, invocation),
        Verb::Set(args) => change::set(args, invocation).await,
        Verb::Unset(args) => change::unset(args, invocation).await,
        Verb::Ls(args) => look::ls(args, invocation),
        Verb::Path(_) => {
            look::path(invocation);
            Ok(())
        }
        Verb::Edit(_) => edit::perform(invocation).await,
    }
}

/// The setting of this name.
pub(super) fn find(key: &str) -> Result<HomeSetting, CommandError> {
    HomeSetting::find(key).map_err(|error| {
        CommandError::new(
            Exit::Usage,
            "NO_SETTING",
            error,
            "`assay config ls` lists all keys, each with what it is for",
        )
    })
}

/// A folder must be there for a file in it.
pub(super) fn settled(invocation: &Invocation) -> Result<(), CommandError> {
    invocation.refuse_unreadable()?;
    if invocation.home.root().exists() {
        return Ok(());
    }
    let message = format!("no peer lives in {}", invocation.home.root().display());
    let hint = "make one with `assay init --network FILE`, or name another with --home";
    Err(CommandError::new(Exit::NotFound, "NO_HOME", message, hint))
}

/// Who heeds a change of settings, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ChangeEffect {
    /// Every command from now on, and the daemon from the next order on.
    AtOnce,
    /// Every command from now on; no daemon is running.
    NoDaemon,
    /// The daemon once it was ended and started.
    Restart,
    /// A gateway once it was ended and started.
    ServeAgain,
}

impl ChangeEffect {
    /// What a change of these settings comes to, once a running daemon has heard of it.
    pub(super) async fn of(changed: &[HomeSetting], invocation: &Invocation) -> Result<Self, CommandError> {
        let is_any = |heeded| changed.iter().any(|setting| setting.heeded == heeded);
        let is_gateways = !is_any(Heeded::AtOnce) && !is_any(Heeded::AtNextStart);
        let handle = match Handle::connect(&invocation.home).await {
            Ok(handle) => handle,
            Err(ConnectError::NotRunning { .. }) if is_gateways => return Ok(Self::ServeAgain),
            Err(ConnectError::NotRunning { .. }) => return Ok(Self::NoDaemon),
            Err(error) => return Err(error.into()),
        };
        handle.call(HeedSettings).await?;
        Ok(match (is_any(Heeded::AtNextStart), is_any(Heeded::AtNextServe)) {
            (true, _) => Self::Restart,
            (false, true) => Self::ServeAgain,
            (false, false) => Self::AtOnce,
        })
    }

    fn note(self) -> &'static str {
        match self {
            Self::AtOnce => "it holds from the next order on",
            Self::NoDaemon => "it holds from the next start of the daemon on; none is running",
            Self::Restart => {
                "it holds from the next start of the daemon on: `assay down`, and the next command starts it"
            }
            Self::ServeAgain => {
                "it holds from the next start of the gateway on, by `assay serve` or `assay up --serve`"
            }
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::AtOnce => "at_once",
            Self::NoDaemon => "no_daemon",
            Self::Restart => "restart",
            Self::ServeAgain => "serve_again",
        }
    }
}

/// When a change of a setting is heeded, as programs read it.
fn heeded(setting: &HomeSetting) -> &'static str {
    match setting.heeded {
        Heeded::AtOnce => "at_once",
        Heeded::AtNextStart => "at_next_start",
        Heeded::AtNextServe => "at_next_serve",
    }
}

/// A value of the file, as JSON has it.
fn value(written: &str) -> Value {
    let read = format!("value = {written}").parse::<toml::Table>().ok();
    read.and_then(|table| Some(json!(table.get("value")?))).unwrap_or_default()
}

/// A value of the file, as it can be typed: a text without its quotes.
fn plain(written: &str) -> String {
    value(written).as_str().map_or_else(|| written.to_owned(), str::to_owned)
}
