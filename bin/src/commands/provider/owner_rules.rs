//! An owner's rules as people and programs read them, beside what the machine shows.
//!
//! **Invariant:** what is changed is changed in the home's file, by one write, and heeded by a daemon that runs before it is shown.

use assay_market::owner::{DaySpan, HeldRule, MachineReading, OwnerRule, OwnerRules, WEEK_MINUTES};
use assay_peer::{
    clock,
    config::{Home, HomeSetting, Settings, SettingsFile},
    handle::{LookAtMachine, MachineView},
};
use assay_protocol::units::{Duration, Timestamp};
use serde_json::{Value, json};

use crate::{
    command_error::{CommandError, Exit},
    commands::config,
    daemon::{Reach, RunningDaemon},
    invocation::Invocation,
    printer::{Table, ago, local, moment},
};

/// A rule, as it is switched off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum RuleKey {
    Program,
    Idle,
    MainsOnly,
    Temperature,
    CardOthers,
}

impl RuleKey {
    /// Where it stands in the file.
    pub(super) fn key(self) -> &'static str {
        match self {
            Self::Program => "provider.programs",
            Self::Idle => "provider.idle_min",
            Self::MainsOnly => "provider.mains_only",
            Self::Temperature => "provider.temperature_max",
            Self::CardOthers => "provider.card_others_max",
        }
    }
}

/// Texts, as they stand in the file.
pub(super) fn list(texts: &[String]) -> String {
    toml::Value::from(texts.to_vec()).to_string()
}

/// A number of bytes, as people write it.
pub(super) fn bytes(text: &str) -> Result<u64, String> {
    let wrong = || "expected a number of bytes such as 512MiB or 2GiB".to_owned();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (count, unit) = text.split_at(digits);
    let each: u64 = match unit.trim() {
        "" | "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return Err(wrong()),
    };
    // As much as a file of settings can hold.
    let number = count.parse::<u64>().ok().and_then(|count| count.checked_mul(each));
    number.filter(|number| i64::try_from(*number).is_ok()).ok_or_else(wrong)
}

