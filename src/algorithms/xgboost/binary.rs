//! The library's binary format, which `save_model` wrote up to version 1.7 unless it was told otherwise, and
//! which is what SageMaker's containers 0.90 to 1.7 left in `model.tar.gz`, alone or inside a pickle.
//!
//! It is a row of flat little-endian structs, texts and lists behind their lengths. The bytes may come
//! from anyone: nothing is allocated before the bytes for it have been seen.

use super::booster::Booster;
use super::model::{self, Boosting, refused};
use super::objective::Kind;
use super::tree::{NO_PARENT, Tree};
use super::ubjson::Node;
use crate::algorithms::Failure;
use std::collections::BTreeMap;

/// What versions from 0.80 to 1.7 write in front, or not.
const HEADER: &[u8] = b"binf";
/// What a pickled booster of versions 1.0 to 1.5 has in front: the length of the model comes next, behind
/// the model is the configuration as JSON.
const SERIALIZED: &[u8] = b"CONFIG-offset:";
/// Sizes of the structs, reserved fields included.
const LEARNER: usize = 136;
const TREES: usize = 160;
const TREE: usize = 148;
const NODE: usize = 20;
const STATISTICS: usize = 16;
const LINEAR: usize = 136;
/// The bit of a feature's number that tells where missing values go, and of a parent's which child it is.
const TOP_BIT: u32 = 1 << 31;

/// Reads a model, or the model in front of a configuration.
pub fn read(bytes: &[u8]) -> Result<Booster, Failure> {
    let mut reader = Reader { bytes };
    if reader.skip(SERIALIZED) {
        let length = reader.length(1)?;
        reader = Reader { bytes: reader.take(length)? };
    }
    reader.skip(HEADER);
    reader.booster()
}

/// Writes a model of trees, for the libraries before 1.0 that read nothing else.
pub fn write(booster: &Booster) -> Vec<u8> {
    let objective = &booster.objective;
    let number = |count: usize| i32::try_from(count).unwrap_or(i32::MAX);
    let start = booster.base_score.first().copied().unwrap_or(0.5);
    let classes = if objective.is_multiclass() { number(objective.num_class) } else { 0 };
    let mut out = HEADER.to_vec();
    // Version 0: the base score is a margin then.
    let start = objective.margin_of(start).to_bits().cast_signed();
    record(&[start, number(booster.features), classes, 1], LEARNER, &mut out);
    put_text(objective.kind.name(), &mut out);
    put_text("gbtree", &mut out);
    let groups = number(objective.groups());
    let trees = number(booster.trees.len());
    record(&[trees, 1, number(booster.features), 0, 0, 0, groups], TREES, &mut out);
    for tree in &booster.trees {
        record(&[1, number(tree.nodes()), 0, 0, number(booster.features), 0], TREE, &mut out);
        put_nodes(tree, &mut out);
    }
    for group in &booster.tree_groups {
        out.extend(number(*group).to_le_bytes());
    }
    let step = objective.max_delta_step.to_string();
    let mut attributes = booster.attributes.clone();
    if objective.kind == Kind::Poisson {
        attributes.insert("count_poisson_max_delta_step".to_owned(), step.clone());
    }
    out.extend((attributes.len() as u64).to_le_bytes());
    for (name, text) in &attributes {
        put_text(name, &mut out);
        put_text(text, &mut out);
    }
    if objective.kind == Kind::Poisson {
        put_text(&step, &mut out);
    }
    out
}

fn put_nodes(tree: &Tree, out: &mut Vec<u8>) {
    let is_left = |node: usize| {
        let parent = usize::try_from(tree.parent[node]).ok();
        let left = parent.and_then(|parent| tree.left.get(parent));
        left.is_some_and(|left| usize::try_from(*left) == Ok(node))
    };
    for node in 0..tree.nodes() {
        let parent = match tree.parent[node] {
            NO_PARENT => -1,
            parent if is_left(node) => (parent.cast_unsigned() | TOP_BIT).cast_signed(),
            parent => parent,
        };
        let side = if tree.default_left[node] { TOP_BIT } else { 0 };
        let feature = (tree.feature[node] | side).cast_signed();
        let value = tree.condition[node].to_bits().cast_signed();
        record(&[parent, tree.left[node], tree.right[node], feature, value], NODE, out);
    }
    for node in 0..tree.nodes() {
        let floats = [tree.loss_change[node], tree.sum_hessian[node], tree.base_weight[node]];
        record(&floats.map(|float| float.to_bits().cast_signed()), STATISTICS, out);
    }
}

