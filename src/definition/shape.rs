//! What a definition of version 1 may hold. The checks, `drill schema` and the suggestions all come from here.
//!
//! A resource type's and a probe kind's own keys come from its own file.

use std::fmt::Display;
use std::str::FromStr;

use jiff::Timestamp;
use serde_json::Value;

use crate::cloud::resource::Types;
use crate::definition::model::Share;
use crate::probe;
use crate::words::archive::{BucketPath, Retention};
use crate::words::arn::Arn;
use crate::words::id::{AccountId, DrillName, Name, Region, VaultName};
use crate::words::kind::{LockMode, ProbeKind, ReportFormat, ResourceKind};
use crate::words::reference::{is_value_name, is_variable_name};
use crate::yaml::schema::document;
use crate::yaml::shape::{Field, Shape};

/// Patterns for editors, next to the parsers that decide.
const NAME: &str = "^[a-z][a-z0-9]*(-[a-z0-9]+)*$";
const REGION: &str = "^[a-z]{2,}(-[a-z0-9]+)+-[0-9]$";
const ACCOUNT: &str = "^[0-9]{12}$";
const ARN: &str = "^arn:aws[^:]*:[^:]+:[^:]*:[^:]*:.+$";

/// The JSON Schema of a definition.
#[must_use]
pub fn schema(types: Types) -> Value {
    document("drill definition, version 1", &definition(types))
}

/// The keys of a definition.
#[must_use]
pub fn definition(types: Types) -> Vec<Field> {
    vec![
        Field::required("version", Shape::Integer { min: 1, max: 1 }, "The version of the format: 1."),
        Field::required("name", name::<DrillName>("a drill's name"), "The file's stem; names the drill everywhere."),
        Field::required("title", Shape::Text, "One line for people."),
        Field::required("owner", Shape::Text, "Who answers for the drill."),
        Field::optional("labels", dictionary(Shape::Text, Shape::Text, 0), "Free labels."),
        Field::optional("controls", list(Shape::Text, 0), "Controls that this drill is evidence for."),
        Field::optional(
            "vars",
            vars(),
            "Values that `${{ vars.NAME }}` stands for; `--var NAME=VALUE` overrides them.",
        ),
        Field::optional("objectives", Shape::Map(objectives()), "What the drill must reach."),
        Field::optional("policy", Shape::Map(policy()), "How often it must be proven."),
        Field::required("source", Shape::Map(source()), "Where the workload lives."),
        Field::required("destination", Shape::Map(destination()), "Where the drill restores."),
        Field::optional("limits", Shape::Map(limits()), "Bounds of a run."),
        Field::optional("rates", Shape::Map(rates_by_type()), "What restored things cost, by type, in US dollars."),
        Field::required("restore", dictionary(name::<Name>("a name"), restore(types), 1), "What to restore, by name."),
        Field::required("probes", dictionary(name::<Name>("a name"), probe_shape(), 1), "How to prove it, by name."),
        Field::optional(
            "actions",
            dictionary(name::<Name>("a name"), action_shape(), 0),
            "What is done to the restored world, by name.",
        ),
        Field::optional(
            "gates",
            dictionary(name::<Name>("a name"), Shape::Map(gate()), 0),
            "Where a person is asked, by name.",
        ),
        Field::optional("consistency", Shape::Map(consistency()), "Recovery points of compatible moments."),
        Field::optional("teardown", Shape::Map(teardown()), "When to remove what was restored."),
        Field::optional("report", Shape::Map(report()), "The report."),
        Field::not_yet("schedule", Shape::Scalar, "start drills from cron or a timer with `drill run`"),
        Field::not_yet("probe_templates", Shape::Scalar, "give `on:` a list: one probe for each of them"),
    ]
}

fn parsed<T>(text: &str) -> Result<(), String>
where
    T: FromStr,
    T::Err: Display,
{
    text.parse::<T>().map(|_| ()).map_err(|error| error.to_string())
}

