//! `[tls]` and `[admin.tls]`: where the gateway itself ends TLS.

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::file::Written;
use super::problem::Problem;
use super::read::Places;
use super::resolve::between;
use super::value::{Raw, Text, Value, Wrong, quoted};
use crate::domain::length::{read_length, spell_length};
use crate::gateway::Origin;
use crate::gateway::settings::{KeyPair, Tls};

/// One file, or several.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Files(pub(super) Vec<PathBuf>);

impl Value for Files {
    fn allowed() -> Cow<'static, str> {
        "the path of a file, or a list of them in [ ]".into()
    }

    fn allowed_in_variable() -> Cow<'static, str> {
        "the path of a file, or several with commas between".into()
    }

    fn read(raw: &Raw<'_>) -> Result<Self, Wrong> {
        let files = match raw {
            Raw::Text(_) => vec![PathBuf::read(raw)?],
            other => Vec::read(other)?,
        };
        match files.is_empty() {
            true => Err(Wrong::Because("names no file".to_owned())),
            false => Ok(Self(files)),
        }
    }

    fn write(&self) -> Option<String> {
        match self.0.as_slice() {
            [one] => Some(quoted(&one.spell())),
            several => several.to_vec().write(),
        }
    }
}

/// For how long browsers that were here use https alone, if they are told.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Hsts(pub(super) Option<Duration>);

const OFF: &str = "off";

impl Text for Hsts {
    fn allowed() -> Cow<'static, str> {
        "\"off\", or a length of time of at most \"730d\", as in \"180d\"".into()
    }

    fn parse(text: &str) -> Result<Self, String> {
        if text == OFF {
            return Ok(Self(None));
        }
        let length = read_length(text).ok_or("is not a length of time with its unit")?;
        match length <= LONGEST {
            true => Ok(Self(Some(length))),
            false => Err("is out of bounds".to_owned()),
        }
    }

    fn spell(&self) -> String {
        self.0.map_or_else(|| OFF.to_owned(), spell_length)
    }
}

/// Two years: what browsers' lists ask for at most.
const LONGEST: Duration = Duration::from_secs(2 * 365 * 24 * 3600);

/// Keys that need each other.
pub(super) fn contradictions(written: &Written, places: &Places) -> Vec<Problem> {
    let (public, admin) = (&written.tls, &written.admin_tls);
    let pairs = [
        ("tls.certificate", &public.certificate, "tls.key", &public.key),
        ("admin.tls.certificate", &admin.certificate, "admin.tls.key", &admin.key),
    ];
    let problems = pairs
        .into_iter()
        .filter_map(|(certificate, one, key, other)| {
            let (one, other) = (count(one), count(other));
            let problem = between(places, certificate, key, unequal(certificate, one, key, other)?);
            Some(problem.mend(format!("name one file in `{key}` for each in `{certificate}`")))
        });
    problems
        .chain(seen_as_http(written, places))
        .chain(hsts_without_tls(written, places))
        .collect()
}

fn count(files: &Option<Files>) -> usize {
    files.as_ref().map_or(0, |files| files.0.len())
}

fn unequal(certificate: &str, certificates: usize, key: &str, keys: usize) -> Option<String> {
    let what = match (certificates, keys) {
        (one, other) if one == other => return None,
        (_, 0) => format!("`{certificate}` is set, and `{key}` is not"),
        (0, _) => format!("`{key}` is set, and `{certificate}` is not"),
        (one, other) => format!("`{certificate}` names {one}, and `{key}` names {other}"),
    };
    Some(what)
}

/// Cookies are for https alone where `public.url` says https, and nowhere else.
fn seen_as_http(written: &Written, places: &Places) -> Option<Problem> {
    let is_https = written.public.url.as_ref().is_some_and(Origin::is_https);
    if written.tls.certificate.is_none() || is_https {
        return None;
    }
    let what = "`tls.certificate` has the gateway speak TLS itself, and `public.url` does not say \
                https"
        .to_owned();
    let problem = between(places, "tls.certificate", "public.url", what);
    Some(problem.mend("set `public.url` to the https address that people use"))
}

fn hsts_without_tls(written: &Written, places: &Places) -> Option<Problem> {
    if written.tls.hsts.0.is_none() || written.tls.certificate.is_some() {
        return None;
    }
    let what = "`tls.hsts` is for answers over TLS, and `tls.certificate` is not set".to_owned();
    let problem = between(places, "tls.hsts", "tls.certificate", what);
    Some(problem.mend("let what ends TLS before the gateway send the header"))
}

/// How the public listener speaks TLS, if it does. `placed` says where the file of a key is.
pub(super) fn public(written: &Written, placed: Placed<'_>) -> Option<Tls> {
    let section = &written.tls;
    let certificates = ("tls.certificate", &section.certificate);
    let mut tls = settled(certificates, ("tls.key", &section.key), placed)?;
    tls.hsts = section.hsts.0;
    Some(tls)
}

/// How the admin listener does.
pub(super) fn admin(written: &Written, placed: Placed<'_>) -> Option<Tls> {
    let section = &written.admin_tls;
    let certificates = ("admin.tls.certificate", &section.certificate);
    settled(certificates, ("admin.tls.key", &section.key), placed)
}

/// Where the file of a key is.
pub(super) type Placed<'a> = &'a dyn Fn(&'static str, &Path) -> PathBuf;

type Named<'a> = (&'static str, &'a Option<Files>);

fn settled(certificates: Named<'_>, keys: Named<'_>, placed: Placed<'_>) -> Option<Tls> {
    let (named, key_named) = (certificates.0, keys.0);
    let pairs = certificates.1.as_ref()?.0.iter().zip(&keys.1.as_ref()?.0);
    let pair = |(certificate, key): (&PathBuf, &PathBuf)| KeyPair {
        certificate: placed(named, certificate),
        key: placed(key_named, key),
    };
    Some(Tls::new(pairs.map(pair).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_file_and_several_are_written_as_they_are_read() {
        let one = Files::read(&Raw::Text("a.pem".into())).expect("a file");
        assert_eq!(one.write().as_deref(), Some("\"a.pem\""));
        let several = Files::read(&Raw::Variable("a.pem, b.pem")).expect("files");
        assert_eq!(several.write().as_deref(), Some("[\"a.pem\", \"b.pem\"]"));
        assert!(Files::read(&Raw::List(Vec::new())).is_err());
        assert!(Files::read(&Raw::Boolean(true)).is_err());
    }

    #[test]
    fn browsers_are_told_for_two_years_at_most() {
        for (text, length) in [
            ("off", Some(None)),
            ("180d", Some(Some(180))),
            ("730d", Some(Some(730))),
            ("731d", None),
            ("long", None),
        ] {
            let days = |days: u64| Duration::from_secs(days * 24 * 3600);
            let read = Hsts::parse(text).ok().map(|hsts| hsts.0);
            assert_eq!(read, length.map(|length| length.map(days)), "{text}");
        }
    }
}
