//! The audit log as other programs read it.

use crate::store::AuditEntry;

const HEAD: [&str; 10] =
    ["position", "at", "actor", "action", "account", "reason", "from", "before", "after", "link"];

/// How records are written for other programs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "lines or a table")]
pub enum ExportFormat {
    /// A table for spreadsheets, as RFC 4180 has it. What a spreadsheet would take for a
    /// formula has an apostrophe before it.
    Csv,
    /// One JSON object a line, with the link that the chain is checked by.
    Jsonl,
}

impl ExportFormat {
    /// What comes before the first record.
    pub fn head(self) -> String {
        match self {
            Self::Csv => row(&HEAD),
            Self::Jsonl => String::new(),
        }
    }

    /// One record.
    pub fn line(self, entry: &AuditEntry) -> String {
        match self {
            // A struct of strings and numbers always has a text.
            Self::Jsonl => serde_json::to_string(entry).unwrap_or_default() + "\n",
            Self::Csv => csv(entry),
        }
    }
}

fn csv(entry: &AuditEntry) -> String {
    let record = &entry.record;
    let text = |text: &Option<String>| harmless(text.as_deref().unwrap_or_default());
    row(&[
        &record.position.to_string(),
        &record.at.to_string(),
        &harmless(&record.actor),
        record.action.as_str(),
        &record.account.map_or_else(String::new, |id| id.to_string()),
        &text(&record.reason),
        &text(&record.from),
        &text(&record.before),
        &text(&record.after),
        &entry.link.to_hex(),
    ])
}

/// A spreadsheet takes what begins like this for a formula, and runs it.
fn harmless(cell: &str) -> String {
    let runs = cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']);
    if runs { format!("'{cell}") } else { cell.to_owned() }
}

/// A line of cells, in quotes where they need them.
fn row<S: AsRef<str>>(cells: &[S]) -> String {
    let quoted = |cell: &S| {
        let cell = cell.as_ref();
        match cell.contains(['"', ',', '\n', '\r']) {
            true => format!("\"{}\"", cell.replace('"', "\"\"")),
            false => cell.to_owned(),
        }
    };
    let cells: Vec<_> = cells.iter().map(quoted).collect();
    cells.join(",") + "\r\n"
}

#[cfg(test)]
mod tests {
    #[cfg(feature = "gateway")]
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn formulas_are_made_harmless() {
        for formula in ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"] {
            assert_eq!(harmless(formula), format!("'{formula}"));
        }
        assert_eq!(harmless("left = gone"), "left = gone");
    }

    #[cfg(feature = "gateway")]
    proptest::proptest! {
        /// Property: what another program's reader finds in a line is what was written.
        #[test]
        fn a_line_is_read_back(cells in proptest::collection::vec("[a-z=\",;'\r\n ]{0,8}", 2..6)) {
            let line = row(&cells);
            let mut reader = csv_core::Reader::new();
            let (mut text, mut ends) = ([0; 256], [0; 16]);
            let (result, read, _, fields) =
                reader.read_record(line.as_bytes(), &mut text, &mut ends);
            prop_assert!(matches!(result, csv_core::ReadRecordResult::Record));
            prop_assert!(read >= line.len() - 1, "one line of several cells");
            let starts = std::iter::once(0).chain(ends.iter().copied());
            let found: Vec<_> = starts.zip(ends).take(fields)
                .map(|(from, to)| String::from_utf8_lossy(&text[from..to]).into_owned())
                .collect();
            prop_assert_eq!(found, cells);
        }
    }
}
