//! The report as a page: one file, no script, nothing from elsewhere.
//!
//! It is written so that readers of HTML and of XML both take it.

use std::fmt::Write;

use crate::cli::bench::chart::{Chart, Linear, Tenfold, Tick};
use crate::cli::bench::report::{Report, Spread};
use crate::cli::bench::units::{count, round_time, time};

const STYLE: &str = include_str!("report.css");

/// What another process is promised to follow a lock within, in microseconds.
const PROMISED_US: u64 = 100_000;

/// The whole page.
pub(super) fn page(report: &Report) -> String {
    let title = format!("Load test {}", report.run);
    let summary = escape(&report.summary());
    let mut body = format!(
        "<h1>{title}</h1>\n<p>{summary}</p>\n<p class=\"quiet\">Began at {}.</p>\n",
        escape(&report.began_at)
    );
    body += &verdict(report);
    body += &figures(report);
    body += &counts(report);
    body += &latency(report);
    body += &course(report);
    body += &locks(report);
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\" />\n\
         <meta name=\"viewport\" content=\"width=device-width\" />\n\
         <meta http-equiv=\"Content-Security-Policy\" \
         content=\"default-src 'none'; style-src 'unsafe-inline'\" />\n\
         <title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n{body}</main>\n\
         </body>\n</html>\n"
    )
}

/// The largest text: did the promises hold?
fn verdict(report: &Report) -> String {
    let (class, words) = match report.verdict() {
        Ok(()) if report.locks.laid == 0 => ("good", "Nobody was locked.".to_owned()),
        Ok(()) => ("good", "✓ Every lock bit, and nobody came in after it.".to_owned()),
        Err(failure) => ("bad", format!("✗ {}", escape(failure.message()))),
    };
    let mut text = format!("<p class=\"verdict {class}\">{words}</p>\n");
    for finding in report.findings() {
        let _ = writeln!(text, "<p>{}</p>", escape(&finding));
    }
    text
}

fn figures(report: &Report) -> String {
    let per_second = count(report.requests_per_second.round() as u64);
    let mut figures = vec![
        ("requests a second", per_second),
        ("half took at most", time(report.latency.p50_us)),
        ("99 % took at most", time(report.latency.p99_us)),
    ];
    if report.locks.bit > 0 {
        figures.push(("slowest lock to bite", time(report.locks.bite.max_us)));
    }
    let mut text = String::from("<dl class=\"figures\">\n");
    for (name, figure) in figures {
        let _ = writeln!(text, "<div><dt>{name}</dt><dd>{figure}</dd></div>");
    }
    text + "</dl>\n"
}

fn counts(report: &Report) -> String {
    let rows: Vec<_> = report
        .counts()
        .into_iter()
        .map(|(name, number, words)| vec![name.to_owned(), count(number), words])
        .collect();
    let table = table("What became of the requests", ["", "count", "meaning"], &rows);
    format!("<section>\n<h2>Requests</h2>\n{table}</section>\n")
}

/// Each nine takes as much room as the one before: the slow ones are the story.
fn latency(report: &Report) -> String {
    let curve = &report.latency_curve;
    let Some(last) = curve.last() else {
        return "<section>\n<h2>Latency</h2>\n<p>Nothing passed.</p>\n</section>\n".to_owned();
    };
    const NINES: f64 = 4.5;
    let nines = |share: f64| -(1.0 - share).max(1e-5).log10() / NINES;
    let heights = Tenfold::between(curve[0].us as f64, last.us as f64);
    let widths = [0.0, 0.9, 0.99, 0.999, 0.9999]
        .map(|share: f64| Tick { at: nines(share), label: percent(share) });
    let points: Vec<_> = curve
        .iter()
        .map(|quantile| (nines(quantile.share), heights.place(quantile.us as f64)))
        .collect();
    let words = spoken(&report.latency);
    let svg = Chart::new("latency", "Latency by share of requests", &words)
        .with_heights(&heights.ticks(round_time))
        .with_widths(&widths)
        .with_axis("this share of what passed took at most so long")
        .with_line("line", &points)
        .svg();
    let from = match report.rate {
        Some(rate) => format!(
            "{} requests were due each second; each is timed from the instant when it was due.",
            count(rate.into())
        ),
        None => "Each connection asked again as soon as it was answered; a stall is seen by one \
                 request of each connection. A rate shows what everybody else would have seen."
            .to_owned(),
    };
    let rows: Vec<_> = curve
        .iter()
        .map(|quantile| vec![percent(quantile.share), time(quantile.us)])
        .collect();
    let numbers = details(&table("Latency", ["share", "at most"], &rows));
    format!("<section>\n<h2>Latency</h2>\n<p>{from}</p>\n{svg}{numbers}</section>\n")
}

