//! The PROXY protocol, version 2: what a proxy of TCP says first of who connected to it.
//!
//! As HAProxy's document has it ("The PROXY protocol, versions 1 & 2", section 2.2): twelve
//! bytes that no other protocol begins with, one with version and command, one with the
//! kind of addresses, two with the length of what follows, and that: addresses, then
//! fields that are skipped here (TLVs).
//!
//! Properties: nothing is read beyond the header, so that what follows is untouched; each
//! true beginning of a header asks for more, and never for more than the header has; what
//! is no header is refused as soon as a byte shows it.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use tokio::io::{AsyncRead, AsyncReadExt};

/// What every header begins with.
const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";

/// The bytes before addresses and fields.
const FIXED: usize = 16;

/// The longest that may follow them. Two paths of sockets have 216 bytes; proxies add a
/// host name, an id and what is to be said of TLS.
const MOST: usize = 4096;

/// Whom a proxy speaks for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Told {
    /// Somebody who connected to it from there.
    Client(IpAddr),
    /// For itself, as its probes do, or for somebody who has no address of the network.
    Nobody,
}

/// Why bytes are no header.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum Invalid {
    #[error("it begins with version 1 of the PROXY protocol, which is text: send version 2")]
    Version1,
    #[error("it does not begin with the PROXY protocol")]
    Absent,
    #[error("its PROXY protocol is of a version or command that is not known")]
    Version,
    #[error("its PROXY protocol has a kind of addresses that is not known")]
    Family,
    #[error("its PROXY protocol is too short for its addresses")]
    Short,
    #[error("its PROXY protocol has more than {MOST} bytes")]
    Long,
    #[error("its PROXY protocol has a field that goes beyond its end")]
    Field,
}

/// What bytes are, read from the start.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Parsed {
    /// The beginning of a header, of which at least so many bytes are to come.
    More(usize),
    /// A header of this length.
    Whole { told: Told, length: usize },
}

/// Reads a header, and not a byte more.
pub(crate) async fn read<S: AsyncRead + Unpin>(stream: &mut S) -> io::Result<Told> {
    let mut bytes = Vec::with_capacity(64);
    loop {
        let more = match parse(&bytes).map_err(io::Error::other)? {
            Parsed::Whole { told, .. } => return Ok(told),
            Parsed::More(more) => more,
        };
        let from = bytes.len();
        bytes.resize(from + more, 0);
        // A few bytes may show already that it is none.
        let came = stream.read(&mut bytes[from..]).await?;
        if came == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        bytes.truncate(from + came);
    }
}

/// Whether a connection that begins with this byte may begin with a header. No request
/// and no handshake does.
pub(crate) const fn may_begin_with(byte: u8) -> bool {
    byte == SIGNATURE[0]
}

fn parse(bytes: &[u8]) -> Result<Parsed, Invalid> {
    let seen = bytes.len().min(SIGNATURE.len());
    if bytes[..seen] != SIGNATURE[..seen] {
        let is_text = bytes.starts_with(b"PROX");
        return Err(if is_text { Invalid::Version1 } else { Invalid::Absent });
    }
    let Some((fixed, rest)) = bytes.split_first_chunk::<FIXED>() else {
        return Ok(Parsed::More(FIXED - bytes.len()));
    };
    let [.., version_and_command, kind, high, low] = *fixed;
    let length = usize::from(u16::from_be_bytes([high, low]));
    let family = match version_and_command {
        // Whatever else it says then is to be left unread.
        LOCAL => Family::Unspecified,
        PROXY => Family::of(kind)?,
        _ => return Err(Invalid::Version),
    };
    if length > MOST {
        return Err(Invalid::Long);
    }
    if length < family.length() {
        return Err(Invalid::Short);
    }
    let Some(said) = rest.get(..length) else {
        return Ok(Parsed::More(length - rest.len()));
    };
    Ok(Parsed::Whole { told: family.read(said)?, length: FIXED + length })
}

const LOCAL: u8 = 0x20;
const PROXY: u8 = 0x21;

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Family {
    Unspecified,
    V4,
    V6,
    Unix,
}

impl Family {
    /// Streams and datagrams alike: HTTP/3 is datagrams where it comes in.
    const fn of(kind: u8) -> Result<Self, Invalid> {
        match kind {
            0x00 => Ok(Self::Unspecified),
            0x11 | 0x12 => Ok(Self::V4),
            0x21 | 0x22 => Ok(Self::V6),
            0x31 | 0x32 => Ok(Self::Unix),
            _ => Err(Invalid::Family),
        }
    }

    /// Of its addresses and ports, in bytes.
    const fn length(self) -> usize {
        match self {
            Self::Unspecified => 0,
            Self::V4 => 2 * (4 + 2),
            Self::V6 => 2 * (16 + 2),
            Self::Unix => 2 * 108,
        }
    }

    /// The source comes first.
    fn read(self, said: &[u8]) -> Result<Told, Invalid> {
        let (addresses, fields) = said.split_at_checked(self.length()).ok_or(Invalid::Short)?;
        let ip = match self {
            // What follows is of a kind that nobody knows.
            Self::Unspecified => return Ok(Told::Nobody),
            Self::V4 => addresses
                .first_chunk()
                .map(|octets: &[u8; 4]| Ipv4Addr::from(*octets).into()),
            Self::V6 => addresses
                .first_chunk()
                .map(|octets: &[u8; 16]| Ipv6Addr::from(*octets).into()),
            Self::Unix => None,
        };
        check_fields(fields)?;
        Ok(ip.map_or(Told::Nobody, Told::Client))
    }
}

/// Each is a kind, its length in two bytes, and so much.
fn check_fields(mut fields: &[u8]) -> Result<(), Invalid> {
    while let [_, rest @ ..] = fields {
        let (length, value) = rest.split_first_chunk().ok_or(Invalid::Field)?;
        let length = usize::from(u16::from_be_bytes(*length));
        fields = value.get(length..).ok_or(Invalid::Field)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