/// Changes these keys, where there are any, and has a daemon that runs heed it.
pub(super) async fn settle(
    changes: &[(&'static str, Option<String>)],
    invocation: &Invocation,
) -> Result<(), CommandError> {
    if changes.is_empty() {
        return Ok(());
    }
    config::settled(invocation)?;
    let mut file = SettingsFile::open(&invocation.home)?;
    let mut text = file.text().clone();
    for (key, value) in changes {
        let changed = match value {
            None => text.without(key),
            Some(value) => {
                let setting = config::find(key)?;
                let written = setting.read(value).map_err(|error| {
                    CommandError::new(
                        Exit::Usage,
                        "BAD_VALUE",
                        error,
                        "`assay provider rules --help` has examples",
                    )
                })?;
                text.with(&setting, &written)
            }
        };
        text = changed.map_err(|error| file.blame(error))?;
    }
    file.put(text)?;
    let changed: Result<Vec<HomeSetting>, CommandError> =
        changes.iter().map(|(key, _)| config::find(key)).collect();
    config::ChangeEffect::of(&changed?, invocation).await?;
    Ok(())
}

/// Shows the rules and what the machine shows.
pub(super) async fn show(reach: Reach, invocation: &Invocation) -> Result<(), CommandError> {
    let daemon = RunningDaemon::reach(invocation, reach).await?;
    let machine = daemon.call(LookAtMachine).await?;
    let settings = Settings::read(&invocation.home)?.provider;
    invocation.printer.document("provider-rules", &document(&settings, &machine));
    invocation.printer.table(&table(&settings, &machine));
    let printer = &invocation.printer;
    if settings.are_none() {
        printer
            .note("there are no rules: jobs are taken on at any time, unless `assay pause` says otherwise");
    } else if machine.held.is_empty() {
        printer.note("no rule keeps jobs away: they are taken on");
    } else {
        printer.note("nothing new is taken on");
    }
    let blind: Vec<&str> = OwnerRule::ALL
        .iter()
        .filter(|rule| settings.has(**rule) && now(**rule, &machine.reading).is_none())
        .map(|rule| head(*rule))
        .collect();
    if !blind.is_empty() {
        printer.note(format!(
            "this machine does not show what these are about, so they keep no jobs away: {}",
            blind.join(", ")
        ));
    }
    Ok(())
}

/// The rules and what the machine shows, for pages.
pub(crate) async fn for_pages(home: &Home, daemon: &RunningDaemon) -> Result<Value, CommandError> {
    let machine = daemon.call(LookAtMachine).await?;
    Ok(document(&Settings::read(home)?.provider, &machine))
}

fn table(settings: &OwnerRules, machine: &MachineView) -> Table {
    let mut table = Table::new(["RULE", "LIMIT", "NOW", "KEEPS JOBS AWAY"]).folds(&["LIMIT"]);
    for rule in OwnerRule::ALL {
        let held = machine.held.iter().find(|held| held.rule == rule);
        table.row([
            head(rule).to_owned(),
            settled(rule, settings).unwrap_or_else(|| "-".to_owned()),
            now(rule, &machine.reading).unwrap_or_else(|| "cannot be told here".to_owned()),
            held.map_or_else(|| "-".to_owned(), |held| since(held, settings.settle, clock::wall())),
        ]);
    }
    table
}

/// What a rule is called in a table: as what sets it.
fn head(rule: OwnerRule) -> &'static str {
    match rule {
        OwnerRule::Program => "program",
        OwnerRule::InUse => "idle",
        OwnerRule::OnBattery => "mains-only",
        OwnerRule::TooHot => "temperature",
        OwnerRule::CardInUse => "card-others",
        OwnerRule::OutOfHours => "schedule",
        OwnerRule::NotLooked => "start",
    }
}

fn settled(rule: OwnerRule, settings: &OwnerRules) -> Option<String> {
    match rule {
        OwnerRule::Program => {
            (!settings.programs.is_empty()).then(|| format!("not beside {}", settings.programs.join(", ")))
        }
        OwnerRule::InUse => settings.idle_min.map(|idle| format!("unused for {}", ago(idle))),
        OwnerRule::OnBattery => settings.mains_only.then(|| "on mains alone".to_owned()),
        OwnerRule::TooHot => settings.temperature_max.map(|degrees| format!("up to {degrees} °C")),
        OwnerRule::CardInUse => {
            settings.card_others_max.map(|bytes| format!("up to {} by others", size(bytes)))
        }
        OwnerRule::OutOfHours => {
            let spans: Vec<String> = settings.hours.iter().map(DaySpan::to_string).collect();
            (!spans.is_empty()).then(|| spans.join("; "))
        }
        OwnerRule::NotLooked => None,
    }
}

/// What the machine shows of what a rule is about.
fn now(rule: OwnerRule, reading: &MachineReading) -> Option<String> {
    Some(match rule {
        OwnerRule::Program => match reading.programs.as_ref()?.as_slice() {
            [] => "none of them runs".to_owned(),
            running => format!("{} runs", running.join(", ")),
        },
        OwnerRule::InUse => format!("used {} ago", ago(reading.idle?)),
        OwnerRule::OnBattery => if reading.is_on_battery? { "on battery" } else { "on mains" }.to_owned(),
        OwnerRule::TooHot => format!("{} °C", reading.temperature?),
        OwnerRule::CardInUse => format!("{} by others", size(reading.card_others?)),
        OwnerRule::OutOfHours => clock(reading.minute?),
        OwnerRule::NotLooked => return None,
    })
}

fn clock(minute: u16) -> String {
    let (day, minute) = (minute % WEEK_MINUTES / (24 * 60), minute % (24 * 60));
    let day = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"].get(usize::from(day)).unwrap_or(&"");
    format!("{day} {:02}:{:02}", minute / 60, minute % 60)
}

fn size(bytes: u64) -> String {
    format!("{} MiB", bytes >> 20)
}

/// Since when a rule holds, or how long it has been kept and until when that must go on.
fn since(held: &HeldRule, settle: Duration, now: Timestamp) -> String {
    let Some(until) = held.until else { return format!("since {}", local(held.since)) };
    let kept = settle.0.saturating_sub(until.since(now).0);
    format!("ended {} ago; waits until {}", ago(Duration(kept)), local(until))
}

/// The same where nothing else is known.
fn when(held: &HeldRule) -> String {
    match held.until {
        None => format!("since {}", local(held.since)),
        Some(until) => format!("it has ended; waits until {}", local(until)),
    }
}

/// A rule that holds, in one line.
pub(in crate::commands) fn held_line(held: &HeldRule) -> String {
    let why = match held.rule {
        OwnerRule::Program => "a program runs that is named in the rules",
        OwnerRule::InUse => "somebody uses the machine",
        OwnerRule::OnBattery => "the machine runs on its battery",
        OwnerRule::TooHot => "the machine is too hot",
        OwnerRule::CardInUse => "other programs need the graphics card",
        OwnerRule::OutOfHours => "these are not its hours",
        OwnerRule::NotLooked => {
            return "nothing new is taken on before the machine was looked at again".to_owned();
        }
    };
    format!("nothing new is taken on: {why} ({})", when(held))
}

/// The rules that hold, for programs.
pub(in crate::commands) fn held_documents(held: &[HeldRule]) -> Value {
    let one = |held: &HeldRule| json!({ "rule": held.rule, "since": (held.since != Timestamp::default()).then(|| moment(held.since)), "until": held.until.map(moment) });
    held.iter().map(one).collect()
}

fn document(settings: &OwnerRules, machine: &MachineView) -> Value {
    let ms = |time: Duration| time.0;
    let (reading, hours): (_, Vec<String>) =
        (&machine.reading, settings.hours.iter().map(DaySpan::to_string).collect());
    json!({
        "rules": {
            "programs": settings.programs, "idle_min_ms": settings.idle_min.map(ms), "mains_only": settings.mains_only,
            "temperature_max_celsius": settings.temperature_max, "card_others_max_bytes": settings.card_others_max,
            "hours": hours, "settle_ms": settings.settle.0,
        },
        "reading": {
            "programs_running": reading.programs, "idle_ms": reading.idle.map(ms), "is_on_battery": reading.is_on_battery,
            "temperature_celsius": reading.temperature, "card_others_bytes": reading.card_others,
            "week_minute": reading.minute,
        },
        "rules_held": held_documents(&machine.held),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_of_bytes_is_read_as_people_write_it() {
        let read = ["1", "512MiB", "2 GiB", "8KiB"].map(|text| bytes(text).ok());
        assert_eq!(read, [Some(1), Some(512 << 20), Some(2 << 30), Some(8 << 10)]);
        for text in ["", "GiB", "2GB", "-1", "1.5GiB", "99999999999GiB", "9223372036854775808"] {
            assert!(bytes(text).is_err(), "{text}");
        }
    }

    #[test]
    fn hours_go_on_in_further_lines_at_80_columns() {
        let hours =
            ["Mon-Fri 18:00-08:00", "Sat,Sun 12:00-13:00"].map(|span| span.parse::<DaySpan>().unwrap());
        let settings = OwnerRules { hours: hours.to_vec(), ..OwnerRules::default() };
        let held = vec![HeldRule { rule: OwnerRule::OutOfHours, since: Timestamp(1), until: None }];
        let machine = MachineView { reading: MachineReading::default(), held };
        let lines: Vec<String> =
            table(&settings, &machine).aligned(Some(80)).map(|line| line.text()).collect();
        assert!(lines.iter().all(|line| line.chars().count() <= 80), "{lines:?}");
        let shown = lines.join(" ");
        for word in ["Mon,Tue,Wed,Thu,Fri", "18:00-08:00;", "Sat,Sun", "12:00-13:00"] {
            assert!(shown.split_whitespace().any(|part| part == word), "{word}: {lines:?}");
        }
    }

    #[test]
    fn every_rule_can_be_told_in_one_line() {
        let lines: Vec<String> = OwnerRule::ALL
            .iter()
            .map(|rule| held_line(&HeldRule { rule: *rule, since: Timestamp(1), until: None }))
            .collect();
        for (at, line) in lines.iter().enumerate() {
            assert!(line.starts_with("nothing new is taken on: ") && !lines[..at].contains(line), "{line}");
        }
        let ended =
            HeldRule { rule: OwnerRule::Program, since: Timestamp(1_000), until: Some(Timestamp(70_000)) };
        let row = since(&ended, Duration(60_000), Timestamp(22_000));
        assert_eq!(row, format!("ended 12 s ago; waits until {}", local(Timestamp(70_000))));
        assert_eq!(
            since(&HeldRule { until: None, ..ended }, Duration(60_000), Timestamp(22_000)),
            format!("since {}", local(Timestamp(1_000)))
        );
        assert_eq!([0, 6 * 1440 + 61].map(clock), ["Mon 00:00", "Sun 01:01"]);
    }
}