fn course(report: &Report) -> String {
    let pieces = &report.course;
    let per_second = |number: u64, seconds: f64| number as f64 / seconds.max(1e-6);
    let most = pieces
        .iter()
        .map(|piece| per_second(piece.passed.max(piece.refused).max(piece.errors), piece.seconds))
        .fold(1.0, f64::max);
    let heights = Linear::up_to(most);
    let lasts = pieces.last().map_or(1.0, |piece| piece.at + piece.seconds);
    let widths = Linear::up_to(lasts);
    let line = |of: fn(&crate::cli::bench::report::Piece) -> u64| -> Vec<(f64, f64)> {
        let point = |piece: &crate::cli::bench::report::Piece| {
            let middle = widths.place(piece.at + piece.seconds / 2.0);
            (middle, heights.place(per_second(of(piece), piece.seconds)))
        };
        pieces.iter().map(point).collect()
    };
    let words = format!(
        "{} passed, {} were refused, {} failed.",
        count(report.passed),
        count(report.refused),
        count(report.errors)
    );
    let svg = Chart::new("course", "Requests a second over time", &words)
        .with_heights(&heights.ticks(|value| count(value as u64)))
        .with_widths(&widths.ticks(|value| format!("{value:.1} s")))
        .with_axis("into the run")
        .with_line("line refused", &line(|piece| piece.refused))
        .with_line("line errors", &line(|piece| piece.errors))
        .with_line("line", &line(|piece| piece.passed))
        .svg();
    let rows: Vec<_> = pieces
        .iter()
        .map(|piece| {
            let numbers = [piece.passed, piece.refused, piece.errors].map(count);
            let mut row = vec![format!("{:.2} s", piece.at)];
            row.extend(numbers);
            row
        })
        .collect();
    let heads = ["from", "passed", "refused", "failed"];
    let numbers = details(&table("Requests over time", heads, &rows));
    let key = key(&[("line", "passed"), ("line refused", "refused"), ("line errors", "failed")]);
    format!("<section>\n<h2>Over time</h2>\n{key}{svg}{numbers}</section>\n")
}

fn locks(report: &Report) -> String {
    let locks = &report.locks;
    if locks.laid == 0 {
        return String::new();
    }
    let slowest = locks.bite.max_us.max(PROMISED_US) as f64;
    let heights = Linear::up_to(slowest);
    let widths = Linear::up_to(report.seconds);
    let promise = heights.place(PROMISED_US as f64);
    let words = format!("{} of {} locks bit. {}", locks.bit, locks.laid, spoken(&locks.bite));
    let mut chart = Chart::new("locks", "From lock to bite", &words)
        .with_heights(&heights.ticks(round_time))
        .with_widths(&widths.ticks(|value| format!("{value:.1} s")))
        .with_axis("when the lock returned")
        .with_line("line promise", &[(0.0, promise), (1.0, promise)]);
    for lock in &locks.each {
        let place = |us: u64| (widths.place(lock.at), heights.place(us as f64));
        chart = match lock.bite_us {
            Some(us) => chart.with_dot("dot", place(us), &time(us)),
            None => chart.with_dot("dot bad", place(u64::MAX), "never"),
        };
    }
    let bite = |us: Option<u64>| us.map_or_else(|| "never".to_owned(), time);
    let rows: Vec<_> = locks
        .each
        .iter()
        .map(|lock| vec![format!("{:.3} s", lock.at), bite(lock.bite_us)])
        .collect();
    let svg = chart.svg();
    let numbers = details(&table("Locks", ["returned at", "bit after"], &rows));
    let key = key(&[("line promise", "100 ms, which another process is promised")]);
    format!(
        "<section>\n<h2>From lock to bite</h2>\n<p>From the return of the lock to the first \
         refusal, each watched by a request a millisecond.</p>\n{key}{svg}{numbers}</section>\n"
    )
}

