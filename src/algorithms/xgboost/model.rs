//! A model as XGBoost's document: what the library loads, and what it saved.

use super::booster::Booster;
use super::objective::{Kind, Objective};
use super::tree::{NO_CHILD, Tree};
use super::ubjson::Node;
use super::{binary, pickle};
use crate::algorithms::Failure;
use std::collections::BTreeMap;

/// The version whose document is written: the last with one base score for all groups, so that
/// libraries from 1.7 on load it.
const VERSION: [i64; 3] = [3, 0, 5];

/// The model as UBJSON, which XGBoost takes a file without an extension for.
pub fn write(booster: &Booster) -> Vec<u8> {
    let version = Node::List(VERSION.map(Node::Int).to_vec());
    Node::map([("learner", learner(booster, false)), ("version", version)]).to_ubjson()
}

/// The model as JSON, which XGBoost reads from version 1.0 on. UBJSON came with 1.6.
pub fn write_json(booster: &Booster, (major, minor): (u16, u16)) -> Vec<u8> {
    let number = [i64::from(major), i64::from(minor), 0];
    let mut booster = booster.clone();
    if starts_from_a_probability(booster.objective.kind, number) {
        let sigmoid = Objective::new(Kind::BinaryLogistic);
        booster.base_score.iter_mut().for_each(|score| *score = sigmoid.score_of(*score));
    }
    let version = Node::List(number.map(Node::Int).to_vec());
    Node::map([("learner", learner(&booster, true)), ("version", version)]).to_json().into_bytes()
}

/// Before version 1.3 the base score of `binary:logitraw` was a probability; since then it is a margin.
fn starts_from_a_probability(kind: Kind, [major, minor, _]: [i64; 3]) -> bool {
    kind == Kind::LogitRaw && major == 1 && minor < 3
}

/// The base scores that a model of this version holds, as those of today.
pub fn base_scores(objective: &Objective, scores: Vec<f32>, version: [i64; 3]) -> Vec<f32> {
    if !starts_from_a_probability(objective.kind, version) {
        return scores;
    }
    let logit = Objective::new(Kind::BinaryLogistic);
    scores.into_iter().map(|score| logit.margin_of(score)).collect()
}

fn learner(booster: &Booster, old: bool) -> Node {
    let texts = |texts: &[String]| Node::List(texts.iter().map(Node::text).collect());
    let attributes = booster.attributes.iter().map(|(name, text)| (name.clone(), Node::text(text)));
    let num_class = if booster.objective.is_multiclass() { booster.objective.num_class } else { 0 };
    Node::map([
        ("attributes", Node::Map(attributes.collect())),
        ("feature_names", texts(&booster.feature_names)),
        ("feature_types", texts(&booster.feature_types)),
        (
            "gradient_booster",
            Node::map([("model", trees(booster, old)), ("name", Node::text("gbtree"))]),
        ),
        (
            "learner_model_param",
            Node::map([
                ("base_score", Node::Text(base_score(booster))),
                ("boost_from_average", Node::text("1")),
                ("num_class", Node::text(&num_class)),
                ("num_feature", Node::text(&booster.features)),
                ("num_target", Node::text("1")),
            ]),
        ),
        ("objective", write_objective(&booster.objective)),
    ])
}

/// One value where one will do; several only a library from 3.1 on reads.
fn base_score(booster: &Booster) -> String {
    match booster.base_score.as_slice() {
        [score] => format!("{score:E}"),
        scores => {
            let scores: Vec<String> = scores.iter().map(|score| format!("{score:E}")).collect();
            format!("[{}]", scores.join(","))
        }
    }
}

