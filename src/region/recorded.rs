//! Families that are kept and shown but do nothing of their own: one declarative table.
//!
//! Only what stays true by being written down stands here. A family whose status would have to be
//! worked for (a pipeline's execution, a notebook's instance, a feature group's store) does not: to
//! answer `InService` for it would be a lie.

use super::dispatch::Table;
use super::{Answer, Call, Refusal, Region, error, family, listing, tag};
use crate::api::model::{self, Service};
use crate::store::{Query, Row};
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// A family, as its operations name it.
struct Recorded {
    /// As in `CreateExperiment`.
    noun: &'static str,
    /// As in `ListExperiments`.
    plural: &'static str,
    /// The ARN's resource type and the row's kind.
    kind: &'static str,
    name: &'static str,
    arn: &'static str,
    /// The list's member.
    list: &'static str,
    /// The family that it belongs to: the member that names it, and its kind.
    parent: Option<(&'static str, &'static str)>,
    /// Lists' filters beyond the common ones, and where in the document they look.
    filters: &'static [(&'static str, &'static str)],
    /// Members of a summary that the document has elsewhere.
    aliases: &'static [(&'static str, &'static str)],
    /// Maps that an Update adds to.
    merged: &'static [&'static str],
    /// It has a DisplayName, which is its name unless one was given.
    displayed: bool,
}

const PLAIN: Recorded = Recorded {
    noun: "",
    plural: "",
    kind: "",
    name: "",
    arn: "",
    list: "",
    parent: None,
    filters: &[],
    aliases: &[],
    merged: &[],
    displayed: false,
};

/// Where a document has nothing: a filter that looks here finds no row.
const NOWHERE: &str = "/-";

macro_rules! job_definition {
    ($noun:literal, $kind:literal) => {
        Recorded {
            noun: concat!($noun, "JobDefinition"),
            plural: concat!($noun, "JobDefinitions"),
            kind: $kind,
            name: "JobDefinitionName",
            arn: "JobDefinitionArn",
            list: "JobDefinitionSummaries",
            filters: &[(
                "EndpointName",
                concat!("/", $noun, "JobInput/EndpointInput/EndpointName"),
            )],
            aliases: &[
                ("MonitoringJobDefinitionName", "/JobDefinitionName"),
                ("MonitoringJobDefinitionArn", "/JobDefinitionArn"),
                ("EndpointName", concat!("/", $noun, "JobInput/EndpointInput/EndpointName")),
            ],
            ..PLAIN
        }
    };
}

