//! `[tls]` and `[admin.tls]`: where the gateway itself ends TLS.

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::file::Written;
use super::kind::HostName;
use super::problem::Problem;
use super::read::Places;
use super::resolve::between;
use super::value::{Raw, Text, Value, Wrong, quoted};
use crate::domain::client::TrustedProxies;
use crate::domain::length::{read_length, spell_length};
use crate::gateway::Origin;
use crate::gateway::settings::{AskedOf, ClientCertificates, KeyPair, Tls};

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

/// Who has to show a certificate.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum AskedFor {
    Everybody,
    TrustedProxies,
}

impl Text for AskedFor {
    fn allowed() -> Cow<'static, str> {
        "\"required\" or \"trusted-proxies\"".into()
    }

    fn parse(text: &str) -> Result<Self, String> {
        match text {
            "required" => Ok(Self::Everybody),
            "trusted-proxies" => Ok(Self::TrustedProxies),
            _ => Err("is none of its words".to_owned()),
        }
    }

    fn spell(&self) -> String {
        match self {
            Self::Everybody => "required",
            Self::TrustedProxies => "trusted-proxies",
        }
        .to_owned()
    }
}

/// What one of the two sections says of certificates that others show.
struct Clients<'a> {
    /// Its path, and whether it speaks TLS.
    keys: ClientKeys,
    speaks_tls: bool,
    authorities: Option<&'a PathBuf>,
    asked: AskedFor,
    names: &'a [HostName],
    revoked: Option<&'a PathBuf>,
}

/// The names of those keys.
struct ClientKeys {
    certificate: &'static str,
    client_ca: &'static str,
    client_certificates: &'static str,
    client_names: &'static str,
    client_crl: &'static str,
}

macro_rules! clients {
    ($path:literal, $section:expr) => {{
        let section = $section;
        Clients {
            keys: ClientKeys {
                certificate: concat!($path, ".certificate"),
                client_ca: concat!($path, ".client_ca"),
                client_certificates: concat!($path, ".client_certificates"),
                client_names: concat!($path, ".client_names"),
                client_crl: concat!($path, ".client_crl"),
            },
            speaks_tls: section.certificate.is_some(),
            authorities: section.client_ca.as_ref(),
            asked: section.client_certificates,
            names: &section.client_names,
            revoked: section.client_crl.as_ref(),
        }
    }};
}

impl Clients<'_> {
    /// What is to be shown, if anything.
    fn settled(&self, written: &Written, placed: Placed<'_>) -> Option<ClientCertificates> {
        let authorities = placed(self.keys.client_ca, self.authorities?);
        let mut clients = ClientCertificates::new(authorities);
        if self.asked == AskedFor::TrustedProxies {
            let proxies = written.clients.trusted_proxies.iter().copied();
            clients.asked = AskedOf::These(TrustedProxies::new(proxies));
        }
        clients.names = self.names.iter().map(|name| name.0.clone()).collect();
        clients.revoked = self.revoked.map(|file| placed(self.keys.client_crl, file));
        Some(clients)
    }

    fn problems(&self, written: &Written, places: &Places) -> Vec<Problem> {
        let ClientKeys { certificate, client_ca, client_certificates, client_names, client_crl } =
            self.keys;
        if self.authorities.is_none() {
            let others = [
                (client_certificates, self.asked != AskedFor::Everybody),
                (client_names, !self.names.is_empty()),
                (client_crl, self.revoked.is_some()),
            ];
            let alone = others.into_iter().filter(|(_, is_said)| *is_said);
            return alone
                .map(|(key, _)| {
                    let what = format!("`{key}` is set, and `{client_ca}` is not");
                    let problem = between(places, key, client_ca, what);
                    problem.mend(format!("name the authorities' file in `{client_ca}`"))
                })
                .collect();
        }
        let mut problems = Vec::new();
        if !self.speaks_tls {
            let what = format!(
                "`{client_ca}` asks for certificates in TLS, and `{certificate}` is not set"
            );
            let problem = between(places, client_ca, certificate, what);
            problems.push(problem.mend("let what ends TLS before the gateway ask for them"));
        }
        if self.asked == AskedFor::TrustedProxies && written.clients.trusted_proxies.is_empty() {
            let what = format!(
                "`{client_certificates}` is \"trusted-proxies\", and `clients.trusted_proxies` \
                 names none"
            );
            let problem = between(places, client_certificates, "clients.trusted_proxies", what);
            problems.push(problem.mend("name the proxies, or say \"required\""));
        }
        problems
    }
}

fn shown_by_clients(written: &Written, places: &Places) -> Vec<Problem> {
    let (public, admin) =
        (clients!("tls", &written.tls), clients!("admin.tls", &written.admin_tls));
    let mut problems = public.problems(written, places);
    problems.extend(admin.problems(written, places));
    problems
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
        .chain(shown_by_clients(written, places))
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
    tls.clients = clients!("tls", section).settled(written, placed);
    Some(tls)
}

/// How the admin listener does.
pub(super) fn admin(written: &Written, placed: Placed<'_>) -> Option<Tls> {
    let section = &written.admin_tls;
    let certificates = ("admin.tls.certificate", &section.certificate);
    let mut tls = settled(certificates, ("admin.tls.key", &section.key), placed)?;
    tls.clients = clients!("admin.tls", section).settled(written, placed);
    Some(tls)
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
    fn who_is_asked_for_a_certificate_is_one_of_two_words() {
        for asked in [AskedFor::Everybody, AskedFor::TrustedProxies] {
            assert_eq!(AskedFor::parse(&asked.spell()), Ok(asked));
            assert!(<AskedFor as Text>::allowed().contains(&asked.spell()));
        }
        assert!(AskedFor::parse("optional").is_err());
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
