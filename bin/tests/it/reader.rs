//! Somebody who types what a page shows, at a terminal, from its top to its end.
//!
//! **Invariant:** what is printed for programs is held to its schemas as it came, whatever the page leaves out of it.
//!
//! With `ASSAY_TRANSCRIPTS=write` in the environment, what was printed is written into the pages instead of being compared,
//! but for lines that leave something out and are right. With `ASSAY_TRANSCRIPTS=loosen`, what was another this time than the
//! page shows is left out of it: whoever has written pages types them once more so, and looks at what is another each time.

use std::{
    collections::BTreeSet,
    env, fs,
    fs::File,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::{
    assay::{BINARY, ZONE, assay},
    likeness::{Likeness, loosened},
    pages::{Page, Step, words},
    schema_set,
    screen::{drawn, on_terminal},
    town::Town,
};

/// What the folder of whoever reads is called in the pages.
const FOLDER: &str = "/home/you";
/// Where it is made, with a name that makes it as long: what is fitted to a terminal is fitted alike wherever tests are run.
const FOLDERS: &str = "/tmp/";
/// What lies in it at first, beside what the demonstration leaves to those who join.
const MODEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../models/sums/sums.gguf");
/// Where a home is for whom no other is named.
const HOME: &str = ".local/share/assay";
/// What only looks at what others said and did, which may need a moment to arrive: it is typed again until it shows the page's.
const LOOKS: [&str; 18] = [
    "account history",
    "account show",
    "devnet ls",
    "doctor",
    "earnings",
    "job explain",
    "job logs",
    "job ls",
    "job show",
    "job wait",
    "logs",
    "model show",
    "offers",
    "ps",
    "quote",
    "receipt ls",
    "status",
    "why",
];
/// For how long, on a busy machine, and the time between.
const PATIENCE: Duration = Duration::from_secs(180);
const LOOK_STEP: Duration = Duration::from_millis(250);
/// For how long once something never came, and where what comes is written down anyhow.
const PATIENCE_LEFT: Duration = Duration::from_secs(5);
/// What says what is done with a page that shows something else.
const VARIABLE: &str = "ASSAY_TRANSCRIPTS";

/// Whoever types what a page shows. Their daemons end with them.
pub(crate) struct Reader {
    folder: tempfile::TempDir,
    homes: BTreeSet<PathBuf>,
    devnets: BTreeSet<PathBuf>,
    likeness: Likeness,
    /// How long what only looks may be typed again.
    patience: Duration,
    /// How the last command ended.
    status: i32,
}

/// A command of a page, taken apart.
struct TypedLine {
    /// What stands before the program's name.
    variables: Vec<(String, String)>,
    words: Vec<String>,
    /// The file that is its standard input.
    told: Option<String>,
}

/// What is done with what a page shows wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mending {
    Nothing,
    Write,
    Loosen,
}

impl Mending {
    fn asked() -> Self {
        match env::var(VARIABLE).as_deref() {
            Ok("write") => Self::Write,
            Ok("loosen") => Self::Loosen,
            Ok(_) | Err(_) => Self::Nothing,
        }
    }

    /// How long what a page shows is waited for.
    fn patience(self) -> Duration {
        match self {
            Self::Nothing => PATIENCE,
            Self::Write | Self::Loosen => PATIENCE_LEFT,
        }
    }

    /// What stands in the page from now on.
    fn mends(self, likeness: &Likeness, shown: &[String], told: &[String]) -> Vec<String> {
        match self {
            Self::Loosen => loosened(likeness, shown, told),
            Self::Nothing | Self::Write => likeness.keeping(shown, told),
        }
    }
}

/// Has pages typed in a town, each by somebody who has just come there, and says where they show something else than what
/// comes of it.
pub(crate) fn are_read(town: &Town, pages: impl IntoIterator<Item = String>) -> Vec<String> {
    let reads = |page: String| {
        let mut reader = Reader::new(Likeness::default());
        reader.settles(town);
        reader.reads(&page)
    };
    pages.into_iter().flat_map(reads).collect()
}

impl Reader {
    pub(crate) fn new(likeness: Likeness) -> Self {
        let letters = FOLDER.len() - FOLDERS.len();
        let folder = tempfile::Builder::new().prefix("").rand_bytes(letters).tempdir_in(FOLDERS).unwrap();
        let homes = BTreeSet::from([folder.path().join(HOME)]);
        let patience = Mending::asked().patience();
        Self { folder, homes, devnets: BTreeSet::new(), likeness, patience, status: 0 }
    }

    /// Gives the reader the files that whoever joins such a network has.
    fn settles(&self, town: &Town) {
        let files = fs::read_dir(town.network.folder()).unwrap().map(|entry| entry.unwrap().path());
        for file in files.filter(|path| path.is_file()).chain([MODEL.into()]) {
            fs::copy(&file, self.folder.path().join(file.file_name().unwrap())).unwrap();
        }
    }

