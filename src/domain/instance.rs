//! Instance types: their sizes and list prices, read from a table that says where each figure is
//! from. An instance type here is an imitation; its price is AWS's list price, or unknown.

use super::money::Money;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// One instance type.
#[derive(Clone, Debug, PartialEq)]
pub struct InstanceType {
    /// Such as `ml.m5.large`.
    pub name: String,
    pub vcpus: u32,
    pub memory_mib: u64,
    pub accelerators: Option<Accelerators>,
    /// Where the size is from.
    pub source: Arc<Source>,
    /// US dollars an hour on demand in us-east-1; `None` is unknown.
    pub hosting: Option<Price>,
    pub training: Option<Price>,
}

/// Such as 4 × NVIDIA A10G.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Accelerators {
    pub count: u32,
    pub model: String,
}

/// Where a figure was published, and when it was read there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    pub what: String,
    /// ISO date; empty when the workspace that says so gives none.
    #[serde(default)]
    pub date: String,
}

/// A list price and where it is from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Price {
    pub per_hour: Money,
    pub source: Arc<Source>,
}

impl Price {
    pub fn cost(&self, span: Duration, count: u32) -> Money {
        self.per_hour.per_hour_for(span, count)
    }
}

/// All known instance types.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Catalog {
    types: BTreeMap<String, InstanceType>,
}

/// Why a table of instance types was not taken.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    #[error("the instance table does not parse: {0}")]
    Parse(#[from] Box<toml::de::Error>),
    #[error("instance type {name}: {why}")]
    Entry { name: String, why: String },
}

impl Catalog {
    /// The table inside this binary. A test holds that it parses.
    pub fn builtin() -> &'static Self {
        static BUILTIN: OnceLock<Catalog> = OnceLock::new();
        BUILTIN.get_or_init(|| {
            let mut catalog = Self::default();
            if let Err(error) = catalog.overlay(BUILTIN_TABLE, "Sagebrush") {
                tracing::error!(%error, "the instance catalog inside this binary is damaged");
            }
            catalog
        })
    }

    pub fn get(&self, name: &str) -> Option<&InstanceType> {
        self.types.get(name)
    }

    pub fn iter(&self) -> impl Iterator<Item = &InstanceType> {
        self.types.values()
    }

    /// Adds types and replaces what `text` says of known ones. `origin`, the workspace's name say,
    /// is the source of every figure for which the table names none. The price `"unknown"` takes a
    /// known price away.
    ///
    /// ```toml
    /// [types]
    /// "ml.m5.large" = { hosting = "0.1", training = "unknown" }
    /// "ml.my.box" = { vcpus = 16, memory_gib = 64 }
    /// ```
    ///
    /// # Errors
    /// When it does not parse, or a type lacks its size or names a source that is not there;
    /// nothing is changed then.
    pub fn overlay(&mut self, text: &str, origin: &str) -> Result<(), CatalogError> {
        let table: Table = toml::from_str(text).map_err(Box::new)?;
        let sources = Sources {
            named: table.sources.into_iter().map(|(key, it)| (key, Arc::new(it))).collect(),
            origin: Arc::new(Source { what: origin.to_owned(), date: String::new() }),
        };
        let mut types = self.types.clone();
        for (name, entry) in table.types {
            let earlier = types.remove(&name);
            let merged = merge(&name, entry, earlier, &sources)
                .map_err(|why| CatalogError::Entry { name: name.clone(), why })?;
            types.insert(name, merged);
        }
        self.types = types;
        Ok(())
    }
}

const BUILTIN_TABLE: &str = include_str!("../../assets/instances.toml");

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    #[serde(default)]
    sources: BTreeMap<String, Source>,
    types: BTreeMap<String, Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    vcpus: Option<u32>,
    memory_gib: Option<f64>,
    source: Option<String>,
    accelerators: Option<Accelerators>,
    hosting: Option<PriceEntry>,
    training: Option<PriceEntry>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum PriceEntry {
    /// An amount, or `unknown`.
    Plain(String),
    Sourced {
        usd: String,
        source: String,
    },
}

struct Sources {
    named: BTreeMap<String, Arc<Source>>,
    origin: Arc<Source>,
}

impl Sources {
    fn find(&self, key: Option<&str>) -> Result<Arc<Source>, String> {
        match key {
            None => Ok(Arc::clone(&self.origin)),
            Some(key) => {
                self.named.get(key).cloned().ok_or_else(|| format!("there is no source `{key}`"))
            }
        }
    }
}

fn merge(
    name: &str,
    entry: Entry,
    earlier: Option<InstanceType>,
    sources: &Sources,
) -> Result<InstanceType, String> {
    let resized = entry.vcpus.is_some() || entry.memory_gib.is_some();
    let vcpus = entry.vcpus.or(earlier.as_ref().map(|it| it.vcpus));
    let memory_mib = match entry.memory_gib {
        Some(gib) => Some(mebibytes(gib)?),
        None => earlier.as_ref().map(|it| it.memory_mib),
    };
    let source = match &earlier {
        Some(earlier) if !resized && entry.source.is_none() => Arc::clone(&earlier.source),
        _ => sources.find(entry.source.as_deref())?,
    };
    let (hosting, training, accelerators) =
        earlier.map_or((None, None, None), |it| (it.hosting, it.training, it.accelerators));
    Ok(InstanceType {
        name: name.to_owned(),
        vcpus: vcpus.filter(|count| *count > 0).ok_or("`vcpus` is missing or zero")?,
        memory_mib: memory_mib.ok_or("`memory_gib` is missing")?,
        accelerators: entry.accelerators.or(accelerators),
        source,
        hosting: price(entry.hosting, hosting, sources)?,
        training: price(entry.training, training, sources)?,
    })
}