fn name<T>(what: &'static str) -> Shape
where
    T: FromStr,
    T::Err: Display,
{
    Shape::Parsed { what, format: Some(NAME), parse: parsed::<T> }
}

fn arn(what: &'static str) -> Shape {
    Shape::Parsed { what, format: Some(ARN), parse: parsed::<Arn> }
}

fn dictionary(key: Shape, of: Shape, min: usize) -> Shape {
    Shape::Dictionary { key: Box::new(key), of: Box::new(of), min }
}

fn list(of: Shape, min: usize) -> Shape {
    Shape::List { of: Box::new(of), min }
}

fn vars() -> Shape {
    dictionary(variable_name(), Shape::Scalar, 0)
}

fn variable_name() -> Shape {
    let parse = |text: &str| {
        if is_variable_name(text) {
            Ok(())
        } else {
            Err("a variable's name is 1 to 64 letters, digits, `_` and `-`, and does not start with a digit".to_owned())
        }
    };
    Shape::Parsed { what: "a variable's name", format: Some("^[A-Za-z_][A-Za-z0-9_-]{0,63}$"), parse }
}

fn value_name() -> Shape {
    let parse = |text: &str| {
        if is_value_name(text) {
            Ok(())
        } else {
            Err("an observed value's name is a column's name: letters, digits, `_` and `-`; use `AS` in the query"
                .to_owned())
        }
    };
    Shape::Parsed { what: "an observed value's name", format: None, parse }
}

fn region() -> Field {
    let shape = Shape::Parsed { what: "a region", format: Some(REGION), parse: parsed::<Region> };
    Field::required("region", shape, "The region, such as eu-west-1.")
}

fn account() -> Field {
    let shape = Shape::Parsed { what: "an account id", format: Some(ACCOUNT), parse: parsed::<AccountId> };
    Field::required("account", shape, "The account's twelve digits, in quotes.")
}

fn objectives() -> Vec<Field> {
    vec![
        Field::optional("rto", Shape::Duration, "From the run's start to the last required probe green."),
        Field::optional("rpo", Shape::Duration, "Age of the recovery point at the run's start."),
        Field::optional("copy_lag", Shape::Duration, "From the source's recovery point to its copy's arrival."),
        Field::optional("data_age", Shape::Duration, "Age of the newest data inside at the run's start."),
    ]
}

fn policy() -> Vec<Field> {
    let doc = "`drill coverage` calls what was proven longer ago stale, such as `92d`.";
    vec![Field::optional("proven_every", Shape::Duration, doc)]
}

fn source() -> Vec<Field> {
    vec![
        region(),
        account(),
        Field::optional("access_role", arn("a role's ARN"), "A role that drill assumes to read copy jobs there."),
        Field::optional("profile", Shape::Text, "A profile of the AWS configuration."),
    ]
}

fn destination() -> Vec<Field> {
    let vault =
        Shape::Parsed { what: "a vault's name", format: Some("^[A-Za-z0-9_-]{2,50}$"), parse: parsed::<VaultName> };
    vec![
        region(),
        account(),
        Field::required("vault", vault, "The vault that holds the copies."),
        Field::required("restore_role", arn("a role's ARN"), "The role that AWS Backup restores with."),
        Field::optional("access_role", arn("a role's ARN"), "A role that drill assumes."),
        Field::optional("profile", Shape::Text, "A profile of the AWS configuration."),
        Field::optional("same_region", Shape::Bool, "Source and destination may be the same region."),
    ]
}

fn limits() -> Vec<Field> {
    vec![
        Field::optional("max_duration", Shape::Duration, "Then nothing new starts but teardown. Default 8h."),
        Field::optional(
            "max_parallel_restores",
            Shape::Integer { min: 1, max: 100 },
            "Restore jobs at once. Default 4.",
        ),
        Field::optional(
            "max_cost_usd",
            Shape::Number,
            "In US dollars: no restore starts above it, and a run that has cost so much ends. Needs `rates`.",
        ),
        Field::optional(
            "stop_parameter",
            parameter(),
            "A parameter of SSM in the destination: while its value is `stop`, runs end.",
        ),
    ]
}

fn parameter() -> Shape {
    let format = "^[A-Za-z0-9_.-]{1,512}$|^/[A-Za-z0-9_./-]{1,1000}$";
    Shape::Parsed { what: "a parameter's name", format: Some(format), parse: check_parameter }
}

fn check_parameter(text: &str) -> Result<(), String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-' | '/');
    let slashes = !text.contains('/') || text.starts_with('/');
    if text.chars().all(plain) && slashes && (1..=1_001).contains(&text.len()) && text != "/" {
        return Ok(());
    }
    Err(format!("`{}` is not the name of a parameter; write it like /drill/stop", shown(text)))
}

