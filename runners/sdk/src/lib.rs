//! What the author of a runner needs: the job, the model, and one macro.
//!
//! A runner is a value without state: bytes in, bytes out, or one of four kinds of failure. This is a whole one:
//!
//! ```
//! use assay_runner::{Failure, Job, Model, Outcome, Runner, Tensor};
//!
//! struct Double;
//!
//! impl Runner for Double {
//!     fn run(_: &Job, input: &[u8]) -> Result<Outcome, Failure> {
//!         let tensor = Tensor::bytes(&[input.len() as u32], input.to_vec());
//!         let mut outputs = Model::of_job()?.run(vec![("x", tensor)])?;
//!         Ok(Outcome::bytes(outputs.take("y")?.into_bytes()))
//!     }
//! }
//!
//! assay_runner::export!(Double);
//! ```
//!
//! A runner is a component whose imports are its permissions: it can call the engine, ask for tokens, send what it has
//! so far and write to the job's log. There are no files, clocks, sockets, threads or randomness but [`Job::seed`].

#[doc(hidden)]
pub mod bindings;
mod failure;
mod job;
mod language;
mod model;
mod outcome;
mod tensor;

pub mod session;

pub use bindings::assay::runner::types::SpecialTokens;
pub use failure::Failure;
pub use job::Job;
pub use language::{Context, LanguageModel};
pub use model::{MODEL_OF_JOB, Model, Outputs};
pub use outcome::{End, Outcome};
pub use tensor::{ElementType, Tensor};

/// One kind of work.
pub trait Runner {
    /// Does the job: the same bytes for the same job and input, on every machine of a class. A check calls it too.
    fn run(job: &Job, input: &[u8]) -> Result<Outcome, Failure>;
}

/// Makes a [`Runner`] the one that this component exports.
#[macro_export]
macro_rules! export {
    ($runner:ty) => {
        const _: () = {
            enum Exported {}

            impl $crate::__private::Guest for Exported {
                fn run(
                    job: $crate::__private::Job,
                    input: ::std::vec::Vec<u8>,
                ) -> ::std::result::Result<$crate::__private::Outcome, $crate::__private::Failure> {
                    $crate::__private::run::<$runner>(job, &input)
                }
            }

            // Linkers of other systems refuse the names of component exports; there the runner is only for tests.
            #[cfg(not(target_family = "wasm"))]
            const _: $crate::__private::Run = <Exported as $crate::__private::Guest>::run;
            #[cfg(target_family = "wasm")]
    $crate::bindings::__export_runner!(Exported with_types_in $crate::bindings);
        };
    };
}

/// What [`export!`] expands to; not for use by hand.
#[doc(hidden)]
pub mod __private {
    pub use crate::bindings::assay::runner::types::{Failure, Job, Outcome};
    pub use crate::bindings::exports::assay::runner::running::Guest;

    /// What a component exports.
    pub type Run = fn(Job, Vec<u8>) -> Result<Outcome, Failure>;

    /// Runs one job, with panics told to the job's log before they trap.
    pub fn run<R: crate::Runner>(job: Job, input: &[u8]) -> Result<Outcome, Failure> {
        crate::session::log_panics();
        R::run(&job.into(), input).map(Into::into).map_err(Into::into)
    }
}
