//! How long nobody has used the machine: at its terminals, and before its screens.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
    thread,
    time::{Duration as Wait, Instant, UNIX_EPOCH},
};

use assay_protocol::units::{Duration, Timestamp};

use crate::clock::wall;

/// How long the system's login service may take to answer.
const LOGIN_WAIT: Wait = Wait::from_secs(1);
const LOGIN_STEP: Wait = Wait::from_millis(5);
/// Kinds of sessions with a screen.
const SCREENS: [&str; 3] = ["x11", "wayland", "mir"];

/// The time since somebody last used it; nothing where the system does not say.
pub(super) fn idle(root: &Path) -> Option<Duration> {
    let terminal = terminals(root).into_iter().max();
    let screens = screens(root);
    let now = wall();
    terminal.into_iter().chain(screens).map(|used| now.since(used)).min()
}

/// When each terminal was last read from: a program reads once somebody types.
fn terminals(root: &Path) -> Vec<Timestamp> {
    let of = |folder: &str| super::entries(&root.join(folder)).into_iter().flatten();
    let consoles = of("dev").filter(|path| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        name.strip_prefix("tty")
            .is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit()) && !number.is_empty())
    });
    let all = consoles.chain(of("dev/pts").filter(|path| !path.ends_with("ptmx")));
    all.filter_map(|path| {
        let read = fs::metadata(path).ok()?.accessed().ok()?.duration_since(UNIX_EPOCH).ok()?;
        u64::try_from(read.as_millis()).ok().map(Timestamp)
    })
    .collect()
}

/// When somebody last sat before each screen, by the word of the session that shows it.
fn screens(root: &Path) -> Vec<Timestamp> {
    let sessions = super::entries(&root.join("run/systemd/sessions")).into_iter().flatten();
    // Beside each lies a pipe, and whoever opens that waits for ever.
    let files = sessions.filter(|session| session.extension().is_none());
    let shown = files.filter(|session| {
        let text = super::said(session).unwrap_or_default();
        let is = |key: &str| text.lines().find_map(|line| line.strip_prefix(key)).unwrap_or_default();
        // Whoever only shows where to log in is nobody.
        SCREENS.contains(&is("TYPE=")) && is("CLASS=").starts_with("user") && is("STATE=") != "closing"
    });
    let ids = shown.filter_map(|session| Some(session.file_name()?.to_str()?.to_owned()));
    ids.filter_map(|id| last_used(&ask_login(&id)?, wall())).collect()
}

/// Asks the system's login service of one session.
fn ask_login(session: &str) -> Option<String> {
    let mut child = Command::new("loginctl")
        .args(["show-session", "--property=IdleHint", "--property=IdleSinceHint", "--", session])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let until = Instant::now() + LOGIN_WAIT;
    // The answer is two lines, which fit into any pipe.
    while child.try_wait().ok()?.is_none() {
        if Instant::now() >= until {
            drop(child.kill());
            drop(child.wait());
            return None;
        }
        thread::sleep(LOGIN_STEP);
    }
    let output = child.wait_with_output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// A session says whether it is idle, and since when, in millionths of a second.
fn last_used(answer: &str, now: Timestamp) -> Option<Timestamp> {
    let said = |key: &str| answer.lines().find_map(|line| line.strip_prefix(key));
    match said("IdleHint=")? {
        "yes" => Some(Timestamp(said("IdleSinceHint=")?.parse::<u64>().ok()? / 1_000)),
        "no" => Some(now),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{File, FileTimes};

    use super::*;

    #[test]
    fn whoever_typed_last_at_any_terminal_has_used_the_machine() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(idle(folder.path()), None, "no terminal, no screen");
        let now = wall();
        let put = |name: &str, ago: u64| {
            let path = folder.path().join("dev").join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            let read = UNIX_EPOCH + Wait::from_millis(now.0 - ago);
            File::create(&path).unwrap().set_times(FileTimes::new().set_accessed(read)).unwrap();
        };
        let minutes = || idle(folder.path()).map(|idle| idle.0 / 60_000);
        put("tty1", 90 * 60_000);
        put("ttyS0", 0);
        put("tty", 0);
        put("pts/ptmx", 0);
        assert_eq!(minutes(), Some(90));
        put("pts/0", 10 * 60_000);
        put("pts/1", 30 * 60_000);
        assert_eq!(minutes(), Some(10));
    }

    #[test]
    fn a_session_says_since_when_it_is_idle() {
        let now = Timestamp(1_800_000_000_000);
        let idle = "IdleHint=yes\nIdleSinceHint=1799999999000000\n";
        assert_eq!(last_used(idle, now), Some(Timestamp(1_799_999_999_000)));
        assert_eq!(last_used("IdleSinceHint=0\nIdleHint=no\n", now), Some(now));
        for nothing in ["", "IdleHint=maybe", "IdleHint=yes", "IdleHint=yes\nIdleSinceHint=x"] {
            assert_eq!(last_used(nothing, now), None, "{nothing}");
        }
    }
}