fn rates_by_type() -> Vec<Field> {
    let of_type = |kind: &ResourceKind| Field::optional(kind.word(), Shape::Map(rates()), "What this type costs.");
    ResourceKind::ALL.iter().map(of_type).collect()
}

fn rates() -> Vec<Field> {
    vec![
        Field::optional("per_hour", Shape::Number, "For each hour that it exists."),
        Field::optional("per_gb_month", Shape::Number, "For each GB and month of 730 hours that it exists."),
        Field::optional("per_gb_restored", Shape::Number, "For each GB that is restored, once."),
    ]
}

fn restore(types: Types) -> Shape {
    let cases = ResourceKind::ALL
        .iter()
        .map(|kind| (kind.word(), restore_fields(with_questions(*kind, types(*kind).fields()))))
        .collect();
    Shape::Kinds { key: "type", cases }
}

/// What `type: other` asks of the definition are questions to the probe kinds that can do something, which the types'
/// own folder may not know.
fn with_questions(kind: ResourceKind, fields: Vec<Field>) -> Vec<Field> {
    if kind != ResourceKind::Other {
        return fields;
    }
    let question = || Shape::Tagged { fields: doers(), exactly_one_of: doer_words() };
    let of_a_question = |field: &Field| matches!(field.key, "ready" | "teardown" | "gone");
    let asked = |field: Field| if of_a_question(&field) { Field { shape: question(), ..field } } else { field };
    fields.into_iter().map(asked).collect()
}

fn restore_fields(with: Vec<Field>) -> Vec<Field> {
    vec![
        Field::optional("resource", arn("an ARN"), "The ARN of the source resource. This or `select`."),
        Field::optional("select", Shape::Map(select()), "Every resource of the vault that fits: one restore each."),
        Field::optional("recovery_point", Shape::Map(recovery_point()), "Which recovery point. Default: the newest."),
        Field::optional("with", Shape::Map(with), "Settings of the restored resource."),
        Field::optional(
            "metadata",
            dictionary(Shape::Text, Shape::Scalar, 0),
            "Raw StartRestoreJob metadata; wins over `with`.",
        ),
        Field::optional("needs", list(name::<Name>("a name"), 0), "Restores or probes that must pass first."),
        Field::optional("timeout", Shape::Duration, "From the restore job's start to ready. Default 4h."),
        Field::optional("rates", Shape::Map(rates()), "What it costs, where that is not what its type costs."),
    ]
}

fn select() -> Vec<Field> {
    vec![
        Field::optional("type", Shape::Choice(ResourceKind::WORDS), "The restore's own type, once more."),
        Field::optional(
            "tags",
            dictionary(Shape::Text, Shape::Text, 1),
            "Tags that the resource had when its newest recovery point was made. All of them.",
        ),
        Field::optional("arns", list(arn("an ARN"), 1), "These; each must have a recovery point in the vault."),
        Field::optional("plan", Shape::Text, "The id of the backup plan that made the recovery points."),
        Field::optional("except", list(arn("an ARN"), 1), "Not these."),
    ]
}

fn gate() -> Vec<Field> {
    vec![
        Field::required("ask", Shape::Text, "What the person is asked."),
        Field::optional("needs", list(name::<Name>("a name"), 0), "What must pass first."),
        Field::required("timeout", Shape::Duration, "Without an answer for so long, the answer is no."),
    ]
}

fn consistency() -> Vec<Field> {
    vec![
        Field::required("within", Shape::Duration, "The oldest and the newest recovery point are no further apart."),
        Field::optional("of", list(name::<Name>("a name"), 2), "These restores. Default: all of them."),
    ]
}

