//! A key that leaves its home sealed, and comes back.

use std::{
    ffi::OsStr,
    fs::{self, File},
    io::{Read, Write},
    os::unix::{ffi::OsStrExt, fs::PermissionsExt},
    path::Path,
    process::{Child, Stdio},
};

use assay_protocol::signed::{Keypair, Signer};
use rustix::{
    process::{Pid, Signal, kill_process},
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
    termios::{LocalModes, tcgetattr},
};

use crate::{
    assay::{Ran, command},
    homes::{Homestead, private_folder},
    person::Person,
};

const PASSPHRASE: &str = "four words of chance";

/// Writes a passphrase where a command finds it.
fn noted(folder: &Path, passphrase: &str) -> String {
    let file = folder.join("passphrase");
    fs::write(&file, format!("{passphrase}\n")).unwrap();
    file.to_str().unwrap().to_owned()
}

fn seed(person: &Person) -> String {
    fs::read_to_string(person.home.join("identity.key")).unwrap()
}

#[test]
fn a_key_goes_into_another_home_by_its_passphrase_alone() {
    let folder = private_folder();
    let ada = Person::new(folder.path(), "ada");
    let backup = folder.path().join("ada.backup");
    let (file, passphrase) = (backup.to_str().unwrap(), noted(folder.path(), PASSPHRASE));
    let seals = ["key", "backup", file, "--passphrase-file", &passphrase];
    assert_eq!(ada.fails(&seals, 3), "NO_KEY");
    let peer = ada.types(&["key", "new"]).stdout.trim().to_owned();
    assert_eq!(ada.fails(&["key", "backup", file], 2), "NO_PASSPHRASE", "nobody sits there");
    let short = ada.told(&["key", "backup", file, "--passphrase-file", "-", "--json"], "short\n");
    assert!(short.status == Some(2) && short.stderr.contains("PASSPHRASE_SHORT"), "{short:?}");
    assert!(!backup.exists());
    let sealed = ada.types(&seals);
    assert_eq!((sealed.status, sealed.stdout), (Some(0), format!("{file}: the key of {peer}, sealed\n")));
    assert_eq!(fs::metadata(&backup).unwrap().permissions().mode() & 0o777, 0o600);
    let text = fs::read_to_string(&backup).unwrap();
    assert!(text.starts_with("Assay key backup 1\n") && text.contains(&format!("\npeer {peer}\n")), "{text}");
    assert!(!text.contains(seed(&ada).trim()), "{text}");
    assert_eq!(ada.fails(&seals, 2), "FILE", "nothing is written over");

    let ben = Person::new(folder.path(), "ben");
    let opens = ["key", "restore", file, "--passphrase-file", &passphrase];
    noted(folder.path(), "four words of choice");
    assert_eq!(ben.fails(&opens, 4), "WRONG_PASSPHRASE");
    let damaged = folder.path().join("damaged");
    fs::write(&damaged, text.replacen("seed ", "seed 0", 1)).unwrap();
    let damaged = ["key", "restore", damaged.to_str().unwrap(), "--passphrase-file", &passphrase];
    assert_eq!(ben.fails(&damaged, 2), "NOT_A_BACKUP");
    assert_eq!(ben.fails(&["key", "restore", "/nowhere/at.all"], 2), "FILE");
    assert!(!ben.home.exists(), "what fails leaves nothing");
    let restored = ben.told(&["key", "restore", file, "--passphrase-file", "-"], PASSPHRASE);
    assert_eq!(restored.status, Some(0), "{restored:?}");
    assert_eq!(restored.stdout, format!("{} has the key of {peer} now.\n", ben.home.display()));
    assert!(restored.stderr.contains("end every other daemon that has it"), "{restored:?}");
    assert_eq!(seed(&ben), seed(&ada));

    noted(folder.path(), PASSPHRASE);
    let again = ben.asks(&opens);
    assert_eq!((&again["was_here"], again["peer"].as_str()), (&true.into(), Some(&*peer)));
    let cleo = Person::new(folder.path(), "cleo");
    cleo.types(&["key", "new"]);
    let before = seed(&cleo);
    assert_eq!(cleo.fails(&opens, 2), "KEY_PRESENT");
    assert_eq!(seed(&cleo), before);
}

/// A command at a terminal of its own.
struct Keyboard {
    child: Child,
    screen: File,
    line: File,
    got: Vec<u8>,
    shown: String,
}

impl Keyboard {
    fn take(home: &Path, arguments: &[&str]) -> Self {
        let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&terminal).unwrap();
        unlockpt(&terminal).unwrap();
        let name = ptsname(&terminal, Vec::new()).unwrap();
        let line = File::options().read(true).write(true).open(OsStr::from_bytes(name.as_bytes())).unwrap();
        let stdio = || Stdio::from(line.try_clone().unwrap());
        let mut command = command(home, arguments, &[]);
        let child = command.stdin(stdio()).stdout(Stdio::piped()).stderr(stdio()).spawn().unwrap();
        Self { child, screen: File::from(terminal), line, got: Vec::new(), shown: String::new() }
    }

    /// Reads on until the terminal shows something.
    fn waits_for(&mut self, what: &str) {
        while !self.shown.contains(what) {
            let mut bytes = [0; 1024];
            let read = self.screen.read(&mut bytes).unwrap();
            self.got.extend(&bytes[..read]);
            // A letter may be here in part: what is drawn while somebody waits has letters of several bytes.
            self.shown = String::from_utf8_lossy(&self.got).into_owned();
        }
    }

    fn shows_what_is_typed(&self) -> bool {
        tcgetattr(&self.line).unwrap().local_modes.contains(LocalModes::ECHO)
    }

    /// Types a line where it is asked for.
    fn types(&mut self, at: &str, line: &str) {
        self.waits_for(at);
        assert!(!self.shows_what_is_typed());
        self.screen.write_all(format!("{line}\n").as_bytes()).unwrap();
    }

    /// How it ends; the terminal shows again what is typed.
    fn ends(mut self) -> Ran {
        let status = self.child.wait().unwrap().code();
        assert!(self.shows_what_is_typed());
        let mut stdout = String::new();
        self.child.stdout.take().unwrap().read_to_string(&mut stdout).unwrap();
        // What it said last is on the screen once this is.
        self.line.write_all(b"~end~").unwrap();
        self.waits_for("~end~");
        Ran { status, stdout, stderr: self.shown }
    }
}

