//! A region that holds much before it starts.

use sagebrush::domain::kind;
use sagebrush::domain::time::SystemClock;
use sagebrush::store::{Durability, Row, Store, StoreError};
use serde_json::json;
use std::path::Path;
use std::sync::Arc;

/// A workspace whose store holds so many models. They are written in the store's own way: through
/// the gateway a million would take a minute.
pub fn fill(folder: &Path, models: usize) {
    let kept = folder.join(".sagebrush");
    std::fs::create_dir_all(folder).expect("a folder");
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("tokio");
    let store = Store::open(&kept, Arc::new(SystemClock), Durability::Process).expect("a store");
    for first in (0..models).step_by(1000) {
        let batch = store.write(move |change| {
            for index in first..(first + 1000).min(models) {
                let name = format!("model-{index:07}");
                let arn = format!("arn:aws:sagemaker:us-east-1:123456789012:model/{name}");
                let body = json!({"ModelName": name, "ModelArn": arn,
                    "ExecutionRoleArn": "arn:aws:iam::123456789012:role/Bench",
                    "CreationTime": change.now().to_document(),
                    "PrimaryContainer": {"Image": "image", "ModelDataUrl": "s3://bench/model.tar.gz"}});
                change.insert(Row::new(kind::MODEL, &name, change.now(), body))?;
            }
            Ok::<_, StoreError>(())
        });
        runtime.block_on(batch).expect("models are written");
    }
}
