//! The channels of a training job and their rows, in the formats that the container reads.

use super::Hyperparameters;
use crate::algorithms::data::{self, Delimiter, Format, Labelled, Labels, Layout};
use crate::algorithms::{Channel, Failure, InputMode, TrainingInput};

/// The content types of training data, in the container's words.
const ACCEPTED: &str = "csv, libsvm, parquet, recordio-protobuf, text/csv, text/libsvm, text/x-libsvm, \
                        application/x-parquet, application/x-recordio-protobuf";

/// The channels, named as the container names them.
pub fn channels(job: &TrainingInput) -> Result<(&Channel, Option<&Channel>), Failure> {
    let strange =
        job.channels.keys().find(|name| !["train", "validation"].contains(&name.as_str()));
    if let Some(name) = strange {
        return Err(Failure::client(format!("Extraneous channel found: {name}")));
    }
    let train = job
        .channels
        .get("train")
        .ok_or_else(|| Failure::client("Missing required channel: train"))?;
    Ok((train, job.channels.get("validation")))
}

/// The rows of a channel; `columns` where it must have as many as another.
pub fn read(
    channel: &Channel,
    hyperparameters: &Hyperparameters,
    columns: Option<usize>,
) -> Result<Labelled, Failure> {
    let format = format(channel)?;
    if format == Format::LibSvm && channel.mode == InputMode::Pipe {
        return Err(Failure::client("Pipe mode not supported for LibSVM."));
    }
    let layout = Layout {
        labels: Labels::Required,
        csv_weights: hyperparameters.csv_weights && format == Format::Csv,
        // What a sparse row does not name is missing, as it is for the library.
        absent: f32::NAN,
        columns,
        delimiter: Delimiter::Detect,
    };
    data::read_channel(channel, format, layout, 0).map_err(|error| {
        let name = match format {
            Format::Csv => "csv",
            Format::LibSvm => "libsvm",
            _ => "recordio-protobuf",
        };
        let undeclared = if channel.content_type.is_none() {
            format!(
                ". The channel {} has no ContentType, for which libsvm is the default: declare what it holds, \
                 for instance text/csv",
                channel.name
            )
        } else {
            String::new()
        };
        Failure::client(format!(
            "Failed to load {name} data with exception:\n{error} (channel {}){undeclared}",
            channel.name
        ))
    })
}

/// The format of a channel; libsvm when its content type is not given, as in the container.
pub fn format(channel: &Channel) -> Result<Format, Failure> {
    let Some(content_type) = channel.content_type.as_deref() else { return Ok(Format::LibSvm) };
    let format = match data::media_type(content_type).to_ascii_lowercase().as_str() {
        "csv" | "text/csv" => Format::Csv,
        "libsvm" | "text/libsvm" | "text/x-libsvm" => Format::LibSvm,
        "recordio-protobuf" | "application/x-recordio-protobuf" => Format::RecordIo,
        "parquet" | "application/x-parquet" => {
            return Err(Failure::client(format!(
                "{content_type}: parquet is not read by Sagebrush's own xgboost. Convert the data to text/csv."
            )));
        }
        _ => {
            return Err(Failure::client(format!(
                "{content_type} is not an accepted ContentType: {ACCEPTED}."
            )));
        }
    };
    let label_size = data::media_parameter(content_type, "label_size");
    if format == Format::Csv && label_size.is_some_and(|size| size != "1") {
        return Err(Failure::client(format!(
            "{content_type} is not an accepted csv ContentType. Optional parameter label_size must be equal to 1"
        )));
    }
    Ok(format)
}

/// Refuses what no bin can hold and no average survive.
pub fn check_values(set: &Labelled) -> Result<(), Failure> {
    if set.features.values().iter().any(|value| value.is_infinite()) {
        return Err(Failure::client(
            "Input data contains `inf` or a value too large, while `missing` is not set to `inf`",
        ));
    }
    let fits = |weight: &f32| weight.is_finite() && *weight >= 0.0;
    if !set.weights.iter().all(fits) {
        return Err(Failure::client("Weights must be positive values."));
    }
    if !set.weights.is_empty() && set.weights.iter().all(|weight| *weight == 0.0) {
        return Err(Failure::client("All weights are 0: no row counts. Give some rows a weight."));
    }
    Ok(())
}
