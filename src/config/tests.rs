//! The configuration, read from texts and variables.

mod jwt;
mod properties;
mod redis;
mod routes;
mod sign_in;

use super::file::Written;
use super::*;
use crate::admin::settings::{ACCOUNT_DISABLING, LOCKOUT};
use crate::domain::policy::LockoutPolicy;

const REFERENCE: &str = include_str!("../../config/portcullis.toml");
const MINIMAL: &str = include_str!("../../config/minimal.toml");

fn nothing() -> Environment {
    Environment::default()
}

/// What a text and variables come to, as if the text were in a file.
fn check(text: &str, variables: &[(&str, &str)]) -> Result<Checked, ConfigErrors> {
    let environment = variables.iter().copied().collect();
    let name = "portcullis.toml";
    let parsed = load::parse(text, &environment, None);
    let parsed =
        parsed.map_err(|problems| ConfigErrors::new(Some(name.to_owned()), text, problems));
    let (written, places) = parsed?;
    Ok(Checked { written, places, path: Some(name.into()), text: text.to_owned() })
}

fn config(text: &str) -> Config {
    let checked = check(text, &[]).unwrap_or_else(|errors| panic!("{errors}"));
    checked
        .config(None)
        .unwrap_or_else(|errors| panic!("{errors}"))
}

fn refused(text: &str, variables: &[(&str, &str)]) -> ConfigErrors {
    check(text, variables).expect_err("it is wrong")
}

/// What is wrong, a line for each.
fn whats(errors: &ConfigErrors) -> Vec<&str> {
    errors.problems().iter().map(Problem::what).collect()
}

#[test]
fn the_reference_is_what_the_loader_knows() {
    assert!(
        REFERENCE == reference(),
        "config/portcullis.toml is not what the loader knows; make it anew: \
         cargo run -- check --reference > config/portcullis.toml"
    );
}

/// The reference with its keys switched on; lines of examples too.
fn switched_on() -> String {
    let on = |line: &str| {
        let key = line
            .strip_prefix('#')
            .filter(|rest| !rest.starts_with(' ') && rest.contains(" = "));
        format!("{}\n", key.unwrap_or(line))
    };
    // Steps stand in the place of other keys.
    let lines = REFERENCE.lines().filter(|line| !line.starts_with("#steps"));
    lines.map(on).collect()
}

#[test]
fn every_key_of_the_reference_can_be_switched_on() {
    let written = check(&switched_on(), &[]).unwrap_or_else(|errors| panic!("{errors}"));
    let defaults = Written::default().sections();
    let keys = defaults.iter().flat_map(|section| &section.keys);
    let names: Vec<_> = keys.clone().map(|key| key.name).collect();
    let mut on: Vec<_> = written.places.written().map(|(key, _)| key).collect();
    on.sort_unstable();
    let mut sorted = names.clone();
    sorted.retain(|name| !name.ends_with(".steps"));
    sorted.sort_unstable();
    assert_eq!(on, sorted);
    for key in keys {
        let line = format!("{} = {}", key.name, key.example);
        let (table, _) = toml::de::DeTable::parse_recoverable(&line);
        let mut reader = read::Reader::new();
        reader.file(table.get_ref());
        Written::read(&mut reader);
        // By itself: what it takes beside it is another question.
        let places = reader.finish();
        assert!(places.problems.is_empty(), "{line}: {:?}", places.problems);
    }
}

#[test]
fn the_reference_changes_nothing() {
    let read = check(REFERENCE, &[]).unwrap_or_else(|errors| panic!("{errors}"));
    assert_eq!(read.written, Written::default());
    assert_eq!(read.places.written().count(), 0);
}

#[test]
fn the_smallest_file_is_all_defaults() {
    let config = config(MINIMAL);
    let origin = Origin::parse("http://127.0.0.1:3000").expect("an origin");
    let defaults = Config::for_upstream(origin);
    assert_eq!(format!("{:?}", config.gateway), format!("{:?}", defaults.gateway));
    assert_eq!(config.gate, defaults.gate);
    assert_eq!(config.store, defaults.store);
    assert_eq!(config.log, defaults.log);
    assert_eq!(config.pinned, Pins::default());
}

#[test]
fn a_gate_is_built_with_the_documented_defaults() {
    // What the file calls a default is what the library does without one.
    let gate = GateSettings::default();
    let described = |builder: Builder| format!("{builder:?}");
    let built = gate.apply(&Pins::default(), Builder::default());
    assert_eq!(described(built), described(Builder::default()));
}

