//! HTTP/1 read from bytes, strictly: what has two readings has none here.

use std::fmt;

/// A request or an answer.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Message {
    /// The first line.
    pub(crate) line: String,
    /// In the order and case that they came in.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) trailers: Vec<(String, String)>,
}

impl Message {
    pub(crate) fn status(&self) -> u16 {
        let status = self
            .line
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok());
        status.unwrap_or_else(|| panic!("no status in {:?}", self.line))
    }

    /// The one value of a header; empty: there is none.
    #[track_caller]
    pub(crate) fn header(&self, name: &str) -> &str {
        let values = self.all(name);
        assert!(values.len() <= 1, "{name} is there {} times", values.len());
        values.first().copied().unwrap_or_default()
    }

    /// All values of a header.
    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        let named = |(other, _): &&(String, String)| other.eq_ignore_ascii_case(name);
        self.headers
            .iter()
            .filter(named)
            .map(|(_, value)| value.as_str())
            .collect()
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

impl fmt::Display for Message {
    /// The head with its fields sorted, then the body and trailers: two messages
    /// that say the same look the same.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.line)?;
        for fields in [&self.headers, &self.trailers] {
            let mut lines: Vec<String> = fields
                .iter()
                .map(|(name, value)| format!("{name}: {value}"))
                .collect();
            lines.sort();
            for line in lines {
                writeln!(f, "{}", line.as_bytes().escape_ascii())?;
            }
            writeln!(f)?;
        }
        write!(f, "{}", self.body.escape_ascii())
    }
}

/// All whole requests in these bytes. The last may have been broken off; anything
/// else that is no request is an error.
pub(crate) fn all(mut bytes: &[u8]) -> Result<Vec<Message>, String> {
    let mut requests = Vec::new();
    while !bytes.is_empty() {
        let Some((request, length)) = request(bytes)? else { break };
        requests.push(request);
        bytes = &bytes[length..];
    }
    Ok(requests)
}

/// The first request and its length, if it is there as a whole.
pub(crate) fn first(bytes: &[u8]) -> Option<(Message, usize)> {
    request(bytes).ok().flatten()
}

fn request(bytes: &[u8]) -> Result<Option<(Message, usize)>, String> {
    let mut fields = [httparse::EMPTY_HEADER; 256];
    let mut parsed = httparse::Request::new(&mut fields);
    let head = match parsed.parse(bytes).map_err(|error| error.to_string())? {
        httparse::Status::Complete(head) => head,
        httparse::Status::Partial => return Ok(None),
    };
    check_lines(&bytes[..head])?;
    let mut message = Message {
        line: format!(
            "{} {} HTTP/1.{}",
            parsed.method.expect("complete"),
            parsed.path.expect("complete"),
            parsed.version.expect("complete")
        ),
        headers: owned(parsed.headers),
        ..Message::default()
    };
    if message.all("host").len() != 1 {
        return Err("not one host".to_owned());
    }
    let Some(length) = read_body(&mut message, &bytes[head..], 0)? else { return Ok(None) };
    Ok(Some((message, head + length)))
}

/// Every line ends with CR LF, and neither stands anywhere else.
fn check_lines(head: &[u8]) -> Result<(), String> {
    let lines = head.split(|byte| *byte == b'\n');
    let (last, lines) = lines
        .collect::<Vec<_>>()
        .split_last()
        .map(|(l, r)| (*l, r.to_vec()))
        .expect("one");
    let fine = |line: &&[u8]| {
        line.strip_suffix(b"\r")
            .is_some_and(|rest| !rest.contains(&b'\r') && !rest.contains(&0))
    };
    if last.is_empty() && lines.iter().all(fine) { Ok(()) } else { Err("odd line ends".to_owned()) }
}

fn owned(fields: &[httparse::Header<'_>]) -> Vec<(String, String)> {
    let text = |field: &httparse::Header<'_>| {
        (field.name.to_owned(), String::from_utf8_lossy(field.value).into_owned())
    };
    fields.iter().map(text).collect()
}

/// Reads the body that the head announces; `default` is the length of one that
/// it does not announce.
fn read_body(message: &mut Message, rest: &[u8], default: usize) -> Result<Option<usize>, String> {
    let (codings, lengths) = (message.all("transfer-encoding"), message.all("content-length"));
    let length = match (codings.as_slice(), lengths.as_slice()) {
        ([], []) => default,
        ([], [length])
            if length
                .parse::<usize>()
                .is_ok_and(|n| n.to_string() == **length) =>
        {
            length.parse().expect("a number")
        }
        (["chunked"], []) => return read_chunks(message, rest),
        _ => return Err(format!("ambiguous framing: {codings:?} {lengths:?}")),
    };
    let Some(body) = rest.get(..length) else { return Ok(None) };
    message.body = body.to_vec();
    Ok(Some(length))
}

fn read_chunks(message: &mut Message, bytes: &[u8]) -> Result<Option<usize>, String> {
    let mut at = 0;
    loop {
        let Some(end) = bytes[at..].windows(2).position(|pair| pair == b"\r\n") else {
            return Ok(None);
        };
        let size = std::str::from_utf8(&bytes[at..at + end]).map_err(|_| "odd chunk size")?;
        let size =
            usize::from_str_radix(size, 16).map_err(|_| format!("odd chunk size {size:?}"))?;
        at += end + 2;
        if size == 0 {
            break;
        }
        let Some(chunk) = bytes.get(at..at + size + 2) else { return Ok(None) };
        let data = chunk
            .strip_suffix(b"\r\n")
            .ok_or("a chunk without an end")?;
        message.body.extend_from_slice(data);
        at += size + 2;
    }
    let mut fields = [httparse::EMPTY_HEADER; 64];
    match httparse::parse_headers(&bytes[at..], &mut fields).map_err(|error| error.to_string())? {
        httparse::Status::Complete((length, trailers)) => {
            message.trailers = owned(trailers);
            Ok(Some(at + length))
        }
        httparse::Status::Partial => Ok(None),
    }
}

/// The first answer and its length; without a length of its own it goes on to
/// the end.
pub(crate) fn first_answer(bytes: &[u8], ended: bool, bodiless: bool) -> Option<(Message, usize)> {
    let mut fields = [httparse::EMPTY_HEADER; 256];
    let mut parsed = httparse::Response::new(&mut fields);
    let Ok(httparse::Status::Complete(head)) = parsed.parse(bytes) else { return None };
    let status = parsed.code.expect("complete");
    let mut message = Message {
        line: format!("HTTP/1.{} {status}", parsed.version.expect("complete")),
        headers: owned(parsed.headers),
        ..Message::default()
    };
    let rest = &bytes[head..];
    if bodiless || status < 200 || status == 204 || status == 304 {
        return Some((message, head));
    }
    let announced = message.headers.iter().any(|(name, _)| {
        name.eq_ignore_ascii_case("content-length")
            || name.eq_ignore_ascii_case("transfer-encoding")
    });
    if !announced && !ended {
        return None;
    }
    let read = read_body(&mut message, rest, rest.len()).ok().flatten()?;
    Some((message, head + read))
}
