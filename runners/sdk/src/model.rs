//! A model, as the engine behind wasi-nn has it.

use crate::{
    Failure, Tensor,
    bindings::wasi::nn::{graph, inference::GraphExecutionContext},
};

/// The name under which a runner finds the model of its job.
pub const MODEL_OF_JOB: &str = "model";

/// A model with a session: what an engine remembers between calls lasts as long as this value.
pub struct Model {
    context: GraphExecutionContext,
}

impl Model {
    /// The model that the job names.
    pub fn of_job() -> Result<Self, Failure> {
        Self::named(MODEL_OF_JOB)
    }

    /// A model by its name in the host's registry.
    pub fn named(name: &str) -> Result<Self, Failure> {
        let graph = graph::load_by_name(name)
            .map_err(|error| Failure::of_engine(&error, "the model did not load"))?;
        let context = graph
            .init_execution_context()
            .map_err(|error| Failure::of_engine(&error, "the model did not start"))?;
        Ok(Self { context })
    }

    /// Runs the model once.
    pub fn run(&self, inputs: Vec<(&str, Tensor)>) -> Result<Outputs, Failure> {
        let inputs =
            inputs.into_iter().map(|(name, tensor)| (name.to_owned(), tensor.into_handle())).collect();
        let outputs = self
            .context
            .compute(inputs)
            .map_err(|error| Failure::of_engine(&error, "the model did not run"))?;
        Ok(Outputs(
            outputs.iter().map(|(name, tensor)| (name.clone(), Tensor::from_handle(tensor))).collect(),
        ))
    }
}

/// What a model gave.
#[derive(Clone, Debug)]
pub struct Outputs(Vec<(String, Tensor)>);

impl Outputs {
    /// Takes the tensor of a name.
    pub fn take(&mut self, name: &str) -> Result<Tensor, Failure> {
        match self.0.iter().position(|(each, _)| each == name) {
            Some(index) => Ok(self.0.swap_remove(index).1),
            None => {
                Err(Failure::BadParams(format!("the model gives no `{name}`; it gives {}", self.names())))
            }
        }
    }

    /// All tensors with their names, in the model's order.
    #[must_use]
    pub fn into_all(self) -> Vec<(String, Tensor)> {
        self.0
    }

    fn names(&self) -> String {
        let names: Vec<_> = self.0.iter().map(|(name, _)| format!("`{name}`")).collect();
        if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
    }
}