#[test]
fn a_passphrase_is_typed_twice_and_no_terminal_shows_it() {
    let folder = private_folder();
    let [ada, ben] = ["ada", "ben"].map(|name| Person::new(folder.path(), name));
    ada.types(&["key", "new"]);
    let file = folder.path().join("ada.backup");
    let backs_up = ["key", "backup", file.to_str().unwrap()];

    let mut keyboard = Keyboard::take(&ada.home, &backs_up);
    keyboard.types("A passphrase for the backup, 8 characters or more: ", PASSPHRASE);
    keyboard.types("The same again: ", "four words of choice");
    let differs = keyboard.ends();
    assert!(differs.status == Some(2) && differs.stderr.contains("are not the same"), "{differs:?}");
    assert!(!file.exists());

    let mut keyboard = Keyboard::take(&ada.home, &backs_up);
    keyboard.waits_for("A passphrase for the backup, 8 characters or more: ");
    kill_process(Pid::from_child(&keyboard.child), Signal::TERM).unwrap();
    let ended = keyboard.ends();
    assert!(ended.status == Some(143) && ended.stderr.contains("no passphrase was given"), "{ended:?}");

    let mut keyboard = Keyboard::take(&ada.home, &backs_up);
    keyboard.types("A passphrase for the backup, 8 characters or more: ", PASSPHRASE);
    keyboard.types("The same again: ", PASSPHRASE);
    let sealed = keyboard.ends();
    assert_eq!(sealed.status, Some(0), "{sealed:?}");

    let mut keyboard = Keyboard::take(&ben.home, &["key", "restore", file.to_str().unwrap()]);
    keyboard.types("The passphrase of the backup: ", PASSPHRASE);
    let opened = keyboard.ends();
    assert_eq!((opened.status, seed(&ben)), (Some(0), seed(&ada)), "{opened:?}");
    for shown in [differs, sealed, opened] {
        assert!(!shown.stderr.contains("four words") && !shown.stdout.contains("four words"), "{shown:?}");
    }
}

#[test]
fn a_notary_that_has_its_key_and_not_its_journal_is_warned() {
    let homestead = Homestead::new(true);
    homestead.lives_once(&[]);
    let folder = private_folder();
    let (file, passphrase) = (folder.path().join("nora.backup"), noted(folder.path(), PASSPHRASE));
    let file = file.to_str().unwrap();
    let sealed = homestead.types(&["key", "backup", file, "--passphrase-file", &passphrase]);
    assert!(sealed.status == Some(0) && sealed.stderr.contains("copy the whole home as well"), "{sealed:?}");
    let network = homestead.home.network();
    let fresh = Person::new(folder.path(), "fresh");
    let restored = fresh.types(&["key", "restore", file, "--passphrase-file", &passphrase]);
    assert!(
        restored.stderr.contains("if this peer keeps the books of a network, do not start it"),
        "{restored:?}"
    );
    let joined = fresh.types(&["init", "--yes", "--network", network.to_str().unwrap()]);
    let warning = "keeps the books of here, and its journal is not here";
    assert!(joined.status == Some(0) && joined.stderr.contains(warning), "{joined:?}");
    // Who does as that says is not told to begin anew, and has made no journal of which another warning would be silent.
    let recovered = fresh.types(&["notary", "recover"]);
    assert_eq!(recovered.status, Some(0), "{recovered:?}");
    assert!(recovered.stdout.contains("has lost its journal, and is not to be started"), "{recovered:?}");
    let joined = fresh.types(&["init", "--yes", "--network", network.to_str().unwrap()]);
    assert!(joined.status == Some(0) && joined.stderr.contains(warning), "{joined:?}");
    // The same where the network was known first.
    fs::remove_file(fresh.home.join("identity.key")).unwrap();
    let restored = fresh.types(&["key", "restore", file, "--passphrase-file", &passphrase]);
    assert!(restored.status == Some(0) && restored.stderr.contains(warning), "{restored:?}");
    let seed = Keypair::from_seed([5; 32]).id().to_string();
    assert_eq!(fresh.asks(&["key", "show"])["peer"], seed.as_str());
    // The key of somebody else is beside its journal.
    let key = homestead.home.identity();
    fs::rename(&key, key.with_extension("aside")).unwrap();
    homestead.home.create_key_from([6; 32]).unwrap();
    let other = homestead.types(&["key", "restore", file, "--passphrase-file", &passphrase]);
    assert!(other.status == Some(2) && other.stderr.contains("aside, and say it again"), "{other:?}");
    fs::rename(key.with_extension("aside"), &key).unwrap();
    let own =
        homestead.types(&["key", "restore", file, "--passphrase-file", &passphrase, "--json"]).document();
    assert_eq!(
        (&own["was_here"], &own["has_journal"], &own["is_notary"]),
        (&true.into(), &true.into(), &true.into())
    );
}