/// A struct of `size` bytes that begins with these fields; the rest is reserved.
fn record(fields: &[i32], size: usize, out: &mut Vec<u8>) {
    let end = out.len() + size;
    out.extend(fields.iter().flat_map(|field| field.to_le_bytes()));
    out.resize(end, 0);
}

fn put_text(text: &str, out: &mut Vec<u8>) {
    out.extend((text.len() as u64).to_le_bytes());
    out.extend(text.as_bytes());
}

struct Reader<'a> {
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    fn skip(&mut self, prefix: &[u8]) -> bool {
        let rest = self.bytes.strip_prefix(prefix);
        self.bytes = rest.unwrap_or(self.bytes);
        rest.is_some()
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], Failure> {
        let (taken, rest) =
            self.bytes.split_at_checked(count).ok_or_else(|| refused("it ends early"))?;
        self.bytes = rest;
        Ok(taken)
    }

    /// The number of entries that follow, each of `size` bytes or more.
    fn length(&mut self, size: usize) -> Result<usize, Failure> {
        let length = u64::from_le_bytes(field(self.take(8)?, 0));
        self.fits(length.try_into().unwrap_or(usize::MAX), size)
    }

    fn fits(&self, count: usize, size: usize) -> Result<usize, Failure> {
        if count <= self.bytes.len() / size {
            Ok(count)
        } else {
            Err(refused("a length in it runs past its end"))
        }
    }

    fn text(&mut self) -> Result<String, Failure> {
        let length = self.length(1)?;
        let text = std::str::from_utf8(self.take(length)?);
        text.map(str::to_owned).map_err(|_| refused("a text in it is not UTF-8"))
    }

    fn floats(&mut self) -> Result<Vec<f32>, Failure> {
        let length = self.length(4)?;
        let bytes = self.take(4 * length)?;
        Ok(bytes.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect())
    }

    fn booster(&mut self) -> Result<Booster, Failure> {
        let header = self.take(LEARNER)?;
        let int = |place| i32::from_le_bytes(field(header, place));
        let (base_score, features) = (f32::from_le_bytes(field(header, 0)), int(4));
        let (classes, has_attributes, targets) = (int(8), int(12) != 0, int(28));
        let (major, minor) = (int(20), int(24));
        if !(0..=1).contains(&targets) && major >= 1 {
            return Err(refused("it predicts several targets at once"));
        }
        let name = self.text()?;
        let booster = self.text()?;
        let parts = match booster.as_str() {
            "gbtree" => self.trees(false)?,
            "dart" => self.trees(true)?,
            "gblinear" => {
                self.take(LINEAR)?;
                Boosting { linear: self.floats()?, ..Boosting::default() }
            }
            other => {
                return Err(refused(&format!("its booster {other:?} is not known here")));
            }
        };
        let mut attributes = if has_attributes { self.attributes()? } else { BTreeMap::new() };
        let objective = attributes.remove("objective");
        let document = objective.and_then(|text| Node::from_json(text.as_bytes()).ok());
        let name = name.strip_prefix("gpu:").unwrap_or(&name);
        let objective = model::objective(name, document.as_ref(), &classes.to_string())?;
        attributes.retain(|name, _| name != "metrics" && !name.starts_with("SAVED_PARAM_"));
        let base_score = if major < 1 {
            vec![objective.score_of(base_score)]
        } else {
            model::base_scores(&objective, vec![base_score], [major.into(), minor.into(), 0])
        };
        let features = usize::try_from(features).map_err(|_| refused("it has no features"))?;
        let empty = Booster::new(objective, 0.5, features);
        parts.assemble(empty, base_score, attributes)
    }

    fn trees(&mut self, dart: bool) -> Result<Boosting, Failure> {
        let header = self.take(TREES)?;
        let count = usize::try_from(i32::from_le_bytes(field(header, 0)))
            .map_err(|_| refused("it has no trees"))?;
        let count = self.fits(count, TREE)?;
        let mut trees = (0..count).map(|_| self.tree()).collect::<Result<Vec<_>, _>>()?;
        let groups = self.take(4 * count)?.as_chunks().0;
        let groups = groups.iter().map(|bytes| i64::from(i32::from_le_bytes(*bytes))).collect();
        if dart && count > 0 {
            model::weigh(&mut trees, &self.floats()?)?;
        }
        // Up to version 1.0 this is the number of roots, which is one.
        let parallel = usize::try_from(i32::from_le_bytes(field(header, 4))).unwrap_or(1);
        Ok(Boosting { trees, groups, parallel, linear: Vec::new() })
    }

    fn tree(&mut self) -> Result<Tree, Failure> {
        let header = self.take(TREE)?;
        let int = |place| i32::from_le_bytes(field(header, place));
        if int(0) != 1 || int(20) > 1 {
            return Err(refused("a tree in it has several roots or values a leaf"));
        }
        let nodes = usize::try_from(int(4)).map_err(|_| refused("a tree has no nodes"))?;
        let nodes = self.fits(nodes, NODE + STATISTICS)?;
        let mut tree = Tree::default();
        for node in self.take(nodes * NODE)?.as_chunks::<NODE>().0 {
            let int = |place| i32::from_le_bytes(field(node, place));
            let feature = u32::from_le_bytes(field(node, 12));
            tree.parent.push((int(0).cast_unsigned() & !TOP_BIT).cast_signed());
            tree.left.push(int(4));
            tree.right.push(int(8));
            tree.feature.push(feature & !TOP_BIT);
            tree.default_left.push(feature & TOP_BIT != 0);
            tree.condition.push(f32::from_le_bytes(field(node, 16)));
        }
        for node in self.take(nodes * STATISTICS)?.as_chunks::<STATISTICS>().0 {
            let float = |place| f32::from_le_bytes(field(node, place));
            tree.loss_change.push(float(0));
            tree.sum_hessian.push(float(4));
            tree.base_weight.push(float(8));
        }
        tree.settled().ok_or_else(|| refused("a tree's nodes do not make a tree"))
    }

    fn attributes(&mut self) -> Result<BTreeMap<String, String>, Failure> {
        // A name and a text, each behind its length.
        let count = self.length(16)?;
        (0..count).map(|_| Ok((self.text()?, self.text()?))).collect()
    }
}

