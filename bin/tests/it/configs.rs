//! What a home's user settles once: seen, changed and mended from the command line, in a file that stays its owner's.

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use serde_json::{Value, json};

use crate::{
    assay::{assay, assay_among},
    homes::private_folder,
    statuses::Hermit,
    town::Town,
};

/// As somebody wrote it.
const WRITTEN: &str = "# mine\n[client]\n# a dinner\ncost_max = \"20\"   # at most\n";

fn settled() -> (tempfile::TempDir, PathBuf) {
    let home = private_folder();
    let file = home.path().join("config.toml");
    fs::write(&file, WRITTEN).unwrap();
    (home, file)
}

fn row(home: &Path, key: &str) -> Value {
    let listed = assay(home, &["config", "ls", "--json"]).document();
    listed["settings"].as_array().unwrap().iter().find(|row| row["key"] == key).unwrap().clone()
}

#[test]
fn a_value_is_settled_and_taken_back_and_the_file_stays_its_owners() {
    let (home, file) = settled();
    let set = assay(home.path(), &["config", "set", "client.cost_max", "0.5"]);
    assert_eq!((set.status, set.stdout.as_str()), (Some(0), "client.cost_max = 0.50\n"));
    assert_eq!(set.stderr, "it holds from the next start of the daemon on; none is running\n");
    assert_eq!(fs::read_to_string(&file).unwrap(), WRITTEN.replace("\"20\"", "\"0.50\""));
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(assay(home.path(), &["config", "get", "client.cost_max"]).stdout, "0.50\n");
    let listen = "/ip4/0.0.0.0/tcp/4001,/ip6/::/tcp/4001";
    let set = assay(home.path(), &["config", "set", "daemon.listen", listen, "--json"]).document();
    let addresses = json!(["/ip4/0.0.0.0/tcp/4001", "/ip6/::/tcp/4001"]);
    assert_eq!((&set["value"], &set["effect"]), (&addresses, &json!("no_daemon")));
    assert_eq!(row(home.path(), "daemon.listen")["value"], addresses);
    for nowhere in ["port 4001", "192.168.1.5:4001", "/ip4/0.0.0.0", "/ip4/0.0.0.0/tcp/4001,there"] {
        let refused = assay(home.path(), &["config", "set", "daemon.listen", nowhere]);
        assert_eq!(refused.status, Some(2), "{refused:?}");
        assert!(refused.stderr.contains("addresses such as \"/ip4/0.0.0.0/tcp/4001\""), "{refused:?}");
    }
    let tight = assay(home.path(), &["config", "set", "daemon.blob_bytes_max", "1000"]);
    assert!(tight.status == Some(2) && tight.stderr.contains("expected at least 3145728 bytes"), "{tight:?}");
    let unset = assay(home.path(), &["config", "unset", "client.cost_max"]);
    assert_eq!(unset.stdout, "client.cost_max = 1.00, as is assumed\n");
    let left = fs::read_to_string(&file).unwrap();
    assert!(left.starts_with("# mine\n[client]\n# a dinner\n\n[daemon]\nlisten = "), "{left}");
}

#[test]
fn each_value_says_where_it_comes_from_and_what_heeds_it() {
    let (home, file) = settled();
    let shown = assay(home.path(), &["config", "ls", "--show-origin"]).stdout;
    assert!(shown.contains(&format!("client.cost_max\t20.00\t{}:4\n", file.display())), "{shown}");
    assert!(shown.contains("client.attempts_max\t3\tassumed\n"), "{shown}");
    let (settled, assumed) = (row(home.path(), "client.cost_max"), row(home.path(), "daemon.workers"));
    assert_eq!(
        (&settled["origin"], &settled["line"], &settled["assumed"]),
        (&json!("file"), &json!(4), &json!("1.00"))
    );
    assert_eq!(
        (&assumed["origin"], &assumed["line"], &assumed["value"]),
        (&json!("assumed"), &json!(null), &json!(0))
    );
    assert_eq!((&settled["heeded"], &assumed["heeded"]), (&json!("at_once"), &json!("at_next_start")));
    let path = assay(home.path(), &["config", "path"]).stdout;
    assert_eq!(path, format!("{}\n", file.display()));
}

