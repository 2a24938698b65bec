//! The table: for a terminal, as Markdown, as JSON.

use serde_json::{Value, json};

use crate::figure::{Reading, Row};

const HEADER: [&str; 8] = ["figure", "what", "median", "min..max", "limit here", "ratio", "target", "moonshot"];

/// A number with as many digits as say something.
pub(crate) fn shown(value: f64) -> String {
    let size = value.abs();
    if size >= 1_000.0 {
        let whole = format!("{value:.0}");
        let (sign, digits) = whole.strip_prefix('-').map_or(("", whole.as_str()), |digits| ("-", digits));
        let groups: Vec<&str> =
            digits.as_bytes().rchunks(3).rev().filter_map(|group| str::from_utf8(group).ok()).collect();
        return format!("{sign}{}", groups.join(","));
    }
    match size {
        100.0.. => format!("{value:.0}"),
        10.0.. => format!("{value:.1}"),
        1.0.. => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

fn cells(row: &Row) -> Vec<String> {
    let figure = row.figure;
    let unit = |value: f64| format!("{} {}", shown(value), figure.unit).trim_end().to_owned();
    let goal = |goal: Option<f64>| {
        let Some(goal) = goal else { return "–".to_owned() };
        let sign = if figure.more { "≥" } else { "≤" };
        let mark = row.reaches(goal).map_or("", |met| if met { " ✓" } else { " ✗" });
        format!("{sign} {}{mark}", unit(goal))
    };
    let mut cells = vec![figure.id.to_owned(), figure.what.to_owned()];
    match &row.reading {
        Reading::NotMeasured(why) => {
            cells.extend([format!("not measured: {why}"), "–".to_owned(), "–".to_owned(), "–".to_owned()]);
        }
        Reading::Measured(measured) => {
            let ratio = measured
                .limit
                .map(|limit| if figure.more { limit / measured.median() } else { measured.median() / limit })
                .filter(|ratio| ratio.is_finite());
            cells.extend([
                unit(measured.median()),
                format!("{}..{}", shown(measured.least()), shown(measured.most())),
                measured.limit.map_or_else(|| "–".to_owned(), unit),
                ratio.map_or_else(|| "–".to_owned(), |ratio| format!("{} ×", shown(ratio))),
            ]);
        }
    }
    cells.extend([goal(figure.target), goal(figure.moonshot)]);
    cells
}

fn notes(row: &Row) -> &[String] {
    match &row.reading {
        Reading::Measured(measured) => &measured.notes,
        Reading::NotMeasured(_) => &[],
    }
}

/// For a terminal.
pub(crate) fn text(rows: &[Row]) -> String {
    let mut lines: Vec<Vec<String>> = vec![HEADER.map(str::to_owned).to_vec()];
    lines.extend(rows.iter().map(cells));
    // What was not measured takes the width that it needs, and no column with it.
    let wide = |line: &Vec<String>, at: usize| {
        let cell = line.get(at).map(String::as_str).unwrap_or_default();
        if cell.starts_with("not measured") { 0 } else { cell.chars().count() }
    };
    let widths: Vec<usize> =
        (0..HEADER.len()).map(|at| lines.iter().map(|line| wide(line, at)).max().unwrap_or(0)).collect();
    let line = |cells: &Vec<String>| {
        let padded = cells.iter().zip(&widths).map(|(cell, &width)| format!("{cell:<width$}"));
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    let mut out: Vec<String> = lines.iter().take(1).map(line).collect();
    for (cells, row) in lines.iter().skip(1).zip(rows) {
        out.push(line(cells));
        out.extend(notes(row).iter().map(|note| format!("        {note}")));
    }
    out.join("\n")
}

/// For `docs/performance.md`.
pub(crate) fn markdown(rows: &[Row]) -> String {
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let mut out = line(&HEADER.map(str::to_owned));
    out.push_str("|---|---|---:|---:|---:|---:|---:|---:|\n");
    for row in rows {
        out.push_str(&line(&cells(row).iter().map(|cell| cell.replace('|', "\\|")).collect::<Vec<_>>()));
    }
    let noted = rows.iter().filter(|row| !notes(row).is_empty());
    let noted: Vec<String> = noted.map(|row| format!("- {}: {}.\n", row.figure.id, notes(row).join("; "))).collect();
    if !noted.is_empty() {
        out.push('\n');
        out.push_str(&noted.concat());
    }
    out
}

/// For programs: version 1.
pub(crate) fn json(rows: &[Row]) -> String {
    let figures: Vec<Value> = rows.iter().map(figure).collect();
    format!("{:#}\n", json!({ "version": 1, "figures": figures }))
}

fn figure(row: &Row) -> Value {
    let figure = row.figure;
    let mut json = json!({
        "figure": figure.id,
        "what": figure.what,
        "unit": figure.unit,
        "more_is_better": figure.more,
        "target": figure.target,
        "moonshot": figure.moonshot,
        "target_met": row.met(),
    });
    match &row.reading {
        Reading::NotMeasured(why) => json["not_measured"] = why.as_str().into(),
        Reading::Measured(measured) => {
            json["median"] = measured.median().into();
            json["min"] = measured.least().into();
            json["max"] = measured.most().into();
            json["values"] = measured.values.clone().into();
            json["limit"] = measured.limit.into();
            json["notes"] = measured.notes.clone().into();
        }
    }
    json
}