/// An objective with its parameters, as the library describes it.
pub fn write_objective(objective: &Objective) -> Node {
    let name = ("name", Node::text(objective.kind.name()));
    let with = |group: &str, member: &str, value: String| {
        Node::map([name.clone(), (group, Node::map([(member, Node::Text(value))]))])
    };
    match objective.kind {
        Kind::SquaredError
        | Kind::SquaredLogError
        | Kind::RegLogistic
        | Kind::BinaryLogistic
        | Kind::LogitRaw
        | Kind::Gamma => {
            with("reg_loss_param", "scale_pos_weight", objective.scale_pos_weight.to_string())
        }
        Kind::Softmax | Kind::Softprob => {
            with("softmax_multiclass_param", "num_class", objective.num_class.to_string())
        }
        Kind::Poisson => {
            with("poisson_regression_param", "max_delta_step", objective.max_delta_step.to_string())
        }
        Kind::Tweedie => with(
            "tweedie_regression_param",
            "tweedie_variance_power",
            objective.tweedie_variance_power.to_string(),
        ),
        Kind::RankPairwise | Kind::RankNdcg | Kind::RankMap => {
            let parameters = [
                ("lambdarank_bias_norm", "1"),
                ("lambdarank_normalization", "1"),
                ("lambdarank_num_pair_per_sample", "4294967295"),
                ("lambdarank_pair_method", "topk"),
                ("lambdarank_score_normalization", "1"),
                ("lambdarank_unbiased", "0"),
                ("ndcg_exp_gain", "1"),
            ];
            let parameters = parameters.map(|(parameter, value)| (parameter, Node::text(value)));
            Node::map([name, ("lambdarank_param", Node::map(parameters))])
        }
        Kind::PseudoHuber => with("pseudo_huber_param", "huber_slope", "1".to_owned()),
        _ => Node::map([name]),
    }
}

fn trees(booster: &Booster, old: bool) -> Node {
    let per_round = booster.objective.groups() * booster.parallel_trees;
    let starts = (0..=booster.rounds()).map(|round| Node::Int((round * per_round) as i64));
    let groups = booster.tree_groups.iter().map(|group| Node::Int(*group as i64));
    let trees =
        booster.trees.iter().enumerate().map(|(id, each)| tree(id, each, booster.features, old));
    Node::map([
        (
            "gbtree_model_param",
            Node::map([
                ("num_parallel_tree", Node::text(&booster.parallel_trees)),
                ("num_trees", Node::text(&booster.trees.len())),
            ]),
        ),
        ("iteration_indptr", Node::List(starts.collect())),
        ("tree_info", Node::List(groups.collect())),
        ("trees", Node::List(trees.collect())),
    ])
}

/// A tree; `old` is as up to version 1.5.
fn tree(id: usize, tree: &Tree, features: usize, old: bool) -> Node {
    let left = tree.default_left.iter();
    let default_left = if old {
        Node::List(left.map(|left| Node::Bool(*left)).collect())
    } else {
        Node::Bytes(left.map(|left| u8::from(*left)).collect())
    };
    let indices = tree.feature.iter().map(|feature| i32::try_from(*feature).unwrap_or(i32::MAX));
    Node::map([
        ("base_weights", Node::Floats(tree.base_weight.clone())),
        ("categories", Node::Ints(Vec::new())),
        ("categories_nodes", Node::Ints(Vec::new())),
        ("categories_segments", Node::Longs(Vec::new())),
        ("categories_sizes", Node::Longs(Vec::new())),
        ("default_left", default_left),
        ("id", Node::Int(id as i64)),
        // Up to version 1.2; nothing reads what it counts.
        ("leaf_child_counts", Node::Ints(vec![0; if old { tree.nodes() } else { 0 }])),
        ("left_children", Node::Ints(tree.left.clone())),
        ("loss_changes", Node::Floats(tree.loss_change.clone())),
        ("parents", Node::Ints(tree.parent.clone())),
        ("right_children", Node::Ints(tree.right.clone())),
        ("split_conditions", Node::Floats(tree.condition.clone())),
        ("split_indices", Node::Ints(indices.collect())),
        ("split_type", Node::Bytes(vec![0; tree.nodes()])),
        ("sum_hessian", Node::Floats(tree.sum_hessian.clone())),
        (
            "tree_param",
            Node::map([
                ("num_deleted", Node::text("0")),
                ("num_feature", Node::text(&features)),
                ("num_nodes", Node::text(&tree.nodes())),
                ("size_leaf_vector", Node::text("1")),
            ]),
        ),
    ])
}

