//! Standard output and standard error, or what stands for them in a test.

use std::io::{self, IsTerminal, Write};
#[cfg(test)]
use std::sync::{Arc, Mutex};

use crate::system;

/// Where bytes go.
#[derive(Clone, Debug)]
pub(super) struct StandardStream {
    outlet: Outlet,
    /// True if a terminal shows them.
    pub(super) is_terminal: bool,
    /// True if it may be coloured.
    pub(super) has_colour: bool,
    /// Characters of its lines, where a terminal says so.
    pub(super) columns: Option<usize>,
}

#[derive(Clone, Debug)]
enum Outlet {
    Stdout,
    Stderr,
    #[cfg(test)]
    Kept(Arc<Mutex<Vec<u8>>>),
}

impl StandardStream {
    pub(super) fn stdout() -> Self {
        Self::new(Outlet::Stdout, io::stdout().is_terminal())
    }

    pub(super) fn stderr() -> Self {
        Self::new(Outlet::Stderr, io::stderr().is_terminal())
    }

    /// What keeps what it is given.
    #[cfg(test)]
    pub(super) fn kept(kept: &Arc<Mutex<Vec<u8>>>, is_terminal: bool) -> Self {
        Self {
            outlet: Outlet::Kept(kept.clone()),
            is_terminal,
            has_colour: false,
            columns: is_terminal.then_some(80),
        }
    }

    fn new(outlet: Outlet, is_terminal: bool) -> Self {
        let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let columns = if is_terminal { system::terminal_columns(io::stdout()) } else { None };
        Self { outlet, is_terminal, has_colour: is_terminal && !refused, columns }
    }

    pub(super) fn write(&self, bytes: &[u8]) -> io::Result<()> {
        match &self.outlet {
            Outlet::Stdout => {
                let mut out = io::stdout().lock();
                out.write_all(bytes).and_then(|()| out.flush())
            }
            Outlet::Stderr => io::stderr().lock().write_all(bytes),
            #[cfg(test)]
            Outlet::Kept(kept) => kept.lock().map_or(Ok(()), |mut kept| kept.write_all(bytes)),
        }
    }
}