/// Bytes of a struct that was taken whole; zeros where it is shorter, which it is not.
fn field<const N: usize>(bytes: &[u8], place: usize) -> [u8; N] {
    bytes.get(place..).and_then(|bytes| bytes.first_chunk()).copied().unwrap_or([0; N])
}

#[cfg(test)]
mod tests {
    use super::super::objective::Objective;
    use super::super::tree::Expansion;
    use super::*;
    use proptest::prelude::*;

    /// A model of one stump, put together by hand.
    fn model(base_score: f32, major: i32, objective: &str, booster: &str) -> Vec<u8> {
        let mut bytes = HEADER.to_vec();
        let learner = [base_score.to_bits().cast_signed(), 3, 0, 1, 0, major, 0, 0];
        bytes.extend(learner.iter().flat_map(|int| int.to_le_bytes()));
        bytes.resize(HEADER.len() + LEARNER, 0);
        put_text(objective, &mut bytes);
        put_text(booster, &mut bytes);
        bytes.extend(1_i32.to_le_bytes());
        bytes.resize(bytes.len() + TREES - 4, 0);
        let start = bytes.len();
        bytes.extend([1, 3, 0, 0, 3, 0].iter().flat_map(|int: &i32| int.to_le_bytes()));
        bytes.resize(start + TREE, 0);
        for (parent, left, right, feature, value) in
            [(-1, 1, 2, 2 | TOP_BIT, 0.5), (i32::MIN, -1, -1, 0, -1.5_f32), (0, -1, -1, 0, 2.5)]
        {
            for int in [parent, left, right, feature.cast_signed(), value.to_bits().cast_signed()] {
                bytes.extend(int.to_le_bytes());
            }
        }
        bytes.resize(bytes.len() + 3 * STATISTICS, 0);
        bytes.extend(0_i32.to_le_bytes());
        if booster == "dart" {
            bytes.extend(1_u64.to_le_bytes());
            bytes.extend(0.5_f32.to_le_bytes());
        }
        bytes.extend(1_u64.to_le_bytes());
        put_text("best_iteration", &mut bytes);
        put_text("0", &mut bytes);
        bytes
    }