#[test]
fn a_file_that_makes_no_sense_is_named_and_mended() {
    let (home, file) = settled();
    fs::write(&file, WRITTEN.replace("cost_max", "costmax")).unwrap();
    let ls = assay(home.path(), &["config", "ls"]);
    let line =
        format!("error: {}: client.costmax is no known key; is client.cost_max meant?\n", file.display());
    assert!(ls.status == Some(2) && ls.stderr.starts_with(&line), "{ls:?}");
    assert!(
        ls.stderr.contains("hint: correct it with `assay config edit`, or take the key out with"),
        "{ls:?}"
    );
    let set = assay(home.path(), &["config", "set", "client.attempts_max", "2"]);
    assert!(set.status == Some(2) && set.stderr.starts_with(&line), "{set:?}");
    let unset = assay(home.path(), &["config", "unset", "client.costmax"]);
    assert_eq!(unset.stdout, "client.costmax is gone\n");
    assert_eq!(fs::read_to_string(&file).unwrap(), "# mine\n[client]\n# a dinner\n");
    assert_eq!(assay(home.path(), &["config", "ls"]).status, Some(0));
}

#[test]
fn what_cannot_be_taken_out_alone_is_left_to_its_owner_and_what_stands_in_a_line_is_not() {
    let (home, file) = settled();
    let unset = || assay(home.path(), &["config", "unset", "client.cost_max"]);
    fs::write(&file, "# mine\nclient.cost_max = \"20\"\n").unwrap();
    assert_eq!(unset().stdout, "client.cost_max = 1.00, as is assumed\n");
    assert_eq!(fs::read_to_string(&file).unwrap(), "# mine\n");
    for entangled in ["client = { cost_max = \"20\" }\n", "[client]\ncost_max = \n"] {
        fs::write(&file, entangled).unwrap();
        let refused = unset();
        assert_eq!(refused.status, Some(2), "{refused:?}");
        assert!(refused.stderr.contains("hint: change it with `assay config edit`, which"), "{refused:?}");
        assert_eq!(fs::read_to_string(&file).unwrap(), entangled);
    }
}

/// An editor that writes this.
fn editor(folder: &Path, name: &str, script: &str) -> String {
    let path = folder.join(name);
    fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o700)).unwrap();
    path.display().to_string()
}

#[test]
fn what_is_edited_into_nonsense_is_kept_beside_and_gone_on_with() {
    let (home, file) = settled();
    let tools = private_folder();
    let edit = |script: &str| {
        let editor = editor(tools.path(), "editor", script);
        assay_among(home.path(), &[("EDITOR", &editor), ("PATH", "/usr/bin:/bin")], &["config", "edit"])
    };
    let draft = home.path().join("config.draft.toml");
    let unchanged = edit("true");
    assert_eq!((unchanged.status, unchanged.stderr.as_str()), (Some(0), "nothing was changed\n"));
    assert!(!draft.exists());
    let broken = edit("echo 'run_max = 5' >> \"$1\"");
    assert_eq!(broken.status, Some(2), "{broken:?}");
    assert!(broken.stderr.contains("config.draft.toml: client.run_max is 5: expected a time"), "{broken:?}");
    assert_eq!(fs::read_to_string(&file).unwrap(), WRITTEN, "what holds is as it was");
    let worse = edit("printf 'attempts_max = 0\\n[daemon]\\nlisten = [\"port 4001\"]\\n' >> \"$1\"");
    assert_eq!(worse.status, Some(2), "{worse:?}");
    for fault in [
        "\nclient.run_max is 5: expected a time",
        "\nclient.attempts_max is 0: expected a whole number from 1",
        "\ndaemon.listen is [\"port 4001\"]: expected addresses such as",
        "config.draft.toml: 3 settings make no sense\n",
    ] {
        assert!(worse.stderr.contains(fault), "{fault}: {worse:?}");
    }
    edit(
        "sed -e '/attempts_max/d' -e '/daemon/d' -e '/listen/d' \"$1\" > \"$1.new\" && mv \"$1.new\" \"$1\"",
    );
    let again = edit("sed 's/run_max = 5/run_max = \"5s\"/' \"$1\" > \"$1.new\" && mv \"$1.new\" \"$1\"");
    assert_eq!((again.status, again.stdout.as_str()), (Some(0), "Changed: client.run_max\n"));
    assert_eq!(fs::read_to_string(&file).unwrap(), format!("{WRITTEN}run_max = \"5s\"\n"));
    assert!(!draft.exists());
    let other = format!("echo '[daemon]' >> \"$1\"; echo '# by another' >> {}", file.display());
    let meanwhile = edit(&other);
    assert!(meanwhile.stderr.contains("was changed meanwhile") && draft.exists(), "{meanwhile:?}");
    fs::remove_file(&draft).unwrap();
    let failed = edit("exit 3");
    assert!(failed.status == Some(1) && failed.stderr.contains("editor ended with"), "{failed:?}");
    assert!(!draft.exists(), "nobody wrote anything");
    let absent = [("EDITOR", "/nowhere/editor")];
    let absent = assay_among(home.path(), &absent, &["config", "edit"]);
    assert!(
        absent.status == Some(2) && absent.stderr.contains("/nowhere/editor cannot be run"),
        "{absent:?}"
    );
    assert!(!draft.exists(), "nobody wrote anything");
    let set = assay(home.path(), &["config", "set", "client.attempts_max", "2"]);
    assert_eq!(set.status, Some(0), "{set:?}");
    let after = edit("true");
    assert_eq!((after.status, after.stderr.as_str()), (Some(0), "nothing was changed\n"));
    let written = edit("echo '# mine' >> \"$1\"; exit 3");
    assert!(written.status == Some(1) && draft.exists(), "what was written stays: {written:?}");
}

