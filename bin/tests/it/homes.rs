//! Homes that were opened to others, moved to another network, cut or put back from an older copy: each is refused with
//! its place and what mends it, and nothing is signed.

use std::{
    fs::{self, Permissions},
    io::{BufRead, BufReader},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{self, Instant},
};

use assay_cli::Bundle;
use assay_peer::config::{Home, genesis, to_documented_toml};
use assay_protocol::{
    genesis::Genesis,
    id::PeerId,
    signed::{Keypair, Signer},
    units::Duration,
};
use serde_json::Value;

use crate::assay::{BINARY, assay, command};

/// How long a daemon may take.
const PATIENCE: time::Duration = time::Duration::from_secs(300);
/// Between two looks at a file.
const LOOK_STEP: time::Duration = time::Duration::from_millis(20);

/// A folder that nobody else can enter.
pub(crate) fn private_folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), Permissions::from_mode(0o700)).unwrap();
    folder
}

/// The rules of a network that has a model, and a notary that often says what time it is.
fn rules(name: &str, notary: PeerId) -> Genesis {
    let mut rules = genesis(name, notary);
    rules.notaries.push(notary);
    rules.timers.tick = Duration(100);
    rules.manifests.extend(Bundle::all().iter().map(|bundle| bundle.manifest()));
    rules
}

/// A home of a network on this machine.
pub(crate) struct Homestead {
    _folder: tempfile::TempDir,
    pub(crate) home: Home,
    network: PathBuf,
}

impl Homestead {
    /// A peer's home, in a network whose notary it is itself or somebody who is away.
    pub(crate) fn new(notary: bool) -> Self {
        let folder = private_folder();
        let (home, network) = (Home::at(folder.path().join("home")), folder.path().join("network.toml"));
        let seed = [5; 32];
        let keeper = if notary { Keypair::from_seed(seed).id() } else { PeerId([1; 32]) };
        fs::write(&network, to_documented_toml(&rules("here", keeper), &[])).unwrap();
        home.create_key_from(seed).unwrap();
        let homestead = Self { _folder: folder, home, network };
        let joined = homestead.types(&["init", "--yes", "--network", homestead.network.to_str().unwrap()]);
        assert_eq!(joined.status, Some(0), "{joined:?}");
        homestead
    }

    pub(crate) fn types(&self, arguments: &[&str]) -> crate::assay::Ran {
        assay(self.home.root(), arguments)
    }

    /// Runs the daemon until it is ready and has written, and ends it in good order.
    pub(crate) fn lives_once(&self, extra: &[&str]) {
        self.lives_until(extra, |_| true);
    }

    /// Runs the daemon until its journal has a length that is enough. Nobody is there to be asked what a notary said.
    pub(crate) fn lives_until(&self, extra: &[&str], enough: impl Fn(usize) -> bool) {
        let mut daemon = Command::new(BINARY);
        daemon.args(["up", "--alone", "--tethered", "--listen", "/ip4/127.0.0.1/tcp/0"]).args(extra);
        daemon.env("ASSAY_HOME", self.home.root()).stdin(Stdio::piped());
        let mut daemon = Daemon(daemon.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap());
        let mut lines = BufReader::new(daemon.0.stdout.take().unwrap()).lines();
        assert!(lines.next().unwrap().unwrap().starts_with("Peer "));
        let begun = Instant::now();
        while !enough(self.journal().len()) {
            assert!(begun.elapsed() < PATIENCE, "{} bytes", self.journal().len());
            thread::sleep(LOOK_STEP);
        }
        drop(daemon.0.stdin.take());
        assert!(daemon.0.wait().unwrap().success());
    }

    /// Why the daemon does not start, until something is mended: the code of the failure.
    fn needs_mending(&self, extra: &[&str]) -> Value {
        self.fails(extra, 12)
    }

    /// Why the daemon does not start: the code of the failure.
    fn fails(&self, extra: &[&str], status: i32) -> Value {
        let ran = self.types(&[&["up", "--json"], extra].concat());
        assert_eq!(ran.status, Some(status), "{ran:?}");
        let line = ran.stderr.lines().find(|line| line.starts_with('{')).unwrap_or_else(|| panic!("{ran:?}"));
        serde_json::from_str::<Value>(line).unwrap()["error"]["code"].clone()
    }

    /// The last part of the journal.
    pub(crate) fn part(&self) -> PathBuf {
        let files = fs::read_dir(self.home.journal()).unwrap().map(|entry| entry.unwrap().path());
        files.filter(|path| path.extension().is_some_and(|ending| ending == "records")).max().unwrap()
    }

