//! Comma-separated values, record by record: a file of any size takes little memory.
//!
//! Values may stand in quotes, with commas, line breaks and doubled quotes in them; lines
//! end as they do anywhere; a mark of UTF-8 at the beginning is no text. What can't be
//! read spoils its own record, and those after it are read.

use std::io::Read;

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};

/// What may stand between values. The first line tells which does.
const DELIMITERS: [u8; 3] = [b',', b';', b'\t'];

/// The longest record, in bytes, and the most values in one.
const MAX_BYTES: usize = 256 * 1024;
const MAX_VALUES: usize = 256;

const BOM: &[u8] = b"\xef\xbb\xbf";

/// Reads records.
pub(crate) struct Records<R> {
    input: R,
    core: Reader,
    buffer: Vec<u8>,
    at: usize,
    filled: usize,
    begun: bool,
    over: bool,
    text: Vec<u8>,
    ends: Vec<usize>,
}

/// One record, and the line that it begins on.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Record {
    pub(crate) line: u64,
    pub(crate) fields: Vec<String>,
}

/// Why a record can't be read.
#[derive(Debug, thiserror::Error)]
#[error("line {line}: {why}")]
pub(crate) struct Bad {
    pub(crate) line: u64,
    pub(crate) why: String,
    /// Nothing comes after it.
    pub(crate) is_end: bool,
}

impl<R: Read> Records<R> {
    pub(crate) fn new(input: R) -> Self {
        Self {
            input,
            core: Reader::new(),
            buffer: vec![0; 64 * 1024],
            at: 0,
            filled: 0,
            begun: false,
            over: false,
            text: vec![0; 4096],
            ends: vec![0; MAX_VALUES],
        }
    }

    /// The next record; `None` at the end.
    pub(crate) fn next(&mut self) -> Option<Result<Record, Bad>> {
        if !self.begun
            && let Err(error) = self.begin()
        {
            return Some(Err(self.unreadable(&error)));
        }
        if self.over {
            return None;
        }
        // Empty lines are none of its records.
        while self.at < self.filled && matches!(self.buffer[self.at], b'\n' | b'\r') {
            let mut one = [0; 1];
            let (_, read, _, _) =
                self.core
                    .read_record(&self.buffer[self.at..=self.at], &mut one, &mut self.ends);
            self.at += read.max(1);
            if self.at == self.filled
                && let Err(error) = self.fill()
            {
                return Some(Err(self.unreadable(&error)));
            }
        }
        self.record()
    }

    fn record(&mut self) -> Option<Result<Record, Bad>> {
        let line = self.core.line();
        let (mut written, mut ended) = (0, 0);
        let mut trouble: Option<String> = None;
        loop {
            let input = &self.buffer[self.at..self.filled];
            let (text, ends) = (&mut self.text[written..], &mut self.ends[ended..]);
            let (result, read, wrote, values) = self.core.read_record(input, text, ends);
            self.at += read;
            written += wrote;
            ended += values;
            match result {
                ReadRecordResult::InputEmpty => {
                    if let Err(error) = self.fill() {
                        return Some(Err(self.unreadable(&error)));
                    }
                }
                ReadRecordResult::OutputFull if self.text.len() < MAX_BYTES => {
                    self.text.resize(self.text.len() * 2, 0);
                }
                // The rest of it is read over.
                ReadRecordResult::OutputFull => {
                    trouble = Some(format!("it has more than {MAX_BYTES} bytes"));
                    written = 0;
                }
                ReadRecordResult::OutputEndsFull => {
                    trouble.get_or_insert(format!("it has more than {MAX_VALUES} values"));
                    (written, ended) = (0, 0);
                }
                ReadRecordResult::Record => break,
                ReadRecordResult::End => {
                    self.over = true;
                    return trouble.map(|why| Err(Bad { line, why, is_end: true }));
                }
            }
        }
        Some(match trouble {
            Some(why) => Err(Bad { line, why, is_end: false }),
            None => self.values(line, ended),
        })
    }

