//! The way to a daemon: a pipe of the system, whose name stands in the home where other systems have a socket.
//!
//! Any account may list the names of pipes, and may make one whose name is free. So a name is drawn anew by each daemon
//! and holds 128 random bits: whoever cannot read the home cannot be there first. By the system's own rule only the
//! account that made a pipe, and those that administer the machine, may write to it.
//!
//! **Invariant:** the name stands in the home only once the pipe is this daemon's; there is always one end for the next
//! user, or it is made when one is waited for.

use std::{fmt::Write as _, fs, io, path::Path, time::Duration};

use tokio::{
    io::{ReadHalf, WriteHalf, split},
    net::windows::named_pipe::{ClientOptions, NamedPipeClient, NamedPipeServer, ServerOptions},
    time::sleep,
};

/// What the names of all local pipes begin with.
const LOCAL: &str = r"\\.\pipe\";
/// What the system says while all ends of a pipe are taken.
const BUSY: i32 = 231;
/// Between two looks at whether an end is free, and how many.
const BUSY_STEP: Duration = Duration::from_millis(50);
const BUSY_STEPS_MAX: usize = 100;

/// A pipe that listens.
#[derive(Debug)]
pub(crate) struct Listener {
    name: String,
    next: Option<NamedPipeServer>,
}

impl Listener {
    /// Listens where nothing is.
    pub(crate) fn bind(path: &Path, unnamed: &Path) -> io::Result<Self> {
        let mut random = [0_u8; 16];
        getrandom::fill(&mut random).map_err(io::Error::other)?;
        let mut name = format!("{LOCAL}assay-");
        for byte in random {
            // A string takes all.
            let _ = write!(name, "{byte:02x}");
        }
        let next = ServerOptions::new().first_pipe_instance(true).create(&name)?;
        fs::write(unnamed, &name)?;
        fs::rename(unnamed, path)?;
        Ok(Self { name, next: Some(next) })
    }

    /// The next user's connection.
    pub(crate) async fn accept(
        &mut self,
    ) -> io::Result<(ReadHalf<NamedPipeServer>, WriteHalf<NamedPipeServer>)> {
        let waiting = match self.next.take() {
            Some(waiting) => waiting,
            None => ServerOptions::new().create(&self.name)?,
        };
        self.next.insert(waiting).connect().await?;
        let Some(taken) = self.next.take() else { unreachable!("it was put there just now") };
        // Where that fails, the next call tries again and says so.
        self.next = ServerOptions::new().create(&self.name).ok();
        Ok(split(taken))
    }
}

/// A file of any name holds that of the pipe.
#[allow(clippy::unnecessary_wraps, reason = "elsewhere there are names that are too long")]
pub(crate) fn nameable(_path: &Path) -> io::Result<()> {
    Ok(())
}

/// A connection to whoever listens there.
pub(crate) async fn connect(
    path: &Path,
) -> io::Result<(ReadHalf<NamedPipeClient>, WriteHalf<NamedPipeClient>)> {
    let name = fs::read_to_string(path)?;
    if !name.starts_with(LOCAL) {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "it names no pipe of this machine"));
    }
    let mut steps = 0;
    loop {
        match ClientOptions::new().open(&name) {
            Err(error) if error.raw_os_error() == Some(BUSY) && steps < BUSY_STEPS_MAX => {
                steps += 1;
                sleep(BUSY_STEP).await;
            }
            opened => return Ok(split(opened?)),
        }
    }
}
