//! What a peer asks of the system that it runs on, and where each system's answer stands.
//!
//! | what | Unix systems | Windows |
//! |---|---|---|
//! | a file or folder of the owner's alone | modes 600 and 700, and wider ones are refused | what the profile's folder gives, not looked at |
//! | the names in a folder, on the disk | waited for | not waited for: there is no way to it for a user |
//! | whether a file is as it was when it was read | by its number and the time of its last change | never known: it is read again |
//! | whether a file that is open has its name still | by its number | while anything has that name |
//! | a file that shares the bytes of another until one of them is written to | asked for on Linux; which disks do it differs | not asked for |
//! | bytes that a disk has free | asked | unknown |
//! | a clock that goes on in sleep | `CLOCK_BOOTTIME`, or `CLOCK_MONOTONIC` where it does | the performance counter |
//! | being asked to end | signals | events of the console |
//! | the way to the daemon | a socket of mode 600 | a pipe whose name stands in the home |
//!
//! Locks are those of the standard library, on all systems.
//!
//! **Invariant:** no other file of this crate names a system; what one does not give is told by [`lacks`].

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(unix)]
pub(crate) use self::unix::{
    Listener, Signals, Stamp, clone_file, connect, create_folder, exposed, nameable, private, since_start,
    sync_folder,
};
#[cfg(unix)]
pub use self::unix::{free_bytes, has_name, lacks, raise_open_files};
#[cfg(windows)]
pub(crate) use self::windows::{
    Listener, Signals, Stamp, clone_file, connect, create_folder, exposed, nameable, private, since_start,
    sync_folder,
};
#[cfg(windows)]
pub use self::windows::{free_bytes, has_name, lacks, raise_open_files};
