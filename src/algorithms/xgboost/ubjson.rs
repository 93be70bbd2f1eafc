//! Universal Binary JSON as XGBoost writes it, and JSON, both read into one kind of document.
//!
//! What is read may come from anyone: lengths are held against the bytes that are left, depth is
//! bounded, and bad input is an error.

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use std::collections::BTreeMap;
use std::fmt;

/// Containers within containers that are followed.
const MAX_DEPTH: usize = 64;

/// A value of a model document.
#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    List(Vec<Node>),
    Map(BTreeMap<String, Node>),
    /// Typed arrays, which take their own form in UBJSON.
    Bytes(Vec<u8>),
    Ints(Vec<i32>),
    Longs(Vec<i64>),
    Floats(Vec<f32>),
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct FormatError(pub String);

fn error<T>(text: impl Into<String>) -> Result<T, FormatError> {
    Err(FormatError(text.into()))
}

impl Node {
    pub fn map<const N: usize>(members: [(&str, Self); N]) -> Self {
        Self::Map(members.into_iter().map(|(name, node)| (name.to_owned(), node)).collect())
    }

    pub fn text(value: &(impl ToString + ?Sized)) -> Self {
        Self::Text(value.to_string())
    }

    /// The member of this name.
    pub fn get(&self, name: &str) -> Option<&Self> {
        if let Self::Map(members) = self { members.get(name) } else { None }
    }

    /// The member at the end of this path of names.
    pub fn at(&self, path: &[&str]) -> Option<&Self> {
        path.iter().try_fold(self, |node, name| node.get(name))
    }

    pub fn as_text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    /// Numbers as floats, whatever form they were written in.
    pub fn floats(&self) -> Option<Vec<f32>> {
        match self {
            Self::Floats(values) => Some(values.clone()),
            Self::List(nodes) => nodes
                .iter()
                .map(|node| match node {
                    Self::Float(value) => Some(*value as f32),
                    Self::Int(value) => Some(*value as f32),
                    Self::Null => Some(f32::NAN),
                    _ => None,
                })
                .collect(),
            _ => None,
        }
    }

    /// Numbers as integers, whatever form they were written in.
    pub fn ints(&self) -> Option<Vec<i64>> {
        match self {
            Self::Bytes(values) => Some(values.iter().map(|value| i64::from(*value)).collect()),
            Self::Ints(values) => Some(values.iter().map(|value| i64::from(*value)).collect()),
            Self::Longs(values) => Some(values.clone()),
            Self::List(nodes) => nodes
                .iter()
                .map(|node| match node {
                    Self::Int(value) => Some(*value),
                    Self::Bool(value) => Some(i64::from(*value)),
                    _ => None,
                })
                .collect(),
            _ => None,
        }
    }

    /// Whether this is an array without an entry, or not there at all.
    pub fn is_empty_list(node: Option<&Self>) -> bool {
        match node {
            None | Some(Self::Null) => true,
            Some(Self::List(nodes)) => nodes.is_empty(),
            Some(Self::Bytes(values)) => values.is_empty(),
            Some(Self::Ints(values)) => values.is_empty(),
            Some(Self::Longs(values)) => values.is_empty(),
            Some(Self::Floats(values)) => values.is_empty(),
            Some(_) => false,
        }
    }

    /// Reads JSON.
    pub fn from_json(bytes: &[u8]) -> Result<Self, FormatError> {
        serde_json::from_slice(bytes).map_err(|error| FormatError(error.to_string()))
    }

    /// Reads UBJSON.
    pub fn from_ubjson(bytes: &[u8]) -> Result<Self, FormatError> {
        let mut reader = Reader { bytes };
        let marker = reader.byte()?;
        let node = reader.value(marker, 0)?;
        if reader.bytes.is_empty() { Ok(node) } else { error("there are bytes after its end") }
    }

    /// Writes JSON as XGBoost does: a float always has an exponent, which is how it is told from an integer.
    pub fn to_json(&self) -> String {
        let mut out = String::new();
        self.print(&mut out);
        out
    }