#[test]
fn keys_reach_what_they_are_about() {
    let config = config(
        r#"
        [public]
        listen = "0.0.0.0:80"
        url = "https://app.example"
        api_tokens = true
        [upstream]
        url = "http://127.0.0.1:3000/"
        host = "upstream"
        response_timeout = "5m"
        [upstream.identity]
        user = "Remote-User"
        groups = "off"
        [admin]
        listen = "off"
        hosts = ["Admin.Example"]
        [store]
        directory = "data/people.db"
        [clients]
        trusted_proxies = ["10.0.0.7", "192.0.2.0/24"]
        [sessions]
        lifetime = "30d"
        when_stale = "best-effort"
        [limits]
        body = "10MiB"
        [open]
        paths = ["/assets/"]
        [lockout]
        preset = "openproject"
        max_attempts = 7
        [accounts]
        disabling = true
        "#,
    );
    let gateway = &config.gateway;
    assert_eq!((gateway.public.to_string().as_str(), gateway.admin), ("0.0.0.0:80", None));
    assert!(gateway.is_https() && config.gate.https && config.gate.api_tokens);
    assert!(gateway.upstream.own_host);
    assert_eq!(gateway.upstream.response_timeout, Duration::from_secs(300));
    let identity = &gateway.upstream.identity;
    assert_eq!(identity.user.as_ref().map(http::HeaderName::as_str), Some("remote-user"));
    assert_eq!(identity.groups, None);
    assert_eq!(gateway.admin_hosts, ["admin.example"]);
    let proxy: std::net::IpAddr = "192.0.2.9".parse().expect("an address");
    assert!(
        gateway
            .client_address
            .trusted_proxies
            .contains(proxy.into())
    );
    assert_eq!(gateway.limits.body_bytes, Some(10 << 20));
    assert_eq!(gateway.open_paths, ["/assets"]);
    assert_eq!(config.gate.session_lifetime, Duration::from_secs(30 * 24 * 3600));
    assert_eq!(config.gate.when_stale, OnStale::BestEffort);
    assert_eq!(config.store.directory, PathBuf::from("data/people.db"));
    let policy: LockoutPolicy = "openproject max_attempts=7".parse().expect("a policy");
    assert_eq!(config.pinned.lockout(), Some(&policy));
    let pins: Vec<_> = config.pinned.iter().collect();
    assert_eq!(pins[0], (ACCOUNT_DISABLING.name, "on", "`accounts.disabling` in portcullis.toml"));
    assert_eq!((pins[1].0, pins[1].2), (LOCKOUT.name, "`lockout.max_attempts` in portcullis.toml"));
}

#[test]
fn a_path_in_a_file_begins_at_its_folder() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("portcullis.toml");
    std::fs::write(&file, "[store]\ndirectory = \"data/people.db\"\n").expect("written");
    let directory = |environment: &Environment| {
        let read = read(Some(&file), environment).unwrap_or_else(|errors| panic!("{errors}"));
        read.directory()
    };
    assert_eq!(directory(&nothing()), folder.path().join("data/people.db"));
    let variable = [("PORTCULLIS__STORE__DIRECTORY", "here.db")];
    assert_eq!(directory(&variable.into_iter().collect()), PathBuf::from("here.db"));
    let short = [("PORTCULLIS_DIRECTORY", "short.db")];
    assert_eq!(directory(&short.into_iter().collect()), PathBuf::from("short.db"));
    let both = refused("", &[variable[0], short[0]]);
    assert_eq!(
        whats(&both),
        ["PORTCULLIS_DIRECTORY and PORTCULLIS__STORE__DIRECTORY name two directories"]
    );
}

#[test]
fn the_environment_goes_before_the_file() {
    let read = check(
        "[public]\nlisten = \"127.0.0.1:1\"\n[limits]\nconnections = 5\n",
        &[
            ("PORTCULLIS__PUBLIC__LISTEN", "127.0.0.1:2"),
            ("PORTCULLIS__UPSTREAM__IDENTITY__USER", "off"),
            ("PORTCULLIS__ADMIN__HOSTS", "a.example, b.example"),
            ("PORTCULLIS__PUBLIC__API_TOKENS", "true"),
            ("PORTCULLIS__SESSIONS__CAPACITY", "2000"),
            ("PORTCULLIS_LOG", "debug"),
        ],
    );
    let written = read.unwrap_or_else(|errors| panic!("{errors}")).written;
    assert_eq!(written.public.listen.to_string(), "127.0.0.1:2");
    assert_eq!(written.limits.connections.0, 5);
    assert_eq!(written.identity.user.0, None);
    assert_eq!(written.admin.hosts.len(), 2);
    assert!(written.public.api_tokens);
    assert_eq!(written.sessions.capacity.0, 2000);
}

