//! A timeline as an SVG picture: one bar a step, in lanes, with the critical path framed.
//!
//! Pure. Steps that waited for a person are drawn hollow. Up to [`MOST_ROWS`] steps have a row each with their name and
//! time; more share rows within their lane, and a bar names its step to whoever points at it. The picture is bounded: of
//! more than [`MOST_BARS`] steps, or where they would need more rows, it shows those that tell most.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use crate::report::facts::timeline::{Bar, Timeline, telling};
use crate::report::html::page::{Page, tone};
use crate::words::time::{show_duration, show_instant};

/// With more steps than this, several share a row.
const MOST_ROWS: usize = 250;

/// With more steps than this, not all are drawn.
const MOST_BARS: usize = 1_000;

/// Lengths are in the picture's own units, about a CSS pixel each.
const WIDTH: f64 = 1_040.0;
const NAMES: f64 = 250.0;
const TIMES: f64 = 80.0;
const ROW: f64 = 22.0;
const AXIS: f64 = 26.0;
const BAR: f64 = 12.0;
/// A bar is never narrower: a step of milliseconds is seen, too.
const NARROWEST: f64 = 2.0;
/// The longest name that fits beside the bars, in characters.
const LONGEST_NAME: usize = 34;
/// The most marks on the axis.
const MOST_MARKS: i64 = 8;

/// Distances of marks on the axis, in seconds. Beyond them, whole weeks.
const DISTANCES: [i64; 18] =
    [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 14_400, 28_800, 86_400, 172_800];

const WEEK: i64 = 604_800;

/// One line of the picture.
struct Row<'a> {
    lane: Option<&'a str>,
    bars: Vec<&'a Bar>,
}

/// Draws the timeline, and says how many steps it leaves out.
pub(super) fn gantt(page: &mut Page, timeline: &Timeline) -> usize {
    let rows = rows(timeline);
    let drawn: usize = rows.iter().map(|row| row.bars.len()).sum();
    let height = AXIS + ROW * count(rows.len()) + 8.0;
    page.raw("<svg role=\"img\" aria-labelledby=\"gantt-title gantt-text\" viewBox=\"0 0 ").figure(WIDTH).raw(" ");
    page.figure(height).raw("\">\n<title id=\"gantt-title\">When each step was under way</title>\n");
    page.raw("<desc id=\"gantt-text\">").text(&description(timeline)).raw("</desc>\n");
    axis(page, timeline, height);
    for (index, row) in rows.iter().enumerate() {
        let top = AXIS + ROW * count(index);
        draw_row(page, timeline, row, top);
    }
    page.raw("</svg>\n");
    steps(timeline) - drawn
}

fn steps(timeline: &Timeline) -> usize {
    timeline.lanes.iter().map(|lane| lane.bars.len()).sum()
}

/// The picture in words.
fn description(timeline: &Timeline) -> String {
    let steps = steps(timeline);
    let (from, until) = (show_instant(timeline.start), show_instant(timeline.end));
    let path = critical_path(timeline);
    let steps = if steps == 1 { "1 step".to_owned() } else { format!("{steps} steps") };
    format!("{steps} from {from} until {until}. Critical path: {}.", path.join(", "))
}

/// The steps of the critical path, in the order of time.
pub(super) fn critical_path(timeline: &Timeline) -> Vec<String> {
    let mut path: Vec<&Bar> = timeline.lanes.iter().flat_map(|lane| &lane.bars).filter(|bar| bar.critical).collect();
    path.sort_by_key(|bar| (bar.from, bar.until));
    path.into_iter().map(|bar| bar.step.clone()).collect()
}

/// The rows of the picture. No row is without a bar where rows are shared, so there are never more than bars.
fn rows(timeline: &Timeline) -> Vec<Row<'_>> {
    if steps(timeline) <= MOST_ROWS {
        return each_its_own(timeline);
    }
    let rows = of_lanes(timeline, &telling(timeline, MOST_BARS));
    if rows.len() <= MOST_ROWS { rows } else { of_lanes(timeline, &telling(timeline, MOST_ROWS)) }
}

/// A row for each lane's name, and below it its bars.
fn each_its_own(timeline: &Timeline) -> Vec<Row<'_>> {
    let mut rows = Vec::new();
    for lane in &timeline.lanes {
        rows.push(Row { lane: Some(&lane.name), bars: Vec::new() });
        rows.extend(lane.bars.iter().map(|bar| Row { lane: None, bars: vec![bar] }));
    }
    rows
}

/// The bars of some steps in shared rows, the first of each lane with its name.
fn of_lanes<'a>(timeline: &'a Timeline, some: &BTreeSet<&str>) -> Vec<Row<'a>> {
    let mut rows = Vec::new();
    for lane in &timeline.lanes {
        let mut shared = shared(lane.bars.iter().filter(|bar| some.contains(bar.step.as_str())));
        if let Some(first) = shared.first_mut() {
            first.lane = Some(&lane.name);
        }
        rows.append(&mut shared);
    }
    rows
}

