//! What a service is described by: a unit of systemd, or a property list of launchd.
//!
//! **Invariant:** a path means itself, whatever characters are in it.

/// Exit statuses after which to start again changes nothing: no home, a daemon that has it already, something to mend.
const FINAL: [u8; 3] = [3, 5, 12];

/// The words of the command that a service is.
fn words<'a>(program: &'a str, home: &'a str, more: &'a [String]) -> impl Iterator<Item = &'a str> {
    [program, "--home", home, "up"].into_iter().chain(more.iter().map(String::as_str))
}

/// A unit of a user's systemd, for a daemon that is started with these arguments.
pub(super) fn systemd(program: &str, home: &str, more: &[String]) -> String {
    let arguments = words(program, home, more).map(quoted).collect::<Vec<_>>().join(" ");
    let last = FINAL.map(|status| status.to_string()).join(" ");
    format!(
        "\
[Unit]
Description=Assay, a peer of a marketplace for inference
Documentation=man:assay(1)

[Service]
ExecStart={arguments}
Restart=on-failure
RestartSec=5
RestartPreventExitStatus={last}
SuccessExitStatus=143
TimeoutStopSec=60

[Install]
WantedBy=default.target
"
    )
}

/// A word of a command in a unit.
fn quoted(word: &str) -> String {
    let mut quoted = String::from("\"");
    for character in word.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            // What begins with these is replaced by something else.
            '%' | '$' => quoted.extend([character, character]),
            _ => quoted.push(character),
        }
    }
    quoted.push('"');
    quoted
}

/// A property list of a user's launchd, which starts again whatever did not end well. What is said goes into a file.
pub(super) fn launchd(label: &str, program: &str, home: &str, more: &[String], log: &str) -> String {
    let arguments = words(program, home, more);
    let arguments: String =
        arguments.map(|word| format!("    <string>{}</string>\n", escaped(word))).collect();
    format!(
        "\
<?xml version=\"1.0\" encoding=\"UTF-8\"?>
<!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" \"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">
<plist version=\"1.0\">
<dict>
  <key>Label</key>
  <string>{}</string>
  <key>ProgramArguments</key>
  <array>
{arguments}  </array>
  <key>RunAtLoad</key>
  <true/>
  <key>KeepAlive</key>
  <dict>
    <key>SuccessfulExit</key>
    <false/>
  </dict>
  <key>ThrottleInterval</key>
  <integer>10</integer>
  <key>ExitTimeOut</key>
  <integer>60</integer>
  <key>StandardOutPath</key>
  <string>{log}</string>
  <key>StandardErrorPath</key>
  <string>{log}</string>
</dict>
</plist>
",
        escaped(label),
        log = escaped(log)
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_means_itself_whatever_is_in_it() {
        let unit = systemd("/opt/a b/assay", r#"/home/100%/"x"\$HOME"#, &[]);
        let line = unit.lines().find(|line| line.starts_with("ExecStart=")).unwrap();
        assert_eq!(line, r#"ExecStart="/opt/a b/assay" "--home" "/home/100%%/\"x\"\\$$HOME" "up""#);
        let serve = ["--serve".to_owned(), "127.0.0.1:80".to_owned()];
        let unit = systemd("/opt/assay", "/home/a", &serve);
        assert!(unit.contains("\"up\" \"--serve\" \"127.0.0.1:80\"\n"), "{unit}");
        let list = launchd("assay", "/opt/assay", "/home/<a&b>", &serve, "/home/<a&b>/daemon.log");
        assert!(list.contains("    <string>127.0.0.1:80</string>\n  </array>"), "{list}");
        assert!(list.contains("    <string>/home/&lt;a&amp;b&gt;</string>\n"), "{list}");
    }
}
