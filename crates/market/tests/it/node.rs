//! One brain that is fed by hand: what it says, keeps and does, and what it does not, whoever speaks to it. Everybody
//! else is only a key; whoever lies here, lies with a true signature.

mod answers;
mod awaiting;
mod belongings;
mod blocking;
mod checking;
mod connections;
mod contradicting;
mod crowding;
mod forgetting;
mod forks;
mod hearing;
mod holding;
mod lanes;
mod notarising;
mod openings;
mod ordering;
mod owning;
mod parts;
mod patience;
mod pausing;
mod providing;
mod restarts;
mod resting;
mod secrets;
mod spending;
mod standings;
mod streaming;
mod table;
