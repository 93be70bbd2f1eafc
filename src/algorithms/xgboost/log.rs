//! The container's log: the lines that the real one prints, which people look for and tools parse, and one
//! that says whose implementation ran.

use super::version::Version;
use crate::algorithms::{Channel, Failure, data};
use std::io::Write;

pub struct Log<'a>(pub &'a mut dyn Write);

impl Log<'_> {
    pub fn line(&mut self, text: &str) -> Result<(), Failure> {
        writeln!(self.0, "{text}")
            .map_err(|error| Failure::internal(format!("cannot write the log: {error}")))
    }

    /// A line of Python's logging, as the container sets it up.
    pub fn info(&mut self, text: &str) -> Result<(), Failure> {
        self.at("INFO", text)
    }

    pub fn warning(&mut self, text: &str) -> Result<(), Failure> {
        self.at("WARNING", text)
    }

    fn at(&mut self, level: &str, text: &str) -> Result<(), Failure> {
        let time = jiff::Timestamp::now().strftime("%Y-%m-%d:%H:%M:%S");
        self.line(&format!("[{time}:{level}] {text}"))
    }

    /// Whose implementation this is, and then the head of the release's log.
    pub fn head(&mut self, version: Version) -> Result<(), Failure> {
        self.line(&format!(
            "Sagebrush's own xgboost (histogram gradient-boosted trees) in the place of container {version}, \
             not the XGBoost library"
        ))?;
        let gpus = std::env::var("SM_NUM_GPUS").ok().and_then(|count| count.trim().parse().ok());
        let gpus: u32 = gpus.unwrap_or(0);
        if gpus == 0 {
            self.info("No GPUs detected (normal if no gpus installed)")?;
        }
        self.info("Running XGBoost Sagemaker in algorithm mode")?;
        if version.library() >= (1, 5) {
            self.info(&format!("Determined {gpus} GPU(s) available on the instance."))?;
        }
        Ok(())
    }

    /// The delimiter of the channel's csv files, as the container finds it out before it reads them.
    pub fn delimiter(&mut self, channel: &Channel) -> Result<(), Failure> {
        match data::delimiter(channel) {
            Some(delimiter) => {
                self.info(&format!("Determined delimiter of CSV input is '{delimiter}'"))
            }
            None => Ok(()),
        }
    }

    /// Where the channel's files are read from.
    pub fn files(&mut self, version: Version, channel: &Channel) -> Result<(), Failure> {
        if version.library() < (1, 3) {
            return Ok(());
        }
        let path = channel.path.display().to_string();
        // As it is inside of the container.
        let place = path.find("/opt/ml/").unwrap_or(0);
        self.info(&format!("files path: {}", &path[place..]))
    }
}
