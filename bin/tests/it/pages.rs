//! Pages for users, taken apart: prose, and blocks of what is typed and what comes of it.

use std::{fs, ops::Range};

use crate::tidy::repository;

/// The language of a block whose commands are typed in a test, where what comes of each stands below it.
const TYPED: &str = "console";

/// What pages call the program.
const PROGRAM: &str = "assay";

/// A page of this repository.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) name: String,
    lines: Vec<String>,
}

/// A command, and the lines of the page that show what it prints.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) command: String,
    pub(crate) shown: Range<usize>,
}

impl Step {
    /// What is typed behind the program's name, without the home that it is for; nothing, where another program is asked.
    pub(crate) fn verbs(&self) -> Vec<String> {
        let mut words =
            words(&self.command).into_iter().skip_while(|word| word != PROGRAM).skip(1).peekable();
        if words.next_if(|word| word == "--home").is_some() {
            words.next();
        }
        words.collect()
    }

    /// Whether it only asks how the command before it has ended.
    pub(crate) fn asks_status(&self) -> bool {
        self.command == "echo $?"
    }
}

impl Page {
    pub(crate) fn read(name: &str) -> Self {
        Self::of(name, &fs::read_to_string(repository().join(name)).unwrap())
    }

    fn of(name: &str, text: &str) -> Self {
        Self { name: name.to_owned(), lines: text.lines().map(str::to_owned).collect() }
    }

    /// These lines of it.
    pub(crate) fn lines(&self, range: &Range<usize>) -> &[String] {
        &self.lines[range.clone()]
    }

    /// What is typed while it is read, from the top.
    pub(crate) fn steps(&self) -> Vec<Step> {
        let typed = self.blocks().into_iter().filter(|(language, _)| language == TYPED);
        typed.flat_map(|(_, block)| self.steps_of(block)).collect()
    }

    /// Every command of the program that it shows, in a block or in its text.
    pub(crate) fn commands(&self) -> Vec<String> {
        let (mut commands, mut prose) = (Vec::new(), 0);
        for (language, block) in self.blocks() {
            commands.extend(inline(&self.lines[prose..block.start - 1].join("\n")));
            prose = block.end + 1;
            match language.as_str() {
                TYPED => commands.extend(self.steps_of(block).into_iter().map(|step| step.command)),
                _ => commands.extend(self.joined(block).into_iter().map(|(command, _)| command)),
            }
        }
        commands.extend(inline(&self.lines[prose.min(self.lines.len())..].join("\n")));
        let bare = commands.iter().map(|line| line.trim_start().trim_start_matches("$ ").trim());
        bare.filter(|line| line.starts_with("assay ") && !line.contains('…')).map(str::to_owned).collect()
    }

    /// Puts other lines in the place of these; those that come first are put there first.
    pub(crate) fn put(&mut self, edits: Vec<(Range<usize>, Vec<String>)>) {
        for (place, lines) in edits.into_iter().rev() {
            self.lines.splice(place, lines);
        }
        fs::write(repository().join(&self.name), self.lines.join("\n") + "\n").unwrap();
    }

    /// Its blocks: the language of each, and where its lines are.
    fn blocks(&self) -> Vec<(String, Range<usize>)> {
        let fences = self.lines.iter().enumerate().filter(|(_, line)| line.starts_with("```"));
        let fences: Vec<(usize, &String)> = fences.collect();
        assert_eq!(fences.len() % 2, 0, "{}: a block does not end", self.name);
        let block = |ends: &[(usize, &String)]| (ends[0].1[3..].to_owned(), ends[0].0 + 1..ends[1].0);
        fences.chunks(2).map(block).collect()
    }

    fn steps_of(&self, block: Range<usize>) -> Vec<Step> {
        let end = block.end;
        let typed: Vec<(String, Range<usize>)> =
            self.joined(block).into_iter().filter(|(line, _)| line.starts_with("$ ")).collect();
        let ends = typed.iter().skip(1).map(|(_, place)| place.start).chain([end]);
        let step = |((line, place), end): (&(String, Range<usize>), usize)| Step {
            command: line[2..].to_owned(),
            shown: place.end..end,
        };
        typed.iter().zip(ends).map(step).collect()
    }

    /// Lines of a block; what ends in a backslash goes on in the next one.
    fn joined(&self, block: Range<usize>) -> Vec<(String, Range<usize>)> {
        let mut joined: Vec<(String, Range<usize>)> = Vec::new();
        for at in block {
            match joined.last_mut().filter(|(line, _)| line.ends_with('\\')) {
                Some((line, place)) => {
                    line.pop();
                    line.push_str(self.lines[at].trim_start());
                    place.end = at + 1;
                }
                None => joined.push((self.lines[at].clone(), at..at + 1)),
            }
        }
        joined
    }
}

/// Code that stands in a text.
fn inline(prose: &str) -> Vec<String> {
    prose.split('`').skip(1).step_by(2).map(|code| code.replace('\n', " ")).collect()
}

/// The words of a command, as a shell takes them apart, without its comment and without what it does with files.
pub(crate) fn words(command: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None::<char>);
    for letter in command.chars() {
        match (letter, quote) {
            (letter, Some(open)) if letter == open => quote = None,
            ('\'' | '"', None) => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            ('#', None) if word.is_none() => break,
            ('<' | '>' | '|' | ';' | '&', None) => break,
            (letter, None) if letter.is_whitespace() => words.extend(word.take()),
            (letter, _) => word.get_or_insert_default().push(letter),
        }
    }
    words.extend(word);
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "Type `assay status`.\n\n```console\n$ assay job \\\n    ls\nnone\n$ assay up\n```\n\n```sh\nassay down # ends\n```\n";

    #[test]
    fn a_page_is_taken_apart_into_commands_and_what_comes_of_them() {
        let page = Page::of("page", PAGE);
        let steps = page.steps();
        let shown: Vec<(&str, &[String])> =
            steps.iter().map(|step| (step.command.as_str(), page.lines(&step.shown))).collect();
        assert_eq!(shown, [("assay job ls", &["none".to_owned()][..]), ("assay up", &[])]);
        assert_eq!(page.commands(), ["assay status", "assay job ls", "assay up", "assay down # ends"]);
    }

    #[test]
    fn a_command_has_the_words_that_a_shell_would_give_it() {
        for (command, expected) in [
            ("assay run sums \"27 + 58\" # adds", vec!["assay", "run", "sums", "27 + 58"]),
            ("assay run a '{\"b\": 1}' -o c > d", vec!["assay", "run", "a", "{\"b\": 1}", "-o", "c"]),
            ("assay job ls --label \"\"", vec!["assay", "job", "ls", "--label", ""]),
            ("assay down; assay up", vec!["assay", "down"]),
        ] {
            assert_eq!(words(command), expected);
        }
    }
}