fn action_shape() -> Shape {
    let mut fields = vec![
        Field::optional("on", name::<Name>("a name"), "The restore whose endpoint it is given."),
        Field::optional("needs", list(name::<Name>("a name"), 0), "What must pass first."),
        Field::optional("retry", Shape::Map(retry()), "How often to try. Default: once."),
        Field::optional("timeout", Shape::Duration, "One attempt's longest time. Default 30s."),
        Field::optional(
            "expect",
            dictionary(value_name(), Shape::Map(expectation()), 1),
            "What its answer must satisfy.",
        ),
        Field::optional(
            "undo",
            Shape::Tagged { fields: doers(), exactly_one_of: doer_words() },
            "How it is undone, whenever it may have been done.",
        ),
    ];
    fields.extend(doers());
    Shape::Tagged { fields, exactly_one_of: doer_words() }
}

/// The kinds that can do something, each with its own settings.
fn doers() -> Vec<Field> {
    probe::DOERS
        .iter()
        .map(|kind| Field::optional(kind.word(), Shape::Map(probe::kind(*kind).fields()), probe::kind(*kind).about()))
        .collect()
}

fn doer_words() -> Vec<&'static str> {
    probe::DOERS.iter().map(|kind| kind.word()).collect()
}

fn recovery_point() -> Vec<Field> {
    let instant = Shape::Parsed { what: "an instant", format: None, parse: check_instant };
    let exact = Shape::OneOf(vec![
        Field::optional("before", instant, "The newest created at or before this instant."),
        Field::optional("arn", arn("an ARN"), "This one."),
        Field::not_yet("random", Shape::Duration, "pick `latest`, `before` or `arn`"),
    ]);
    let words = Shape::Parsed { what: "`latest`, `before: <time>` or `arn: <arn>`", format: None, parse: check_pick };
    vec![
        Field::optional(
            "pick",
            Shape::Either { text: Box::new(words), map: Box::new(exact) },
            "The rule. Default: latest.",
        ),
        Field::optional("max_age", Shape::Duration, "Older ones are not eligible."),
        Field::optional(
            "allow_stopped",
            Shape::Bool,
            "Continuous recovery points that somebody stopped are eligible too.",
        ),
        Field::optional("allow_cold", Shape::Bool, "Recovery points in cold storage are eligible too; hours slower."),
    ]
}

fn check_instant(text: &str) -> Result<(), String> {
    match text.parse::<Timestamp>() {
        Ok(_) => Ok(()),
        Err(_) => Err(format!("`{}` is not an instant; write it like 2026-11-01T00:00:00Z", shown(text))),
    }
}

/// `latest`, `before: <time>`, `arn: <arn>`.
fn check_pick(text: &str) -> Result<(), String> {
    match text.split_once(':').map(|(word, rest)| (word.trim(), rest.trim())) {
        None if text == "latest" => Ok(()),
        Some(("before", time)) => check_instant(time),
        Some(("arn", arn)) if !arn.starts_with("aws") => parsed::<Arn>(arn),
        Some(("arn", _)) => parsed::<Arn>(text).and(Err(format!("write `arn: {}`", shown(text)))),
        Some(("random", _)) => Err("`random` is not supported yet: pick `latest`, `before` or `arn`".to_owned()),
        _ => Err(format!("`{}` is no rule; write `latest`, `before: <time>` or `arn: <arn>`", shown(text))),
    }
}

fn shown(text: &str) -> String {
    text.chars().take(80).collect()
}

