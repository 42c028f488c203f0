//! Comma-separated values with a header. A record is one line: an unclosed quote
//! spoils its own line, and never those after it.

use csv_core::{ReadRecordResult, ReaderBuilder};

use super::columns::{Columns, Fields, Role, shows_success};
use super::sign::Sign;
use super::{Bad, Read};

/// What may stand between values. A header tells which does.
const DELIMITERS: [u8; 3] = [b',', b';', b'\t'];

/// More columns are not looked at.
const MOST_COLUMNS: usize = 256;

/// Reads records; the first line names their columns.
pub(in crate::cli::replay) struct Csv {
    columns: Columns,
    sign: Option<Sign>,
    head: Option<Head>,
    splitter: csv_core::Reader,
    text: Vec<u8>,
    ends: Vec<usize>,
}

/// What the header says.
struct Head {
    names: Vec<String>,
    /// Where each role is, in the order of [`Role::ALL`].
    at: [Option<usize>; 6],
    sign: Option<usize>,
    hopeless: Option<String>,
}

impl Csv {
    pub(super) fn new(columns: &Columns, sign: Option<&Sign>) -> Self {
        Self {
            columns: columns.clone(),
            sign: sign.cloned(),
            head: None,
            splitter: csv_core::Reader::new(),
            text: Vec::new(),
            ends: vec![0; MOST_COLUMNS],
        }
    }

    pub(super) fn read(&mut self, line: &str) -> Result<Read, Bad> {
        if self.head.is_none() {
            self.splitter = ReaderBuilder::new().delimiter(delimiter_of(line)).build();
            let names = self
                .split(line)?
                .iter()
                .map(|name| (*name).trim().to_owned())
                .collect();
            self.head = Some(Head::new(names, &self.columns, self.sign.as_ref()));
            return Ok(Read::Other);
        }
        let count = self.split(line)?.len();
        let Some(head) = &self.head else { return Ok(Read::Other) };
        if count != head.names.len() {
            let columns = head.names.len();
            return Err(Bad::new(format!("it has {count} values, and the header {columns}")));
        }
        let values = values(&self.text, &self.ends, count)?;
        let of = |role: usize| head.at[role].and_then(|at| values.get(at).copied());
        let sign = head.sign.and_then(|at| values.get(at).copied());
        Fields {
            time: of(0).unwrap_or_default(),
            login: of(1),
            outcome: of(2),
            success: shows_success(self.sign.as_ref(), |_| sign),
            address: of(3),
            device: of(4),
            secret: of(5),
        }
        .attempt()
    }

    fn split(&mut self, line: &str) -> Result<Vec<&str>, Bad> {
        if !line
            .bytes()
            .filter(|byte| *byte == b'"')
            .count()
            .is_multiple_of(2)
        {
            return Err(Bad::new("a quote is not closed on this line"));
        }
        self.splitter.reset();
        self.text.clear();
        self.text.resize(line.len() + 1, 0);
        let mut ends = 0;
        let mut written = 0;
        // The second, empty input says that the record ends here.
        for input in [line.as_bytes(), b""] {
            let (result, _, wrote, ended) =
                self.splitter
                    .read_record(input, &mut self.text[written..], &mut self.ends[ends..]);
            (written, ends) = (written + wrote, ends + ended);
            match result {
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::Record | ReadRecordResult::End => break,
                _ => return Err(Bad::new(format!("it has more than {MOST_COLUMNS} values"))),
            }
        }
        values(&self.text, &self.ends, ends)
    }

    pub(super) fn found(&self) -> Option<String> {
        let head = self.head.as_ref()?;
        let roles = Role::ALL.iter().zip(&head.at);
        let found = roles.filter_map(|(role, at)| {
            let name = head.names.get((*at)?)?;
            let same = name.eq_ignore_ascii_case(role.name());
            Some(if same { name.clone() } else { format!("{} in {name}", role.name()) })
        });
        Some(found.collect::<Vec<_>>().join(", "))
    }

    pub(super) fn hopeless(&self) -> Option<&str> {
        self.head.as_ref()?.hopeless.as_deref()
    }
}

impl Head {
    fn new(names: Vec<String>, columns: &Columns, sign: Option<&Sign>) -> Self {
        let find = |wanted: &str| {
            let mut names = names.iter();
            names.position(|name| name.eq_ignore_ascii_case(wanted))
        };
        let at = Role::ALL.map(|role| columns.names(role).into_iter().find_map(find));
        let sign_at = sign.and_then(|sign| find(sign.field()));
        let mut missing = Vec::new();
        if at[0].is_none() {
            missing.push("a time".to_owned());
        }
        match sign {
            None if at[2].is_none() => missing.push("an outcome".to_owned()),
            Some(sign) if sign_at.is_none() => missing.push(format!("{:?}", sign.field())),
            _ => {}
        }
        if at[1].is_none() && at[3].is_none() {
            missing.push("a login or an address".to_owned());
        }
        let hopeless = (!missing.is_empty()).then(|| {
            format!(
                "the header ({}) does not name {}: say which columns they are, as in --columns \
                 time=ts,login=user,outcome=result,address=ip",
                names.join(", "),
                missing.join(" and "),
            )
        });
        Self { names, at, sign: sign_at, hopeless }
    }
}

/// The one that a header has most of.
fn delimiter_of(header: &str) -> u8 {
    let count = |delimiter: u8| header.bytes().filter(|byte| *byte == delimiter).count();
    let most = DELIMITERS
        .into_iter()
        .rev()
        .max_by_key(|delimiter| count(*delimiter));
    most.unwrap_or(b',')
}

fn values<'a>(text: &'a [u8], ends: &[usize], count: usize) -> Result<Vec<&'a str>, Bad> {
    let mut from = 0;
    let mut all = Vec::with_capacity(count);
    for end in &ends[..count] {
        let value = std::str::from_utf8(&text[from..*end]);
        all.push(value.map_err(|_| Bad::new("it is not text"))?);
        from = *end;
    }
    Ok(all)
}
