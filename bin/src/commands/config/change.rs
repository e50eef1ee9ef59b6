//! `assay config set` and `unset`: one value, changed in a file that otherwise stays as it was written.

use assay_peer::config::{ConfigError, HomeSetting, SettingsFile};
use serde_json::json;

use super::{ChangeEffect, find, plain, settled, value};
use crate::{
    command_error::{CommandError, Exit},
    invocation::Invocation,
};

const SET_EXAMPLES: &str = "\
Examples:
  assay config set client.cost_max 0.5      no job costs more, unless its command says so
  assay config set daemon.device processor  no graphics card
  assay config set daemon.listen /ip4/0.0.0.0/tcp/4001,/ip6/::/tcp/4001";

/// Settle a value; comments and order of the file stay.
#[derive(Debug, clap::Args)]
#[command(after_help = SET_EXAMPLES)]
pub(crate) struct SetArgs {
    /// Which setting
    #[arg(value_name = "KEY")]
    key: String,
    /// Its value; of a list, all of it, with commas between
    #[arg(value_name = "VALUE", allow_hyphen_values = true)]
    value: String,
}

const UNSET_EXAMPLES: &str = "\
Examples:
  assay config unset client.cost_max  go by what is assumed";

/// Take a value out of the file, so that what is assumed holds.
#[derive(Debug, clap::Args)]
#[command(after_help = UNSET_EXAMPLES)]
pub(crate) struct UnsetArgs {
    /// Which setting; one that is none, to mend a file
    #[arg(value_name = "KEY")]
    key: String,
}

pub(super) async fn set(args: &SetArgs, invocation: &Invocation) -> Result<(), CommandError> {
    let mut setting = find(&args.key)?;
    settled(invocation)?;
    let written = setting.read(&args.value).map_err(|error| {
        CommandError::new(
            Exit::Usage,
            "BAD_VALUE",
            error,
            format!("`assay config get {}` prints what holds", args.key),
        )
    })?;
    let mut file = SettingsFile::open(&invocation.home)?;
    let text = file.text().with(&setting, &written).map_err(|error| file.blame(error))?;
    file.put(text)?;
    setting.value = written;
    say(setting, false, invocation).await
}

pub(super) async fn unset(args: &UnsetArgs, invocation: &Invocation) -> Result<(), CommandError> {
    settled(invocation)?;
    let mut file = SettingsFile::open(&invocation.home)?;
    let is_there = file.text().line_of(&args.key).map_err(|error| entangled(file.blame(error)))?.is_some();
    // What is no setting can be taken out where it stands, and is a slip where it does not.
    let setting = find(&args.key);
    if is_there {
        let text = file.text().without(&args.key).map_err(|error| entangled(file.blame(error)))?;
        file.put(text)?;
    }
    match setting {
        Ok(setting) => say(setting, true, invocation).await,
        Err(_) if is_there => {
            invocation.printer.line(format!("{} is gone", args.key));
            invocation.printer.document("setting-gone", &json!({ "key": args.key }));
            Ok(())
        }
        Err(error) => Err(error),
    }
}

/// Why a key cannot be taken out: what is said elsewhere of a file that makes no sense would name this very command.
fn entangled(error: ConfigError) -> CommandError {
    let hint = "change it with `assay config edit`, which keeps what you write until it makes sense";
    CommandError::from(error).hinting(hint)
}

/// Tells a running daemon, and the user what came of it.
async fn say(setting: HomeSetting, is_assumed: bool, invocation: &Invocation) -> Result<(), CommandError> {
    let effect = ChangeEffect::of(std::slice::from_ref(&setting), invocation).await?;
    let assumed = if is_assumed { ", as is assumed" } else { "" };
    invocation.printer.line(format!("{} = {}{assumed}", setting.key, plain(&setting.value)));
    invocation.printer.note(effect.note());
    invocation.printer.document(
        "setting-changed",
        &json!({
            "key": setting.key, "value": value(&setting.value),
            "origin": if is_assumed { "assumed" } else { "file" }, "effect": effect.word(),
        }),
    );
    Ok(())
}