fn probe_shape() -> Shape {
    let mut fields = vec![
        Field::required(
            "on",
            Shape::OneOrMore(Box::new(name::<Name>("a name"))),
            "The restore that it probes, or several: one probe for each.",
        ),
        Field::optional("needs", list(name::<Name>("a name"), 0), "Probes, actions and gates that must pass first."),
        Field::optional("retry", Shape::Map(retry()), "How often to try. Default: once."),
        Field::optional("timeout", Shape::Duration, "One attempt's longest time. Default 30s."),
        Field::optional(
            "expect",
            dictionary(value_name(), Shape::Map(expectation()), 1),
            "What must hold, by observed value.",
        ),
        Field::optional("measures", Shape::Map(measures()), "Observed values that are measures of the run."),
        Field::optional(
            "negative_control",
            negative_control(),
            "A variant that must fail, or the probe proves nothing.",
        ),
        Field::optional("severity", Shape::Choice(&["required", "advisory"]), "Whether the verdict depends on it."),
        Field::optional(
            "hold",
            Shape::Duration,
            "Once green, it must stay green for so long, asked every `retry.every`.",
        ),
        Field::optional("when", Shape::Map(condition()), "It is asked only where this holds."),
        Field::optional(
            "record",
            Shape::OneOrMore(Box::new(value_name())),
            "Observed values that later runs compare with: `not_less_than_last_pass`.",
        ),
        Field::optional("via", Shape::OneOf(via()), "How to reach a network that cannot be reached from here."),
    ];
    for kind in ProbeKind::ALL {
        fields.push(Field::optional(kind.word(), Shape::Map(probe::kind(*kind).fields()), probe::kind(*kind).about()));
    }
    Shape::Tagged { fields, exactly_one_of: ProbeKind::WORDS.to_vec() }
}

fn condition() -> Vec<Field> {
    let mut fields = vec![Field::required(
        "value",
        Shape::Template,
        "Text with references to what is known before, such as `${{ probes.x.values.version }}`.",
    )];
    fields.extend(expectation());
    fields
}

fn via() -> Vec<Field> {
    vec![
        Field::optional(
            "ssm_tunnel",
            Shape::Template,
            "An instance in that network: Session Manager forwards the port through it.",
        ),
        Field::optional("lambda", Shape::Template, "A function in that network, which asks in drill's place."),
    ]
}

fn retry() -> Vec<Field> {
    vec![
        Field::required("for", Shape::Duration, "How long to try, from the first attempt."),
        Field::optional("every", Shape::Duration, "The pause between attempts. Default 15s."),
        Field::optional(
            "backoff",
            Shape::Number,
            "Each pause is so many times the one before, 1 (the default) to 10; no pause is longer than 10m.",
        ),
    ]
}

fn expectation() -> Vec<Field> {
    let mut fields = of_a_scalar();
    let each = || Shape::Map(of_a_scalar());
    fields.push(Field::optional("every", each(), "A list of which every element satisfies this."));
    fields.push(Field::optional("any", each(), "A list of which some element satisfies this."));
    fields.push(Field::optional("count", each(), "A list whose length satisfies this."));
    fields
}

fn of_a_scalar() -> Vec<Field> {
    let regex = Shape::Parsed { what: "a regular expression", format: None, parse: check_regex };
    vec![
        Field::optional("at_least", Shape::Number, "A number not below this one."),
        Field::optional("at_most", Shape::Number, "A number not above this one."),
        Field::optional("between", list(Shape::Number, 2), "A number between these two, both included."),
        Field::optional("equals", Shape::Any, "Exactly this: text, a number, true or false, or a list of them."),
        Field::optional("one_of", list(Shape::Scalar, 1), "One of these."),
        Field::optional("matches", regex, "A regular expression that the value as text matches somewhere."),
        Field::optional("not_null", Shape::Bool, "`true`: there is a value. `false`: there is none."),
        Field::optional("not_older_than", Shape::Duration, "An instant that is not longer ago than this."),
        Field::optional(
            "not_less_than_last_pass",
            Shape::Parsed { what: "a share such as `99%`", format: Some("^[0-9.]+ ?%$"), parse: parsed::<Share> },
            "A number not below this share of what the last passed run recorded; name it in `record`.",
        ),
    ]
}

fn check_regex(text: &str) -> Result<(), String> {
    match regex_lite::Regex::new(text) {
        Ok(_) => Ok(()),
        Err(error) => Err(format!("`{}` is not a regular expression: {error}", shown(text))),
    }
}

fn measures() -> Vec<Field> {
    vec![Field::optional("data_age", value_name(), "The observed value that is the time of the newest data.")]
}