/// As few rows as hold the bars without one covering another.
fn shared<'a>(bars: impl Iterator<Item = &'a Bar>) -> Vec<Row<'a>> {
    let mut sorted: Vec<&Bar> = bars.collect();
    sorted.sort_by_key(|bar| bar.from);
    let mut rows: Vec<Row<'a>> = Vec::new();
    for bar in sorted {
        let free = rows.iter_mut().find(|row| row.bars.last().is_none_or(|last| last.until <= bar.from));
        match free {
            Some(row) => row.bars.push(bar),
            None => rows.push(Row { lane: None, bars: vec![bar] }),
        }
    }
    rows
}

fn draw_row(page: &mut Page, timeline: &Timeline, row: &Row<'_>, top: f64) {
    let middle = top + ROW / 2.0 + 4.0;
    let alone = if row.lane.is_none() && row.bars.len() == 1 { row.bars.first() } else { None };
    if let Some(lane) = row.lane {
        page.raw("<text class=\"lane\" x=\"8\" y=\"").figure(middle).raw("\">").text(&short(lane)).raw("</text>\n");
    }
    if let Some(bar) = alone {
        page.raw("<text x=\"20\" y=\"").figure(middle).raw("\">").text(&short(&bar.step)).raw("</text>\n");
        let took = show_duration(bar.until.duration_since(bar.from));
        page.raw("<text class=\"time\" text-anchor=\"end\" x=\"").figure(WIDTH - 8.0).raw("\" y=\"").figure(middle);
        page.raw("\">").text(&took).raw("</text>\n");
    }
    for bar in &row.bars {
        draw_bar(page, timeline, bar, top + (ROW - BAR) / 2.0);
    }
}

fn draw_bar(page: &mut Page, timeline: &Timeline, bar: &Bar, top: f64) {
    let left = place(timeline, bar.from);
    let width = (place(timeline, bar.until) - left).max(NARROWEST);
    let took = show_duration(bar.until.duration_since(bar.from));
    let critical = if bar.critical { ", on the critical path" } else { "" };
    let said = format!("{}: {}, {took}, from {}{critical}", bar.step, bar.status, show_instant(bar.from));
    page.raw("<g><title>").text(&said).raw("</title>");
    page.raw("<rect class=\"").raw(class(bar)).raw("\"");
    rectangle(page, (left, top), (width, BAR));
    if bar.critical {
        page.raw("<rect class=\"critical\"");
        rectangle(page, (left - 2.5, top - 2.5), (width + 5.0, BAR + 5.0));
    }
    page.raw("</g>\n");
}

fn rectangle(page: &mut Page, (left, top): (f64, f64), (width, height): (f64, f64)) {
    page.raw(" x=\"").figure(left).raw("\" y=\"").figure(top);
    page.raw("\" width=\"").figure(width).raw("\" height=\"").figure(height).raw("\" rx=\"2\"/>");
}

/// A bar that passed has the ordinary colour: red is for what failed.
fn class(bar: &Bar) -> &'static str {
    if bar.waits {
        return "bar waits";
    }
    match tone(&bar.status) {
        "good" => "bar",
        "bad" => "bar bad",
        "doubt" => "bar doubt",
        _ => "bar plain",
    }
}

fn axis(page: &mut Page, timeline: &Timeline, height: f64) {
    let span = timeline.end.duration_since(timeline.start).as_secs();
    let distance = distance(span);
    let is_long = timeline.end.duration_since(timeline.start) > SignedDuration::from_hours(24);
    let pattern = if is_long { "%m-%d %H:%M" } else { "%H:%M:%S" };
    let first = timeline.start.as_second().div_euclid(distance) * distance;
    for mark in 0..=(MOST_MARKS + 1) {
        let Ok(at) = Timestamp::from_second(first + mark * distance) else { continue };
        if at < timeline.start || at > timeline.end {
            continue;
        }
        let x = place(timeline, at);
        page.raw("<line class=\"grid\" x1=\"").figure(x).raw("\" x2=\"").figure(x).raw("\" y1=\"18\" y2=\"");
        page.figure(height).raw("\"/>\n<text class=\"time\" text-anchor=\"middle\" y=\"13\" x=\"").figure(x).raw("\">");
        page.text(&at.strftime(pattern).to_string()).raw("</text>\n");
    }
}

/// The smallest distance of marks with which there are not too many.
fn distance(span: i64) -> i64 {
    let fits = |distance: &i64| span / distance <= MOST_MARKS;
    DISTANCES.into_iter().find(fits).unwrap_or_else(|| (span / MOST_MARKS / WEEK + 1) * WEEK)
}