#[test]
fn everything_that_is_wrong_is_shown_under_its_line() {
    let text = "\
[public]
listen = 8080
lissen = \"127.0.0.1:8080\"

[upstream]
url = \"http://ada:secret@127.0.0.1:3000\"
connect_timeout = \"5 parsecs\"

[limit]
head = \"32KiB\"

[sessions]
capacity = 7
max_stale = \"2d\"
";
    let errors =
        refused(text, &[("PORTCULLIS__PUBLIC__LISTEM", "x"), ("PORTCULLIS__LOG__LEVEL", "loud")]);
    let expected = [
        "`public.listen` is a number",
        "there is no key `public.lissen`",
        "`upstream.url` can't be used: an origin is a scheme, a host and a port, and nothing else: \
         http://127.0.0.1:3000",
        "`upstream.connect_timeout` is not a length of time with its unit",
        "there is no section `limit`",
        "`sessions.capacity` is out of bounds",
        "`sessions.max_stale` is out of bounds",
        "PORTCULLIS__PUBLIC__LISTEM is the name of no key",
        "PORTCULLIS__LOG__LEVEL is not understood",
    ];
    let mut found = whats(&errors);
    found.sort_unstable();
    let mut sorted = expected.to_vec();
    sorted.sort_unstable();
    assert_eq!(found, sorted);
    let shown = errors.to_string();
    for words in [
        " --> portcullis.toml:2:10",
        "2 | listen = 8080",
        "^^^^ an address and a port, as in \"127.0.0.1:8080\"",
        "help: did you mean public.listen?",
        "help: did you mean [limits]?",
        "help: did you mean PORTCULLIS__PUBLIC__LISTEN?",
        "a number from 1000 to 100000000",
        "a length of time from \"1s\" to \"24h\"",
    ] {
        assert!(shown.contains(words), "{words:?} is not in\n{shown}");
    }
    assert!(!shown.contains("secret") && !shown.contains("loud"), "{shown}");
}

#[test]
fn after_a_torn_line_nothing_in_the_file_is_certain() {
    for (text, line) in [
        ("[public]\nlisten = \n[limits]\nconnections = 0\n", 2),
        ("[upstream\nurl = \"http://127.0.0.1:3000\"\n", 1),
        ("[upstream]\nurl = \"http://127.0.0.1:3000\n[public]\nlisten = \n", 2),
        ("[upstream]\nurl \"http://127.0.0.1:3000\"\n", 2),
    ] {
        let errors = refused(text, &[]);
        assert_eq!(errors.problems().len(), 1, "{errors}");
        assert_eq!(errors.line(&errors.problems()[0]), Some(line), "{errors}");
        let errors = refused(text, &[("PORTCULLIS__LOG__LEVEL", "loud")]);
        assert_eq!(errors.problems().len(), 2, "variables are not torn: {errors}");
    }
    let twice = refused("[log]\nlevel = \"info\"\nlevel = \"warn\"\n", &[]);
    assert_eq!(twice.line(&twice.problems()[0]), Some(3), "{twice}");
    assert!(twice.to_string().contains("not TOML: duplicate key"), "{twice}");
}

