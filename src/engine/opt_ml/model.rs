//! Models into serving containers; models, output and failures out of training containers.

use super::channel::Item;
use super::objects::{Objects, nothing_at, open};
use super::{LayoutError, download, opt_ml};
use crate::domain::s3_uri::S3Uri;
use crate::engine::archive::{self, ArchiveError, Caps, Tally};
use serde_json::Value;
use std::io::{self, Read};
use std::path::Path;

/// Where a model's files come from (`ModelDataUrl` or `ModelDataSource.S3DataSource`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelSource {
    /// `s3://bucket/key`.
    pub uri: String,
    pub form: ModelForm,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ModelForm {
    /// One tar.gz object: `ModelDataUrl`, or `S3Object` + `Gzip`.
    Archive,
    /// One object as it is: `S3Object` + `None`.
    Object,
    /// Every object below a prefix as it is: `S3Prefix` + `None`.
    Prefix,
}

impl ModelSource {
    /// From a `ContainerDefinition`; `None` when it names no model data.
    pub fn of(container: &Value) -> Option<Self> {
        if let Some(uri) = container["ModelDataUrl"].as_str() {
            return Some(Self { uri: uri.to_owned(), form: ModelForm::Archive });
        }
        let s3 = &container["ModelDataSource"]["S3DataSource"];
        let form = match (s3["S3DataType"].as_str(), s3["CompressionType"].as_str()) {
            (Some("S3Prefix"), _) => ModelForm::Prefix,
            (_, Some("None")) => ModelForm::Object,
            _ => ModelForm::Archive,
        };
        Some(Self { uri: s3["S3Uri"].as_str()?.to_owned(), form })
    }
}

/// Makes `/opt/ml/model` below `root` for a serving container.
pub fn serving(
    objects: &dyn Objects,
    root: &Path,
    model: Option<&ModelSource>,
    caps: Caps,
) -> Result<Tally, LayoutError> {
    let ml = opt_ml(root)?;
    ml.create_dir(&download::relative("model", "model")?).map_err(LayoutError::io("model"))?;
    let mut tally = Tally::default();
    let Some(ModelSource { uri, form }) = model else { return Ok(tally) };
    let source = S3Uri::parse(uri)?;
    match form {
        ModelForm::Archive => {
            let bytes = open(objects, &source)?;
            tally = archive::unpack(bytes, &root.join("opt/ml/model"), caps)
                .map_err(LayoutError::unpacking(uri))?;
        }
        ModelForm::Object => {
            let name = source.key.rsplit('/').next().unwrap_or_default();
            let item = Item {
                bucket: source.bucket.clone(),
                path: name.to_owned(),
                key: source.key.clone(),
                bytes: None,
            };
            download::file(objects, &ml, "model", &item, &mut tally, caps)?;
        }
        ModelForm::Prefix => {
            if download::prefix(objects, &ml, "model", &source, &mut tally, caps)? == 0 {
                return Err(nothing_at(&source));
            }
        }
    }
    Ok(tally)
}

/// Packs `opt/ml/model` below `root` and stores it at `uri` (`…/output/model.tar.gz`).
pub fn store_model(objects: &dyn Objects, root: &Path, uri: &str) -> Result<Tally, LayoutError> {
    store(objects, &root.join("opt/ml/model"), uri)
}

/// Packs `opt/ml/output/data` below `root` and stores it at `uri` (`…/output/output.tar.gz`);
/// `None` when there is nothing in it.
pub fn store_output(
    objects: &dyn Objects,
    root: &Path,
    uri: &str,
) -> Result<Option<Tally>, LayoutError> {
    let folder = root.join("opt/ml/output/data");
    let empty = std::fs::read_dir(&folder).map_or(true, |mut entries| entries.next().is_none());
    if empty { Ok(None) } else { store(objects, &folder, uri).map(Some) }
}

fn store(objects: &dyn Objects, folder: &Path, uri: &str) -> Result<Tally, LayoutError> {
    let S3Uri { bucket, key } = S3Uri::parse(uri)?;
    let mut tally = Tally::default();
    let put = objects.put(&bucket, &key, &mut |to| {
        tally = archive::pack(folder, to).map_err(|error| match error {
            ArchiveError::Write(error) => error,
            other => io::Error::other(other),
        })?;
        Ok(())
    });
    put.map_err(LayoutError::io(uri))?;
    Ok(tally)
}

