//! SageMaker's common inference format: `{"instances": [{"features": [1, 2]}]}`, or one instance a line.
//!
//! An instance is `{"features": […]}` or `{"data": {"features": {"values": […], "keys": […], "shape": […]}}}`,
//! where keys make it sparse; a bare list of numbers is taken for features too. Numbers go from
//! the text straight into the block, without a document in between.

use super::{Block, DataError};
use serde::de::{
    DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor,
};
use std::fmt;

const FORMAT: &str = "JSON of the form {\"instances\": [{\"features\": [1.5, 2.0]}]}";
const LINES: &str = "JSON lines of the form {\"features\": [1.5, 2.0]}";

/// Reads one document with all instances.
pub fn read(body: &[u8], block: &mut Block) -> Result<(), DataError> {
    let mut document = Document { block, fault: None };
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let outcome = document.deserialize(&mut deserializer).and_then(|()| deserializer.end());
    document.conclude(outcome, FORMAT)
}

/// Reads one instance a line; empty lines are passed over.
pub fn read_lines(body: &[u8], block: &mut Block) -> Result<(), DataError> {
    for (index, line) in body.split(|byte| *byte == b'\n').enumerate() {
        if line.trim_ascii().is_empty() {
            continue;
        }
        let mut document = Document { block, fault: None };
        let mut deserializer = serde_json::Deserializer::from_slice(line);
        let outcome =
            deserializer.deserialize_any(Instance(&mut document)).and_then(|()| deserializer.end());
        document
            .conclude(outcome, LINES)
            .map_err(|error| DataError { line: Some(index + 1), ..error })?;
    }
    Ok(())
}

/// The block, and the row's own fault, for which serde's errors have no room.
struct Document<'a> {
    block: &'a mut Block,
    fault: Option<DataError>,
}

impl Document<'_> {
    fn deserialize<'de, D: Deserializer<'de>>(&mut self, from: D) -> Result<(), D::Error> {
        from.deserialize_any(Instances(self))
    }

    fn conclude(
        self,
        outcome: Result<(), serde_json::Error>,
        format: &'static str,
    ) -> Result<(), DataError> {
        match (self.fault, outcome) {
            (Some(fault), _) => Err(fault),
            (None, Err(error)) => Err(DataError::new(DataError::malformed(
                format,
                format!("the JSON is not as expected: {error}"),
            ))),
            (None, Ok(())) => Ok(()),
        }
    }

    /// Keeps the row's fault and gives serde something to stop at.
    fn keep<E: serde::de::Error>(&mut self, outcome: Result<(), DataError>) -> Result<(), E> {
        outcome.map_err(|error| {
            let text = error.to_string();
            self.fault = Some(error);
            E::custom(text)
        })
    }
}

/// `{"instances": […]}`.
struct Instances<'a, 'b>(&'a mut Document<'b>);

impl<'de> Visitor<'de> for Instances<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with \"instances\"")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut found = false;
        while let Some(key) = map.next_key::<std::borrow::Cow<'_, str>>()? {
            if key == "instances" {
                found = true;
                map.next_value_seed(Each(self.0))?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        if found { Ok(()) } else { Err(A::Error::custom("\"instances\" is missing")) }
    }
}

/// The list of instances.
struct Each<'a, 'b>(&'a mut Document<'b>);

impl<'de> DeserializeSeed<'de> for Each<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Each<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of instances")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while list.next_element_seed(Instance(self.0))?.is_some() {}
        Ok(())
    }
}

/// One instance, in any of its forms.
struct Instance<'a, 'b>(&'a mut Document<'b>);