static FAMILIES: &[Recorded] = &[
    Recorded {
        noun: "Experiment",
        plural: "Experiments",
        kind: "experiment",
        name: "ExperimentName",
        arn: "ExperimentArn",
        list: "ExperimentSummaries",
        displayed: true,
        ..PLAIN
    },
    Recorded {
        noun: "Trial",
        plural: "Trials",
        kind: "experiment-trial",
        name: "TrialName",
        arn: "TrialArn",
        list: "TrialSummaries",
        parent: Some(("ExperimentName", "experiment")),
        filters: &[("ExperimentName", "/ExperimentName"), ("TrialComponentName", NOWHERE)],
        displayed: true,
        ..PLAIN
    },
    Recorded {
        noun: "TrialComponent",
        plural: "TrialComponents",
        kind: "experiment-trial-component",
        name: "TrialComponentName",
        arn: "TrialComponentArn",
        list: "TrialComponentSummaries",
        filters: &[("ExperimentName", NOWHERE), ("TrialName", NOWHERE), ("SourceArn", NOWHERE)],
        merged: &["Parameters", "InputArtifacts", "OutputArtifacts"],
        displayed: true,
        ..PLAIN
    },
    Recorded {
        noun: "Action",
        plural: "Actions",
        kind: "action",
        name: "ActionName",
        arn: "ActionArn",
        list: "ActionSummaries",
        filters: &[("SourceUri", "/Source/SourceUri"), ("ActionType", "/ActionType")],
        ..PLAIN
    },
    Recorded {
        noun: "Context",
        plural: "Contexts",
        kind: "context",
        name: "ContextName",
        arn: "ContextArn",
        list: "ContextSummaries",
        filters: &[("SourceUri", "/Source/SourceUri"), ("ContextType", "/ContextType")],
        ..PLAIN
    },
    Recorded {
        noun: "CodeRepository",
        plural: "CodeRepositories",
        kind: "code-repository",
        name: "CodeRepositoryName",
        arn: "CodeRepositoryArn",
        list: "CodeRepositorySummaryList",
        ..PLAIN
    },
    Recorded {
        noun: "NotebookInstanceLifecycleConfig",
        plural: "NotebookInstanceLifecycleConfigs",
        kind: "notebook-instance-lifecycle-config",
        name: "NotebookInstanceLifecycleConfigName",
        arn: "NotebookInstanceLifecycleConfigArn",
        list: "NotebookInstanceLifecycleConfigs",
        ..PLAIN
    },
    Recorded {
        noun: "StudioLifecycleConfig",
        plural: "StudioLifecycleConfigs",
        kind: "studio-lifecycle-config",
        name: "StudioLifecycleConfigName",
        arn: "StudioLifecycleConfigArn",
        list: "StudioLifecycleConfigs",
        filters: &[("AppTypeEquals", "/StudioLifecycleConfigAppType")],
        ..PLAIN
    },
    Recorded {
        noun: "AppImageConfig",
        plural: "AppImageConfigs",
        kind: "app-image-config",
        name: "AppImageConfigName",
        arn: "AppImageConfigArn",
        list: "AppImageConfigs",
        ..PLAIN
    },
    job_definition!("DataQuality", "data-quality-job-definition"),
    job_definition!("ModelQuality", "model-quality-job-definition"),
    job_definition!("ModelBias", "model-bias-job-definition"),
    job_definition!("ModelExplainability", "model-explainability-job-definition"),
];

/// Other names that some lists have for common members.
const RENAMED: &[(&str, &str)] = &[
    ("CreatedAfter", "CreationTimeAfter"),
    ("CreatedBefore", "CreationTimeBefore"),
    ("ModifiedTimeAfter", "LastModifiedTimeAfter"),
    ("ModifiedTimeBefore", "LastModifiedTimeBefore"),
];

pub(super) fn rows(table: &mut Table) {
    let Some(service) = model::service("sagemaker") else { return };
    for it in FAMILIES {
        let named = |verb: &str, noun: &str| {
            service.operation(&format!("{verb}{noun}")).map(|operation| operation.name)
        };
        let mut rows = table.service("sagemaker");
        if let Some(operation) = named("Create", it.noun) {
            rows = rows.recorded(operation, |region, call| create(it, region, call));
        }
        if let Some(operation) = named("Describe", it.noun) {
            rows = rows.recorded(operation, |region, call| describe(it, region, call));
        }
        if let Some(operation) = named("Update", it.noun) {
            rows = rows.recorded(operation, |region, call| update(it, region, call));
        }
        if let Some(operation) = named("Delete", it.noun) {
            rows = rows.recorded(operation, |region, call| delete(it, region, call));
        }
        if let Some(operation) = named("List", it.plural) {
            rows.recorded(operation, |region, call| list(it, region, call));
        }
    }
}

impl Recorded {
    fn arn_of(&self, region: &Region, name: &str) -> String {
        region.place().sagemaker(self.kind, name)
    }

    /// In the code that the operation's model declares for it.
    fn absent(&self, region: &Region, name: &str, operation: &str) -> Refusal {
        absent(region, self.kind, self.noun, name, operation)
    }