fn mebibytes(gib: f64) -> Result<u64, String> {
    let mib = (gib * 1024.0).round();
    if mib.is_finite() && (1.0..1e9).contains(&mib) {
        return Ok(mib as u64);
    }
    Err(format!("`memory_gib` {gib} is not a size"))
}

fn price(
    entry: Option<PriceEntry>,
    earlier: Option<Price>,
    sources: &Sources,
) -> Result<Option<Price>, String> {
    let (usd, source) = match entry {
        None => return Ok(earlier),
        Some(PriceEntry::Plain(text)) if text == "unknown" => return Ok(None),
        Some(PriceEntry::Plain(text)) => (text, sources.find(None)?),
        Some(PriceEntry::Sourced { usd, source }) => (usd, sources.find(Some(&source))?),
    };
    let per_hour = Money::parse(&usd)
        .ok_or_else(|| format!("`{usd}` is no price; write an amount such as \"0.115\""))?;
    Ok(Some(Price { per_hour, source }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn builtin() -> Catalog {
        let mut catalog = Catalog::default();
        catalog.overlay(BUILTIN_TABLE, "test").unwrap();
        catalog
    }

    #[test]
    fn sizes_and_prices_read_as_written() {
        let catalog = builtin();
        let m5 = catalog.get("ml.m5.large").unwrap();
        assert_eq!((m5.vcpus, m5.memory_mib), (2, 8192));
        let hosting = m5.hosting.as_ref().unwrap();
        assert_eq!(hosting.per_hour, Money::parse("0.115").unwrap());
        assert_eq!(hosting.cost(Duration::from_secs(3600), 2).to_string(), "0.23");
        let g5 = catalog.get("ml.g5.12xlarge").unwrap();
        assert_eq!(g5.accelerators, Some(Accelerators { count: 4, model: "NVIDIA A10G".into() }));
        assert_eq!(catalog.get("ml.c4.large").unwrap().memory_mib, 3840);
    }

    #[test]
    fn every_figure_says_where_it_is_from_and_when() {
        for it in builtin().iter() {
            let prices = it.hosting.iter().chain(&it.training).map(|price| &price.source);
            for source in prices.chain([&it.source]) {
                assert!(!source.what.is_empty(), "{}", it.name);
                assert!(source.date.parse::<jiff::civil::Date>().is_ok(), "{}", it.name);
            }
        }
    }

    #[test]
    fn larger_sizes_of_a_family_are_larger() {
        let catalog = builtin();
        let vcpus = |name: &str| catalog.get(name).unwrap().vcpus;
        assert!(vcpus("ml.m5.large") < vcpus("ml.m5.xlarge"));
        assert!(vcpus("ml.c6i.16xlarge") < vcpus("ml.c6i.32xlarge"));
    }

    #[test]
    fn a_workspace_overrides_what_it_names_and_nothing_else() {
        let mut catalog = builtin();
        let text = r#"
            [types]
            "ml.m5.large" = { hosting = "0.2", training = "unknown" }
            "ml.my.box" = { vcpus = 16, memory_gib = 64 }
        "#;
        catalog.overlay(text, "workspace.toml").unwrap();
        let m5 = catalog.get("ml.m5.large").unwrap();
        assert_eq!(m5.memory_mib, 8192);
        assert!(m5.training.is_none());
        let hosting = m5.hosting.as_ref().unwrap();
        assert_eq!(
            (hosting.per_hour.to_string(), hosting.source.what.as_str()),
            ("0.20".into(), "workspace.toml")
        );
        assert_eq!(catalog.get("ml.my.box").unwrap().vcpus, 16);
        assert_eq!(catalog.get("ml.m5.xlarge"), builtin().get("ml.m5.xlarge"));
    }

    #[rstest]
    #[case::no_size(r#"types."ml.x.y" = { vcpus = 2 }"#)]
    #[case::no_cores(r#"types."ml.x.y" = { vcpus = 0, memory_gib = 1 }"#)]
    #[case::negative(r#"types."ml.m5.large" = { memory_gib = -1.0 }"#)]
    #[case::no_price(r#"types."ml.m5.large" = { hosting = "cheap" }"#)]
    #[case::no_source(r#"types."ml.m5.large" = { hosting = { usd = "1", source = "?" } }"#)]
    #[case::typo(r#"types."ml.m5.large" = { hostign = "1" }"#)]
    fn a_wrong_table_changes_nothing(#[case] text: &str) {
        let mut catalog = builtin();
        assert!(catalog.overlay(text, "workspace.toml").is_err());
        assert_eq!(catalog, builtin());
    }
}
