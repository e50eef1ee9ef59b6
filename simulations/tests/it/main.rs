//! The market as a whole: networks of peers in virtual time, one question a module.

mod attacks;
mod belongings;
mod bounds;
mod cancels;
mod cheats;
mod choices;
mod claims;
mod clocks;
mod closes;
mod crashes;
mod crook;
mod deadlines;
mod disputes;
mod doubts;
mod endurance;
mod forks;
mod histories;
mod hostile;
mod jobs;
mod losses;
mod pinned;
mod spread;
mod stakes;
mod support;
mod takers;
mod undrawn;