/// Reads a model, by this crate or by XGBoost: UBJSON, JSON, the library's binary format, or a pickle.
pub fn read(bytes: &[u8]) -> Result<Booster, Failure> {
    if pickle::is_pickle(bytes) { pickle::read(bytes) } else { read_unpickled(bytes) }
}

/// Reads a model in any of the library's own formats.
pub fn read_unpickled(bytes: &[u8]) -> Result<Booster, Failure> {
    let document = match bytes {
        [b'{', rest @ ..] if rest.first().is_some_and(|byte| b"\"} \t\r\n".contains(byte)) => {
            Node::from_json(bytes)
        }
        [b'{', ..] => Node::from_ubjson(bytes),
        [] => return Err(refused("it is empty")),
        _ => return binary::read(bytes),
    };
    let document =
        document.map_err(|error| refused(&format!("the document cannot be read: {error}")))?;
    // A pickled booster of versions from 1.6 on keeps its configuration beside the model.
    booster(document.get("Model").unwrap_or(&document))
}

pub fn refused(why: &str) -> Failure {
    Failure::client(format!(
        "The file is not an XGBoost model that can be served: {why}. Models that the XGBoost library saved as \
         UBJSON, as JSON, in its binary format or as a pickled Booster are read."
    ))
}

fn booster(document: &Node) -> Result<Booster, Failure> {
    let learner = document.get("learner").ok_or_else(|| refused("it has no learner"))?;
    let boosting =
        learner.get("gradient_booster").ok_or_else(|| refused("it has no gradient_booster"))?;
    let parts = match text(boosting, &["name"])? {
        "gbtree" => read_trees(boosting)?,
        "dart" => {
            let inner = boosting.get("gbtree").ok_or_else(|| refused("it has no gbtree"))?;
            let mut parts = read_trees(inner)?;
            let weights = boosting.get("weight_drop").and_then(Node::floats);
            weigh(&mut parts.trees, &weights.unwrap_or_default())?;
            parts
        }
        "gblinear" => {
            let weights = boosting.at(&["model", "weights"]).and_then(Node::floats);
            let linear = weights.ok_or_else(|| refused("it has no weights"))?;
            Boosting { linear, ..Boosting::default() }
        }
        name => return Err(refused(&format!("its booster {name:?} is not known here"))),
    };
    let parameters = ["learner_model_param"];
    let parameter = |name: &'static str| text(learner, &[parameters[0], name]);
    let features = parameter("num_feature")?;
    let features =
        features.parse().map_err(|_| refused(&format!("its num_feature is {features:?}")))?;
    if parameter("num_target").is_ok_and(|targets| !matches!(targets, "0" | "1")) {
        return Err(refused("it predicts several targets at once"));
    }
    let description = learner.get("objective");
    let name = text(learner, &["objective", "name"])?;
    let objective = objective(name, description, parameter("num_class").unwrap_or("0"))?;
    let version = document.get("version").and_then(Node::ints).unwrap_or_default();
    let version = version.first_chunk().copied().unwrap_or(VERSION);
    let base_score = read_base_score(parameter("base_score")?)?;
    let base_score = base_scores(&objective, base_score, version);
    let booster =
        parts.assemble(Booster::new(objective, 0.5, features), base_score, attributes(learner))?;
    Ok(Booster {
        feature_names: texts(learner.get("feature_names")),
        feature_types: texts(learner.get("feature_types")),
        ..booster
    })
}

fn read_trees(boosting: &Node) -> Result<Boosting, Failure> {
    let model = boosting.get("model").ok_or_else(|| refused("it has no gradient_booster.model"))?;
    let Some(Node::List(nodes)) = model.get("trees") else {
        return Err(refused("it has no trees"));
    };
    let trees = nodes.iter().map(read_tree).collect::<Result<Vec<_>, _>>()?;
    let groups = model.get("tree_info").and_then(Node::ints).unwrap_or_default();
    let parallel = model.at(&["gbtree_model_param", "num_parallel_tree"]).and_then(Node::as_text);
    let parallel = parallel.and_then(|count| count.parse().ok()).unwrap_or(1);
    Ok(Boosting { trees, groups, parallel, linear: Vec::new() })
}

