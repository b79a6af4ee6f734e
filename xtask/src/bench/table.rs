//! Tables of text.

use std::time::Duration;

/// Prints rows under a title, columns as wide as they need to be: the first to the left, the
/// others to the right.
pub(super) fn print(title: &str, head: &[&str], rows: &[Vec<String>]) {
    println!("\n{title}\n");
    let head: Vec<String> = head.iter().map(|&text| text.to_owned()).collect();
    let widths: Vec<usize> = (0..head.len()).map(|column| width(&head, rows, column)).collect();
    for row in [&head].into_iter().chain(rows) {
        let cells = row.iter().zip(&widths).enumerate().map(|(column, (text, &width))| {
            if column == 0 { format!("{text:<width$}") } else { format!("{text:>width$}") }
        });
        println!("  {}", cells.collect::<Vec<_>>().join("  ").trim_end());
    }
}

fn width(head: &[String], rows: &[Vec<String>], column: usize) -> usize {
    let cells = [head].into_iter().chain(rows.iter().map(Vec::as_slice)).filter_map(|row| row.get(column));
    cells.map(|text| text.chars().count()).max().unwrap_or_default()
}

/// A time with three digits.
pub(super) fn nanoseconds(ns: f64) -> String {
    match ns {
        ..1e3 => format!("{ns:.0} ns"),
        ..1e6 => format!("{:.2} µs", ns / 1e3),
        ..1e9 => format!("{:.2} ms", ns / 1e6),
        _ => format!("{:.2} s", ns / 1e9),
    }
}

/// A time with three digits.
pub(super) fn duration(time: Duration) -> String {
    nanoseconds(time.as_nanos() as f64)
}

/// Whether an aim is met.
pub(super) fn verdict(met: bool) -> String {
    if met { "met" } else { "MISSED" }.to_owned()
}
