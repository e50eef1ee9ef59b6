//! `assay config edit`: the settings file in the user's own editor.
//!
//! **Invariant:** what the user wrote is never lost: a file that makes no sense stays beside the one that holds.

use std::{env, fs, path::Path, process::Command};

use assay_peer::config::{HomeSetting, Settings, SettingsFile, SettingsText};
use serde_json::json;

use super::{ChangeEffect, settled};
use crate::{
    command_error::{CommandError, Exit},
    invocation::Invocation,
    printer::Printer,
};

const EXAMPLES: &str = "\
Examples:
  assay config edit                  in $VISUAL, or else $EDITOR
  EDITOR=\"code --wait\" assay config edit";

/// Edit the settings file; one that makes no sense is not taken.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {}

pub(super) async fn perform(invocation: &Invocation) -> Result<(), CommandError> {
    settled(invocation)?;
    let editor = ["VISUAL", "EDITOR"].into_iter().filter_map(|name| env::var(name).ok());
    let editor = editor.map(|editor| editor.trim().to_owned()).find(|editor| !editor.is_empty());
    let editor = editor.ok_or_else(|| {
        let hint = "name one in EDITOR, or change a value with `assay config set KEY VALUE`";
        CommandError::new(Exit::Usage, "NO_EDITOR", "neither VISUAL nor EDITOR says what to edit with", hint)
    })?;
    // Not held meanwhile: who edits may take an hour.
    let file = SettingsFile::open(&invocation.home)?;
    let draft = file.path().with_extension("draft.toml");
    let documented = || Settings::default().to_documented_toml();
    let begun = if file.is_there() { file.text().text().to_owned() } else { documented() };
    // What was left behind by a slip is gone on with, unless the file was changed since.
    let changed = |path: &Path| fs::metadata(path).and_then(|metadata| metadata.modified()).ok();
    match changed(&draft) {
        None => create(&draft, &begun).map_err(|error| unwritten(&draft, &error))?,
        Some(drafted) if changed(file.path()).is_some_and(|changed| changed > drafted) => {
            return Err(changed_meanwhile(file.path(), &draft));
        }
        Some(_) => {
            invocation.printer.note("going on with what was written the last time, which was not taken")
        }
    }
    let before = file.into_text();
    if let Err(failure) = run(&editor, &draft) {
        // Nobody wrote anything: the next edit begins with what the file says then.
        if fs::read_to_string(&draft).is_ok_and(|text| text == begun) {
            fs::remove_file(&draft).map_err(|error| unwritten(&draft, &error))?;
        }
        return Err(failure);
    }
    let text = fs::read_to_string(&draft).map_err(|error| unwritten(&draft, &error))?;
    if text == begun {
        fs::remove_file(&draft).map_err(|error| unwritten(&draft, &error))?;
        invocation.printer.note("nothing was changed");
        invocation.printer.document("settings-edited", &json!({ "changed": [], "effect": null }));
        return Ok(());
    }
    let text = SettingsText::new(text);
    let settled = before.settings().unwrap_or_default();
    let after = sensible(&text, &settled, &draft, &invocation.printer)?;
    let mut file = SettingsFile::open(&invocation.home)?;
    if *file.text() != before {
        return Err(changed_meanwhile(file.path(), &draft));
    }
    file.put(text)?;
    fs::remove_file(&draft).map_err(|error| unwritten(&draft, &error))?;
    let settled = settled.list();
    let pairs = settled.iter().zip(after.list());
    let changed: Vec<HomeSetting> =
        pairs.filter(|(before, after)| before.value != after.value).map(|(_, after)| after).collect();
    let effect = ChangeEffect::of(&changed, invocation).await?;
    let keys: Vec<&str> = changed.iter().map(|setting| setting.key).collect();
    match keys.as_slice() {
        [] => invocation.printer.line("No value was changed."),
        keys => {
            invocation.printer.line(format!("Changed: {}", keys.join(", ")));
            invocation.printer.note(effect.note());
        }
    }
    invocation.printer.document("settings-edited", &json!({ "changed": keys, "effect": effect.word() }));
    Ok(())
}

/// What a draft says, if all that was changed in it may stand there; a line for each fault if not.
fn sensible(
    text: &SettingsText,
    settled: &Settings,
    draft: &Path,
    printer: &Printer,
) -> Result<Settings, CommandError> {
    let faults = text.faults(settled);
    let refused = |why: &str| {
        let message = format!("{}: {why}", draft.display());
        let hint = "nothing was changed; `assay config edit` goes on with what you wrote";
        CommandError::new(Exit::Usage, "BAD_SETTINGS", message, hint)
    };
    let told: Vec<String> = faults.iter().map(ToString::to_string).collect();
    match &told[..] {
        [] => text.settings().map_err(|error| refused(&error.to_string())),
        [why] => Err(refused(why)),
        several => {
            several.iter().for_each(|why| printer.note(why));
            let failure = refused(&format!("{} settings make no sense", several.len()));
            Err(failure.with(json!({ "wrong_settings": several })))
        }
    }
}

/// Waits until the user has closed the editor, whose command may have arguments.
fn run(editor: &str, draft: &Path) -> Result<(), CommandError> {
    let hint = "nothing was changed; name an editor in VISUAL or EDITOR";
    let mut words = editor.split_whitespace();
    let program = words.next().unwrap_or_default();
    let ended = Command::new(program).args(words).arg(draft).status();
    let ended = ended.map_err(|error| {
        CommandError::new(Exit::Usage, "NO_EDITOR", format!("{program} cannot be run: {error}"), hint)
    })?;
    if ended.success() {
        return Ok(());
    }
    Err(CommandError::new(Exit::Other, "EDITOR_FAILED", format!("{program} ended with {ended}"), hint))
}

/// The file is not what the draft began with.
fn changed_meanwhile(file: &Path, draft: &Path) -> CommandError {
    let message = format!("{} was changed meanwhile", file.display());
    let hint = format!("take over by hand what you want of {}, and remove it", draft.display());
    CommandError::new(Exit::Other, "CHANGED_MEANWHILE", message, hint)
}

/// Makes a draft that nobody else reads.
fn create(draft: &Path, text: &str) -> std::io::Result<()> {
    use std::io::Write;
    let mut options = fs::OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.create_new(true).write(true).open(draft)?.write_all(text.as_bytes())
}

fn unwritten(draft: &Path, error: &std::io::Error) -> CommandError {
    let message = format!("{} cannot be written: {error}", draft.display());
    CommandError::new(Exit::Other, "DISK", message, "free some space in the home and check who owns it")
}
