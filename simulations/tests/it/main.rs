//! The market as a whole: networks of peers in virtual time, one question a module.

mod cheats;
mod choices;
mod crashes;
mod deadlines;
mod disputes;
mod hostile;
mod jobs;
mod losses;
mod support;
