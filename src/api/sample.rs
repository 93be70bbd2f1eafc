//! Documents made from shapes, for tests: random ones that hold whatever a shape can hold, so that
//! codecs are tried with more than anyone would think of.

use super::model::{Kind, Location, Service, ShapeId};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

/// A stream of choices from one seed.
pub(crate) struct Chooser(fastrand::Rng);

impl Chooser {
    pub(crate) fn new(seed: u64) -> Self {
        Self(fastrand::Rng::with_seed(seed))
    }

    fn below(&mut self, limit: usize) -> usize {
        self.0.usize(..limit)
    }

    /// Text with what breaks careless codecs: markup, separators, escapes, several planes.
    fn text(&mut self, shortest: usize) -> String {
        const PIECES: &[&str] = &[
            "a", "B", "7", " ", "&", "<", ">", "\"", "'", "=", "%", "+", "/", ".", ":", "\\", "é",
            "🌵", "]]>", "&amp;", "%20", "\u{200b}", "-", "_",
        ];
        let pieces = shortest + self.below(6);
        (0..pieces).map(|_| PIECES[self.below(PIECES.len())]).collect()
    }

    /// A document of the shape's types; its constraints are not minded.
    pub(crate) fn document(&mut self, service: &Service, id: ShapeId, depth: usize) -> Value {
        match &service.get(id).kind {
            Kind::Structure(structure) if structure.union && !structure.members.is_empty() => {
                let member = &structure.members[self.below(structure.members.len())];
                json!({ member.name: self.document(service, member.shape, depth.saturating_sub(1)) })
            }
            Kind::Structure(structure) => {
                let mut object = Map::new();
                for member in &structure.members {
                    if member.location == Location::Body && depth > 0 && self.below(3) > 0 {
                        let value = self.document(service, member.shape, depth - 1);
                        object.insert(member.name.to_owned(), value);
                    }
                }
                object.into()
            }
            Kind::List { member, .. } => {
                let length = if depth > 0 { self.below(4) } else { 0 };
                (0..length).map(|_| self.document(service, member.shape, depth - 1)).collect()
            }
            Kind::Map { value, .. } => {
                let length = if depth > 0 { self.below(4) } else { 0 };
                let entries: Map<String, Value> = (0..length)
                    .map(|_| (self.text(1), self.document(service, value.shape, depth - 1)))
                    .collect();
                entries.into()
            }
            Kind::String(_) => self.text(0).into(),
            Kind::Integer { .. } => self.0.i32(..).into(),
            Kind::Long { .. } => self.0.i64(..).into(),
            Kind::Float { .. } | Kind::Double { .. } => self.real(),
            Kind::Boolean => self.0.bool().into(),
            Kind::Timestamp { .. } => json!(self.0.i64(0..4_000_000_000_000) as f64 / 1000.0),
            Kind::Blob { .. } => {
                let bytes: Vec<u8> = (0..self.below(9)).map(|_| self.0.u8(..)).collect();
                STANDARD.encode(bytes).into()
            }
        }
    }

    fn real(&mut self) -> Value {
        match self.below(8) {
            0 => json!("NaN"),
            1 => json!("-Infinity"),
            2 => json!(0.0),
            3 => json!(1e300),
            _ => json!((self.0.f64() - 0.5) * 1e6),
        }
    }
}
