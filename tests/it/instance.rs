//! The instance catalog against the API that it describes.

use sagebrush::api::model::{self, Kind, Service};
use sagebrush::domain::instance::Catalog;

#[test]
fn every_type_of_the_api_has_its_size() {
    let sagemaker = model::service("sagemaker").unwrap();
    let catalog = Catalog::builtin();
    for shape in [
        "ProductionVariantInstanceType",
        "TrainingInstanceType",
        "ProcessingInstanceType",
        "TransformInstanceType",
    ] {
        let values = values(sagemaker, shape);
        assert!(values.len() > 100, "{shape} has {} values", values.len());
        for name in values {
            assert!(catalog.get(name).is_some(), "{name} of {shape} is not in the catalog");
        }
    }
}

fn values<'a>(service: &'a Service, shape: &str) -> &'a [&'static str] {
    match &service.shape(shape).unwrap().kind {
        Kind::String(text) => &text.values,
        other => panic!("{shape} is {other:?}"),
    }
}
