//! Batches: many requests out of a file, each answered and paid once, whoever carries them out and whatever ends that.
//!
//! **Invariant:** there is one way to carry a batch out, whether a command or a gateway does; what it knows is in the folder of
//! the batch and in the daemon, and nowhere else.

mod answers;
mod batch_budget;
mod batch_course;
mod batch_daemon;
mod batch_error;
mod batch_folder;
mod batch_gear;
mod batch_lines;
mod batch_payer;
mod batch_plan;
mod batch_stop;
mod harvest;
mod line_log;
mod line_queue;
mod line_reach;
mod open_line;
mod retraction;
mod stop_note;
mod under_way;
mod usual_length;

pub use self::{
    answers::write_answers,
    batch_course::BatchCourse,
    batch_daemon::BatchDaemon,
    batch_error::{BatchError, WrongLine},
    batch_folder::{BatchFolder, BatchLock, replace_with},
    batch_gear::{BatchGear, BatchSign, BatchTold},
    batch_lines::{BATCH_BYTES_MAX, BatchLines},
    batch_plan::BatchPlan,
    batch_stop::BatchStop,
    line_log::{LineEnd, LineLog, LineRecord, LineResult, LineState, LineTally},
    retraction::{Retracted, retract},
    stop_note::StopNote,
    under_way::under_way,
    usual_length::{TOKENS_USUAL, affordable, quoted},
};
pub(crate) use self::{
    batch_error::{short_param, short_why},
    batch_payer::{BatchPayer, key_of},
};