    fn print(&self, out: &mut String) {
        fn list<T>(items: &[T], out: &mut String, each: impl Fn(&T, &mut String)) {
            out.push('[');
            for (place, item) in items.iter().enumerate() {
                if place > 0 {
                    out.push(',');
                }
                each(item, out);
            }
            out.push(']');
        }
        // Writing to a text cannot fail.
        let text = |text: &str| serde_json::Value::from(text).to_string();
        match self {
            Self::Null => out.push_str("null"),
            Self::Bool(value) => out.push_str(&value.to_string()),
            Self::Int(value) => out.push_str(&value.to_string()),
            Self::Float(value) => out.push_str(&format!("{:E}", *value as f32)),
            Self::Text(value) => out.push_str(&text(value)),
            Self::List(nodes) => list(nodes, out, Self::print),
            Self::Map(members) => {
                out.push('{');
                for (place, (name, node)) in members.iter().enumerate() {
                    if place > 0 {
                        out.push(',');
                    }
                    out.push_str(&text(name));
                    out.push(':');
                    node.print(out);
                }
                out.push('}');
            }
            Self::Bytes(values) => list(values, out, |value, out| out.push_str(&value.to_string())),
            Self::Ints(values) => list(values, out, |value, out| out.push_str(&value.to_string())),
            Self::Longs(values) => list(values, out, |value, out| out.push_str(&value.to_string())),
            Self::Floats(values) => {
                list(values, out, |value, out| out.push_str(&format!("{value:E}")));
            }
        }
    }

    /// Writes UBJSON as XGBoost does.
    pub fn to_ubjson(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.write(&mut out);
        out
    }

    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Null => out.push(b'Z'),
            Self::Bool(value) => out.push(if *value { b'T' } else { b'F' }),
            Self::Int(value) => write_int(*value, out),
            Self::Float(value) => {
                out.push(b'd');
                out.extend((*value as f32).to_be_bytes());
            }
            Self::Text(text) => {
                out.push(b'S');
                write_name(text, out);
            }
            Self::List(nodes) => {
                out.extend(b"[#");
                write_length(nodes.len(), out);
                for node in nodes {
                    node.write(out);
                }
            }
            Self::Map(members) => {
                out.push(b'{');
                for (name, node) in members {
                    write_name(name, out);
                    node.write(out);
                }
                out.push(b'}');
            }
            Self::Bytes(values) => write_array(b'U', values, |value| [*value], out),
            Self::Ints(values) => write_array(b'l', values, |value| value.to_be_bytes(), out),
            Self::Longs(values) => write_array(b'L', values, |value| value.to_be_bytes(), out),
            Self::Floats(values) => write_array(b'd', values, |value| value.to_be_bytes(), out),
        }
    }
}

fn write_int(value: i64, out: &mut Vec<u8>) {
    if let Ok(value) = i8::try_from(value) {
        out.push(b'i');
        out.extend(value.to_be_bytes());
    } else if let Ok(value) = i16::try_from(value) {
        out.push(b'I');
        out.extend(value.to_be_bytes());
    } else if let Ok(value) = i32::try_from(value) {
        out.push(b'l');
        out.extend(value.to_be_bytes());
    } else {
        out.push(b'L');
        out.extend(value.to_be_bytes());
    }
}

fn write_length(length: usize, out: &mut Vec<u8>) {
    out.push(b'L');
    out.extend((length as u64).to_be_bytes());
}

fn write_name(name: &str, out: &mut Vec<u8>) {
    write_length(name.len(), out);
    out.extend(name.as_bytes());
}