#[test]
fn contradictions_name_both_keys_and_the_mend() {
    for (text, keys, mend) in [
        ("[admin]\nlisten = \"0.0.0.0:8081\"\n", ["admin.listen", "admin.allow_plain"], "ends TLS"),
        (
            "[public]\nlisten = \"127.0.0.1:8081\"\n",
            ["public.listen", "admin.listen"],
            "another port",
        ),
        (
            "[upstream]\nurl = \"http://localhost:8080\"\n",
            ["upstream.url", "public.listen"],
            "name the application",
        ),
        (
            "[sessions]\nlifetime = \"1h\"\n",
            ["sessions.idle", "sessions.lifetime"],
            "shorten `sessions.idle`",
        ),
        (
            "[upstream.identity]\nemail = \"X-Portcullis-User\"\n",
            ["upstream.identity.user", "upstream.identity.email"],
            "another name",
        ),
        (
            "[sessions]\ncookie_domain = \"example.com\"\n",
            ["sessions.cookie_domain", "public.url"],
            "https",
        ),
        (
            "[public]\nurl = \"https://app.example.com\"\nreturn_origins = [\"https://a.test.example\"]\n\
             [sessions]\ncookie_domain = \"example.com\"\n",
            ["public.return_origins", "sessions.cookie_domain"],
            "outside of example.com",
        ),
        (
            "[public]\nurl = \"https://app.example.com\"\nreturn_origins = [\"https://wiki.example.com\"]\n",
            ["public.return_origins", "sessions.cookie_domain"],
            "none of them would get",
        ),
        (
            "[public]\nurl = \"https://app.example\"\n[tls]\ncertificate = \"a.pem\"\n",
            ["tls.certificate", "tls.key"],
            "one file in `tls.key` for each",
        ),
        (
            "[admin.tls]\ncertificate = [\"a.pem\", \"b.pem\"]\nkey = \"a.key\"\n",
            ["admin.tls.certificate", "admin.tls.key"],
            "names 2, and",
        ),
        (
            "[public]\nurl = \"http://app.example\"\n\
             [tls]\ncertificate = \"a.pem\"\nkey = \"a.key\"\n",
            ["tls.certificate", "public.url"],
            "the https address that people use",
        ),
        (
            "[public]\nurl = \"https://app.example\"\n[tls]\nclient_ca = \"ca.pem\"\n",
            ["tls.client_ca", "tls.certificate"],
            "what ends TLS before the gateway",
        ),
        (
            "[admin.tls]\nclient_names = [\"a.example\"]\n",
            ["admin.tls.client_names", "admin.tls.client_ca"],
            "file in `admin.tls.client_ca`",
        ),
        (
            "[admin.tls]\nclient_crl = \"ca.crl\"\n",
            ["admin.tls.client_crl", "admin.tls.client_ca"],
            "file in `admin.tls.client_ca`",
        ),
        (
            "[admin.tls]\ncertificate = \"a.pem\"\nkey = \"a.key\"\nclient_ca = \"ca.pem\"\n\
             client_certificates = \"trusted-proxies\"\n",
            ["admin.tls.client_certificates", "clients.trusted_proxies"],
            "say \"required\"",
        ),
        (
            "[tls]\nhsts = \"180d\"\n",
            ["tls.hsts", "tls.certificate"],
            "what ends TLS before the gateway",
        ),
        (
            "[lockout]\nlock_for = \"2h\"\nlongest = \"1h\"\n",
            ["lockout.lock_for", "lockout.longest"],
            "raise the cap",
        ),
        ("[lockout]\npreset = \"off\"\nmax_attempts = 3\n", ["lockout", "max_attempts"], "`off`"),
    ] {
        let errors = refused(text, &[]);
        assert_eq!(errors.problems().len(), 1, "{errors}");
        assert!(errors.line(&errors.problems()[0]).is_some(), "{errors}");
        let shown = errors.to_string();
        for words in [keys[0], keys[1], mend] {
            assert!(shown.contains(words), "{words:?} is not in\n{shown}");
        }
    }
    check("[admin]\nlisten = \"0.0.0.0:8081\"\nallow_plain = true\n", &[])
        .unwrap_or_else(|errors| panic!("{errors}"));
    let with_tls = "[admin]\nlisten = \"0.0.0.0:8081\"\n\
                    [admin.tls]\ncertificate = \"a.pem\"\nkey = \"a.key\"\n";
    check(with_tls, &[]).unwrap_or_else(|errors| panic!("{errors}"));
    let named = refused("", &[("PORTCULLIS__ADMIN__LISTEN", "[::]:8081")]);
    assert_eq!(named.problems()[0].place(), &Place::Variable("PORTCULLIS__ADMIN__LISTEN".into()));
}

#[test]
fn a_contradiction_is_of_keys_that_were_meant() {
    // Nobody said what `admin.listen` is to be; what `sessions.idle` is, somebody did.
    let text = "[public]\nlisten = \"127.0.0.1:8081\"\n[admin]\nlisten = 8081\n\
                [sessions]\nlifetime = \"1h\"\n";
    let errors = refused(text, &[]);
    let expected =
        ["`admin.listen` is a number", "`sessions.idle` is longer than `sessions.lifetime`"];
    assert_eq!(whats(&errors), expected);
}