/// The probe's own kind's settings, those that a control may change; none is required, because the probe's stay.
fn negative_control() -> Shape {
    let mut fields = vec![Field::required("fails_with", Shape::Choice(FAILS_WITH), "The predicted reason.")];
    for kind in ProbeKind::ALL {
        let calls = probe::kind(*kind);
        let keys = calls.control_keys();
        let overlay = calls
            .fields()
            .into_iter()
            .filter(|field| keys.contains(&field.key))
            .map(|field| Field::optional(field.key, field.shape, field.doc))
            .collect();
        fields.push(Field::optional(
            kind.word(),
            Shape::Map(overlay),
            "What the control changes of the probe's settings.",
        ));
    }
    Shape::Tagged { fields, exactly_one_of: ProbeKind::WORDS.to_vec() }
}

/// Reasons that a control may predict. `setup` is none: a probe that could not run proves nothing.
const FAILS_WITH: &[&str] =
    &["unreachable", "connection", "tls", "authentication", "query", "exit_code", "expectation", "timeout"];

fn teardown() -> Vec<Field> {
    vec![
        Field::optional(
            "when",
            Shape::Choice(&["always", "on_pass", "manual"]),
            "What is removed at the end: everything (the default), what was proved, or nothing.",
        ),
        Field::optional("timeout", Shape::Duration, "Then what is left counts as leaked. Default 2h."),
        Field::optional("keep_for", Shape::Duration, "How long `on_pass` and `manual` keep what they keep."),
    ]
}

fn report() -> Vec<Field> {
    let format =
        Shape::Parsed { what: "a format", format: Some("^(markdown|html|json|junit|pdf)$"), parse: check_format };
    vec![
        Field::optional(
            "runbook",
            name::<Name>("a runbook's name"),
            "The template `runbooks/NAME.md.hbs`. Default: `default`.",
        ),
        Field::optional(
            "formats",
            list(format, 1),
            "`markdown` and `json`, which are always written, `html`, `junit`, and `pdf`, which a Chromium or Chrome of \
             this machine prints. Default: `markdown`, `html` and `json`.",
        ),
        Field::optional(
            "redact",
            list(Shape::Choice(&["account_ids", "restore_metadata"]), 1),
            "What the report's files do not show: `account_ids`, `restore_metadata`. The journal keeps it.",
        ),
        Field::optional("sign", Shape::Map(sign()), "Who signs the evidence. Default: the key of `drill key new`."),
        Field::not_yet("notify", Shape::Scalar, "send the report on from where drill is started"),
        Field::optional("archive", Shape::Map(archive()), "Where the evidence is copied to, with Object Lock."),
    ]
}

fn sign() -> Vec<Field> {
    vec![Field::required("kms", arn("a key's ARN"), "An asymmetric key of AWS KMS for signatures.")]
}

fn archive() -> Vec<Field> {
    let place = Shape::Parsed {
        what: "a place in S3",
        format: Some("^s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[A-Za-z0-9!_./-]*)?$"),
        parse: parsed::<BucketPath>,
    };
    let retain = Shape::Parsed {
        what: "a time to keep something for",
        format: Some("^[1-9][0-9]*[dy]$"),
        parse: parsed::<Retention>,
    };
    let region = Shape::Parsed { what: "a region", format: Some(REGION), parse: parsed::<Region> };
    vec![
        Field::required("s3", place, "A bucket of the destination's account, and what keys begin with."),
        Field::required("retain", retain, "How long nobody may delete it, such as `7y` or `90d`."),
        Field::optional(
            "mode",
            Shape::Choice(LockMode::WORDS),
            "`governance` (the default), or `compliance`: then nobody at all can shorten it.",
        ),
        Field::optional("region", region, "The bucket's region. Default: the destination's."),
    ]
}

fn check_format(text: &str) -> Result<(), String> {
    match ReportFormat::from_word(text) {
        Some(_) => Ok(()),
        None => Err(format!("`{}` is not a format; write one of {}", shown(text), ReportFormat::WORDS.join(", "))),
    }
}