    /// Whether a member of Update is a structure of its own that has but some members of the one that
    /// Describe shows: it changes those, not the whole.
    fn is_partial(&self, member: &str) -> bool {
        let shapes = |service: &'static Service| {
            let update = service.operation(&format!("Update{}", self.noun))?;
            let describe = service.operation(&format!("Describe{}", self.noun))?;
            let sent = service.get(service.input(update)?.member(member)?.shape);
            let shown = service.get(service.output(describe)?.member(member)?.shape);
            Some((sent, shown))
        };
        model::service("sagemaker")
            .and_then(shapes)
            .is_some_and(|(sent, shown)| sent.structure().is_some() && sent.name != shown.name)
    }

    fn taken(&self, name: &str) -> Refusal {
        let Self { noun, .. } = self;
        let text = format!(
            "{noun} names must be unique within an AWS account and region. {noun} with name ({name}) already exists."
        );
        if declares(&format!("Create{noun}"), "ResourceInUse") {
            Refusal::Taken(text)
        } else {
            Refusal::Invalid(text)
        }
    }
}

fn absent(region: &Region, kind: &str, noun: &str, name: &str, operation: &str) -> Refusal {
    let arn = region.place().sagemaker(kind, name);
    if declares(operation, "ResourceNotFound") {
        Refusal::Absent(format!("{noun} '{arn}' does not exist."))
    } else {
        Refusal::could_not_find(noun, &arn)
    }
}

/// Whether an operation's model lists an error.
fn declares(operation: &str, code: &str) -> bool {
    let lists = |service: &'static Service| {
        let operation = service.operation(operation)?;
        Some(operation.errors.iter().any(|error| service.get(*error).name == code))
    };
    model::service("sagemaker").and_then(lists).unwrap_or(false)
}

async fn create(it: &'static Recorded, region: Arc<Region>, call: Call) -> Answer {
    let mut body = call.input;
    let tags = tag::taken_from(&mut body)?;
    let name = text(&body, it.name);
    let arn = it.arn_of(&region, &name);
    let user = family::user_context(&call.caller.arn);
    family::set(&mut body, it.arn, arn.clone());
    family::set(&mut body, "CreatedBy", user.clone());
    family::set(&mut body, "LastModifiedBy", user);
    let parent = it.parent.map(|(member, kind)| (text(&body, member), kind));
    let orphan =
        parent.as_ref().map(|(name, kind)| absent(&region, kind, "Resource", name, call.operation));
    region
        .store()
        .write(move |change| -> Result<_, Refusal> {
            let now = change.now();
            family::set(&mut body, "CreationTime", now.to_document());
            family::touched(&mut body, now);
            let mut row = Row::new(it.kind, &name, now, body);
            if let (Some((name, kind)), Some(orphan)) = (parent, orphan) {
                row.parent = change.get(kind, &name)?.ok_or(orphan)?.name;
            }
            change.insert(row).map_err(|fault| error::taken(fault, || it.taken(&name)))?;
            tag::put(change, &arn, &tags)?;
            Ok(json!({ (it.arn): arn }))
        })
        .await
}

fn text(document: &Value, member: &str) -> String {
    document.get(member).and_then(Value::as_str).unwrap_or_default().to_owned()
}

async fn describe(it: &'static Recorded, region: Arc<Region>, call: Call) -> Answer {
    let name = text(&call.input, it.name);
    let name = family::name_or_arn(&region, it.kind, &name)?;
    region
        .store()
        .read(|snapshot| -> Result<_, Refusal> { Ok(snapshot.get(it.kind, &name)?) })?
        .map(|row| shown(it, row))
        .ok_or_else(|| it.absent(&region, &name, call.operation))
}

fn shown(it: &Recorded, row: Row) -> Value {
    let mut body = row.body;
    if it.displayed {
        family::default(&mut body, "DisplayName", row.name);
    }
    body
}

async fn update(it: &'static Recorded, region: Arc<Region>, call: Call) -> Answer {
    let name = text(&call.input, it.name);
    let missing = it.absent(&region, &name, call.operation);
    let user = family::user_context(&call.caller.arn);
    let input = call.input;
    region
        .store()
        .write(move |change| -> Result<_, Refusal> {
            let mut row = change.get(it.kind, &name)?.ok_or(missing)?;
            apply(it, &mut row.body, &input);
            family::touched(&mut row.body, change.now());
            family::set(&mut row.body, "LastModifiedBy", user);
            change.update(&row)?;
            Ok(json!({ (it.arn): text(&row.body, it.arn) }))
        })
        .await
}