/// What every format holds of the boosting, not yet held against the rest of the model.
#[derive(Default)]
pub struct Boosting {
    pub trees: Vec<Tree>,
    /// The group of each tree.
    pub groups: Vec<i64>,
    /// Trees that each round has for a group.
    pub parallel: usize,
    /// The weights of a linear booster.
    pub linear: Vec<f32>,
}

impl Boosting {
    /// The booster, which is still empty, with these trees or weights.
    pub fn assemble(
        self,
        booster: Booster,
        base_score: Vec<f32>,
        attributes: BTreeMap<String, String>,
    ) -> Result<Booster, Failure> {
        let groups = booster.objective.groups();
        let tree_groups: Vec<usize> =
            self.groups.into_iter().filter_map(|group| usize::try_from(group).ok()).collect();
        if tree_groups.len() != self.trees.len() || tree_groups.iter().any(|group| *group >= groups)
        {
            return Err(refused("its tree_info does not go with its trees"));
        }
        if base_score.len() > 1 && base_score.len() != groups {
            return Err(refused("it has another number of base scores than of classes"));
        }
        let weights = booster.features.checked_add(1).and_then(|rows| rows.checked_mul(groups));
        if !self.linear.is_empty() && Some(self.linear.len()) != weights {
            return Err(refused("it has another number of weights than of features and classes"));
        }
        Ok(Booster {
            base_score,
            trees: self.trees,
            tree_groups,
            parallel_trees: self.parallel.max(1),
            attributes,
            linear: self.linear,
            ..booster
        })
    }
}

/// Makes the trees of booster dart count what they count. The library multiplies each leaf that a row ends
/// in; it is the same to multiply them beforehand.
pub fn weigh(trees: &mut [Tree], weights: &[f32]) -> Result<(), Failure> {
    if trees.len() != weights.len() {
        return Err(refused("its weight_drop does not go with its trees"));
    }
    for (tree, weight) in trees.iter_mut().zip(weights) {
        tree.scale(*weight);
    }
    Ok(())
}

fn text<'a>(node: &'a Node, path: &[&str]) -> Result<&'a str, Failure> {
    let found = node.at(path).and_then(Node::as_text);
    found.ok_or_else(|| refused(&format!("it has no {}", path.join("."))))
}

fn texts(node: Option<&Node>) -> Vec<String> {
    let Some(Node::List(nodes)) = node else { return Vec::new() };
    nodes.iter().filter_map(Node::as_text).map(str::to_owned).collect()
}

fn attributes(learner: &Node) -> BTreeMap<String, String> {
    let Some(Node::Map(members)) = learner.get("attributes") else { return BTreeMap::new() };
    let texts =
        members.iter().filter_map(|(name, node)| Some((name.clone(), node.as_text()?.to_owned())));
    texts.collect()
}

/// The objective of this name, with what its description says of it.
pub fn objective(
    name: &str,
    description: Option<&Node>,
    classes: &str,
) -> Result<Objective, Failure> {
    let kind = Kind::named(name)
        .ok_or_else(|| refused(&format!("its objective {name} is not known here")))?;
    let mut objective = Objective::new(kind);
    let number = |path: &[&str]| description?.at(path).and_then(Node::as_text)?.parse::<f32>().ok();
    if let Some(weight) = number(&["reg_loss_param", "scale_pos_weight"]) {
        objective.scale_pos_weight = weight;
    }
    if let Some(power) = number(&["tweedie_regression_param", "tweedie_variance_power"]) {
        objective.tweedie_variance_power = power;
    }
    if objective.is_multiclass() {
        objective.num_class = classes
            .parse()
            .ok()
            .filter(|classes| (1..=1 << 20).contains(classes))
            .ok_or_else(|| refused(&format!("its num_class is {classes:?}")))?;
    }
    Ok(objective)
}

/// `5E-1` up to version 3.0, `[5E-1]` or one value per class from 3.1 on.
fn read_base_score(text: &str) -> Result<Vec<f32>, Failure> {
    let inner = text.trim().strip_prefix('[').and_then(|text| text.strip_suffix(']'));
    let scores: Result<Vec<f32>, _> =
        inner.unwrap_or(text).split(',').map(|score| score.trim().parse::<f32>()).collect();
    scores.map_err(|_| refused(&format!("its base_score is {text:?}")))
}