fn spoken(spread: &Spread) -> String {
    if spread.count == 0 {
        return "Nothing was measured.".to_owned();
    }
    let named = spread
        .percentiles()
        .map(|(name, us)| format!("{name} {}", time(us)));
    format!("{}.", named.join(", "))
}

/// What the lines of a chart are: by their stroke as well as their colour.
fn key(lines: &[(&str, &str)]) -> String {
    let mut text = String::from("<ul class=\"key\">\n");
    for (class, words) in lines {
        let _ = writeln!(
            text,
            "<li><svg viewBox=\"0 0 32 8\" aria-hidden=\"true\"><path class=\"{class}\" \
             d=\"M0 4L32 4\" /></svg>{words}</li>"
        );
    }
    text + "</ul>\n"
}

fn details(table: &str) -> String {
    format!("<details>\n<summary>The numbers</summary>\n{table}</details>\n")
}

/// The first column names the row. What looks like a number is set like one.
fn table<const N: usize>(caption: &str, heads: [&str; N], rows: &[Vec<String>]) -> String {
    let mut text = format!("<div class=\"scroll\">\n<table>\n<caption>{caption}</caption>\n<tr>");
    for (column, head) in heads.iter().enumerate() {
        let class = class(rows.first().and_then(|row| row.get(column)));
        let _ = write!(text, "<th scope=\"col\"{class}>{head}</th>");
    }
    text.push_str("</tr>\n");
    for row in rows {
        text.push_str("<tr>");
        for (column, cell) in row.iter().enumerate() {
            let (class, cell_text) = (class(Some(cell)), escape(cell));
            let _ = match column {
                0 => write!(text, "<th scope=\"row\">{cell_text}</th>"),
                _ => write!(text, "<td{class}>{cell_text}</td>"),
            };
        }
        text.push_str("</tr>\n");
    }
    text + "</table>\n</div>\n"
}

fn class(cell: Option<&String>) -> &'static str {
    let digit = |cell: &String| cell.starts_with(|c: char| c.is_ascii_digit());
    if cell.is_some_and(digit) { " class=\"number\"" } else { "" }
}

fn percent(share: f64) -> String {
    let text = format!("{:.3}", share * 100.0);
    format!("{} %", text.trim_end_matches('0').trim_end_matches('.'))
}

pub(in crate::cli) fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::bench::report::tests::report;

    #[test]
    fn a_page_shows_what_was_measured() {
        let page = page(&report());
        for words in [
            "✓ Every lock bit, and nobody came in after it.",
            "id=\"latency-title\"",
            "id=\"course-title\"",
            "id=\"locks-title\"",
            "<td class=\"number\">18.00 ms</td>",
        ] {
            assert!(page.contains(words), "{words} is not in {page}");
        }
        assert_eq!(page.matches("<circle").count(), 2);
        assert!(!page.contains("<script"));
    }

    #[test]
    fn nothing_that_was_typed_is_markup() {
        let mut report = report();
        report.url = "http://127.0.0.1/<script>?\"&".to_owned();
        let page = page(&report);
        assert!(page.contains("http://127.0.0.1/&lt;script&gt;?&quot;&amp;"), "{page}");
    }

    #[test]
    fn a_run_in_which_nothing_passed_has_a_page() {
        let mut report = report();
        report.latency = Spread::default();
        report.latency_curve.clear();
        report.locks.each[0].bite_us = None;
        report.locks.bit = 1;
        let page = page(&report);
        assert!(page.contains("Nothing passed."));
        assert!(page.contains("✗ a promise was broken: 1 of 2 locks did not bite"), "{page}");
        assert!(page.contains("class=\"dot bad\""));
    }

    #[test]
    fn shares_are_written_short() {
        for (share, text) in [(0.0, "0 %"), (0.5, "50 %"), (0.9999, "99.99 %"), (1.0, "100 %")] {
            assert_eq!(percent(share), text);
        }
    }
}
