//! What people type who know other tools, and how it is said here.

/// The commands of other tools.
const COMMANDS: [(&str, &str); 21] = [
    ("ask", "`assay run MODEL \"what is asked\"` asks once, `assay chat MODEL` goes on"),
    ("balance", "`assay account show` says what there is"),
    ("cancel", "`assay job cancel JOB` ends a job"),
    ("generate", "`assay run MODEL \"what is asked\"` asks once, `assay chat MODEL` goes on"),
    ("jobs", "`assay job ls` lists jobs"),
    ("list", "`assay model ls` lists models, `assay offers` what can be ordered, `assay job ls` jobs"),
    ("login", "nobody logs in: `assay init --network FILE` makes a key, which is who you are"),
    ("logout", "nobody logs in: `assay down` ends the daemon, `assay leave` leaves the network"),
    ("ls", "`assay model ls` lists models, `assay offers` what can be ordered, `assay job ls` jobs"),
    ("models", "`assay model ls` lists models, `assay offers` what can be ordered"),
    ("peers", "`assay status` says who is connected, `assay offers` who offers what"),
    ("price", "`assay quote MODEL` says what a job would cost"),
    ("providers", "`assay offers` lists who offers what"),
    ("pull", "`assay model pull MODEL` fetches one; to order a job nobody needs to"),
    ("register", "`assay init --network FILE` makes a key, which is who you are"),
    ("rm", "`assay model rm MODEL` removes a model"),
    ("show", "`assay model show MODEL`, `assay job show JOB` and `assay account show` do"),
    ("signup", "`assay init --network FILE` makes a key, which is who you are"),
    ("start", "`assay up` starts the daemon"),
    ("stop", "`assay down` ends the daemon"),
    ("wallet", "`assay account show` says what there is"),
];

/// The commands that order a job of what is asked.
const ORDERS: [&str; 3] = ["assay run", "assay quote", "assay job submit"];
/// The flags by which other tools are told what is asked.
const ASKED: [&str; 8] = ["--prompt", "-p", "--text", "--input", "-i", "--message", "-m", "--query"];

/// The flags by which daemons of other tools leave the terminal.
const DETACHED: [&str; 6] = ["--background", "--daemon", "--daemonize", "--detach", "-d", "--fork"];

/// What a command of another tool is called here.
pub(crate) fn command(word: &str) -> Option<&'static str> {
    COMMANDS.iter().find(|(other, _)| *other == word).map(|(_, here)| *here)
}

/// How what another tool has a flag for is said to the command at this path.
pub(crate) fn flag(path: &str, flag: &str) -> Option<String> {
    let flag = flag.split('=').next().unwrap_or(flag);
    if path == "assay up" && DETACHED.contains(&flag) {
        let hint = "`assay status` starts it in the background where none runs, as each command does that needs one; \
            `assay service install` has the system do so";
        Some(hint.to_owned())
    } else if !ORDERS.contains(&path) {
        None
    } else if ASKED.contains(&flag) {
        Some(format!(
            "what is asked stands behind the model, without a flag: `{path} MODEL \"what is asked\"`"
        ))
    } else if flag == "--model" {
        Some(format!("the model stands first, without a flag: `{path} MODEL \"what is asked\"`"))
    } else {
        None
    }
}

/// How the command at this path is given what it misses.
pub(crate) fn missing(path: &str, arguments: &str) -> Option<String> {
    let is_input = ORDERS.contains(&path) && arguments.ends_with("<INPUT>");
    is_input.then(|| {
        format!("what is asked, or the file with it, stands behind the model; `{path} MODEL -` reads standard input")
    })
}

/// How a value of an argument is said to the command at this path, where that was said otherwise.
pub(crate) fn value(path: &str, argument: &str) -> Option<String> {
    if argument.starts_with("--home ") {
        // No other home is taken for one that was meant and is not there: it is somebody else's money.
        let hint = "name a folder with --home DIR or ASSAY_HOME, or neither; an ASSAY_HOME that is empty names none: `unset ASSAY_HOME`";
        return Some(hint.to_owned());
    }
    argument.starts_with("--since ").then(|| {
        format!(
            "so long ago: `{path} --since 30m`, 2h or 7d; from a day on: `--since 2026-11-28`, or from a time of it here: \
             `--since \"2026-11-28 09:30\"`"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::job::ls::Since;

    #[test]
    fn what_other_tools_call_otherwise_has_a_name_here() {
        assert!(command("balance").unwrap().starts_with("`assay account show`"));
        assert!(command("models").unwrap().starts_with("`assay model ls`"));
        assert_eq!(command("jbo"), None);
        assert!(COMMANDS.is_sorted_by(|(one, _), (next, _)| one < next));
    }

    #[test]
    fn what_is_asked_is_no_flag_of_a_command_that_orders() {
        for typed in ["--prompt", "--prompt=x", "-m"] {
            assert!(
                flag("assay run", typed).unwrap().ends_with("`assay run MODEL \"what is asked\"`"),
                "{typed}"
            );
        }
        assert_eq!(flag("assay run", "--speed"), None);
        assert_eq!(flag("assay batch run", "--input"), None);
        assert!(missing("assay run", "were not provided: <INPUT>").unwrap().contains("`assay run MODEL -`"));
        assert_eq!(missing("assay batch run", "were not provided: <INPUT>"), None);
    }

    #[test]
    fn who_wants_a_daemon_in_the_background_is_told_what_starts_one() {
        for typed in ["--background", "--daemon=yes", "-d"] {
            assert!(flag("assay up", typed).unwrap().starts_with("`assay status` starts it"), "{typed}");
        }
        assert_eq!(flag("assay status", "--background"), None);
        assert_eq!(flag("assay up", "--quick"), None);
    }

    #[test]
    fn each_form_of_a_time_that_a_hint_names_is_taken() {
        let hint = value("assay logs", "--since <TIME>").unwrap();
        assert!(hint.starts_with("so long ago: `assay logs --since 30m`, 2h or 7d; "), "{hint}");
        for time in ["30m", "2h", "7d", "2026-11-28", "2026-11-28 09:30"] {
            assert!(hint.contains(time) && time.parse::<Since>().is_ok(), "{time}");
        }
        assert_eq!(value("assay run", "--timeout <TIME>"), None);
    }
}