fn read_tree(node: &Node) -> Result<Tree, Failure> {
    let missing = |name: &str| refused(&format!("a tree has no {name}"));
    let ints = |name: &str| node.get(name).and_then(Node::ints).ok_or_else(|| missing(name));
    let floats = |name: &str| node.get(name).and_then(Node::floats).ok_or_else(|| missing(name));
    let categorical = node.get("split_type").and_then(Node::ints).unwrap_or_default();
    if categorical.iter().any(|kind| *kind != 0)
        || !Node::is_empty_list(node.get("categories_nodes"))
    {
        return Err(refused(
            "it splits by categories (enable_categorical), and only numerical splits are known here; \
             train it on numbers, for instance on one-hot columns",
        ));
    }
    let number = |value: i64| i32::try_from(value).unwrap_or(NO_CHILD - 1);
    let tree = Tree {
        left: ints("left_children")?.into_iter().map(number).collect(),
        right: ints("right_children")?.into_iter().map(number).collect(),
        parent: ints("parents")?.into_iter().map(number).collect(),
        feature: ints("split_indices")?
            .into_iter()
            // A feature beyond every row has no value, so that a damaged file cannot reach past one.
            .map(|feature| u32::try_from(feature).unwrap_or(u32::MAX) & (u32::MAX >> 1))
            .collect(),
        condition: floats("split_conditions")?,
        default_left: ints("default_left")?.into_iter().map(|left| left != 0).collect(),
        base_weight: floats("base_weights")?,
        loss_change: floats("loss_changes")?,
        sum_hessian: floats("sum_hessian")?,
    };
    tree.settled().ok_or_else(|| refused("a tree's nodes do not make a tree"))
}

#[cfg(test)]
mod tests {
    use super::super::tree::Expansion;
    use super::*;

    fn booster(kind: Kind) -> Booster {
        let objective = Objective { num_class: 2, ..Objective::new(kind) };
        let mut booster = Booster::new(objective, 0.25, 3);
        for group in 0..objective.groups() {
            let mut tree = Tree::stump(0.0, 4.0);
            tree.expand(
                0,
                &Expansion {
                    feature: 2,
                    condition: 0.1,
                    default_left: true,
                    loss_change: 1.5,
                    base_weight: 0.125,
                    left: (2.0, -0.1),
                    right: (2.0, 0.3),
                },
            );
            booster.trees.push(tree);
            booster.tree_groups.push(group);
        }
        booster.attributes.insert("best_iteration".to_owned(), "0".to_owned());
        booster
    }

    #[test]
    fn a_model_survives_being_written_and_read() {
        for kind in [Kind::SquaredError, Kind::BinaryLogistic, Kind::Softprob, Kind::Poisson] {
            let mut written = booster(kind);
            if !written.objective.is_multiclass() {
                written.objective.num_class = 0;
            }
            assert_eq!(read(&write(&written)).unwrap(), written);
        }
    }

