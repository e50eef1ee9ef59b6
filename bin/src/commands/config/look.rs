//! `assay config get`, `ls` and `path`: what is settled, and where.

use assay_peer::config::{HomeSetting, Settings, SettingsText};
use serde_json::{Value, json};

use super::{find, heeded, plain, value};
use crate::{
    command_error::CommandError,
    invocation::Invocation,
    printer::{Table, path_text},
};

const GET_EXAMPLES: &str = "\
Examples:
  assay config get client.cost_max  the value alone
  assay config get daemon.listen --json";

/// Print one value.
#[derive(Debug, clap::Args)]
#[command(after_help = GET_EXAMPLES)]
pub(crate) struct GetArgs {
    /// Which setting
    #[arg(value_name = "KEY")]
    key: String,
}

const LS_EXAMPLES: &str = "\
Examples:
  assay config ls                what is settled, and what is assumed where nothing is
  assay config ls --show-origin  and where each value comes from";

/// List all settings, with their values and what they are for.
///
/// A flag of a command comes before the file, and the file before what is assumed.
#[derive(Debug, clap::Args)]
#[command(after_help = LS_EXAMPLES)]
pub(crate) struct SettingsArgs {
    /// Say where each value comes from
    #[arg(long)]
    show_origin: bool,
}

const PATH_EXAMPLES: &str = "\
Examples:
  assay config path  where the file is, or would be";

/// Print where the settings file is.
#[derive(Debug, clap::Args)]
#[command(after_help = PATH_EXAMPLES)]
pub(crate) struct PathArgs {}

pub(super) fn get(args: &GetArgs, invocation: &Invocation) -> Result<(), CommandError> {
    find(&args.key)?;
    let all = all(invocation)?;
    for row in all.iter().filter(|row| row.setting.key == args.key) {
        invocation.printer.line(plain(&row.setting.value));
        invocation.printer.document("setting", &row.document(invocation));
    }
    Ok(())
}

pub(super) fn ls(args: &SettingsArgs, invocation: &Invocation) -> Result<(), CommandError> {
    let all = all(invocation)?;
    let heads: &[&str] =
        if args.show_origin { &["KEY", "VALUE", "ORIGIN"] } else { &["KEY", "VALUE", "WHAT FOR"] };
    let table = Table::new([heads[0], heads[1], heads[2]]);
    // A place is one word, and stands in one line.
    let mut table = if args.show_origin { table } else { table.wraps() };
    for row in &all {
        let last = if args.show_origin { row.origin(invocation) } else { row.setting.about.to_owned() };
        table.row([row.setting.key.to_owned(), plain(&row.setting.value), last]);
    }
    invocation.printer.table(&table);
    let rows: Vec<Value> = all.iter().map(|row| row.document(invocation)).collect();
    invocation.printer.document("settings", &json!({ "settings": rows }));
    Ok(())
}

pub(super) fn path(invocation: &Invocation) {
    let path = invocation.home.settings();
    invocation.printer.line(path.display().to_string());
    invocation
        .printer
        .document("settings-file", &json!({ "path": path_text(&path), "is_there": path.exists() }));
}

/// A setting with its value, and the line of the file that says so.
struct SettingRow {
    setting: HomeSetting,
    assumed: String,
    line: Option<usize>,
}

impl SettingRow {
    fn origin(&self, invocation: &Invocation) -> String {
        match self.line {
            Some(line) => format!("{}:{line}", invocation.home.settings().display()),
            None => "assumed".to_owned(),
        }
    }

    fn document(&self, invocation: &Invocation) -> Value {
        let Self { setting, assumed, line } = self;
        json!({
            "key": setting.key, "value": value(&setting.value), "assumed": value(assumed),
            "origin": if line.is_some() { "file" } else { "assumed" },
            "file": line.map(|_| path_text(&invocation.home.settings())), "line": line,
            "purpose": setting.about, "expected": setting.expected, "heeded": heeded(setting),
        })
    }
}

fn all(invocation: &Invocation) -> Result<Vec<SettingRow>, CommandError> {
    invocation.refuse_unreadable()?;
    let settings = Settings::read(&invocation.home)?;
    let text = std::fs::read_to_string(invocation.home.settings()).unwrap_or_default();
    let text = SettingsText::new(text);
    let pairs = settings.list().into_iter().zip(Settings::default().list());
    let row = |(setting, assumed): (HomeSetting, HomeSetting)| {
        let line = text.line_of(setting.key).ok().flatten();
        SettingRow { setting, assumed: assumed.value, line }
    };
    Ok(pairs.map(row).collect())
}
