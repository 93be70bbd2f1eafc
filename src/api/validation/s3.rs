//! S3 checks as its model says and complains in words of its own: a document that does not fit is
//! `MalformedXML`, an argument has a code and a text that depend on which it is.

use super::{constraints, types};
use crate::api::error::AwsError;
use crate::api::model::{Kind, Location, Member, Operation, Service, ShapeId};
use serde_json::Value;

/// Checks all members but `skipped`, a payload that is streamed.
pub(super) fn check(
    service: &Service,
    operation: &Operation,
    input: &Value,
    skipped: Option<&str>,
) -> Result<(), AwsError> {
    let Some(structure) = service.input(operation) else { return Ok(()) };
    for member in structure.members.iter().filter(|member| Some(member.name) != skipped) {
        let value = input.get(member.name).filter(|value| !value.is_null());
        match (value, member.location) {
            (None, _) if !member.required => {}
            (None, Location::Body) => return Err(malformed_xml()),
            (None, _) => return Err(missing(member)),
            (Some(value), Location::Body) if fits(service, member.shape, value) => {}
            (Some(_), Location::Body) => return Err(malformed_xml()),
            (Some(value), _) => argument(service, member, value)?,
        }
    }
    Ok(())
}

fn malformed_xml() -> AwsError {
    AwsError::new(
        400,
        "MalformedXML",
        "The XML you provided was not well-formed or did not validate against our published schema",
    )
}

fn missing(member: &Member) -> AwsError {
    let name = member.wire_name();
    let what = if member.location == Location::Query { "query parameter" } else { "header" };
    AwsError::new(
        400,
        "InvalidRequest",
        format!("Missing required {what} for this request: {name}"),
    )
    .with("ArgumentName", name)
}

/// Whether a value of a document is what the schema says.
fn fits(service: &Service, shape: ShapeId, value: &Value) -> bool {
    let shape_of = service.get(shape);
    match (&shape_of.kind, value) {
        (Kind::Structure(structure), Value::Object(object)) => {
            structure.members.iter().all(|member| match object.get(member.name) {
                None => !member.required,
                Some(value) => fits(service, member.shape, value),
            })
        }
        (Kind::List { member, .. }, Value::Array(items)) => {
            items.iter().all(|item| fits(service, member.shape, item))
        }
        // Which places there are is no matter of the schema: S3 has an error of its own for that.
        _ if shape_of.name == "BucketLocationConstraint" => value.is_string(),
        _ => {
            types::check(service, shape, value).is_ok()
                && constraints::told_of(service, shape, value).is_empty()
        }
    }
}

/// A member of the path, the query or the headers.
fn argument(service: &Service, member: &Member, value: &Value) -> Result<(), AwsError> {
    let shape = service.get(member.shape);
    let sound = match (&shape.kind, value) {
        (Kind::List { member, .. }, Value::Array(items)) => {
            return items.iter().try_for_each(|item| argument(service, member, item));
        }
        // S3 does not mind the case of these.
        (Kind::String(text), Value::String(value)) if shape.name == "ChecksumAlgorithm" => {
            text.values.contains(&value.to_ascii_uppercase().as_str())
        }
        // A date that cannot be read makes no condition, as HTTP has it; and when an object
        // expires is kept as it is sent.
        (Kind::Timestamp { .. }, Value::String(_)) => {
            matches!(member.name, "IfModifiedSince" | "IfUnmodifiedSince" | "Expires")
        }
        (Kind::Map { .. }, _) => true,
        _ => {
            types::check(service, member.shape, value).is_ok()
                && constraints::told_of(service, member.shape, value).is_empty()
        }
    };
    if sound { Ok(()) } else { Err(refused(&shape.kind, shape.name, member, value)) }
}

fn refused(kind: &Kind, shape: &str, member: &Member, value: &Value) -> AwsError {
    let name = member.wire_name();
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let invalid = |message: String| AwsError::new(400, "InvalidArgument", message);
    let error = match shape {
        "StorageClass" => {
            return AwsError::new(
                400,
                "InvalidStorageClass",
                "The storage class you specified is not valid",
            )
            .with("StorageClassRequested", text);
        }
        "ChecksumAlgorithm" => AwsError::new(
            400,
            "InvalidRequest",
            "Checksum algorithm provided is unsupported. Please try again with any of the valid \
             types: [CRC32, CRC32C, CRC64NVME, SHA1, SHA256]",
        ),
        "ChecksumType" => {
            AwsError::new(400, "InvalidRequest", format!("Value for {name} header is invalid."))
        }
        "EncodingType" => invalid("Invalid Encoding Method specified in Request".into()),
        "MetadataDirective" => invalid("Unknown metadata directive.".into()),
        "TaggingDirective" => invalid("Unknown tagging directive.".into()),
        "ServerSideEncryption" => {
            invalid("The encryption method specified is not supported".into())
        }
        "PartNumber" => {
            invalid("Part number must be an integer between 1 and 10000, inclusive".into())
        }
        _ if matches!(kind, Kind::Integer { .. } | Kind::Long { .. }) => {
            invalid(format!("Provided {name} not an integer or within integer range"))
        }
        _ => invalid(format!("The value of {name} is not valid.")),
    };
    error.with("ArgumentName", name).with("ArgumentValue", text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::model;
    use serde_json::json;

    fn code(operation: &str, input: Value) -> Result<(), String> {
        let service = model::service("s3").unwrap();
        check(service, service.operation(operation).unwrap(), &input, Some("Body"))
            .map_err(|error| error.code.into_owned())
    }

    #[test]
    fn each_fault_has_the_code_that_s3_gives_it() {
        let put = |name: &str, value: Value| {
            code("PutObject", json!({"Bucket": "b", "Key": "k", name: value}))
        };
        assert_eq!(put("StorageClass", json!("BOGUS")), Err("InvalidStorageClass".into()));
        assert_eq!(put("StorageClass", json!("GLACIER")), Ok(()));
        assert_eq!(put("ServerSideEncryption", json!("none")), Err("InvalidArgument".into()));
        assert_eq!(put("ChecksumAlgorithm", json!("crc32")), Ok(()));
        assert_eq!(put("ChecksumAlgorithm", json!("CRC7")), Err("InvalidRequest".into()));
        let list = json!({"Bucket": "b", "MaxKeys": "many"});
        assert_eq!(code("ListObjects", list), Err("InvalidArgument".into()));
        let get = json!({"Bucket": "b", "Key": "k", "IfModifiedSince": "yesterday"});
        assert_eq!(code("GetObject", get), Ok(()));
        assert_eq!(code("DeleteObjects", json!({"Bucket": "b"})), Err("MalformedXML".into()));
        let delete = json!({"Bucket": "b", "Delete": {"Objects": [{"ETag": "x"}]}});
        assert_eq!(code("DeleteObjects", delete), Err("MalformedXML".into()));
    }
}