    #[test]
    fn json_survives_too_also_where_the_base_score_was_a_probability() {
        for kind in [Kind::SquaredError, Kind::LogitRaw, Kind::Softprob] {
            let mut written = booster(kind);
            if !written.objective.is_multiclass() {
                written.objective.num_class = 0;
            }
            for version in [(1, 0), (1, 2), (1, 5)] {
                let back = read(&write_json(&written, version)).unwrap();
                assert!((back.base_score[0] - written.base_score[0]).abs() < 1e-6);
                assert_eq!(Booster { base_score: written.base_score.clone(), ..back }, written);
            }
        }
        let text = String::from_utf8(write_json(&booster(Kind::LogitRaw), (1, 2))).unwrap();
        assert!(text.contains(r#""base_score":"5.62176"#), "{text}");
    }

    #[test]
    fn base_scores_are_read_in_both_forms() {
        assert_eq!(read_base_score("5E-1").unwrap(), [0.5]);
        assert_eq!(read_base_score("[5E-1]").unwrap(), [0.5]);
        assert_eq!(read_base_score("[1E0,-2.5E-1]").unwrap(), [1.0, -0.25]);
        assert!(read_base_score("[]").is_err());
    }

    #[test]
    fn what_is_no_model_is_refused_with_what_to_do() {
        let text = |bytes: &[u8]| read(bytes).unwrap_err().to_string();
        assert!(text(b"\x80\x04\x95").contains("the pickle ends early"));
        assert!(text(b"binf\0\0").contains("it ends early"));
        assert!(text(b"\0\0\0\x3f").contains("binary format"));
        assert!(text(b"").contains("empty"));
        assert!(text(b"{}").contains("no learner"));
        assert!(text(b"{\"learner\":").contains("cannot be read"));
    }

    #[test]
    fn a_model_of_another_kind_is_refused_by_name() {
        let refused = |change: &dyn Fn(&mut BTreeMap<String, Node>)| {
            let mut document = Node::from_ubjson(&write(&booster(Kind::SquaredError))).unwrap();
            let Node::Map(top) = &mut document else { panic!() };
            let Some(Node::Map(learner)) = top.get_mut("learner") else { panic!() };
            change(learner);
            read(&document.to_ubjson()).unwrap_err().to_string()
        };
        let set = |name: &'static str, node: Node| {
            move |learner: &mut BTreeMap<String, Node>| {
                learner.insert(name.to_owned(), node.clone());
            }
        };
        let other = Node::map([("name", Node::text("gbforest"))]);
        assert!(refused(&set("gradient_booster", other)).contains("booster \"gbforest\""));
        let quantile = Node::map([("name", Node::text("reg:quantileerror"))]);
        assert!(refused(&set("objective", quantile)).contains("reg:quantileerror"));
        let categorical = |learner: &mut BTreeMap<String, Node>| {
            let Some(Node::Map(booster)) = learner.get_mut("gradient_booster") else { panic!() };
            let Some(Node::Map(model)) = booster.get_mut("model") else { panic!() };
            let Some(Node::List(trees)) = model.get_mut("trees") else { panic!() };
            let Node::Map(tree) = &mut trees[0] else { panic!() };
            tree.insert("split_type".to_owned(), Node::Bytes(vec![1, 0, 0]));
        };
        assert!(refused(&categorical).contains("categories"));
        let circle = |learner: &mut BTreeMap<String, Node>| {
            let Some(Node::Map(booster)) = learner.get_mut("gradient_booster") else { panic!() };
            let Some(Node::Map(model)) = booster.get_mut("model") else { panic!() };
            let Some(Node::List(trees)) = model.get_mut("trees") else { panic!() };
            let Node::Map(tree) = &mut trees[0] else { panic!() };
            tree.insert("left_children".to_owned(), Node::Ints(vec![0, -1, -1]));
        };
        assert!(refused(&circle).contains("do not make a tree"));
    }

    /// Models that libraries from 0.90 to 3.2 saved, in each of their forms.
    fn saved() -> Vec<(String, Vec<u8>)> {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/clients/xgboost_models");
        let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        files
            .filter(|path| path.file_stem().unwrap().to_str().unwrap().contains('-'))
            .map(|path| (path.display().to_string(), std::fs::read(&path).unwrap()))
            .collect()
    }

    #[test]
    fn damage_to_what_the_libraries_saved_is_survived() {
        let mut random = fastrand::Rng::with_seed(11);
        let mut refused = 0;
        let saved = saved();
        for (path, bytes) in &saved {
            assert!(read(bytes).is_ok(), "{path}");
            for _ in 0..20 {
                let mut bytes = bytes.clone();
                for _ in 0..random.usize(1..4) {
                    let place = random.usize(..bytes.len());
                    bytes[place] = random.u8(..);
                }
                if random.bool() {
                    bytes.truncate(random.usize(..bytes.len()));
                }
                match read(&bytes) {
                    Ok(booster) => {
                        let row = vec![0.5; booster.features.min(8)];
                        let mut margins = vec![0.0; booster.objective.groups()];
                        booster.forest().margins(&row, &mut margins);
                    }
                    Err(_) => refused += 1,
                }
            }
        }
        assert!(saved.len() > 90 && refused > 500, "{} files, {refused} refused", saved.len());
    }
}