/// Where an instant is, from left to right.
fn place(timeline: &Timeline, at: Timestamp) -> f64 {
    let span = timeline.end.duration_since(timeline.start).as_secs_f64();
    let gone = at.duration_since(timeline.start).as_secs_f64();
    let share = if span > 0.0 { (gone / span).clamp(0.0, 1.0) } else { 0.0 };
    NAMES + share * (WIDTH - NAMES - TIMES)
}

fn short(name: &str) -> String {
    if name.chars().count() <= LONGEST_NAME {
        return name.to_owned();
    }
    let mut short: String = name.chars().take(LONGEST_NAME - 1).collect();
    short.push('…');
    short
}

fn count(rows: usize) -> f64 {
    f64::from(u32::try_from(rows).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, Timestamp};

    use super::{DISTANCES, MOST_MARKS, MOST_ROWS, critical_path, distance, gantt, rows, shared};
    use crate::report::facts::timeline::{Bar, Lane, Timeline};
    use crate::report::html::page::Page;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_795_230_000 + seconds).unwrap()
    }

    fn bar(step: &str, from: i64, until: i64, critical: bool) -> Bar {
        let (from, until) = (at(from), at(until));
        Bar { step: step.to_owned(), status: "passed".to_owned(), from, until, critical, waits: false }
    }

    fn timeline(bars: Vec<Bar>) -> Timeline {
        let end = bars.iter().map(|bar| bar.until).max().unwrap();
        Timeline { start: at(0), end, lanes: vec![Lane { name: "Run".to_owned(), bars }] }
    }

    fn drawn(timeline: &Timeline) -> String {
        let mut page = Page::new();
        gantt(&mut page, timeline);
        page.finish()
    }

    #[test]
    fn the_axis_has_few_marks_whatever_the_span() {
        for span in [0, 1, 59, 61, 3_599, 86_401, 40 * 86_400, 4_000 * 86_400] {
            let distance = distance(span);
            assert!(distance > 0 && span / distance <= MOST_MARKS, "{span}: {distance}");
        }
        assert!(DISTANCES.is_sorted());
    }

    #[test]
    fn each_step_has_its_bar_and_the_critical_path_its_frames() {
        let timeline = timeline(vec![bar("b", 30, 90, true), bar("a", 0, 30, true), bar("c", 10, 20, false)]);
        let svg = drawn(&timeline);
        assert_eq!(critical_path(&timeline), ["a", "b"]);
        assert_eq!((svg.matches("class=\"bar\"").count(), svg.matches("class=\"critical\"").count()), (3, 2));
        assert!(svg.contains("3 steps from 2026-"), "{svg}");
        assert!(svg.contains("Critical path: a, b."), "{svg}");
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
    }

    #[test]
    fn a_run_that_took_no_time_is_drawn() {
        let svg = drawn(&timeline(vec![bar("a", 0, 0, false)]));
        assert!(svg.contains("1 step from") && !svg.contains("NaN"), "{svg}");
    }

    #[test]
    fn bars_that_share_a_row_do_not_cover_each_other() {
        let bars = [bar("a", 0, 10, false), bar("b", 5, 20, false), bar("c", 10, 15, false)];
        let names: Vec<Vec<&str>> =
            shared(bars.iter()).iter().map(|row| row.bars.iter().map(|bar| bar.step.as_str()).collect()).collect();
        assert_eq!(names, [vec!["a", "c"], vec!["b"]]);
        let second = SignedDuration::from_secs(1);
        let many: Vec<Bar> = (0..=i64::try_from(MOST_ROWS).unwrap())
            .map(|n| Bar { until: at(n) + second, ..bar(&format!("step-{n}"), n, n, false) })
            .collect();
        let svg = drawn(&timeline(many));
        assert!(svg.contains("viewBox=\"0 0 1040.0 56.0\""), "{}", &svg[..200]);
    }

    #[test]
    fn a_picture_of_many_steps_is_bounded_and_keeps_what_counts() {
        // All at once, so that no two fit into a row, and what counts is the shortest of all.
        let mut many: Vec<Bar> = (0..3_000).map(|n| bar(&format!("step-{n}"), 0, 100 + n, false)).collect();
        many.push(bar("critical", 0, 1, true));
        many.push(Bar { status: "failed".to_owned(), ..bar("failed", 0, 2, false) });
        let timeline = timeline(many);
        let mut page = Page::new();
        let left_out = gantt(&mut page, &timeline);
        let svg = page.finish();
        assert_eq!((left_out, rows(&timeline).len()), (3_002 - MOST_ROWS, MOST_ROWS));
        for kept in ["critical: passed", "failed: failed", "step-2999: passed"] {
            assert!(svg.contains(kept), "{kept}");
        }
        assert!(!svg.contains("step-0: passed"));
    }
}