/// Members given replace what was there, or add to it; `<Member>ToRemove` takes keys away. What is
/// not given stays as it was.
fn apply(it: &Recorded, body: &mut Value, input: &Value) {
    for (member, value) in input.as_object().into_iter().flatten() {
        if member == it.name || value.is_null() {
            continue;
        }
        if let Some(map) = member.strip_suffix("ToRemove") {
            let present = body.get_mut(map).and_then(Value::as_object_mut);
            let keys = value.as_array().into_iter().flatten().filter_map(Value::as_str);
            if let Some(present) = present {
                keys.for_each(|key| drop(present.remove(key)));
            }
        } else if let (true, Some(added)) =
            (it.merged.contains(&member.as_str()) || it.is_partial(member), value.as_object())
        {
            family::default(body, member, Map::new());
            if let Some(present) = body.get_mut(member).and_then(Value::as_object_mut) {
                present.extend(added.clone());
            }
        } else {
            family::set(body, member, value.clone());
        }
    }
}

async fn delete(it: &'static Recorded, region: Arc<Region>, call: Call) -> Answer {
    let name = text(&call.input, it.name);
    let missing = it.absent(&region, &name, call.operation);
    let arn = it.arn_of(&region, &name);
    region
        .store()
        .write(move |change| -> Result<_, Refusal> {
            let row = change.get(it.kind, &name)?.ok_or(missing)?;
            let children =
                FAMILIES.iter().filter(|of| of.parent.is_some_and(|(_, kind)| kind == it.kind));
            for child in children {
                let query = Query {
                    kind: child.kind.into(),
                    parent: Some(row.name.clone()),
                    limit: 1,
                    ..Query::default()
                };
                if !change.list(&query)?.rows.is_empty() {
                    return Err(Refusal::Invalid(format!(
                        "{} {name} cannot be deleted because it has {}. Delete them first.",
                        it.noun, child.plural
                    )));
                }
            }
            change.delete(it.kind, &name)?;
            tag::forget(change, &arn)?;
            Ok(json!({ (it.arn): arn }))
        })
        .await
}

async fn list(it: &'static Recorded, region: Arc<Region>, call: Call) -> Answer {
    let mut input = call.input;
    for (other, common) in RENAMED {
        if let Some(value) = input.get(other).cloned() {
            family::set(&mut input, common, value);
        }
    }
    let query = listing::query(call.operation, &input, it.kind)?;
    let wanted: Vec<(&str, &Value)> = it
        .filters
        .iter()
        .filter_map(|(member, path)| Some((*path, input.get(*member)?)))
        .filter(|(_, value)| !value.is_null())
        .collect();
    let keep =
        |row: &Row| wanted.iter().all(|(path, value)| row.body.pointer(path) == Some(*value));
    region
        .store()
        .read(|snapshot| listing::filtered(snapshot, &query, it.list, keep, |row| summary(it, row)))
}