fn write_array<T, const N: usize>(
    marker: u8,
    values: &[T],
    bytes: impl Fn(&T) -> [u8; N],
    out: &mut Vec<u8>,
) {
    out.extend([b'[', b'$', marker, b'#']);
    write_length(values.len(), out);
    for value in values {
        out.extend(bytes(value));
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    fn byte(&mut self) -> Result<u8, FormatError> {
        let (first, rest) =
            self.bytes.split_first().ok_or_else(|| FormatError("it ends early".into()))?;
        self.bytes = rest;
        Ok(*first)
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], FormatError> {
        let (taken, rest) = self
            .bytes
            .split_at_checked(count)
            .ok_or_else(|| FormatError("it ends early".into()))?;
        self.bytes = rest;
        Ok(taken)
    }

    fn number<const N: usize>(&mut self) -> Result<[u8; N], FormatError> {
        let (taken, rest) = self
            .bytes
            .split_first_chunk::<N>()
            .ok_or_else(|| FormatError("it ends early".into()))?;
        self.bytes = rest;
        Ok(*taken)
    }

    fn int(&mut self, marker: u8) -> Result<i64, FormatError> {
        Ok(match marker {
            b'i' => i64::from(i8::from_be_bytes(self.number()?)),
            b'U' => i64::from(self.byte()?),
            b'I' => i64::from(i16::from_be_bytes(self.number()?)),
            b'l' => i64::from(i32::from_be_bytes(self.number()?)),
            b'L' => i64::from_be_bytes(self.number()?),
            other => return error(format!("byte {other:#04x} is no type of integer")),
        })
    }

    /// A length, which cannot exceed the bytes that are left: every entry takes at least one.
    fn length(&mut self) -> Result<usize, FormatError> {
        let marker = self.byte()?;
        let length = self.int(marker)?;
        match usize::try_from(length) {
            Ok(length) if length <= self.bytes.len() => Ok(length),
            _ => error(format!("the length {length} runs past its end")),
        }
    }

    fn name(&mut self) -> Result<String, FormatError> {
        let length = self.length()?;
        let text = std::str::from_utf8(self.take(length)?);
        text.map(str::to_owned).or_else(|_| error("a text in it is not UTF-8"))
    }

    fn value(&mut self, marker: u8, depth: usize) -> Result<Node, FormatError> {
        Ok(match marker {
            b'Z' => Node::Null,
            b'T' => Node::Bool(true),
            b'F' => Node::Bool(false),
            b'i' | b'U' | b'I' | b'l' | b'L' => Node::Int(self.int(marker)?),
            b'd' => Node::Float(f64::from(f32::from_be_bytes(self.number()?))),
            b'D' => Node::Float(f64::from_be_bytes(self.number()?)),
            b'C' => Node::Text(char::from(self.byte()?).to_string()),
            b'S' => Node::Text(self.name()?),
            b'[' | b'{' if depth >= MAX_DEPTH => return error("it is nested too deeply"),
            b'[' => self.list(depth)?,
            b'{' => self.members(depth)?,
            other => return error(format!("byte {other:#04x} is no type of value")),
        })
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.first().copied()
    }

    fn list(&mut self, depth: usize) -> Result<Node, FormatError> {
        if self.peek() == Some(b'$') {
            self.byte()?;
            let marker = self.byte()?;
            if self.byte()? != b'#' {
                return error("a typed array has no length");
            }
            return self.typed(marker);
        }
        let mut nodes = Vec::new();
        if self.peek() == Some(b'#') {
            self.byte()?;
            for _ in 0..self.length()? {
                let marker = self.byte()?;
                nodes.push(self.value(marker, depth + 1)?);
            }
        } else {
            loop {
                match self.byte()? {
                    b']' => break,
                    marker => nodes.push(self.value(marker, depth + 1)?),
                }
            }
        }
        Ok(Node::List(nodes))
    }

    fn typed(&mut self, marker: u8) -> Result<Node, FormatError> {
        let length = self.length()?;
        let size = match marker {
            b'i' | b'U' => 1,
            b'I' => 2,
            b'l' | b'd' => 4,
            b'L' | b'D' => 8,
            other => return error(format!("byte {other:#04x} is no type of an array")),
        };
        let bytes = length
            .checked_mul(size)
            .map_or_else(|| error("an array is too long"), |size| self.take(size))?;
        Ok(match marker {
            b'U' => Node::Bytes(bytes.to_vec()),
            b'i' => Node::Longs(bytes.iter().map(|byte| i64::from(byte.cast_signed())).collect()),
            b'I' => Node::Longs(
                chunks(bytes).map(|bytes| i64::from(i16::from_be_bytes(bytes))).collect(),
            ),
            b'l' => Node::Ints(chunks(bytes).map(i32::from_be_bytes).collect()),
            b'L' => Node::Longs(chunks(bytes).map(i64::from_be_bytes).collect()),
            b'd' => Node::Floats(chunks(bytes).map(f32::from_be_bytes).collect()),
            _ => {
                Node::Floats(chunks(bytes).map(|bytes| f64::from_be_bytes(bytes) as f32).collect())
            }
        })
    }

    fn members(&mut self, depth: usize) -> Result<Node, FormatError> {
        let mut members = BTreeMap::new();
        loop {
            if self.peek() == Some(b'}') {
                self.byte()?;
                return Ok(Node::Map(members));
            }
            let name = self.name()?;
            let marker = self.byte()?;
            members.insert(name, self.value(marker, depth + 1)?);
        }
    }
}

fn chunks<const N: usize>(bytes: &[u8]) -> impl Iterator<Item = [u8; N]> {
    bytes.as_chunks::<N>().0.iter().copied()
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Int(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(i64::try_from(value).map_or(Node::Float(value as f64), Node::Int))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Node, E> {
        Ok(Node::Float(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Node, E> {
        Ok(Node::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<Node, A::Error> {
        let mut nodes = Vec::new();
        while let Some(node) = entries.next_element()? {
            nodes.push(node);
        }
        Ok(Node::List(nodes))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Node, A::Error> {
        let mut members = BTreeMap::new();
        while let Some((name, node)) = entries.next_entry()? {
            members.insert(name, node);
        }
        Ok(Node::Map(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any_node() -> impl Strategy<Value = Node> {
        let leaf = prop_oneof![
            Just(Node::Null),
            any::<bool>().prop_map(Node::Bool),
            any::<i64>().prop_map(Node::Int),
            (-1e30_f32..1e30).prop_map(|value| Node::Float(f64::from(value))),
            ".{0,12}".prop_map(Node::Text),
            prop::collection::vec(any::<u8>(), 0..9).prop_map(Node::Bytes),
            prop::collection::vec(any::<i32>(), 0..9).prop_map(Node::Ints),
            prop::collection::vec(any::<i64>(), 0..9).prop_map(Node::Longs),
            prop::collection::vec(-1e30_f32..1e30, 0..9).prop_map(Node::Floats),
        ];
        leaf.prop_recursive(4, 40, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Node::List),
                prop::collection::btree_map(".{0,6}", inner, 0..6).prop_map(Node::Map),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(node in any_node()) {
            prop_assert_eq!(Node::from_ubjson(&node.to_ubjson()), Ok(node));
        }

        #[test]
        fn no_bytes_bring_the_reader_down(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Node::from_ubjson(&bytes);
        }

        #[test]
        fn a_damaged_document_is_read_or_refused(node in any_node(), at in any::<usize>(), byte in any::<u8>()) {
            let mut bytes = node.to_ubjson();
            let at = at % bytes.len();
            bytes[at] = byte;
            let _ = Node::from_ubjson(&bytes);
            let _ = Node::from_ubjson(&bytes[..at]);
        }
    }

    #[test]
    fn json_is_written_as_the_library_writes_it() {
        let node = Node::map([
            ("floats", Node::Floats(vec![0.0, 0.5, -1e-12])),
            ("ints", Node::Ints(vec![0, -1])),
            ("text", Node::text("a\"b")),
            ("bools", Node::List(vec![Node::Bool(true), Node::Bool(false)])),
        ]);
        let text = node.to_json();
        assert_eq!(
            text,
            r#"{"bools":[true,false],"floats":[0E0,5E-1,-1E-12],"ints":[0,-1],"text":"a\"b"}"#
        );
        let back = Node::from_json(text.as_bytes()).unwrap();
        assert_eq!(back.get("floats").unwrap().floats(), Some(vec![0.0, 0.5, -1e-12]));
    }

    #[test]
    fn a_length_beyond_the_end_is_refused_before_memory_is_taken() {
        let bytes = b"[$d#L\x7f\xff\xff\xff\xff\xff\xff\xff";
        assert!(Node::from_ubjson(bytes).unwrap_err().0.contains("past its end"));
        let deep = vec![b'['; 10_000];
        assert!(Node::from_ubjson(&deep).unwrap_err().0.contains("deeply"));
    }

    #[test]
    fn json_and_ubjson_give_the_same_numbers() {
        let json = Node::from_json(br#"{"a":[1,2.5,-3E-1],"b":[0,1],"c":"5E-1"}"#).unwrap();
        assert_eq!(json.get("a").unwrap().floats(), Some(vec![1.0, 2.5, -0.3]));
        assert_eq!(json.get("b").unwrap().ints(), Some(vec![0, 1]));
        assert_eq!(json.at(&["c"]).unwrap().as_text(), Some("5E-1"));
        assert_eq!(Node::Floats(vec![1.0]).floats(), Some(vec![1.0]));
        assert_eq!(Node::Bytes(vec![1]).ints(), Some(vec![1]));
    }
}
