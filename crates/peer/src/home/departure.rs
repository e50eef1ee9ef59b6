//! What of a home belongs to its network, moved aside into the home when its peer leaves, and taken up by whoever joins the
//! same network again.
//!
//! ```text
//! left/NETWORK/PEER/   network.toml, journal and what was cut off it, index, receipts, batches; the key, if it went as well
//! left/moving          which way, and which of these folders: while that goes on
//! ```
//!
//! The network's file goes first and comes last. Between, the home belongs to no network, so nothing begins with half of it.
//!
//! **Invariant:** nothing is removed and nothing is moved over something else; a move that was cut short is carried on before
//! anything else is moved.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

use assay_protocol::{
    id::{NetworkId, PeerId},
    signed::Signer,
};

use super::HomeLock;
use crate::{config::Home, disk::HomeDisk};

/// What is moved beside the network's file and the key.
const BELONGINGS: [&str; 6] = ["journal", "index", "receipts", "batches", "prices", "kept-books"];
/// What the names begin with of folders of what was cut off a journal.
const CUT_OFF: &str = "journal.lost-";
/// The network's file.
const RULES: &str = "network.toml";
/// The key.
const KEY: &str = "identity.key";
/// Says what is being moved.
const MARKER: &str = "moving";

/// What goes on while things are moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct HomeMove {
    network: NetworkId,
    peer: PeerId,
    way: MoveWay,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum MoveWay {
    /// Out of the home, but for the key.
    Out,
    /// Out of the home, the key as well.
    OutWithKey,
    /// Into the home.
    In,
}

impl MoveWay {
    const ALL: [(Self, &str); 3] =
        [(Self::Out, "out"), (Self::OutWithKey, "out with its key"), (Self::In, "in")];

    fn word(self) -> &'static str {
        Self::ALL.into_iter().find(|(way, _)| *way == self).map_or("", |(_, word)| word)
    }
}

impl HomeMove {
    fn folder(&self, home: &Home) -> PathBuf {
        folder(home, self.network).join(self.peer.to_string())
    }

    fn to_text(self) -> String {
        format!("{} {} {}\n", self.network, self.peer, self.way.word())
    }

    fn parse(text: &str) -> Option<Self> {
        let mut words = text.trim_end().splitn(3, ' ');
        let (network, peer, word) = (words.next()?, words.next()?, words.next()?);
        let (way, _) = MoveWay::ALL.into_iter().find(|(_, named)| *named == word)?;
        Some(Self { network: network.parse().ok()?, peer: peer.parse().ok()?, way })
    }
}

/// Where a home keeps what it left of a network.
fn folder(home: &Home, network: NetworkId) -> PathBuf {
    home.left().join(network.to_string())
}

/// Moves aside what belongs to a network, and says where it is. With the key, if that is wanted: the home is nobody's then.
///
/// # Errors
/// The disk fails, or something is there already. What was begun is carried on by the next call.
pub fn set_aside(
    disk: &HomeDisk,
    home: &Home,
    (network, peer): (NetworkId, PeerId),
    with_key: bool,
    lock: &HomeLock,
) -> io::Result<PathBuf> {
    forget_unbegun(disk, home)?;
    carry_on(disk, home, lock)?;
    let way = if with_key { MoveWay::OutWithKey } else { MoveWay::Out };
    let begun = HomeMove { network, peer, way };
    let aside = begun.folder(home);
    for name in outgoing(home, way)? {
        refuse_taken(&aside.join(name))?;
    }
    for folder in [home.left(), folder(home, network), aside.clone()] {
        disk.create_folder(&folder)?;
    }
    begin(disk, home, begun)?;
    Ok(aside)
}

/// Moves back what was left of a network by the peer whose key is here; in a home without a key, by the only one that left
/// its key there. True if there was something.
///
/// # Errors
/// The disk fails, or something is in the way. What was begun is carried on by the next call.
pub fn take_up(disk: &HomeDisk, home: &Home, network: NetworkId, lock: &HomeLock) -> io::Result<bool> {
    carry_on(disk, home, lock)?;
    let Some(peer) = whose(home, network)? else { return Ok(false) };
    let begun = HomeMove { network, peer, way: MoveWay::In };
    let aside = begun.folder(home);
    if !aside.try_exists()? {
        return Ok(false);
    }
    for name in names(&aside)? {
        let to = home.root().join(&name);
        // What is empty holds nothing that could be lost; a key that is here is the same one.
        if fs::remove_dir(&to).is_err() && name != KEY {
            refuse_taken(&to)?;
        }
    }
    begin(disk, home, begun)?;
    Ok(true)
}

/// Carries on what was cut short, if something was.
///
/// # Errors
/// The disk fails.
pub fn carry_on(disk: &HomeDisk, home: &Home, _lock: &HomeLock) -> io::Result<()> {
    let path = home.left().join(MARKER);
    let text = match fs::read_to_string(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        text => text?,
    };
    let reason = || format!("{} says nothing that is known", path.display());
    let begun = HomeMove::parse(&text).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, reason()))?;
    perform(disk, home, begun)
}