    fn values(&self, line: u64, count: usize) -> Result<Record, Bad> {
        let bad = |why: &str| Bad { line, why: why.to_owned(), is_end: false };
        let mut from = 0;
        let mut fields = Vec::with_capacity(count);
        for end in &self.ends[..count] {
            let value = std::str::from_utf8(&self.text[from..*end]);
            let value = value.map_err(|_| bad("it is not text in UTF-8"))?;
            if value.contains('\0') {
                return Err(bad("it has a zero byte in it"));
            }
            fields.push(value.to_owned());
            from = *end;
        }
        Ok(Record { line, fields })
    }

    /// Finds out what stands between the values, and passes over the mark.
    fn begin(&mut self) -> std::io::Result<()> {
        self.begun = true;
        while self.filled < self.buffer.len() {
            let read = self.input.read(&mut self.buffer[self.filled..])?;
            self.filled += read;
            if read == 0 || self.buffer[..self.filled].contains(&b'\n') {
                break;
            }
        }
        if self.buffer[..self.filled].starts_with(BOM) {
            self.at = BOM.len();
        }
        let head = &self.buffer[self.at..self.filled];
        let line = head.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let count = |delimiter: u8| line.iter().filter(|byte| **byte == delimiter).count();
        let most = DELIMITERS
            .into_iter()
            .rev()
            .max_by_key(|delimiter| count(*delimiter));
        self.core = ReaderBuilder::new().delimiter(most.unwrap_or(b',')).build();
        Ok(())
    }

    fn fill(&mut self) -> std::io::Result<()> {
        (self.at, self.filled) = (0, self.input.read(&mut self.buffer)?);
        Ok(())
    }

    fn unreadable(&mut self, error: &std::io::Error) -> Bad {
        self.over = true;
        Bad { line: self.core.line(), why: format!("it can't be read: {error}"), is_end: true }
    }
}

/// The values below this name where the first line has it, else those of the first
/// column; none that is empty.
pub(crate) fn column(input: impl Read, name: &str) -> Result<Vec<String>, Bad> {
    let mut records = Records::new(input);
    let (mut values, mut column) = (Vec::new(), None);
    while let Some(record) = records.next() {
        let fields = record?.fields;
        let named = |field: &String| field.trim().eq_ignore_ascii_case(name);
        let at = match column {
            Some(at) => at,
            None => {
                let named = fields.iter().position(named);
                column = Some(named.unwrap_or(0));
                if named.is_some() {
                    continue;
                }
                0
            }
        };
        let value = fields.get(at).map(|value| value.trim()).unwrap_or_default();
        if !value.is_empty() {
            values.push(value.to_owned());
        }
    }
    Ok(values)
}

/// What a cell begins with that a spreadsheet would calculate.
const CALCULATED: [char; 7] = ['=', '+', '-', '@', '\t', '\r', '\''];

/// One line of a file: values that no spreadsheet calculates with, in quotes where they
/// have to be. [`harmless`] and [`as_it_was`] undo each other.
pub(crate) fn line<'a>(values: impl IntoIterator<Item = &'a str>) -> String {
    let cells: Vec<_> = values
        .into_iter()
        .map(|value| quoted(&harmless(value)))
        .collect();
    cells.join(",") + "\r\n"
}

/// An apostrophe before it makes a spreadsheet take it for text.
fn harmless(value: &str) -> String {
    if value.starts_with(CALCULATED) { format!("'{value}") } else { value.to_owned() }
}

/// The value that a harmless one stands for.
pub(crate) fn as_it_was(value: &str) -> &str {
    let rest = value.strip_prefix('\'');
    rest.filter(|rest| rest.starts_with(CALCULATED))
        .unwrap_or(value)
}