#[test]
fn a_running_daemon_heeds_what_need_not_wait_for_a_start() {
    let hermit = Hermit::found();
    hermit.status();
    let set = |key: &str, value: &str| hermit.types(&["config", "set", key, value, "--json"]).document();
    assert_eq!(set("client.cost_max", "2")["effect"], "at_once");
    assert_eq!(set("daemon.workers", "1")["effect"], "restart");
    let file = hermit.home().join("config.toml");
    let broken = fs::read_to_string(&file).unwrap() + "\n[clint]\n";
    fs::write(&file, broken).unwrap();
    let refused = hermit.types(&["config", "set", "client.cost_max", "3"]);
    assert_eq!(refused.status, Some(2), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_home_spends_no_more_a_day_than_its_owner_settled() {
    let town = Town::start().await;
    let home = town.network.peer("you").home.root().to_owned();
    let types = |arguments: &[&str]| assay(&home, arguments);
    let key = town.submit().await;
    town.end_of(key).await;
    let status = types(&["status", "--json"]).document();
    let spent = status["spent_today"]["amount"].as_str().unwrap().to_owned();
    assert!(spent.parse::<f64>().unwrap() > 0.0, "{status}");
    assert_eq!((&status["daily_max"], &status["left_today"]), (&Value::Null, &Value::Null));
    let set = types(&["config", "set", "client.daily_max", &spent, "--json"]).document();
    assert_eq!((&set["value"], &set["effect"]), (&json!(spent), &json!("at_once")));
    for ordered in [&["run", "sums", "27+58=", "--units", "64"][..], &["quote", "digits"]] {
        let refused = types(ordered);
        assert_eq!((refused.status, refused.stdout.as_str()), (Some(7), ""), "{refused:?}");
        let line = format!("of the {spent} that this home spends a day at most 0.00 are left");
        assert!(refused.stderr.contains(&line), "{refused:?}");
        assert!(refused.stderr.contains("hint: `assay config set client.daily_max CREDITS`"), "{refused:?}");
    }
    let status = types(&["status", "--json"]).document();
    assert_eq!(
        (&status["daily_max"]["amount"], &status["left_today"]["amount"]),
        (&json!(spent), &json!("0.00"))
    );
    assert_eq!(status["spent_today"]["amount"], json!(spent), "what was refused cost nothing");
    let shown = types(&["status"]).stdout;
    assert!(
        shown.contains(&format!(
            "spent today\t{spent} credits at most; 0.00 of {spent} are left, since midnight UTC\n"
        )),
        "{shown}"
    );
    assert_eq!(types(&["config", "unset", "client.daily_max"]).status, Some(0));
    let answered = types(&["run", "sums", "27+58=", "--units", "64"]);
    assert_eq!((answered.status, answered.stdout.trim()), (Some(0), "85"), "{answered:?}");
}