/// Drops the wish to leave of which nothing was done: the rules go first, and they are still here. Whoever leaves now may wish it
/// otherwise.
fn forget_unbegun(disk: &HomeDisk, home: &Home) -> io::Result<()> {
    let path = home.left().join(MARKER);
    let wish = fs::read_to_string(&path).ok().and_then(|text| HomeMove::parse(&text));
    if wish.is_some_and(|wish| wish.way != MoveWay::In) && is_there(&home.network())? {
        disk.remove(&path)?;
        disk.sync_folder(&home.left())?;
    }
    Ok(())
}

/// Whose things are to be moved back.
fn whose(home: &Home, network: NetworkId) -> io::Result<Option<PeerId>> {
    if let Ok(key) = home.key() {
        return Ok(Some(key.id()));
    }
    if home.identity().try_exists()? {
        return Ok(None);
    }
    let left = folder(home, network);
    if !left.try_exists()? {
        return Ok(None);
    }
    let mut with_key = names(&left)?;
    with_key.retain(|name| left.join(name).join(KEY).exists());
    match &with_key[..] {
        [one] => Ok(one.parse().ok()),
        [] | [_, _, ..] => Ok(None),
    }
}

/// Notes what is to be done, then does it.
fn begin(disk: &HomeDisk, home: &Home, begun: HomeMove) -> io::Result<()> {
    let left = home.left();
    let mut marker = disk.create(&left.join("moving.new"))?;
    marker.write_all(begun.to_text().as_bytes())?;
    disk.publish(&mut marker, &left.join(MARKER))?;
    perform(disk, home, begun)
}

/// Moves what is not moved yet.
fn perform(disk: &HomeDisk, home: &Home, begun: HomeMove) -> io::Result<()> {
    let (root, aside) = (home.root(), begun.folder(home));
    match begun.way {
        MoveWay::Out | MoveWay::OutWithKey => {
            shift(disk, [RULES.to_owned()], root, &aside)?;
            shift(disk, outgoing(home, begun.way)?, root, &aside)?;
        }
        // Cut short when all but the marker was done.
        MoveWay::In if !aside.try_exists()? => {}
        MoveWay::In => {
            shift(disk, names(&aside)?.into_iter().filter(|name| name != RULES), &aside, root)?;
            shift(disk, [RULES.to_owned()], &aside, root)?;
            // Of use to nobody once they are empty; they are made again.
            let _ = fs::remove_dir(&aside).and_then(|()| fs::remove_dir(folder(home, begun.network)));
        }
    }
    disk.remove(&home.left().join(MARKER))?;
    disk.sync_folder(&home.left())
}

/// Gives each of these another folder, if it is not there yet, and waits until that is on the disk.
fn shift(disk: &HomeDisk, names: impl IntoIterator<Item = String>, from: &Path, to: &Path) -> io::Result<()> {
    for name in names {
        let (from, to) = (from.join(&name), to.join(&name));
        if !is_there(&from)? {
            continue;
        }
        // What is empty holds nothing that could be lost; a key that is there is the same one, or stays.
        let _ = fs::remove_dir(&to);
        let is_same = || Ok::<_, io::Error>(name == KEY && fs::read(&from)? == fs::read(&to)?);
        if is_there(&to)? && !is_same()? {
            return Err(taken(&to));
        }
        disk.rename(&from, &to)?;
    }
    disk.sync_folder(to)?;
    disk.sync_folder(from)
}

/// What of a home goes with its network, that is there.
fn outgoing(home: &Home, way: MoveWay) -> io::Result<Vec<String>> {
    let mut outgoing = names(home.root())?;
    outgoing.retain(|name| match name.as_str() {
        RULES => true,
        KEY => way == MoveWay::OutWithKey,
        other => BELONGINGS.contains(&other) || other.starts_with(CUT_OFF),
    });
    Ok(outgoing)
}

fn names(folder: &Path) -> io::Result<Vec<String>> {
    let entries = fs::read_dir(folder)?.map(|entry| Ok(entry?.file_name().into_string().ok()));
    Ok(entries.collect::<io::Result<Vec<_>>>()?.into_iter().flatten().collect())
}

fn refuse_taken(path: &Path) -> io::Result<()> {
    if is_there(path)? { Err(taken(path)) } else { Ok(()) }
}

fn taken(path: &Path) -> io::Error {
    io::Error::new(io::ErrorKind::AlreadyExists, format!("{} is there already", path.display()))
}

/// Whether something has this name, be it a link that leads nowhere: from elsewhere it may lead somewhere.
fn is_there(path: &Path) -> io::Result<bool> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        found => found.map(|_| true),
    }
}

#[cfg(test)]
mod tests;
