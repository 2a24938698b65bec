//! A report's context → `report.html`: one file that holds everything, for a browser, for paper and for an auditor.
//!
//! Made from the same [`Context`] as the Markdown, so both tell the same truth; the runbook's template is for the
//! Markdown alone. No script, no network: the page's own policy refuses both. `page` is why no data becomes markup.
//!
//! | part | shows |
//! |---|---|
//! | `summary` | verdict, reasons, objectives, what was tested and what was not, the timeline |
//! | `restores` | recovery points, jobs, settings, the same by hand |
//! | `probes` | probes with their controls, isolation, actions, people |
//! | `follow` | findings, controls, trend |
//! | `ending` | teardown, cost, deviations, steps, scope, how to check it |

mod ending;
mod follow;
mod gantt;
mod page;
mod probes;
mod restores;
mod summary;

use crate::report::facts::Context;
use crate::report::html::page::Page;

const STYLE: &str = include_str!("style.css");

const HEAD: &str = "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
    <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; img-src data:; \
    base-uri 'none'; form-action 'none'\">\n\
    <meta name=\"referrer\" content=\"no-referrer\">\n<meta name=\"robots\" content=\"noindex\">\n\
    <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>";

/// Draws a section.
type Part = fn(&mut Page, &Context);

/// One section: its anchor with its heading, what draws it, and whether it has anything to show.
struct Section {
    opening: &'static str,
    link: &'static str,
    draw: Part,
    is_there: fn(&Context) -> bool,
}

macro_rules! section {
    ($id:literal, $heading:literal, $draw:expr) => {
        section!($id, $heading, $draw, |_| true)
    };
    ($id:literal, $heading:literal, $draw:expr, $is_there:expr) => {
        Section {
            opening: concat!("<section id=\"", $id, "\">\n<h2>", $heading, "</h2>\n"),
            link: concat!("<li><a href=\"#", $id, "\">", $heading, "</a></li>\n"),
            draw: $draw,
            is_there: $is_there,
        }
    };
}

/// Every section, in the order in which a reader needs them.
static SECTIONS: [Section; 19] = [
    section!("objectives", "Objectives", summary::objectives),
    section!("tested", "What was tested, and what was not", summary::limits),
    section!("timeline", "What happened when", summary::timeline, |context| context.timeline.is_some()),
    section!("restores", "Recovery points and restores", restores::restores),
    section!("probes", "Probes", probes::probes),
    section!("isolation", "Isolation", probes::isolation),
    section!("actions", "What was done to the restored world", probes::actions, |context| !context.actions.is_empty()),
    section!("teardown", "Teardown", ending::teardown),
    section!("cost", "Hours held and cost", ending::cost),
    section!("people", "People and approvals", probes::people),
    section!("findings", "Findings", follow::findings),
    section!("deviations", "Out of the ordinary", ending::deviations),
    section!("controls", "Controls", follow::controls, |context| !context.controls.is_empty()),
    section!("trend", "How it compares with earlier runs", follow::trend, |context| context.trend.is_some()),
    section!("by-hand", "The same by hand", restores::by_hand),
    section!("scope", "What was drilled", ending::scope),
    section!("checks", "Before the start", ending::checks, |context| !context.checks.is_empty()),
    section!("steps", "Every step", ending::steps),
    section!("check", "How to check this report", ending::seal),
];

/// The page of a run. The same context gives the same bytes.
#[must_use]
pub fn html(context: &Context) -> String {
    let mut page = Page::new();
    page.raw(HEAD).text(&context.verdict.heading).raw(": ").text(&context.scope.title).raw("</title>\n<style>\n");
    page.raw(STYLE).raw("</style>\n</head>\n<body>\n");
    if let Some(banner) = &context.banner {
        page.raw("<p class=\"banner\">").text(banner).raw("</p>\n");
    }
    summary::header(&mut page, context);
    let there: Vec<&Section> = SECTIONS.iter().filter(|section| (section.is_there)(context)).collect();
    page.raw("<nav aria-label=\"Sections\"><ul>\n");
    for section in &there {
        page.raw(section.link);
    }
    page.raw("</ul></nav>\n<main>\n");
    for section in &there {
        page.raw(section.opening);
        (section.draw)(&mut page, context);
        page.raw("</section>\n");
    }
    page.raw("</main>\n<footer>Made by drill ")
        .text(&context.scope.tool_version)
        .raw(" from the journal of run <code>");
    page.text(&context.scope.run).raw("</code> alone. All times are UTC.</footer>\n</body>\n</html>\n");
    page.finish()
}
