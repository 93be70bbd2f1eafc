//! Listing keys over the index, in the binary order of their UTF-8. Keys that a delimiter rolls up
//! cost one step however many there are.

use super::about::Object;
use super::{ObjectError, Objects, bucket, object};
use rusqlite::types::Value as Sql;

/// Which keys to list. The default asks for the first thousand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct List {
    pub prefix: String,
    /// Keys that hold it after the prefix are rolled up to what ends with its first occurrence.
    pub delimiter: Option<String>,
    /// Only keys that sort after this.
    pub start_after: Option<String>,
    /// Where the page before ended: [`Listing::next`].
    pub from: Option<Vec<u8>>,
    /// How many keys and common prefixes together; 0 means 1,000.
    pub limit: usize,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Listing {
    pub objects: Vec<Object>,
    pub common_prefixes: Vec<String>,
    /// The least key that the next page may begin with; present when there is one.
    pub next: Option<Vec<u8>>,
}

const DEFAULT_LIMIT: usize = 1_000;

impl Objects {
    pub fn list(&self, bucket: &str, list: &List) -> Result<Listing, ObjectError> {
        let limit = if list.limit == 0 { DEFAULT_LIMIT } else { list.limit };
        let prefix = list.prefix.as_bytes();
        let end = successor(prefix);
        let mut from = prefix.to_vec();
        if let Some(after) = &list.start_after {
            // The least key that sorts after another is that one with a zero byte.
            from = from.max([after.as_bytes(), &[0]].concat());
        }
        from = from.max(list.from.clone().unwrap_or_default());
        self.store.read(|snapshot| {
            let bucket = bucket::id(snapshot.connection, bucket)?;
            let bound = if end.is_some() { "AND object.key < ?3" } else { "" };
            let mut statement = snapshot.connection.prepare_cached(&format!(
                "SELECT {} FROM object JOIN blob ON blob.id = object.blob
                 WHERE object.bucket = ?1 AND object.key >= ?2 {bound} ORDER BY object.key",
                object::COLUMNS
            ))?;
            let mut listing = Listing::default();
            let mut count = 0;
            'walk: loop {
                let mut values: Vec<Sql> = vec![bucket.into(), from.clone().into()];
                values.extend(end.clone().map(Sql::from));
                let mut rows = statement.query(rusqlite::params_from_iter(values))?;
                while let Some(row) = rows.next()? {
                    let key = row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?;
                    if count == limit {
                        listing.next = Some(key.to_vec());
                        break 'walk;
                    }
                    count += 1;
                    if let Some(common) = rolled_up(key, prefix, list.delimiter.as_deref()) {
                        listing.common_prefixes.push(String::from_utf8_lossy(common).into_owned());
                        let Some(next) = successor(common) else { break 'walk };
                        from = next;
                        continue 'walk;
                    }
                    listing.objects.push(object::from_sql(row)?);
                }
                break;
            }
            Ok(listing)
        })
    }
}

/// The part of a key that ends with the first delimiter after the prefix.
fn rolled_up<'a>(key: &'a [u8], prefix: &[u8], delimiter: Option<&str>) -> Option<&'a [u8]> {
    let delimiter = delimiter.filter(|delimiter| !delimiter.is_empty())?.as_bytes();
    let rest = key.get(prefix.len()..)?;
    let at = rest.windows(delimiter.len()).position(|window| window == delimiter)?;
    key.get(..prefix.len() + at + delimiter.len())
}

/// The least byte string that is greater than all that begin with `prefix`; `None` when there is none.
pub fn successor(prefix: &[u8]) -> Option<Vec<u8>> {
    let last = prefix.iter().rposition(|byte| *byte != u8::MAX)?;
    let mut next = prefix[..=last].to_vec();
    next[last] += 1;
    Some(next)
}
