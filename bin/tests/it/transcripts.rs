//! What the guide shows is what the program prints: each page is typed from its top, at a terminal, by somebody who has
//! just come to a network of real peers.
//!
//! With `ASSAY_TRANSCRIPTS=write` in the environment, what was printed is written into the pages instead.

use std::{
    collections::BTreeSet,
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::Duration,
};

use crate::{
    assay::{BINARY, assay},
    likeness::Likeness,
    pages::{Page, Step, words},
    screen::{drawn, on_terminal},
    town::Town,
};

/// The pages, in the order in which the network meets their readers: those who sell come last, so that nobody orders of one
/// who is gone.
const PAGES: [&str; 6] = ["README", "client", "researcher", "operator", "author", "provider"];
/// What the folder of whoever reads is called in the pages.
const FOLDER: &str = "/home/you";
/// What only looks at what others said, which may need a moment to arrive: it is typed again until it shows the page's.
const LOOKS: [&str; 4] = ["offers", "model show", "why", "earnings"];
/// How often at most, and the time between.
const LOOKS_MAX: usize = 20;
const LOOK_STEP: Duration = Duration::from_millis(250);
/// What lies in it at first, beside what the demonstration leaves to those who join.
const MODEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../models/sums/sums.gguf");

/// Whoever types what a page shows. Their daemons end with them.
struct Reader {
    folder: tempfile::TempDir,
    homes: BTreeSet<PathBuf>,
    likeness: Likeness,
    /// How the last command ended.
    status: i32,
}

#[tokio::test(flavor = "multi_thread")]
async fn the_guide_shows_what_the_program_prints() {
    let town = Town::begin(looking).await;
    let ada = town.network.peer("ada").home.root();
    let terms: [&[&str]; 3] =
        [&["provide"], &["provider", "price", "digits", "0.02"], &["provider", "price", "sums", "0.0025"]];
    for typed in terms {
        let done = assay(ada, typed);
        assert_eq!(done.status, Some(0), "{done:?}");
    }
    let wrong: Vec<String> = PAGES.into_iter().flat_map(|page| reads(&town, page)).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

fn reads(town: &Town, page: &str) -> Vec<String> {
    let mut reader = Reader::new(Likeness::default());
    reader.settles(town);
    reader.reads(&format!("docs/guide/{page}.md"))
}

/// The same rules, by which every job is checked, so that no page depends on a lot.
fn looking(file: &str) -> String {
    let line = file.lines().find(|line| line.starts_with("ramp = ")).unwrap();
    file.replace(line, "ramp = 1000")
}

#[test]
fn the_picture_in_the_readme_is_of_a_demonstration() {
    let wrong = Reader::new(Likeness::of_story()).reads("README.md");
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

impl Reader {
    fn new(likeness: Likeness) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let homes = BTreeSet::from([folder.path().join(".local/share/assay")]);
        Self { folder, homes, likeness, status: 0 }
    }

    /// Gives the reader the files that whoever joins such a network has.
    fn settles(&self, town: &Town) {
        let files = fs::read_dir(town.network.folder()).unwrap().map(|entry| entry.unwrap().path());
        for file in files.filter(|path| path.is_file()).chain([MODEL.into()]) {
            fs::copy(&file, self.folder.path().join(file.file_name().unwrap())).unwrap();
        }
    }

    /// Types a page, and says where it shows something else than what comes of it; or writes that into it.
    fn reads(&mut self, page: &str) -> Vec<String> {
        let mut page = Page::read(page);
        let (mut edits, mut wrong) = (Vec::new(), Vec::new());
        let steps = page.steps();
        assert!(!steps.is_empty(), "{} shows nothing", page.name);
        for (step, next) in steps.iter().zip(steps.iter().skip(1).map(Some).chain([None])) {
            let (said, is_like) = self.compares(step, page.lines(&step.shown));
            let is_told = next.is_some_and(|next| next.command.starts_with("echo"));
            if self.status != 0 && !is_told {
                wrong.push(format!("{}: `{}` ends with {}: {said:#?}", page.name, step.command, self.status));
            }
            if !is_like {
                let told: Vec<String> = said.iter().map(|line| self.likeness.shown(line)).collect();
                let (shown, prints) = (page.lines(&step.shown).join("\n"), told.join("\n"));
                wrong.push(format!("{}: `{}` shows\n{shown}\nand prints\n{prints}", page.name, step.command));
                // What the page has no name for goes by its own.
                self.likes(&told, &said);
                edits.push((step.shown.clone(), told));
            }
        }
        if env::var_os("ASSAY_TRANSCRIPTS").is_some_and(|what| what == "write") {
            wrong.iter().for_each(|what| eprintln!("{what}\n"));
            page.put(edits);
            wrong.retain(|what| what.contains("` ends with "));
        }
        wrong
    }

    /// What comes of a command, and whether it is what the page shows.
    fn compares(&mut self, step: &Step, shown: &[String]) -> (Vec<String>, bool) {
        let words = words(&step.command);
        let verbs = words[1..].iter().skip(if words[1] == "--home" { 2 } else { 0 }).take(2);
        let verbs = verbs.map(String::as_str).collect::<Vec<_>>().join(" ");
        let looks = if LOOKS.iter().any(|look| verbs.starts_with(look)) { LOOKS_MAX } else { 1 };
        let mut said = Vec::new();
        for look in 0..looks {
            if look > 0 {
                thread::sleep(LOOK_STEP);
            }
            said = self.types(step, shown);
            if self.likes(shown, &said) {
                return (said, true);
            }
        }
        (said, false)
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
        let words = words(&self.likeness.typed(&step.command));
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        match words.as_slice() {
            ["assay", arguments @ ..] => self.asks(arguments),
            ["cat", file] => self.finds(file, shown),
            ["echo", "$?"] => vec![std::mem::take(&mut self.status).to_string()],
            other => panic!("nobody here knows how to type {other:?}"),
        }
    }

    fn asks(&mut self, arguments: &[&str]) -> Vec<String> {
        if let Some(at) = arguments.iter().position(|word| *word == "--home") {
            self.homes.insert(self.folder.path().join(arguments[at + 1]));
        }
        let mut command = Command::new(BINARY);
        let folder = self.folder.path();
        command.args(arguments).env_clear().env("HOME", folder).env("TMPDIR", folder).env("NO_COLOR", "1");
        command.current_dir(folder);
        let (status, got) = on_terminal(command, true);
        self.status = status.unwrap_or(-1);
        let folder = folder.to_str().unwrap();
        drawn(&got).iter().map(|line| line.replace(folder, FOLDER)).collect()
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

impl Drop for Reader {
    fn drop(&mut self) {
        let exists = |home: &&PathBuf| Path::exists(home);
        self.homes.iter().filter(exists).for_each(|home| drop(assay(home, &["down"])));
    }
}
