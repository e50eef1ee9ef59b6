//! What this machine is: a class for each engine, and which of them a model belongs to.
//!
//! **Invariant:** a class is said to be this machine's only once a worker has computed its probe here.

use assay_protocol::manifest::Manifest;
use assay_runtime::class::{ARITHMETIC, Class, ModelNeed, ProbedMachine};

use super::{Executor, has_model, lock};

/// What helps where ONNX Runtime is not there, or not used.
const BRING: &str = "install ONNX Runtime, and set daemon.onnxruntime to its library";

/// Why this machine has no class.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{reason}")]
pub struct NoClass {
    /// What the sandbox or the disk said.
    pub reason: String,
}

impl Executor {
    /// The classes of this machine, once they are known.
    #[must_use]
    pub fn known_classes(&self) -> Option<Vec<Class>> {
        lock(&self.inner.classes).clone()
    }

    /// The walls that this machine does not give to the sandbox; known as soon as the classes are.
    #[must_use]
    pub fn missing_walls(&self) -> Vec<String> {
        lock(&self.inner.missing_walls).clone()
    }

    /// The classes of this machine; the first call has a worker compute them.
    ///
    /// # Errors
    /// [`NoClass`], if no worker comes up.
    pub async fn classes(&self) -> Result<Vec<Class>, NoClass> {
        if let Some(classes) = self.known_classes() {
            return Ok(classes);
        }
        let examined = self.block(|inner| inner.pool.examine()).await;
        let ProbedMachine { classes, missing, onnx_runtime_fault } = match examined {
            Some(Ok(examined)) => examined,
            Some(Err(failure)) => return Err(NoClass { reason: failure.to_string() }),
            None => return Err(NoClass { reason: "the examination was cut short".to_owned() }),
        };
        if !missing.is_empty() {
            tracing::warn!(
                missing = missing.join(", "),
                "this machine does not give the sandbox all its walls"
            );
        }
        if let Some(fault) = &onnx_runtime_fault {
            tracing::warn!(fault, "ONNX Runtime is not used");
        }
        *lock(&self.inner.onnx_runtime_fault) = onnx_runtime_fault;
        *lock(&self.inner.missing_walls) = missing;
        *lock(&self.inner.classes) = Some(classes.clone());
        Ok(classes)
    }

    /// The class of this machine for the jobs of a manifest whose model is here.
    ///
    /// # Errors
    /// [`NoClass`], if the model cannot be read or this machine has not the engine, or the card that is wanted, for it.
    pub async fn class_of(&self, manifest: &Manifest) -> Result<Class, NoClass> {
        let classes = self.classes().await?;
        let wanted = manifest.clone();
        let need = self.block(move |inner| {
            if !has_model(&wanted) {
                return Ok(ModelNeed::Own(Vec::new()));
            }
            let path = inner.blobs.path(&wanted.model).map_err(|error| error.to_string())?;
            let path = path.ok_or_else(|| "its model is not here".to_owned())?;
            ModelNeed::of(&path).map_err(|error| error.to_string())
        });
        let need = need.await.unwrap_or_else(|| Err("the look was cut short".to_owned()));
        let name = &manifest.name;
        let need = need.map_err(|error| NoClass { reason: format!("{name} has no class: {error}") })?;
        let class = classes.into_iter().find(|class| class.meets(&need));
        let class = class.ok_or_else(|| NoClass { reason: self.unmet(name, &need) })?;
        if class == ARITHMETIC {
            // What is wanted of it and not there is said before anything is tried.
            let cut_short = || Err(NoClass { reason: "the look for a card was cut short".to_owned() });
            self.block(|inner| inner.card()).await.unwrap_or_else(cut_short)?;
        }
        Ok(class)
    }

    /// Why this machine does not run a model that needs this.
    fn unmet(&self, name: &str, need: &ModelNeed) -> String {
        match (need, &*lock(&self.inner.onnx_runtime_fault)) {
            (ModelNeed::Own(_), _) => {
                format!("this machine does not give the bits of the engine that runs {name}")
            }
            (ModelNeed::OnnxRuntime(need), Some(fault)) => {
                format!("{name} has no class: {need}, and that is not used: {fault}; {BRING}")
            }
            (ModelNeed::OnnxRuntime(need), None) => format!("{name} has no class: {need}; {BRING}"),
        }
    }
}