fn quoted(value: &str) -> String {
    let plain = !value.contains(['"', ',', ';', '\t', '\n', '\r']) && value.trim() == value;
    // A lone empty value would be an empty line.
    if plain && !value.is_empty() {
        return value.to_owned();
    }
    format!("\"{}\"", value.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(bytes: &[u8]) -> Vec<Result<Record, Bad>> {
        let mut records = Records::new(bytes);
        std::iter::from_fn(|| records.next()).collect()
    }

    fn fields(bytes: &[u8]) -> Vec<(u64, Vec<String>)> {
        let all = read(bytes).into_iter().filter_map(Result::ok);
        all.map(|record| (record.line, record.fields)).collect()
    }

    fn row(line: u64, fields: &[&str]) -> (u64, Vec<String>) {
        (line, fields.iter().map(|field| (*field).to_owned()).collect())
    }

    #[test]
    fn files_are_read_as_programs_write_them() {
        for (bytes, expected) in [
            (&b"a,b\n1,2\n"[..], vec![row(1, &["a", "b"]), row(2, &["1", "2"])]),
            (b"a,b\r\n1,2\r\n", vec![row(1, &["a", "b"]), row(2, &["1", "2"])]),
            (b"\xef\xbb\xbfa;b\r\n1;2", vec![row(1, &["a", "b"]), row(2, &["1", "2"])]),
            (
                b"a\tb\n\"x \"\"y\"\"\nz\"\t,\n",
                vec![row(1, &["a", "b"]), row(2, &["x \"y\"\nz", ","])],
            ),
            (b"a\n\n\nb", vec![row(1, &["a"]), row(4, &["b"])]),
            (b"", vec![]),
            (b"\n\n", vec![]),
            (b"a,b\n\"open,1\n2,3\n", vec![row(1, &["a", "b"]), row(2, &["open,1\n2,3\n"])]),
        ] {
            assert_eq!(fields(bytes), expected, "{:?}", String::from_utf8_lossy(bytes));
        }
    }

    #[test]
    fn a_column_is_found_by_its_name_or_is_the_first() {
        let of = |text: &str| column(text.as_bytes(), "login").ok();
        let both = Some(vec!["ada".to_owned(), "bob".to_owned()]);
        for text in ["ada\nbob", " ada \n\n bob\n", "name;Login\nA;ada\nB;\"bob\"\nC;\n"] {
            assert_eq!(of(text), both, "{text:?}");
        }
        assert_eq!(of(""), Some(Vec::new()));
        assert_eq!(of("login\na\0"), None, "a line that can't be read is none of a few");
    }

    #[test]
    fn what_cannot_be_read_spoils_its_own_record() {
        let mut file = b"a,b\n\xff,1\nx\0y,2\n".to_vec();
        file.extend(vec![b'x'; MAX_BYTES + 10]);
        file.extend(b",3\n");
        file.extend(",".repeat(MAX_VALUES + 5).bytes());
        file.extend(b"\nlast,4\n");
        let all = read(&file);
        let bad: Vec<_> = all
            .iter()
            .filter_map(|read| Some(read.as_ref().err()?.line))
            .collect();
        assert_eq!(bad, [2, 3, 4, 5]);
        assert_eq!(fields(&file), [row(1, &["a", "b"]), row(6, &["last", "4"])]);
        let mut endless = b"a\n\"".to_vec();
        endless.extend(vec![b'x'; 3 * MAX_BYTES]);
        assert!(
            read(&endless).into_iter().any(|read| read.is_err()),
            "an open quote ends somewhere"
        );
    }

    proptest! {
        /// Property: what is written is read back, and no cell of it is calculated.
        #[test]
        fn what_is_written_is_read_back(
            rows in proptest::collection::vec(proptest::collection::vec("[ -~äö=+@'\\-\\t\\r\\n\"]{0,12}", 2..5), 1..6),
        ) {
            let text: String =
                rows.iter().map(|row| line(row.iter().map(String::as_str))).collect();
            // The first line decides what stands between values.
            let text = format!("{}{text}", line(["a", "b", "c", "d", "e", "f", "g", "h", "i"]));
            let back = fields(text.as_bytes());
            prop_assert_eq!(back.len(), rows.len() + 1);
            for ((_, back), row) in back.iter().skip(1).zip(&rows) {
                for cell in back {
                    let calculated = cell.starts_with(['=', '+', '-', '@', '\t', '\r']);
                    prop_assert!(!calculated, "{:?}", cell);
                }
                let back: Vec<_> = back.iter().map(|value| as_it_was(value)).collect();
                prop_assert_eq!(&back, row);
            }
        }

        /// Property: any bytes come to an end, on lines that only rise.
        #[test]
        fn anything_comes_to_an_end(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let mut last = 0;
            let all = read(&bytes);
            prop_assert!(all.len() <= bytes.len() + 1);
            for read in all {
                let line = read.map_or_else(|bad| bad.line, |record| record.line);
                prop_assert!(line >= last);
                last = line;
            }
        }
    }
}