    fn predict(booster: &Booster, row: &[f32]) -> f32 {
        let mut margins = [0.0];
        booster.forest().margins(row, &mut margins);
        margins[0]
    }

    #[test]
    fn structs_are_read_with_and_without_their_headers() {
        let bytes = model(0.5, 1, "reg:squarederror", "gbtree");
        let booster = read(&bytes).unwrap();
        assert_eq!((booster.features, booster.trees.len()), (3, 1));
        assert_eq!(booster.attributes["best_iteration"], "0");
        assert_eq!(predict(&booster, &[0.0, 0.0, 0.4]), -1.0);
        assert_eq!(predict(&booster, &[0.0, 0.0, 0.5]), 3.0);
        assert_eq!(predict(&booster, &[0.0]), -1.0, "a missing value goes left");
        assert_eq!(read(&bytes[HEADER.len()..]).unwrap(), booster);
        let mut serialized = SERIALIZED.to_vec();
        serialized.extend((bytes.len() as u64).to_le_bytes());
        serialized.extend(&bytes);
        serialized.extend(b"{\"version\":[1,2,1]}");
        assert_eq!(read(&serialized).unwrap(), booster);
    }

    #[test]
    fn what_is_written_is_read_back() {
        for kind in [Kind::SquaredError, Kind::BinaryLogistic, Kind::Softprob, Kind::Poisson] {
            let objective = Objective { num_class: 2, ..Objective::new(kind) };
            let mut written = Booster::new(objective, 0.5, 3);
            for group in 0..objective.groups() {
                let mut tree = Tree::stump(0.0, 4.0);
                let split = Expansion {
                    feature: 2,
                    condition: 0.25,
                    default_left: true,
                    loss_change: 1.5,
                    base_weight: 0.125,
                    left: (2.0, -0.5),
                    right: (2.0, 0.75),
                };
                tree.expand(0, &split);
                tree.expand(2, &Expansion { default_left: false, ..split });
                written.trees.push(tree);
                written.tree_groups.push(group);
            }
            if !objective.is_multiclass() {
                written.objective.num_class = 0;
            }
            written.attributes.insert("best_iteration".to_owned(), "0".to_owned());
            let mut back = read(&write(&written)).unwrap();
            back.attributes.remove("count_poisson_max_delta_step");
            assert_eq!(back, written);
        }
    }

    #[test]
    fn before_1_0_the_base_score_was_kept_as_a_margin() {
        let booster = read(&model(0.0, 0, "binary:logistic", "gbtree")).unwrap();
        assert_eq!(booster.objective.kind, Kind::BinaryLogistic);
        assert_eq!(booster.base_score, [0.5]);
        assert_eq!(read(&model(0.25, 1, "binary:logistic", "gbtree")).unwrap().base_score, [0.25]);
    }

    #[test]
    fn dropped_trees_count_what_they_were_given() {
        let booster = read(&model(0.5, 1, "reg:squarederror", "dart")).unwrap();
        assert_eq!(predict(&booster, &[0.0, 0.0, 1.0]), 1.75);
    }

    #[test]
    fn lengths_are_held_against_the_bytes_that_are_there() {
        let mut bytes = model(0.5, 1, "reg:squarederror", "gbtree");
        for length in 0..bytes.len() {
            assert!(read(&bytes[..length]).is_err(), "{length}");
        }
        // The count of trees, and then of a tree's nodes.
        let trees = HEADER.len() + LEARNER + 8 + 16 + 8 + 6;
        for place in [trees, trees + TREES + 4] {
            let kept: [u8; 4] = field(&bytes, place);
            for count in [i32::MAX, -1] {
                bytes[place..place + 4].copy_from_slice(&count.to_le_bytes());
                assert!(read(&bytes).is_err(), "{place} {count}");
            }
            bytes[place..place + 4].copy_from_slice(&kept);
        }
        assert!(read(&bytes).is_ok());
    }

    proptest! {
        #[test]
        fn damage_is_read_or_refused(place in any::<usize>(), byte in any::<u8>(), end in any::<usize>()) {
            let mut bytes = model(0.5, 1, "reg:squarederror", "dart");
            let place = place % bytes.len();
            bytes[place] = byte;
            for bytes in [&bytes[..], &bytes[..end % bytes.len()]] {
                if let Ok(booster) = read(bytes) {
                    predict(&booster, &[0.0, f32::NAN, 1.0]);
                }
            }
        }
    }
}
