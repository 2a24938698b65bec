//! Templates are a user's, or come out of somebody else's bundle: none ends the program, hides another's mistake, or says
//! that a rehearsal is none.

use std::collections::BTreeMap;
use std::fs;

use restore_drill::report::{facts, runbook};
use restore_drill::run::step::report::rendered;
use restore_drill::words::kind::Mode;

use crate::report::{HOSTILE, Journal, TYPES, passed};
use crate::shell::Repository;

/// Each of these once ended the program: the parser and the renderer call themselves for each level.
fn endless() -> Vec<(&'static str, String)> {
    let deep = |open: &str, close: &str| format!("{}{}", open.repeat(3_000), close.repeat(3_000));
    vec![
        ("conditions in conditions", deep("{{#if scope.title}}", "{{/if}}")),
        ("lists in lists", deep("{{#each restores}}", "{{/each}}")),
        ("a chain of else", format!("{{{{#if banner}}}}{}{{{{/if}}}}", "{{else if banner}}x".repeat(3_000))),
        ("parentheses", format!("{{{{md {}scope.title{}}}}}", "(md ".repeat(3_000), ")".repeat(3_000))),
        ("brackets", format!("{{{{md {}{}}}}}", "[".repeat(3_000), "]".repeat(3_000))),
        ("a part that includes itself", "{{#*inline \"a\"}}{{> a}}{{/inline}}{{> a}}".to_owned()),
        ("ends that are no ends", format!("{}x", "{{#if scope.title}}{{!-- {{/if}} --}}".repeat(3_000))),
        ("ends in quotes", format!("{}x", "{{#if scope.title}}{{md \"{{/if}}\"}}".repeat(3_000))),
    ]
}

#[test]
fn what_nests_or_recurs_without_end_is_refused() {
    for (what, template) in endless() {
        let repository = Repository::with_orders();
        repository.write("runbooks/own.md.hbs", &format!("# One\n\n{template}\n"));
        repository.drill(&["validate"]).ends(2).says("runbooks/own.md.hbs:3:");
        repository.write("drills/orders.yaml", &format!("{}report: {{ runbook: own }}\n", crate::shell::ORDERS));
        let said = repository.drill(&["run", "orders", "--sandbox"]).ends(2);
        assert!(said.stderr.contains("runbooks/own.md.hbs, line 3"), "{what}: {}", said.stderr);
    }
}

/// `drill verify` renders the journal again: with the templates that it carries.
#[test]
fn a_journal_that_carries_such_a_template_is_not_rendered() {
    for (what, template) in endless() {
        let journal = carrying(BTreeMap::from([("default".to_owned(), template)]));
        let error = rendered(&journal.records, TYPES).expect_err(what);
        assert!(error.contains("runbooks/default.md.hbs, line 1"), "{what}: {error}");
    }
    let around =
        [("default", "{{> partials/a}}"), ("partials/a", "{{> partials/b}}"), ("partials/b", "{{> partials/a}}")];
    let around = around.map(|(name, text)| (name.to_owned(), text.to_owned()));
    let error = rendered(&carrying(BTreeMap::from(around)).records, TYPES).expect_err("a circle");
    assert!(error.contains("would include itself"), "{error}");
}

#[test]
fn what_would_go_on_for_ever_ends() {
    let many = "{{#each @root.steps}}".repeat(12) + "x" + &"{{/each}}".repeat(12);
    let error =
        rendered(&carrying(BTreeMap::from([("default".to_owned(), many)])).records, TYPES).expect_err("bounded");
    assert!(error.contains("elements of lists") || error.contains("MiB"), "{error}");
}

fn carrying(templates: BTreeMap<String, String>) -> Journal {
    crate::report::passed_with(Mode::Sandbox, "Orders database", templates)
}

#[test]
fn what_is_wrong_with_one_template_hides_nothing_in_another() {
    let repository = Repository::with_orders();
    repository.write("runbooks/a.md.hbs", "# {{scope.titel}}\n\n{{md verdict.wort}}\n{{#if scope.nope}}x{{/if}}\n");
    repository.write("runbooks/b.md.hbs", "# B\n{{#if banner}}\n");
    repository.write("runbooks/c.md.hbs", "# {{md scope.title}}\n");
    fs::write(repository.path().join("runbooks/d.md.hbs"), b"# \xff\xfe\n").expect("a file can be written");
    #[cfg(unix)]
    std::os::unix::fs::symlink("/etc/hostname", repository.path().join("runbooks/e.md.hbs")).expect("a link");
    let validated = repository.drill(&["validate"]).ends(2);
    for said in
        ["a.md.hbs:1:3", "a.md.hbs:3:1", "a.md.hbs:4:1", "runbooks/b.md.hbs", "`runbooks/d.md.hbs` cannot be read"]
    {
        validated.says(said);
    }
    #[cfg(unix)]
    validated.says("`runbooks/e.md.hbs` cannot be read");
    validated.prints("runbooks/c.md.hbs: valid").prints("drills/orders.yaml: valid");
    assert!(!validated.stdout.contains("a.md.hbs: valid"), "{}", validated.stdout);
}

#[test]
fn no_template_hides_that_a_run_is_a_rehearsal() {
    let journal = passed(Mode::Sandbox, "Orders database");
    let context = facts::context(&journal.state(), &journal.records, TYPES);
    let quote = "> **REHEARSAL — simulated AWS, seed 7. Not evidence.**";
    for template in [
        "same {{verdict.word}} no banner",
        "# {{verdict.word}}\nno banner",
        "<!--\n> **{{md banner}}**\n-->\nno banner",
        "# {{verdict.word}}\n\n<!--\n> **{{md banner}}**\n-->",
        "```\n> **{{md banner}}**\n```",
    ] {
        let templates = BTreeMap::from([("own".to_owned(), template.to_owned())]);
        let text = runbook::render(&templates, &"own".parse().unwrap(), &context).unwrap();
        let mut lines = text.lines();
        let first = lines.next().unwrap();
        let said = if first.starts_with("# ") { lines.nth(1).unwrap() } else { first };
        assert_eq!(said, quote, "{template}:\n{text}");
    }
    let real = passed(Mode::Aws, "Orders database");
    let context = facts::context(&real.state(), &real.records, TYPES);
    let templates = BTreeMap::from([("own".to_owned(), "# {{verdict.word}}\n".to_owned())]);
    assert_eq!(runbook::render(&templates, &"own".parse().unwrap(), &context).unwrap(), "# passed\n");
}

#[test]
fn nothing_is_put_out_unescaped() {
    let journal = passed(Mode::Sandbox, HOSTILE);
    let context = facts::context(&journal.state(), &journal.records, TYPES);
    let render = |template: &str| {
        let templates = BTreeMap::from([("own".to_owned(), template.to_owned())]);
        runbook::render(&templates, &"own".parse().unwrap(), &context).map_err(|error| error.to_string())
    };
    for template in ["{{{scope.title}}}", "{{&scope.title}}", "{{~{scope.title}~}}", "{{{{raw}}}}x{{{{/raw}}}}"] {
        let error = render(&format!("# A\n{template}\n")).unwrap_err();
        assert!(error.contains("runbooks/own.md.hbs, line 2") && error.contains("unescaped"), "{template}: {error}");
    }
    let text = render("# A\n\u{1b}[31m{{scope.title}}\n").unwrap();
    assert!(!text.contains('\u{1b}') && !text.contains("<script"), "{text}");
}
