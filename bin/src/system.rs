//! What the program asks of the system that it runs on, and where each system's answer stands.
//!
//! | what | Unix systems | Windows |
//! |---|---|---|
//! | being asked to end | signals | events of the console |
//! | a daemon in the background | a group of processes of its own | a console of its own, not shown |
//! | the log of a home | mode 600; what is said beside the log follows it when it turns | what the folder gives; that stays in the file before |
//! | a file of the owner's alone | mode 600 | what the folder gives |
//! | a line that is typed unseen | the terminal stops showing what is typed, and goes on afterwards | none |
//! | whether a file that is open has its name still | by its number | unless what has the name is shorter |
//! | a path that is named to be typed | in single quotes, where it needs some | in double ones, where it needs some |
//! | how wide the terminal is | asked of it | unknown |
//! | memory of the machine, and what of it is free | read where Linux writes it; else unknown | unknown |
//! | the end of a demonstration's peer | its group is killed | it is killed, and its workers find their pipe closed |
//! | the end of a devnet's peer, by its number | its group is killed, or it alone where it has none | `taskkill` ends it and what it started |
//!
//! **Invariant:** no other file of the program names a system; what one does not give is told by [`lacks`].

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(unix)]
pub(crate) use self::unix::{
    Unseen, asked, create_private, detach, free_memory_bytes, is_file_at, is_ours, is_standard_error, kill,
    kill_process, lacks, memory_bytes, open_log, shell_word, take_over_output, terminal_columns,
};
#[cfg(windows)]
pub(crate) use self::windows::{
    UnseenConsole as Unseen, asked, create_private, detach, free_memory_bytes, is_file_at, is_ours,
    is_standard_error, kill, kill_process, lacks, memory_bytes, open_log, shell_word, take_over_output,
    terminal_columns,
};
