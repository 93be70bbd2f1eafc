//! Containers as plain child processes: the engine of the built-in algorithms.

use super::{Container, ContainerSpec, Engine, EngineError};
use std::path::PathBuf;
use std::sync::Arc;

pub struct Options {
    /// This binary, which runs `container <algorithm> train|serve --root DIR`.
    pub binary: PathBuf,
    /// Holds the listening sockets; made with mode 0700. Its path must be short, for a Unix
    /// socket's path ends at 107 bytes.
    pub runtime_dir: PathBuf,
}

pub struct ProcessEngine {
    options: Options,
}

impl ProcessEngine {
    pub fn new(options: Options) -> std::io::Result<Self> {
        Ok(Self { options })
    }
}

#[async_trait::async_trait]
impl Engine for ProcessEngine {
    fn name(&self) -> &'static str {
        "process"
    }

    async fn start(&self, spec: ContainerSpec) -> Result<Arc<dyn Container>, EngineError> {
        let binary = self.options.binary.display();
        Err(EngineError::Image(format!("{binary} does not run {} yet", spec.id)))
    }
}
