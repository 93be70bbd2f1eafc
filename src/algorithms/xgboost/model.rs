//! A model as XGBoost's document: what the library loads, and what it saved.

use super::booster::Booster;
use super::objective::{Kind, Objective};
use super::tree::{NO_CHILD, Tree};
use super::ubjson::Node;
use crate::algorithms::Failure;
use std::collections::BTreeMap;

/// The version whose document is written: the last with one base score for all groups, so that
/// libraries from 1.7 on load it.
const VERSION: [i64; 3] = [3, 0, 5];

/// The model as UBJSON, which XGBoost takes a file without an extension for.
pub fn write(booster: &Booster) -> Vec<u8> {
    let version = Node::List(VERSION.map(Node::Int).to_vec());
    Node::map([("learner", learner(booster)), ("version", version)]).to_ubjson()
}

fn learner(booster: &Booster) -> Node {
    let texts = |texts: &[String]| Node::List(texts.iter().map(Node::text).collect());
    let attributes = booster.attributes.iter().map(|(name, text)| (name.clone(), Node::text(text)));
    let num_class = if booster.objective.is_multiclass() { booster.objective.num_class } else { 0 };
    Node::map([
        ("attributes", Node::Map(attributes.collect())),
        ("feature_names", texts(&booster.feature_names)),
        ("feature_types", texts(&booster.feature_types)),
        (
            "gradient_booster",
            Node::map([("model", trees(booster)), ("name", Node::text("gbtree"))]),
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
        ("objective", objective(&booster.objective)),
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

fn objective(objective: &Objective) -> Node {
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

fn trees(booster: &Booster) -> Node {
    let per_round = booster.objective.groups() * booster.parallel_trees;
    let starts = (0..=booster.rounds()).map(|round| Node::Int((round * per_round) as i64));
    let groups = booster.tree_groups.iter().map(|group| Node::Int(*group as i64));
    let trees = booster.trees.iter().enumerate().map(|(id, each)| tree(id, each, booster.features));
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

fn tree(id: usize, tree: &Tree, features: usize) -> Node {
    let indices = tree.feature.iter().map(|feature| i32::try_from(*feature).unwrap_or(i32::MAX));
    Node::map([
        ("base_weights", Node::Floats(tree.base_weight.clone())),
        ("categories", Node::Ints(Vec::new())),
        ("categories_nodes", Node::Ints(Vec::new())),
        ("categories_segments", Node::Longs(Vec::new())),
        ("categories_sizes", Node::Longs(Vec::new())),
        (
            "default_left",
            Node::Bytes(tree.default_left.iter().map(|left| u8::from(*left)).collect()),
        ),
        ("id", Node::Int(id as i64)),
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

/// Reads a model that was saved as UBJSON or JSON, by this crate or by XGBoost.
pub fn read(bytes: &[u8]) -> Result<Booster, Failure> {
    let document = match bytes {
        [b'{', rest @ ..] if rest.first().is_some_and(|byte| b"\"} \t\r\n".contains(byte)) => {
            Node::from_json(bytes)
        }
        [b'{', ..] => Node::from_ubjson(bytes),
        _ => return Err(Failure::client(foreign(bytes))),
    };
    let document =
        document.map_err(|error| refused(&format!("the document cannot be read: {error}")))?;
    booster(&document)
}

fn refused(why: &str) -> Failure {
    Failure::client(format!("The file is not an XGBoost model that can be served: {why}."))
}

/// What a file that is no document at all seems to be, and how to make it one.
fn foreign(bytes: &[u8]) -> String {
    let what = match bytes {
        [] => "It is empty.",
        [0x80, 2..=5, ..] => "It is a Python pickle, which would run code of its own when loaded.",
        [b'b', b'i', b'n', b'f', ..] => "It is in XGBoost's old binary format.",
        _ => "It is neither UBJSON nor JSON; it may be in XGBoost's old binary format.",
    };
    format!(
        "The file is not an XGBoost model that can be served. {what} Load it with the XGBoost library \
         that saved it, save it again with Booster.save_model(\"model.ubj\") or \"model.json\", and use that."
    )
}

fn booster(document: &Node) -> Result<Booster, Failure> {
    let learner = document.get("learner").ok_or_else(|| refused("it has no learner"))?;
    let name = text(learner, &["gradient_booster", "name"])?;
    if name != "gbtree" {
        return Err(refused(&format!(
            "it was trained with booster {name}, and only gbtree is known here"
        )));
    }
    let objective = read_objective(learner)?;
    let number = |path: &[&str]| -> Result<usize, Failure> {
        let text = text(learner, path)?;
        text.parse().map_err(|_| refused(&format!("{} is {text:?}", path.join("."))))
    };
    let features = number(&["learner_model_param", "num_feature"])?;
    let targets = learner.at(&["learner_model_param", "num_target"]).and_then(Node::as_text);
    if targets.is_some_and(|targets| !matches!(targets, "0" | "1")) {
        return Err(refused("it predicts several targets at once"));
    }
    let model = learner
        .at(&["gradient_booster", "model"])
        .ok_or_else(|| refused("it has no gradient_booster.model"))?;
    let Some(Node::List(nodes)) = model.get("trees") else {
        return Err(refused("it has no trees"));
    };
    let trees = nodes.iter().map(read_tree).collect::<Result<Vec<_>, _>>()?;
    let info = model.get("tree_info").and_then(Node::ints).unwrap_or_default();
    let groups = objective.groups();
    let tree_groups: Vec<usize> =
        info.into_iter().filter_map(|group| usize::try_from(group).ok()).collect();
    if tree_groups.len() != trees.len() || tree_groups.iter().any(|group| *group >= groups) {
        return Err(refused("its tree_info does not go with its trees"));
    }
    let parallel = model.at(&["gbtree_model_param", "num_parallel_tree"]).and_then(Node::as_text);
    let parallel_trees = parallel.and_then(|count| count.parse().ok()).filter(|count| *count > 0);
    let base_score = read_base_score(text(learner, &["learner_model_param", "base_score"])?)?;
    if base_score.len() > 1 && base_score.len() != groups {
        return Err(refused("it has another number of base scores than of classes"));
    }
    Ok(Booster {
        objective,
        base_score,
        features,
        trees,
        tree_groups,
        parallel_trees: parallel_trees.unwrap_or(1),
        attributes: attributes(learner),
        feature_names: texts(learner.get("feature_names")),
        feature_types: texts(learner.get("feature_types")),
    })
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

fn read_objective(learner: &Node) -> Result<Objective, Failure> {
    let name = text(learner, &["objective", "name"])?;
    let kind = Kind::named(name)
        .ok_or_else(|| refused(&format!("its objective {name} is not known here")))?;
    let mut objective = Objective::new(kind);
    let number = |path: &[&str]| learner.at(path).and_then(Node::as_text)?.parse::<f32>().ok();
    if let Some(weight) = number(&["objective", "reg_loss_param", "scale_pos_weight"]) {
        objective.scale_pos_weight = weight;
    }
    if let Some(power) =
        number(&["objective", "tweedie_regression_param", "tweedie_variance_power"])
    {
        objective.tweedie_variance_power = power;
    }
    if objective.is_multiclass() {
        let classes = text(learner, &["learner_model_param", "num_class"])?;
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
    if tree.is_sound() { Ok(tree) } else { Err(refused("a tree's nodes do not make a tree")) }
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
    fn base_scores_are_read_in_both_forms() {
        assert_eq!(read_base_score("5E-1").unwrap(), [0.5]);
        assert_eq!(read_base_score("[5E-1]").unwrap(), [0.5]);
        assert_eq!(read_base_score("[1E0,-2.5E-1]").unwrap(), [1.0, -0.25]);
        assert!(read_base_score("[]").is_err());
    }

    #[test]
    fn what_is_no_model_is_refused_with_what_to_do() {
        let text = |bytes: &[u8]| read(bytes).unwrap_err().to_string();
        assert!(text(b"\x80\x04\x95").contains("pickle"));
        assert!(text(b"binf\0\0").contains("old binary"));
        assert!(text(b"\0\0\0\x3f").contains("save_model"));
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
        let linear = Node::map([("name", Node::text("gblinear"))]);
        assert!(refused(&set("gradient_booster", linear)).contains("booster gblinear"));
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
}