    /// Types a page, and says where it shows something else than what comes of it; or mends that.
    pub(crate) fn reads(&mut self, page: &str) -> Vec<String> {
        let (mut page, mending) = (Page::read(page), Mending::asked());
        let (mut edits, mut wrong) = (Vec::new(), Vec::new());
        let steps = page.steps();
        assert!(!steps.is_empty(), "{} shows nothing", page.name);
        for (step, next) in steps.iter().zip(steps.iter().skip(1).map(Some).chain([None])) {
            let (said, is_like) = self.compares(step, page.lines(&step.shown));
            if self.status != 0 && !next.is_some_and(Step::asks_status) {
                wrong.push(format!("{}: `{}` ends with {}: {said:#?}", page.name, step.command, self.status));
            }
            if !is_like {
                let told: Vec<String> = said.iter().map(|line| self.likeness.shown(line)).collect();
                let shown = page.lines(&step.shown);
                let (before, prints) = (shown.join("\n"), told.join("\n"));
                wrong
                    .push(format!("{}: `{}` shows\n{before}\nand prints\n{prints}", page.name, step.command));
                let mended = mending.mends(&self.likeness, shown, &told);
                // What the page has no name for goes by its own.
                self.likes(&mended, &said);
                edits.push((step.shown.clone(), mended));
            }
        }
        if mending != Mending::Nothing {
            wrong.iter().for_each(|what| eprintln!("{what}\n"));
            page.put(edits);
            wrong.retain(|what| what.contains("` ends with "));
        }
        wrong
    }

    /// What comes of a command, and whether it is what the page shows.
    fn compares(&mut self, step: &Step, shown: &[String]) -> (Vec<String>, bool) {
        let verbs = step.verbs().into_iter().take(2).collect::<Vec<_>>().join(" ");
        let is_look = LOOKS.iter().any(|look| verbs.starts_with(look));
        let deadline = Instant::now() + self.patience;
        loop {
            let said = self.types(step, shown);
            if self.likes(shown, &said) {
                return (said, true);
            }
            if !is_look {
                return (said, false);
            }
            if Instant::now() >= deadline {
                self.patience = PATIENCE_LEFT;
                return (said, false);
            }
            thread::sleep(LOOK_STEP);
        }
    }

    fn likes(&mut self, shown: &[String], said: &[String]) -> bool {
        let mut likeness = self.likeness.clone();
        let is_like = likeness.holds(shown, said);
        if is_like {
            self.likeness = likeness;
        }
        is_like
    }

    /// What comes of a command.
    fn types(&mut self, step: &Step, shown: &[String]) -> Vec<String> {
        let typed = TypedLine::of(&self.likeness.typed(&step.command));
        let words: Vec<&str> = typed.words.iter().map(String::as_str).collect();
        match words.as_slice() {
            ["assay", arguments @ ..] => self.asks(arguments, &typed),
            ["cat", file] => self.finds(file, shown),
            ["echo", "$?"] => vec![std::mem::take(&mut self.status).to_string()],
            other => panic!("nobody here knows how to type {other:?}"),
        }
    }

    fn asks(&mut self, arguments: &[&str], typed: &TypedLine) -> Vec<String> {
        let folder = self.folder.path();
        let behind = |option: &str| Some(arguments[arguments.iter().position(|word| *word == option)? + 1]);
        self.homes.extend(behind("--home").map(|home| folder.join(home)));
        self.devnets.extend(behind("--dir").map(|devnet| folder.join(devnet)));
        let mut command = Command::new(BINARY);
        command.args(arguments).env_clear().env("HOME", folder).env("TMPDIR", folder).env("NO_COLOR", "1");
        command.env("TZ", ZONE);
        command.envs(typed.variables.iter().cloned()).current_dir(folder);
        let told = typed.told.as_ref().map(|file| File::open(folder.join(file)).unwrap());
        let (status, got) = on_terminal(command, told.map_or_else(Stdio::null, Stdio::from), true);
        self.status = status.unwrap_or(-1);
        if arguments.contains(&"--json") {
            schema_set::judge(&got);
        }
        let folder = folder.to_str().unwrap();
        let seen = |line: &String| line.replace(folder, FOLDER).replace(BINARY, "/usr/bin/assay");
        drawn(&got).iter().map(seen).collect()
    }

    /// What a file says. One that is not there is written as the page shows it: the reader has it from the page.
    fn finds(&self, file: &str, shown: &[String]) -> Vec<String> {
        let path = self.folder.path().join(file);
        if !path.exists() {
            fs::write(&path, shown.join("\n") + "\n").unwrap();
        }
        fs::read_to_string(&path).unwrap().lines().map(str::to_owned).collect()
    }
}

impl TypedLine {
    fn of(command: &str) -> Self {
        let mut words = words(command);
        let is_set = |word: &String| word.split_once('=').is_some_and(|(name, _)| is_variable(name));
        let count = words.iter().take_while(|word| is_set(word)).count();
        let set = words.drain(..count).filter_map(|word| {
            let (name, value) = word.split_once('=')?;
            Some((name.to_owned(), value.to_owned()))
        });
        let variables = set.collect();
        let told = command.split_once(" < ").map(|(_, file)| file.trim().to_owned());
        Self { variables, words, told }
    }
}

fn is_variable(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_')
}

impl Drop for Reader {
    fn drop(&mut self) {
        let exists = |home: &&PathBuf| Path::exists(home);
        self.homes.iter().filter(exists).for_each(|home| drop(assay(home, &["down"])));
        let home = self.folder.path().join(HOME);
        for devnet in self.devnets.iter().filter(exists) {
            drop(assay(&home, &["devnet", "down", "--dir", devnet.to_str().unwrap()]));
        }
    }
}

#[test]
fn what_stands_before_a_command_and_behind_it_is_no_word_of_it() {
    let typed = TypedLine::of("EDITOR=/bin/true assay chat sums --stop a=b < lines.txt");
    assert_eq!(typed.words, ["assay", "chat", "sums", "--stop", "a=b"]);
    assert_eq!(typed.variables, [("EDITOR".to_owned(), "/bin/true".to_owned())]);
    assert_eq!(typed.told.as_deref(), Some("lines.txt"));
    let plain = TypedLine::of("assay run sums \"27 + 58=\"");
    assert_eq!((plain.words.len(), plain.variables.len(), plain.told), (4, 0, None));
}
