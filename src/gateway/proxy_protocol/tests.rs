use std::pin::Pin;
use std::task::{Context, Poll};

use proptest::collection::vec;
use proptest::prelude::*;
use tokio::io::ReadBuf;

use super::*;

/// A header of this command and kind, with these bytes after the fixed ones.
fn header(command: u8, kind: u8, said: &[u8]) -> Vec<u8> {
    let length = u16::try_from(said.len()).expect("it fits").to_be_bytes();
    [&SIGNATURE[..], &[command, kind], &length, said].concat()
}

/// What HAProxy's document shows: from 192.0.2.7, port 5000, to 198.51.100.1, port 443.
const V4: [u8; 12] = [192, 0, 2, 7, 198, 51, 100, 1, 0x13, 0x88, 0x01, 0xbb];

fn field(kind: u8, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(value.len()).expect("it fits").to_be_bytes();
    [&[kind], &length[..], value].concat()
}

fn told(bytes: &[u8]) -> Result<Told, Invalid> {
    match parse(bytes)? {
        Parsed::Whole { told, length } => {
            assert_eq!(length, bytes.len());
            Ok(told)
        }
        Parsed::More(more) => panic!("{more} more"),
    }
}

fn client(text: &str) -> Result<Told, Invalid> {
    Ok(Told::Client(text.parse().expect("an address")))
}

#[test]
fn every_family_is_read_as_the_document_says() {
    let v6 = [&[0x20, 0x01, 0x0d, 0xb8][..], &[0; 11], &[1], &[0xff; 16], &[0, 1, 0, 2]].concat();
    for (command, kind, said, expected) in [
        (PROXY, 0x11, V4.to_vec(), client("192.0.2.7")),
        (PROXY, 0x12, V4.to_vec(), client("192.0.2.7")),
        (PROXY, 0x21, v6.clone(), client("2001:db8::1")),
        (PROXY, 0x22, v6, client("2001:db8::1")),
        (PROXY, 0x31, vec![b'/'; 216], Ok(Told::Nobody)),
        (PROXY, 0x32, vec![b'/'; 216], Ok(Told::Nobody)),
        (PROXY, 0x00, Vec::new(), Ok(Told::Nobody)),
        // What is there all the same is left unread.
        (PROXY, 0x00, vec![4, 0xff, 0xff], Ok(Told::Nobody)),
        (LOCAL, 0x00, Vec::new(), Ok(Told::Nobody)),
        (LOCAL, 0x11, V4.to_vec(), Ok(Told::Nobody)),
        (LOCAL, 0x11, Vec::new(), Ok(Told::Nobody)),
        (LOCAL, 0xff, vec![1], Ok(Told::Nobody)),
    ] {
        assert_eq!(told(&header(command, kind, &said)), expected, "{command:x} {kind:x} {said:?}");
    }
}

#[test]
fn what_the_document_does_not_have_is_refused() {
    for (command, kind, said, expected) in [
        (0x11, 0x11, V4.to_vec(), Invalid::Version),
        (0x31, 0x11, V4.to_vec(), Invalid::Version),
        (0x22, 0x11, V4.to_vec(), Invalid::Version),
        (0x2f, 0x11, V4.to_vec(), Invalid::Version),
        (PROXY, 0x10, V4.to_vec(), Invalid::Family),
        (PROXY, 0x13, V4.to_vec(), Invalid::Family),
        (PROXY, 0x41, V4.to_vec(), Invalid::Family),
        (PROXY, 0x01, V4.to_vec(), Invalid::Family),
        (PROXY, 0x11, V4[..11].to_vec(), Invalid::Short),
        (PROXY, 0x11, Vec::new(), Invalid::Short),
        (PROXY, 0x21, vec![0; 35], Invalid::Short),
        (PROXY, 0x31, vec![0; 215], Invalid::Short),
        (PROXY, 0x11, vec![0; MOST + 1], Invalid::Long),
        (LOCAL, 0x00, vec![0; 0xffff], Invalid::Long),
    ] {
        let bytes = header(command, kind, &said);
        assert_eq!(parse(&bytes), Err(expected), "{command:x} {kind:x} {}", said.len());
    }
}

/// A length that is too large is refused before anybody waits for so much.
#[test]
fn nobody_waits_for_what_would_be_too_long() {
    let bytes = [&SIGNATURE[..], &[PROXY, 0x11, 0xff, 0xff]].concat();
    assert_eq!(parse(&bytes), Err(Invalid::Long));
}

#[test]
fn other_beginnings_are_refused_by_their_first_bytes() {
    for (text, expected) in [
        (&b"PROXY TCP4 192.0.2.7 198.51.100.1 5000 443\r\n"[..], Invalid::Version1),
        (b"PROX", Invalid::Version1),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Invalid::Absent),
        (b"GET / HTTP/1.1\r\n", Invalid::Absent),
        (b"G", Invalid::Absent),
        (&[22, 3, 1], Invalid::Absent),
        (b"\r\n\r\nGET", Invalid::Absent),
        (b"\r\n\r\n\0\r\nQUIT\r", Invalid::Absent),
    ] {
        assert_eq!(parse(text), Err(expected), "{}", text.escape_ascii());
    }
}