impl<'de> DeserializeSeed<'de> for Instance<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Instance<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an instance: {\"features\": [numbers]}")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<(), A::Error> {
        Features(self.0).visit_seq(list)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut found = false;
        while let Some(key) = map.next_key::<std::borrow::Cow<'_, str>>()? {
            match key.as_ref() {
                // Twice the same key would make two rows of one instance.
                "features" if found => return Err(A::Error::custom("\"features\" stands twice")),
                "features" => {
                    found = true;
                    map.next_value_seed(Features(self.0))?;
                }
                "data" if !found => {
                    found = true;
                    map.next_value_seed(Data(self.0))?;
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        if found { Ok(()) } else { Err(A::Error::custom("an instance without \"features\"")) }
    }
}

/// `{"features": …}` below `data`.
struct Data<'a, 'b>(&'a mut Document<'b>);

impl<'de> DeserializeSeed<'de> for Data<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_map(Instance(self.0))
    }
}

/// A list of numbers, or a tensor with `values`, and `keys` and `shape` when it is sparse.
struct Features<'a, 'b>(&'a mut Document<'b>);

impl<'de> DeserializeSeed<'de> for Features<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Features<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of numbers")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while let Some(value) = list.next_element::<Option<f32>>()? {
            self.0.block.push(value.unwrap_or(f32::NAN));
        }
        let row = self.0.block.rows() + 1;
        let outcome = self.0.block.end_row(row);
        self.0.keep(outcome)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let (mut values, mut keys, mut shape) = (None, None, None);
        while let Some(key) = map.next_key::<std::borrow::Cow<'_, str>>()? {
            match key.as_ref() {
                "values" => values = Some(map.next_value::<Vec<f32>>()?),
                "keys" => keys = Some(map.next_value::<Vec<u32>>()?),
                "shape" => shape = Some(map.next_value::<Vec<u64>>()?),
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        let values = values.ok_or_else(|| A::Error::missing_field("values"))?;
        let line = self.0.block.rows() + 1;
        let outcome = super::recordio::tensor_row(
            self.0.block,
            &values,
            keys.as_deref().unwrap_or_default(),
            shape.as_deref().unwrap_or_default(),
            line,
        );
        self.0.keep(outcome)
    }
}

#[cfg(test)]
mod tests {
    use crate::algorithms::data::{Format, Layout, Problem, parse};
    use proptest::prelude::*;

    fn values(format: Format, body: &str) -> Vec<f32> {
        parse(format, body.as_bytes(), Layout::inference(None)).unwrap().features.into_values()
    }

    #[test]
    fn every_documented_form_is_read() {
        let body = r#"{"instances": [{"features": [1, 2.5]}, {"data": {"features": {"values": [3, 4]}}},
            {"data": {"features": {"keys": [1], "shape": [2], "values": [9]}}}, [5, 6]], "configuration": {}}"#;
        assert_eq!(values(Format::Json, body), [1.0, 2.5, 3.0, 4.0, 0.0, 9.0, 5.0, 6.0]);
        let lines = "{\"features\": [1, 2]}\n\n{\"data\": {\"features\": {\"values\": [3, 4]}}}\n";
        assert_eq!(values(Format::JsonLines, lines), [1.0, 2.0, 3.0, 4.0]);
    }

    #[test]
    fn what_is_wrong_is_said() {
        let refused = |body: &str, columns| {
            parse(Format::Json, body.as_bytes(), Layout::inference(columns)).unwrap_err()
        };
        let width = refused(r#"{"instances": [{"features": [1, 2]}]}"#, Some(3));
        assert!(matches!(width.problem, Problem::Width { found: 2, expected: 3, .. }), "{width}");
        assert!(refused("{}", None).to_string().contains("\"instances\" is missing"));
        assert!(refused(r#"{"instances": [{"features": ["a"]}]}"#, None).to_string().contains("a"));
        assert!(matches!(refused(r#"{"instances": []}"#, None).problem, Problem::NoRows));
        assert!(
            refused(r#"{"instances": [{"features": [1], "features": [2]}]}"#, None)
                .to_string()
                .contains("twice")
        );
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in r#"[-\[\]{}",:0-9.einstaceskyvlfuro ]{0,120}"#, bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            for format in [Format::Json, Format::JsonLines] {
                let _ = parse(format, text.as_bytes(), Layout::inference(None));
                let _ = parse(format, &bytes, Layout::inference(Some(2)));
            }
        }
    }
}