#[test]
fn values_that_could_do_harm_are_refused() {
    for line in [
        "open.paths = [\"/\"]",
        "open.paths = [\"assets\"]",
        "open.paths = [\"/a/../b\"]",
        "open.paths = [\"/a*\"]",
        "open.paths = [\"/.portcullis/sign-in\"]",
        "headers.strip = [\"cookie\"]",
        "headers.strip = [\"a b\"]",
        "upstream.identity.user = \"Host\"",
        "admin.hosts = [\"a.example:80\"]",
        "admin.hosts = [\"\"]",
        "clients.trusted_proxies = [\"everybody\"]",
        "clients.trusted_proxies = \"10.0.0.1\"",
        "branding.contact = \"\"",
        "branding.name = \"a\\nb\"",
        "store.directory = \"\"",
        "limits.head = \"1KiB\"",
        "limits.head = 65536",
        "sessions.idle = \"1m\"",
        "lockout.max_attempts = 0",
        "log.level = \"loud\"",
        "public.api_tokens = \"yes\"",
        "public = 1",
        "[public.listen]\nx = 1",
    ] {
        let errors = refused(line, &[]);
        assert_eq!(errors.problems().len(), 1, "{errors}");
        assert!(errors.line(&errors.problems()[0]).is_some(), "{errors}");
    }
}

#[test]
fn what_is_wrong_with_a_list_names_the_entry() {
    let file = refused("open.paths = [\"/a\", \"b\"]\nadmin.hosts = [1]\n", &[]);
    let expected = [
        "`open.paths` (entry 2) does not begin with a slash",
        "`admin.hosts` (entry 1) is a number",
    ];
    assert_eq!(whats(&file), expected);
    assert!(
        file.to_string()
            .contains("a list in [ ], each of it a path"),
        "{file}"
    );
    let name = "PORTCULLIS__OPEN__PATHS";
    let variable = refused("", &[(name, "/a,b")]);
    let expected = format!("{name} (entry 2) does not begin with a slash");
    assert_eq!(whats(&variable), [expected.as_str()]);
    let shown = variable.to_string();
    assert!(shown.contains("allowed: a list with commas between, each of it a path"), "{shown}");
    assert!(!shown.contains("[ ]"), "{shown}");
}

#[test]
fn a_word_that_is_no_level_is_told_from_one() {
    for good in ["debug", "info,portcullis::engine=debug", "sqlx=trace"] {
        assert!(names_levels(good), "{good}");
    }
    for bad in ["lots", "info,lots", "portcullis=lots"] {
        assert!(!names_levels(bad), "{bad}");
    }
}

#[test]
fn an_application_has_to_be_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("portcullis.toml");
    std::fs::write(&file, "[public]\n").expect("written");
    let errors = load(Some(&file), &nothing()).expect_err("no application");
    assert!(errors.to_string().contains("PORTCULLIS__UPSTREAM__URL"), "{errors}");
    assert!(errors.to_string().contains("portcullis serve --upstream"), "{errors}");
    for (text, line) in [
        ("[public]\n[log]\n", 1),
        ("", 1),
        ("[public]\n\n[upstream]\nhttp2 = true\n[log]\n", 3),
        ("[log]\n[upstream.identity]\nuser = \"off\"\n[public]\n", 2),
    ] {
        std::fs::write(&file, text).expect("written");
        let errors = load(Some(&file), &nothing()).expect_err("no application");
        assert_eq!(errors.line(&errors.problems()[0]), Some(line), "{errors}");
    }
    std::fs::write(&file, "[public]\nlisten = 1\n").expect("written");
    let errors = load(Some(&file), &nothing()).expect_err("no application");
    assert_eq!(errors.problems().len(), 2, "{errors}");
    std::fs::write(&file, "[public]\n").expect("written");
    let origin = Origin::parse("http://127.0.0.1:9").expect("an origin");
    assert!(load_for(origin, Some(&file), &nothing()).is_ok());
    assert!(load(None, &nothing()).is_err());
    let gone = load(Some(&folder.path().join("gone.toml")), &nothing()).expect_err("no file");
    assert!(gone.to_string().contains("gone.toml can't be read"), "{gone}");
    assert!(
        gone.to_string()
            .contains("help: name another file with --config"),
        "{gone}"
    );
    assert!(!gone.to_string().contains("-->"), "a frame around nothing: {gone}");
    std::fs::write(&file, b"[public]\nlisten = \"\xff\"\n").expect("written");
    let torn = load(Some(&file), &nothing()).expect_err("no text");
    assert!(torn.to_string().contains("not UTF-8 text in line 2"), "{torn}");
}