/// `opt/ml/output/failure` below `root`: its first 1,024 characters, when it is there.
pub fn failure(root: &Path) -> Option<String> {
    let file = std::fs::File::open(root.join("opt/ml/output/failure")).ok()?;
    let mut bytes = Vec::new();
    // Four bytes a character at most.
    file.take(4 * 1024).read_to_end(&mut bytes).ok()?;
    let text = String::from_utf8_lossy(&bytes);
    let text: String = text.trim().chars().take(1024).collect();
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::super::objects::tests::Memory;
    use super::*;
    use serde_json::json;
    use std::fs;

    #[test]
    fn a_definition_names_its_source() {
        let s3 = |kind: &str, compression: &str| {
            json!({"ModelDataSource": {"S3DataSource":
                {"S3Uri": "s3://b/m", "S3DataType": kind, "CompressionType": compression}}})
        };
        let cases = [
            (json!({"ModelDataUrl": "s3://b/m"}), Some(ModelForm::Archive)),
            (s3("S3Object", "Gzip"), Some(ModelForm::Archive)),
            (s3("S3Object", "None"), Some(ModelForm::Object)),
            (s3("S3Prefix", "None"), Some(ModelForm::Prefix)),
            (json!({"Image": "x"}), None),
        ];
        for (definition, form) in cases {
            let source = ModelSource::of(&definition);
            assert_eq!(source.as_ref().map(|source| source.form), form, "{definition}");
            assert!(source.is_none_or(|source| source.uri == "s3://b/m"));
        }
    }

    #[test]
    fn a_trained_model_is_served_again() {
        let root = tempfile::tempdir().unwrap();
        let model = root.path().join("opt/ml/model");
        fs::create_dir_all(&model).unwrap();
        fs::write(model.join("weights"), b"1234").unwrap();
        let memory = Memory::default();
        store_model(&memory, root.path(), "s3://b/job/output/model.tar.gz").unwrap();
        assert_eq!(store_output(&memory, root.path(), "s3://b/o").unwrap(), None);

        let source =
            ModelSource { uri: "s3://b/job/output/model.tar.gz".into(), form: ModelForm::Archive };
        let fresh = tempfile::tempdir().unwrap();
        let tally = serving(&memory, fresh.path(), Some(&source), Caps::default()).unwrap();
        assert_eq!(tally, Tally { files: 1, bytes: 4 });
        assert_eq!(fs::read(fresh.path().join("opt/ml/model/weights")).unwrap(), b"1234");
    }

    #[test]
    fn files_are_served_as_they_are() {
        let memory = Memory::with(&[("m/a", b"1"), ("m/d/b", b"2")]);
        for (uri, form, file) in
            [("s3://b/m/d/b", ModelForm::Object, "b"), ("s3://b/m/", ModelForm::Prefix, "d/b")]
        {
            let root = tempfile::tempdir().unwrap();
            let source = ModelSource { uri: uri.into(), form };
            serving(&memory, root.path(), Some(&source), Caps::default()).unwrap();
            assert_eq!(fs::read(root.path().join("opt/ml/model").join(file)).unwrap(), b"2");
        }
    }

    #[test]
    fn a_model_that_is_not_there_is_the_callers_fault() {
        let memory = Memory::with(&[("x", b"no archive")]);
        for uri in ["s3://b/missing", "not a uri"] {
            let root = tempfile::tempdir().unwrap();
            let source = ModelSource { uri: uri.into(), form: ModelForm::Archive };
            let failed = serving(&memory, root.path(), Some(&source), Caps::default());
            assert!(matches!(failed, Err(LayoutError::Client(_))), "{failed:?}");
        }
        let root = tempfile::tempdir().unwrap();
        let source = ModelSource { uri: "s3://b/x".into(), form: ModelForm::Archive };
        let failed = serving(&memory, root.path(), Some(&source), Caps::default());
        assert!(matches!(failed, Err(LayoutError::Archive(_))), "{failed:?}");
    }

    #[test]
    fn failures_are_cut_to_what_aws_keeps() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(failure(root.path()), None);
        fs::create_dir_all(root.path().join("opt/ml/output")).unwrap();
        fs::write(root.path().join("opt/ml/output/failure"), "ä".repeat(5_000)).unwrap();
        assert_eq!(failure(root.path()).unwrap().chars().count(), 1024);
    }
}
