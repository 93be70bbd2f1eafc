//! Instance types: their sizes and list prices, read from a table that says where each figure is
//! from. An instance type here is an imitation; its price is AWS's list price, or unknown.

use super::money::Money;
use std::collections::BTreeMap;
use std::time::Duration;

/// One instance type.
#[derive(Clone, Debug, PartialEq)]
pub struct InstanceType {
    /// Such as `ml.m5.large`.
    pub name: String,
    pub vcpus: u32,
    pub memory_mib: u64,
    /// Such as `1 × NVIDIA T4`.
    pub accelerators: Option<Accelerators>,
    /// US dollars an hour on demand in us-east-1; `None` is unknown.
    pub hosting: Option<Price>,
    pub training: Option<Price>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accelerators {
    pub count: u32,
    pub model: String,
}

/// A list price, where it was published, and when it was read there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Price {
    pub per_hour: Money,
    pub source: String,
    /// ISO date.
    pub date: String,
}

impl Price {
    pub fn cost(&self, span: Duration, count: u32) -> Money {
        self.per_hour.per_hour_for(span, count)
    }
}

/// All known instance types.
#[derive(Clone, Debug, Default)]
pub struct Catalog {
    types: BTreeMap<String, InstanceType>,
}

/// Why a table of instance types was not taken.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    #[error("the instance table does not parse: {0}")]
    Parse(#[from] toml::de::Error),
    #[error("instance type {name}: {why}")]
    Entry { name: String, why: String },
}

impl Catalog {
    pub fn get(&self, name: &str) -> Option<&InstanceType> {
        self.types.get(name)
    }

    pub fn iter(&self) -> impl Iterator<Item = &InstanceType> {
        self.types.values()
    }
}
