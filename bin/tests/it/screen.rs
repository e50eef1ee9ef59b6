//! A terminal for a program, and what stands on it in the end.

use std::{
    ffi::OsStr,
    fs::File,
    io::Read,
    iter::Peekable,
    os::unix::ffi::OsStrExt,
    process::{Command, Stdio},
    str::Chars,
    thread,
};

use rustix::{
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
    termios::{Winsize, tcsetwinsize},
};

/// As wide as terminals are where nobody made them wider.
const SIZE: Winsize = Winsize { ws_row: 24, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 };

/// Runs a program on a terminal of its own, and says how it ended and what the terminal got. Nobody types there: it is told
/// something by a file, or nothing. What it says aside is heard there as well, or nowhere.
pub(crate) fn on_terminal(mut command: Command, told: Stdio, hears_aside: bool) -> (Option<i32>, String) {
    let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&terminal).unwrap();
    unlockpt(&terminal).unwrap();
    tcsetwinsize(&terminal, SIZE).unwrap();
    let name = ptsname(&terminal, Vec::new()).unwrap();
    let path = OsStr::from_bytes(name.as_bytes());
    let line = File::options().read(true).write(true).open(path).unwrap();
    let aside = if hears_aside { line.try_clone().unwrap().into() } else { Stdio::null() };
    let mut child = command.stdin(told).stdout(line).stderr(aside).spawn().unwrap();
    // It holds the terminal, too.
    drop(command);
    let mut screen = File::from(terminal);
    let reading = thread::spawn(move || {
        let mut bytes = Vec::new();
        // The last one to let go of a terminal is an error for whoever reads it.
        let _ = screen.read_to_end(&mut bytes);
        bytes
    });
    let status = child.wait().unwrap().code();
    (status, String::from_utf8(reading.join().unwrap()).unwrap())
}

/// What stands on a terminal that got this. No line of it is too long.
pub(crate) fn drawn(got: &str) -> Vec<String> {
    let mut screen = Screen::default();
    let mut letters = got.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '\r' => screen.column = 0,
            '\n' => screen.row += 1,
            '\x1b' => screen.obey(&mut letters),
            letter => screen.put(letter),
        }
    }
    let lines = screen.lines.iter().map(|line| line.iter().collect::<String>().trim_end().to_owned());
    let mut lines: Vec<String> = lines.collect();
    lines.truncate(lines.iter().rposition(|line| !line.is_empty()).map_or(0, |last| last + 1));
    lines
}

/// Lines of letters, and where the next one goes.
#[derive(Default)]
struct Screen {
    lines: Vec<Vec<char>>,
    row: usize,
    column: usize,
}

impl Screen {
    fn put(&mut self, letter: char) {
        let column = self.column;
        let line = self.line();
        line.resize(line.len().max(column + 1), ' ');
        line[column] = letter;
        self.column += 1;
    }

    fn line(&mut self) -> &mut Vec<char> {
        self.lines.resize(self.lines.len().max(self.row + 1), Vec::new());
        &mut self.lines[self.row]
    }

    /// Does what stands behind an escape: moves, wipes, or changes how letters look, which is not seen here.
    fn obey(&mut self, letters: &mut Peekable<Chars<'_>>) {
        assert_eq!(letters.next(), Some('['), "an escape of another kind");
        let mut figure = String::new();
        while let Some(letter) = letters.next_if(|letter| matches!(letter, '0'..='9' | ';' | '?')) {
            figure.push(letter);
        }
        let steps = figure.parse().unwrap_or(1);
        match letters.next() {
            Some('A') => self.row = self.row.saturating_sub(steps),
            Some('B') => self.row += steps,
            Some('C') => self.column += steps,
            Some('D') => self.column = self.column.saturating_sub(steps),
            Some('K') if figure == "2" => self.line().clear(),
            Some('K') => {
                let column = self.column;
                self.line().truncate(column);
            }
            Some('J') => {
                let (row, column) = (self.row, self.column);
                self.line().truncate(column);
                self.lines.truncate(row + 1);
            }
            Some('m' | 'h' | 'l') => {}
            other => panic!("an escape that ends in {other:?}"),
        }
    }
}

#[test]
fn a_line_that_is_wiped_and_written_anew_is_what_stands_there() {
    let got = "one\r\n\x1b[?25l⠋ waits\r\x1b[2Ktwo\r\n\x1b[1A\x1b[3Cs\x1b[K\r\nend\x1b[0m\r\n\r\n";
    assert_eq!(drawn(got), ["one", "twos", "end"]);
}