fn summary(it: &Recorded, row: Row) -> Value {
    let mut body = shown(it, row);
    for (member, path) in it.aliases {
        if let Some(value) = body.pointer(path).cloned() {
            family::set(&mut body, member, value);
        }
    }
    body
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::model::Kind;

    fn sagemaker() -> &'static Service {
        model::service("sagemaker").unwrap()
    }

    /// The input members of an operation of a family, or nothing.
    fn inputs(verb: &str, noun: &str) -> Option<Vec<&'static str>> {
        let operation = sagemaker().operation(&format!("{verb}{noun}"))?;
        let input = sagemaker().input(operation)?;
        Some(input.members.iter().map(|member| member.name).collect())
    }

    #[test]
    fn every_family_is_the_models() {
        for it in FAMILIES {
            for verb in ["Create", "Describe", "Delete"] {
                let members = inputs(verb, it.noun).unwrap();
                assert!(members.contains(&it.name), "{verb}{}", it.noun);
            }
            let operation = sagemaker().operation(&format!("List{}", it.plural)).unwrap();
            let output = sagemaker().output(operation).unwrap();
            let list = output.member(it.list).unwrap();
            assert!(matches!(sagemaker().get(list.shape).kind, Kind::List { .. }), "{}", it.list);
        }
    }

    /// Members that all lists may have.
    const COMMON: &[&str] = &[
        "MaxResults",
        "NextToken",
        "SortBy",
        "SortOrder",
        "NameContains",
        "CreationTimeAfter",
        "CreationTimeBefore",
        "LastModifiedTimeAfter",
        "LastModifiedTimeBefore",
    ];

    #[test]
    fn every_member_of_every_list_is_heeded() {
        for it in FAMILIES {
            for member in inputs("List", it.plural).unwrap() {
                let known = COMMON.contains(&member)
                    || RENAMED.iter().any(|(other, _)| *other == member)
                    || it.filters.iter().any(|(filter, _)| *filter == member);
                assert!(known, "List{} ignores {member}", it.plural);
            }
        }
    }

    #[test]
    fn what_an_update_may_say_is_what_describe_shows() {
        for it in FAMILIES {
            let shown = sagemaker().operation(&format!("Describe{}", it.noun)).unwrap();
            let shown = sagemaker().output(shown).unwrap();
            for member in inputs("Update", it.noun).unwrap_or_default() {
                let kept = member.strip_suffix("ToRemove").unwrap_or(member);
                assert!(shown.member(kept).is_some(), "Update{}: {member}", it.noun);
            }
        }
    }

    #[test]
    fn what_has_a_display_name_says_so() {
        for it in FAMILIES {
            let describe = sagemaker().operation(&format!("Describe{}", it.noun)).unwrap();
            let shown = sagemaker().output(describe).unwrap();
            assert_eq!(shown.member("DisplayName").is_some(), it.displayed, "{}", it.noun);
        }
    }

    #[test]
    fn what_an_update_does_not_name_stays() {
        for it in FAMILIES {
            let members = inputs("Update", it.noun).unwrap_or_default();
            let kept = || members.iter().copied().filter(|member| !member.ends_with("ToRemove"));
            let body: Map<String, Value> =
                kept().map(|member| (member.to_owned(), json!({"before": 1}))).collect();
            for changed in kept().filter(|member| *member != it.name) {
                let mut after = Value::Object(body.clone());
                apply(it, &mut after, &json!({ (it.name): "n", (changed): {"now": 2} }));
                for (member, value) in &body {
                    let expected = match (member == changed, adds(it, changed)) {
                        (false, _) => value.clone(),
                        (true, false) => json!({"now": 2}),
                        (true, true) => json!({"before": 1, "now": 2}),
                    };
                    assert_eq!(after[member], expected, "Update{} {changed}", it.noun);
                }
            }
        }
    }

    /// Whether what is given is put beside what is there: in AWS's words for trial components, and
    /// where a repository's secret changes without its URL and branch.
    fn adds(it: &Recorded, member: &str) -> bool {
        match it.noun {
            "TrialComponent" => {
                ["Parameters", "InputArtifacts", "OutputArtifacts"].contains(&member)
            }
            "CodeRepository" => member == "GitConfig",
            _ => false,
        }
    }

    #[test]
    fn updates_add_remove_and_replace() {
        let component = FAMILIES.iter().find(|it| it.noun == "TrialComponent").unwrap();
        let mut body = json!({"DisplayName": "a", "Parameters": {"x": {"NumberValue": 1}, "y": {"NumberValue": 2}}});
        let input = json!({
            "TrialComponentName": "c", "DisplayName": "b",
            "Parameters": {"z": {"StringValue": "s"}}, "ParametersToRemove": ["x"],
        });
        apply(component, &mut body, &input);
        assert_eq!(
            body,
            json!({"DisplayName": "b", "Parameters": {"y": {"NumberValue": 2}, "z": {"StringValue": "s"}}})
        );
    }
}