    pub(crate) fn journal(&self) -> Vec<u8> {
        fs::read(self.part()).unwrap()
    }
}

/// A daemon that ends with the test, however that ends.
struct Daemon(Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn nobody_else_can_read_what_a_peer_keeps() {
    let homestead = Homestead::new(true);
    homestead.lives_once(&[]);
    let home = &homestead.home;
    for folder in [home.root().to_owned(), home.journal(), home.index(), home.blobs(), home.receipts()] {
        assert_eq!(mode(&folder), 0o700, "{}", folder.display());
    }
    for file in [homestead.part(), home.identity()] {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
    fs::set_permissions(home.journal(), Permissions::from_mode(0o755)).unwrap();
    assert_eq!(homestead.fails(&[], 4), "HOME_EXPOSED");
    let said = homestead.types(&["up"]).stderr;
    let mends = format!("hint: run `chmod -R go= {}`", home.root().display());
    assert_eq!(said.lines().last(), Some(mends.as_str()), "{said}");
    fs::set_permissions(home.journal(), Permissions::from_mode(0o700)).unwrap();
    homestead.lives_once(&[]);
}

/// Elsewhere no file has such a name.
#[cfg(target_os = "linux")]
#[test]
fn a_home_whose_name_is_no_text_is_a_home() {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt};

    let folder = private_folder();
    let (home, network) =
        (folder.path().join(OsStr::from_bytes(b"home-\xff")), folder.path().join("network.toml"));
    fs::write(&network, to_documented_toml(&rules("here", PeerId([1; 32])), &[])).unwrap();
    let init = ["init", "--yes", "--network", network.to_str().unwrap()];
    let cases: [(&[&str], i32); 5] = [
        (&["key", "new"], 0),
        (&["key", "show"], 0),
        (&init, 0),
        (&["config", "path"], 0),
        (&["status", "--no-start"], 5),
    ];
    for (arguments, status) in cases {
        let ran = assay(&home, arguments);
        assert_eq!(ran.status, Some(status), "{arguments:?}: {ran:?}");
    }
    for (arguments, status) in cases.into_iter().skip(1) {
        let ran = assay(&home, &[arguments, &["--json"]].concat());
        assert_eq!(ran.status, Some(status), "{arguments:?}: {ran:?}");
    }
    assert!(home.join("network.toml").exists());
    let mut manual = command(&home, &["man", "--output"], &[]);
    let manual = manual.arg(folder.path().join(OsStr::from_bytes(b"\xff"))).output().unwrap();
    assert!(manual.status.success(), "{manual:?}");
}

/// What takes from whoever administers a machine that no mode keeps it out.
const BOUND: [&str; 3] = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"];

/// The program as somebody for whom the modes of files hold; none, where nobody can be made so.
fn unprivileged(home: &Path, arguments: &[&str]) -> Option<Command> {
    if !rustix::process::geteuid().is_root() {
        return Some(command(home, arguments, &[]));
    }
    let bound = || {
        let mut bound = Command::new(BOUND[0]);
        bound.args(&BOUND[1..]);
        bound
    };
    if !bound().arg("true").output().is_ok_and(|tried| tried.status.success()) {
        return None;
    }
    let mut bound = bound();
    bound.arg(BINARY).args(arguments).env_remove("ASSAY_LOG").env("ASSAY_HOME", home);
    Some(bound)
}

#[test]
fn a_home_that_may_not_be_written_is_refused_in_two_lines() {
    let (homestead, bare, folder) = (Homestead::new(false), private_folder(), private_folder());
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let [lines, output] = ["lines.jsonl", "out"].map(at);
    let line =
        r#"{"custom_id":"one","body":{"model":"sums","messages":[{"role":"user","content":"27+58="}]}}"#;
    fs::write(&lines, line).unwrap();
    let (own, network) = (homestead.home.root(), homestead.network.to_str().unwrap());
    let friends = [6, 7, 8, 9].map(|seed| Keypair::from_seed([seed; 32]).id().to_string());
    let friends: Vec<&str> = friends.iter().flat_map(|friend| ["--verifier", friend.as_str()]).collect();
    let founds = [&["network", "new", "lab", "-o", output.as_str()][..], &friends].concat();
    let cases: [(&Path, &[&str]); 8] = [
        (own, &["up", "--listen", "/ip4/127.0.0.1/tcp/0"]),
        (own, &["run", "digits", "-f", &lines]),
        (own, &["provide", "digits"]),
        (own, &["batch", "run", &lines, "-o", &output]),
        (own, &["serve", "--listen", "127.0.0.1:0"]),
        (bare.path(), &["init", "--yes", "--network", network]),
        (bare.path(), &["key", "new"]),
        (bare.path(), &founds),
    ];
    for (home, arguments) in cases {
        let Some(mut program) = unprivileged(home, arguments) else {
            eprintln!("not tried: this runs as root, whom no mode keeps out, and there is no setpriv");
            return;
        };
        fs::set_permissions(home, Permissions::from_mode(0o500)).unwrap();
        let refused = program.stdin(Stdio::null()).output().unwrap();
        fs::set_permissions(home, Permissions::from_mode(0o700)).unwrap();
        let said = String::from_utf8(refused.stderr).unwrap();
        assert_eq!(refused.status.code(), Some(4), "{arguments:?}: {said}");
        let (line, hint) = said.split_once('\n').unwrap();
        assert!(line.starts_with("error: ") && line.contains("Permission denied"), "{arguments:?}: {said}");
        if line.contains("cannot be locked") {
            assert!(line.contains(home.to_str().unwrap()), "{said}");
            let own = "hint: run it as who owns that folder, or name one of your own with --home DIR\n";
            assert_eq!(hint, own, "{arguments:?}");
        } else {
            assert_eq!(hint, "hint: check who owns the home and whether its disk is full\n", "{arguments:?}");
        }
    }
}

#[test]
fn a_home_that_may_not_be_written_is_a_problem_to_the_doctor() {
    let homestead = Homestead::new(false);
    let home = homestead.home.root();
    let Some(mut program) = unprivileged(home, &["doctor"]) else {
        eprintln!("not tried: this runs as root, whom no mode keeps out, and there is no setpriv");
        return;
    };
    fs::set_permissions(home, Permissions::from_mode(0o500)).unwrap();
    let found = program.stdin(Stdio::null()).output().unwrap();
    fs::set_permissions(home, Permissions::from_mode(0o700)).unwrap();
    let said = String::from_utf8(found.stdout).unwrap();
    let named = format!("problem home: the home {} cannot be written: Permission denied", home.display());
    assert!(said.lines().any(|line| line.starts_with(&named)), "{said}");
    assert_eq!(found.status.code(), Some(12), "{said}");
}

#[test]
fn a_home_that_may_not_be_read_is_not_taken_for_none() {
    let homestead = Homestead::new(false);
    let home = homestead.home.root();
    for arguments in [&["status"][..], &["offers"], &["config", "ls"]] {
        let Some(mut program) = unprivileged(home, arguments) else {
            eprintln!("not tried: this runs as root, whom no mode keeps out, and there is no setpriv");
            return;
        };
        fs::set_permissions(home, Permissions::from_mode(0o000)).unwrap();
        let refused = program.stdin(Stdio::null()).output().unwrap();
        fs::set_permissions(home, Permissions::from_mode(0o700)).unwrap();
        let said = String::from_utf8(refused.stderr).unwrap();
        let line =
            format!("error: the home {} may not be read: Permission denied (os error 13)\n", home.display());
        assert!(refused.status.code() == Some(4) && said.starts_with(&line), "{arguments:?}: {said}");
    }
}

#[test]
fn whoever_finds_its_port_taken_is_told_how_to_take_another() {
    let homestead = Homestead::new(false);
    let holder = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("/ip4/127.0.0.1/tcp/{}", holder.local_addr().unwrap().port());
    assert_eq!(homestead.fails(&["--listen", &address], 2), "NOT_LISTENING");
    let odd = homestead.types(&["up", "--listen", "127.0.0.1:4001"]);
    assert!(odd.status == Some(2) && odd.stderr.contains("such as /ip4/0.0.0.0/tcp/4001"), "{odd:?}");
    assert_eq!(homestead.types(&["config", "set", "daemon.listen", &address]).status, Some(0));
    let taken = homestead.types(&["up"]);
    assert_eq!(taken.status, Some(2), "{taken:?}");
    assert!(taken.stderr.contains(&format!("error: cannot listen on {address}: ")), "{taken:?}");
    assert!(taken.stderr.contains("`assay config set daemon.listen "), "{taken:?}");
    let folder = private_folder();
    let network = homestead.network.to_str().unwrap();
    let served = assay(folder.path(), &["init", "--yes", "--network", network]);
    assert_eq!(served.status, Some(0), "{served:?}");
    let gateway = holder.local_addr().unwrap().to_string();
    let busy = assay(folder.path(), &["serve", "--listen", &gateway]);
    let ended = assay(folder.path(), &["down"]);
    assert!(busy.status == Some(2) && busy.stderr.contains("`assay serve --listen "), "{busy:?} {ended:?}");
}

#[test]
fn nobody_joins_a_network_without_having_said_so() {
    let (homestead, folder) = (Homestead::new(false), private_folder());
    let home = folder.path().join("new");
    let joined = assay(&home, &["init", "--network", homestead.network.to_str().unwrap()]);
    assert_eq!(joined.status, Some(2), "{joined:?}");
    let said = &joined.stderr;
    assert!(said.contains("nobody can be asked here") && said.contains("hint: say --yes "), "{said}");
    assert!(!home.exists(), "nothing was made");
}

#[test]
fn whoever_joins_on_a_full_disk_joins_once_there_is_room_and_has_its_rules_as_they_were() {
    let homestead = Homestead::new(false);
    let (home, rules) = (homestead.home.root(), homestead.home.network());
    let network = homestead.network.to_str().unwrap();
    let before = fs::read(&rules).unwrap();
    // No file of this process gets longer than a part of the rules; whether that ends it or is told to it.
    let joins_with_little_room = || {
        let join = "ulimit -f 1; exec \"$0\" init --yes --network \"$1\"";
        let mut shell = Command::new("sh");
        shell.args(["-c", join, BINARY, network]).env("ASSAY_HOME", home).stdin(Stdio::null());
        let ended = shell.output().unwrap();
        assert!(!ended.status.success(), "{ended:?}");
    };
    joins_with_little_room();
    assert!(before.len() > 2048 && fs::read(&rules).unwrap() == before, "they are as they were");
    fs::remove_file(&rules).unwrap();
    joins_with_little_room();
    assert!(!rules.exists(), "half of them are none");
    let joined = homestead.types(&["init", "--yes", "--network", network]);
    assert_eq!((joined.status, fs::read(&rules).unwrap()), (Some(0), before), "{joined:?}");
}

#[test]
fn a_notary_that_asks_nobody_is_told_what_it_risks_and_whoever_keeps_no_books_is_not() {
    for keeps_books in [true, false] {
        let homestead = Homestead::new(keeps_books);
        // It ends at once: nothing is on its standard input.
        let up = homestead.types(&["up", "--alone", "--tethered", "--listen", "/ip4/127.0.0.1/tcp/0"]);
        assert_eq!(up.status, Some(0), "{up:?}");
        assert_eq!(up.stderr.contains("will leave it for good"), keeps_books, "{up:?}");
    }
}

#[test]
fn a_notary_that_is_nowhere_to_be_found_is_not_said_to_have_been_waited_for() {
    // Its notary is somebody of whom no address is known.
    let homestead = Homestead::new(false);
    let audited = homestead.types(&["notary", "audit"]);
    let ended = homestead.types(&["down"]);
    assert_eq!((audited.status, ended.status), (Some(13), Some(0)), "{audited:?}");
    assert!(audited.stderr.contains(" cannot be reached\n"), "{audited:?}");
}

#[test]
fn a_home_whose_network_file_was_changed_does_not_start() {
    let homestead = Homestead::new(true);
    homestead.lives_once(&[]);
    let file = fs::read_to_string(&homestead.network).unwrap();
    let other = to_documented_toml(&rules("elsewhere", Keypair::from_seed([5; 32]).id()), &[]);
    let before = homestead.journal();
    fs::write(homestead.home.network(), other).unwrap();
    assert_eq!(homestead.fails(&[], 2), "OTHER_NETWORK");
    assert_eq!(homestead.journal(), before);
    fs::write(homestead.home.network(), file).unwrap();
    homestead.lives_once(&[]);
}

#[test]
fn a_notary_whose_journal_lost_its_end_signs_nothing() {
    let homestead = Homestead::new(true);
    homestead.lives_until(&[], |bytes| bytes > 1024);
    let copy = homestead.journal();
    homestead.lives_until(&[], |bytes| bytes > copy.len() + 1024);
    fs::write(homestead.part(), &copy).unwrap();
    assert_eq!(homestead.needs_mending(&[]), "JOURNAL_CUT");
    assert_eq!(homestead.fails(&["--accept-lost-tail"], 4), "NOTARY_WOULD_FORK");
    assert_eq!(homestead.journal(), copy);
    let mut flipped = copy.clone();
    *flipped.last_mut().unwrap() ^= 1;
    fs::write(homestead.part(), &flipped).unwrap();
    assert_eq!(homestead.needs_mending(&[]), "JOURNAL_DAMAGED");
    assert_eq!(homestead.journal(), flipped);
    let lost = homestead.types(&["notary", "recover"]);
    assert!(lost.stdout.contains("Put back the newest copy") && lost.status == Some(12), "{lost:?}");
    for said in [homestead.types(&["up"]).stderr, lost.stderr] {
        assert!(said.contains("notary recover") && !said.contains("--accept-lost-tail"), "{said}");
    }
    fs::remove_dir_all(homestead.home.journal()).unwrap();
    assert_eq!(homestead.needs_mending(&[]), "JOURNAL_CUT");
    // Nothing else but the mark says that there was a journal, and whoever looks begins an empty one.
    fs::remove_dir_all(homestead.home.index()).unwrap();
    for _ in 0..2 {
        let lost = homestead.types(&["notary", "recover"]);
        assert!(lost.stdout.contains("Put back the newest copy") && lost.status == Some(12), "{lost:?}");
        assert!(lost.stderr.contains("their journal is gone"), "{lost:?}");
    }
}

#[test]
fn another_peer_may_go_on_without_what_is_lost() {
    let homestead = Homestead::new(false);
    homestead.lives_once(&[]);
    let provided = homestead.types(&["provide", "digits", "--price", "0.03"]);
    homestead.types(&["down"]);
    assert_eq!(provided.status, Some(0), "{provided:?}");
    let mut flipped = homestead.journal();
    *flipped.last_mut().unwrap() ^= 1;
    fs::write(homestead.part(), &flipped).unwrap();
    assert_eq!(homestead.needs_mending(&[]), "JOURNAL_DAMAGED");
    homestead.lives_once(&["--accept-lost-tail"]);
    let mut beside = fs::read_dir(homestead.home.root()).unwrap().map(|entry| entry.unwrap().path());
    let aside = beside.find(|path| path.to_string_lossy().contains("journal.lost-")).unwrap();
    let kept = fs::read(aside.join(homestead.part().file_name().unwrap())).unwrap();
    assert!(flipped.ends_with(&kept) && !kept.is_empty());
    homestead.lives_once(&[]);
}

#[test]
fn a_home_whose_key_is_lost_or_anothers_says_how_it_comes_back_and_nothing_is_made_anew() {
    let homestead = Homestead::new(true);
    homestead.lives_once(&[]);
    let (key, aside) = (homestead.home.identity(), homestead.home.root().join("aside"));
    fs::rename(&key, &aside).unwrap();
    let network = homestead.network.to_str().unwrap();
    let cases: [&[&str]; 5] =
        [&["up"], &["status"], &["key", "show"], &["key", "new"], &["init", "--yes", "--network", network]];
    for typed in cases {
        let lost = homestead.types(typed);
        assert_eq!(lost.status, Some(4), "{typed:?}: {lost:?}");
        assert!(lost.stderr.contains("put it back with `assay key restore FILE`"), "{typed:?}: {lost:?}");
        assert!(!key.exists(), "{typed:?} has made another");
    }
    homestead.home.create_key_from([6; 32]).unwrap();
    let before = homestead.journal();
    assert_eq!(homestead.needs_mending(&[]), "OTHER_KEY");
    let said = homestead.types(&["up"]).stderr;
    let hint = said.lines().last().unwrap();
    let owner = Keypair::from_seed([5; 32]).id().to_string();
    assert!(hint.contains(&format!("that of {} with `assay key restore FILE`", &owner[..12])), "{said}");
    for (typed, told) in [(["status", "--json"], "\"code\":\"OTHER_KEY\""), (["account", "show"], hint)] {
        let started = homestead.types(&typed);
        assert_eq!(started.status, Some(12), "what it started ended so: {started:?}");
        assert!(started.stderr.contains(told), "{started:?}");
    }
    let log = homestead.types(&["logs"]);
    assert!(log.stdout.contains("error: ") && !log.stdout.contains("last words"), "{log:?}");
    let recovered = homestead.types(&["notary", "recover"]);
    assert_eq!((recovered.status, &*recovered.stdout), (Some(2), ""), "{recovered:?}");
    assert!(recovered.stderr.contains("keeps no books"), "{recovered:?}");
    assert_eq!(homestead.journal(), before);
    fs::rename(&aside, &key).unwrap();
    homestead.lives_once(&[]);
}