#[test]
fn fields_stay_within_the_header() {
    let fields = [field(1, b"h2"), field(2, b"app.example"), field(0x20, &[0; 300]), field(4, b"")];
    let whole = [&V4[..], &fields.concat()].concat();
    assert_eq!(told(&header(PROXY, 0x11, &whole)), client("192.0.2.7"));
    for damaged in [&[1][..], &[1, 0], &[1, 0, 1], &[1, 0xff, 0xff, 0], &[1, 0, 0, 2]] {
        let bytes = header(PROXY, 0x11, &[&V4[..], damaged].concat());
        assert_eq!(parse(&bytes), Err(Invalid::Field), "{damaged:?}");
    }
}

/// Gives few bytes at a time, and counts them.
struct Drops {
    bytes: Vec<u8>,
    at: usize,
    each: usize,
}

impl AsyncRead for Drops {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let left = self.bytes.len() - self.at;
        let now = self.each.min(left).min(buffer.remaining());
        buffer.put_slice(&self.bytes[self.at..self.at + now]);
        self.at += now;
        Poll::Ready(Ok(()))
    }
}

fn read_in_drops(bytes: Vec<u8>, each: usize) -> (io::Result<Told>, usize) {
    let mut drops = Drops { bytes, at: 0, each };
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let read = runtime.expect("a runtime").block_on(read(&mut drops));
    (read, drops.at)
}

#[test]
fn a_header_that_breaks_off_is_an_end() {
    let whole = header(PROXY, 0x11, &V4);
    for length in 0..whole.len() {
        let (read, _) = read_in_drops(whole[..length].to_vec(), 7);
        assert_eq!(read.expect_err("an end").kind(), io::ErrorKind::UnexpectedEof, "{length}");
    }
}

prop_compose! {
    /// Any header that is one, and whom it tells of.
    fn any_header()(
        local in any::<bool>(),
        kind in proptest::sample::select(&[0x00, 0x11, 0x12, 0x21, 0x22, 0x31, 0x32][..]),
        addresses in vec(any::<u8>(), 216),
        fields in vec((any::<u8>(), vec(any::<u8>(), 0..40)), 0..6),
    ) -> (Vec<u8>, Told) {
        let family = Family::of(kind).expect("a known one");
        let addresses = &addresses[..family.length()];
        let told = match (local, family) {
            (false, Family::V4) => {
                Told::Client(<[u8; 4]>::try_from(&addresses[..4]).expect("four").into())
            }
            (false, Family::V6) => {
                Told::Client(<[u8; 16]>::try_from(&addresses[..16]).expect("16").into())
            }
            _ => Told::Nobody,
        };
        let fields = fields.iter().flat_map(|(kind, value)| field(*kind, value));
        let said: Vec<u8> = addresses.iter().copied().chain(fields).collect();
        (header(if local { LOCAL } else { PROXY }, kind, &said), told)
    }
}

proptest! {
    /// Property: every true beginning of a header asks for more, and for no more than it has.
    #[test]
    fn a_beginning_asks_for_no_more_than_there_is((bytes, told) in any_header()) {
        let length = bytes.len();
        for cut in 0..length {
            match parse(&bytes[..cut]) {
                Ok(Parsed::More(more)) => prop_assert!((1..=length - cut).contains(&more)),
                other => prop_assert!(false, "{cut}: {other:?}"),
            }
        }
        prop_assert_eq!(parse(&bytes), Ok(Parsed::Whole { told, length }));
    }

    /// Property: whatever follows a header is left to whoever reads on, however it comes.
    #[test]
    fn nothing_is_read_beyond_a_header(
        (bytes, told) in any_header(),
        after in vec(any::<u8>(), 0..50),
        each in 1..40_usize,
    ) {
        let length = bytes.len();
        let whole = [bytes, after].concat();
        prop_assert_eq!(parse(&whole), Ok(Parsed::Whole { told, length }));
        let (read, at) = read_in_drops(whole, each);
        prop_assert_eq!(read.expect("a header"), told);
        prop_assert_eq!(at, length);
    }

    /// Property: no bytes panic, and a header is never longer than what is there.
    #[test]
    fn any_bytes_are_read_or_refused(
        fixed in vec(any::<u8>(), 4),
        bytes in vec(any::<u8>(), 0..400),
        signed: bool,
    ) {
        let bytes = if signed { [&SIGNATURE[..], &fixed, &bytes].concat() } else { bytes };
        match parse(&bytes) {
            Ok(Parsed::Whole { length, .. }) => prop_assert!(length <= bytes.len()),
            Ok(Parsed::More(more)) => prop_assert!(more > 0 && bytes.len() + more <= FIXED + MOST),
            Err(_) => {}
        }
    }
}
