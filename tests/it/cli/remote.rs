//! The real program against the admin address of a real gateway: it tells the same as
//! on the directory itself, and says clearly why it can't.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::process::{Child, ChildStderr, Command, Stdio};

use serde_json::Value;

use super::{Host, PASSWORD, Ran};

/// A gateway over a host's directory; it ends when this is dropped.
struct Gateway {
    child: Child,
    url: String,
    /// Held open, so that it can go on telling.
    _stderr: BufReader<ChildStderr>,
}

impl Gateway {
    fn over(host: &Host) -> Self {
        let mut command = host.command(&["serve", "--upstream", "http://127.0.0.1:9"]);
        command
            .args(["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"])
            .env("PORTCULLIS_LOG", "error")
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program");
        let mut stderr = BufReader::new(child.stderr.take().expect("a pipe"));
        let mut line = String::new();
        let url = loop {
            line.clear();
            assert_ne!(stderr.read_line(&mut line).expect("a line"), 0, "it serves");
            let place = line.strip_prefix("Probes and figures are at ");
            if let Some((url, _)) = place.and_then(|place| place.split_once("/readyz")) {
                break url.to_owned();
            }
        };
        Self { child, url, _stderr: stderr }
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Somebody elsewhere, who has an address and a token and no directory.
struct Elsewhere {
    folder: tempfile::TempDir,
    url: String,
    token: String,
}

impl Elsewhere {
    fn new(url: &str, token: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        Self { folder, url: url.to_owned(), token: token.to_owned() }
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
        command
            .args(args)
            .env_clear()
            .env("TZ", "UTC")
            .env("PORTCULLIS_SERVER", &self.url)
            .env("PORTCULLIS_TOKEN", &self.token)
            .current_dir(self.folder.path());
        command
    }

    fn run(&self, args: &[&str]) -> Ran {
        self.with_input(args, "")
    }

    fn with_input(&self, args: &[&str], input: &str) -> Ran {
        let mut command = self.command(args);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program");
        let mut stdin = child.stdin.take().expect("a pipe");
        let _ = stdin.write_all(input.as_bytes());
        drop(stdin);
        let ran = child.wait_with_output().expect("an end").into();
        let files = std::fs::read_dir(self.folder.path()).expect("a folder");
        let made = files.filter_map(|file| Some(file.ok()?.file_name()));
        let made: Vec<_> = made.filter(|name| name != "audit.csv").collect();
        assert!(made.is_empty(), "{args:?} made {made:?}");
        ran
    }
}

/// A text without what differs between two runs: times, secrets, and who asked.
fn masked(text: &str) -> String {
    let mut words = String::new();
    let part_of_word = |c: char| c.is_ascii_alphanumeric() || "_-#".contains(c);
    for piece in text.split_inclusive(|c| !part_of_word(c)) {
        let word = piece.trim_end_matches(|c| !part_of_word(c));
        match word.len() {
            16.. => words.push_str("LONG"),
            _ => words.push_str(word),
        }
        words.push_str(&piece[word.len()..]);
    }
    let mut masked = String::new();
    for c in words.chars() {
        match (c, masked.chars().next_back()) {
            ('0'..='9', Some('0')) | (' ', Some(' ')) => {}
            ('0'..='9', _) => masked.push('0'),
            _ => masked.push(c),
        }
    }
    let user = std::env::var("USER").unwrap_or_else(|_| "root".to_owned());
    for (what, mask) in [
        ("cli:root", "WHO"),
        (&*format!("cli:{user}"), "WHO"),
        ("user:0", "WHO"),
        ("(now)", "(AGO)"),
        ("(0 second ago)", "(AGO)"),
        ("(0 seconds ago)", "(AGO)"),
    ] {
        masked = masked.replace(what, mask);
    }
    masked
}

/// What people are told when something is not done begins in small letters here.
fn words(text: &str) -> String {
    masked(text).to_lowercase()
}

/// What is told otherwise, if anything is.
fn difference(args: &[&str], here: &Ran, there: &Ran) -> Option<String> {
    let same = here.code == there.code
        && masked(&here.out) == masked(&there.out)
        && words(&here.err) == words(&there.err);
    let told = |ran: &Ran| format!("{:?}\n{}{}", ran.code, ran.out, ran.err);
    (!same).then(|| format!("{args:?}\n{}--- and through a server\n{}", told(here), told(there)))
}

#[track_caller]
fn same(args: &[&str], here: &Ran, there: &Ran) {
    assert_eq!(difference(args, here, there), None);
}

const STORY: [(&[&str], &str); 64] = [
    (&["user", "add", "carol", "--name", "Carol C.", "--email", "c@example.org"], ""),
    (&["user", "add", "dave", "--may", "users.view", "--password-stdin"], PASSWORD),
    (&["user", "add", "42"], ""),
    (&["user", "add", "CAROL"], ""),
    (&["user", "add", "erin", "--email", "nobody"], ""),
    (&["user", "add", "erin", "--password-stdin"], "short"),
    (&["user", "lock", "bob", "--until", "2h", "--reason", "left the desk"], ""),
    (&["user", "lock", "bob", "--until", "30m"], ""),
    (&["user", "lock", "bob", "--until", "2020-01-01T00:00:00Z"], ""),
    (&["user", "unlock", "bob"], ""),
    (&["user", "unlock", "bob", "--lockout"], ""),
    (&["user", "lock", "carol"], ""),
    (&["user", "lock", "nobody"], ""),
    (&["user", "lock", "--id", "99"], ""),
    (&["user", "unlock", "77"], ""),
    (&["user", "disable", "bob", "--reason", "left"], ""),
    (&["settings", "account-disabling", "on"], ""),
    (&["settings", "account-disabling", "on"], ""),
    (&["settings", "account-disabling"], ""),
    (&["user", "disable", "bob", "--reason", "left"], ""),
    (&["user", "enable", "bob"], ""),
    (&["user", "enable", "bob"], ""),
    (&["user", "sign-out", "bob"], ""),
    (&["user", "sign-out", "--session", "00000000000000000000000000000001"], ""),
    (&["user", "passwd", "bob", "--password-stdin"], "another horse battery"),
    (&["user", "permit", "bob", "--may", "users.view"], ""),
    (&["user", "invite", "carol"], ""),
    (&["user", "invite", "carol", "--expires", "1s"], ""),
    (&["settings", "set", "lockout", "nonsense"], ""),
    (&["settings", "get", "no.such"], ""),
    (&["settings", "set", "audit.retention", "400d"], ""),
    (&["settings", "reset", "audit.retention"], ""),
    (&["licence", "set", "3"], ""),
    (&["user", "add", "frank", "--password-stdin"], PASSWORD),
    (&["licence", "set", "none"], ""),
    (&["group", "add", "Staff"], ""),
    (&["group", "join", "1", "bob", "carol", "42"], ""),
    (&["group", "join", "1", "bob"], ""),
    (&["group", "permit", "1", "--may", "users.view"], ""),
    (&["group", "leave", "1", "carol"], ""),
    (&["group", "add", "Gone"], ""),
    (&["group", "remove", "2"], ""),
    (&["group", "remove", "2"], ""),
    (&["group", "join", "1", "nobody"], ""),
    (&["user", "delete", "dave", "--reason", "left", "--transfer-nothing", "--dry-run"], ""),
    (&["user", "delete", "dave", "--reason", "left", "--transfer-nothing", "--yes"], ""),
    (&["deletion", "cancel", "1"], ""),
    (&["deletion", "show", "9"], ""),
    (&["user", "bulk", "--logins", "-", "--lock", "yes", "--reason", "gone", "--dry-run"], CROWD),
    (&["user", "bulk", "--logins", "-", "--lock", "yes", "--reason", "gone", "--yes"], CROWD),
    (&["user", "bulk", "--search", "caro", "--sign-out", "--yes"], ""),
    (&["user", "bulk", "--ids", "2", "--disable", "yes", "--yes"], ""),
    (&["run", "undo", "1"], ""),
    (&["run", "undo", "1"], ""),
    (&["run", "cancel", "1"], ""),
    (&["run", "resume", "9"], ""),
    (&["inactivity", "preview"], ""),
    (&["settings", "set", "inactivity.after", "90 days"], ""),
    (&["inactivity", "preview"], ""),
    (&["inactivity", "confirm"], ""),
    (&["user", "import", "-", "--dry-run"], PEOPLE),
    (&["user", "import", "-"], PEOPLE),
    (&["user", "import", "-", "--update"], PEOPLE),
    (&["user", "import", "-"], "name\nnobody\n"),
];

/// Logins for a change of many: somebody twice, and somebody who is nobody.
const CROWD: &str = "login\nbob\ncarol\nbob\nnobody\n";

/// A file of people: good rows, a repeat, an odd login, and too few values.
const PEOPLE: &str = "login,name,email,locked\nharry,Harry H.,harry@example.org,\n\
    ida,Ida,ida@example.org,yes\nharry,again,,\n ,nobody,,\nbob,Bob B.,,\nshort\n\
    jo,Jo,not an address,\n";

const READS: [&[&str]; 44] = [
    &["user", "list"],
    &["user", "list", "--search", "caro"],
    &["user", "list", "--status", "invited", "--limit", "1"],
    &["user", "list", "--status", "deleted"],
    &["user", "show", "bob"],
    &["user", "show", "42"],
    &["user", "show", "c@example.org"],
    &["user", "show", "--id", "4"],
    &["user", "show", "--id", "5"],
    &["user", "show", "--id", "99"],
    &["user", "show", "Nobody Here/..?#"],
    &["user", "show", ".."],
    &["settings", "list"],
    &["settings", "get", "lockout"],
    &["licence"],
    &["group", "list"],
    &["group", "list", "--member", "bob"],
    &["user", "list", "--group", "STAFF"],
    &["user", "list", "--group", "1", "--limit", "1"],
    &["user", "list", "--group", "1", "--never-signed-in"],
    &["user", "list", "--group", "Nothing"],
    &["user", "list", "--group", "77"],
    &["group", "show", "1"],
    &["group", "show", "1", "--limit", "1"],
    &["deletion", "list"],
    &["deletion", "list", "--open"],
    &["deletion", "show", "1"],
    &["token", "list"],
    &["token", "list", "--owner", "alice"],
    &["application", "list"],
    &["audit"],
    &["audit", "list", "--limit", "3"],
    &["audit", "list", "--after", "3", "--limit", "4"],
    &["audit", "list", "--user", "bob", "--action", "account.locked", "--since", "1h"],
    &["audit", "verify"],
    &["audit", "export", "--by", "alice"],
    &["run", "list"],
    &["run", "show", "1"],
    &["run", "items", "1"],
    &["run", "items", "1", "--outcome", "changed", "--limit", "1"],
    &["run", "items", "9"],
    &["user", "export"],
    &["user", "export", "--search", "caro", "--format", "jsonl"],
    &["user", "export", "--status", "locked", "--never-signed-in"],
];

/// Two hosts with the same people, and somebody elsewhere who administers the second.
fn stands() -> (Host, Host, Gateway, Elsewhere) {
    let (here, host) = (Host::with_people(), Host::with_people());
    let token = |host: &Host| {
        let made = host.run(&["token", "create", "--owner", "alice"]).done();
        made.out.trim().to_owned()
    };
    let (_, token) = (token(&here), token(&host));
    let gateway = Gateway::over(&host);
    let elsewhere = Elsewhere::new(&gateway.url, &token);
    (here, host, gateway, elsewhere)
}

fn everything_is_told_alike(form: &[&str]) {
    let (here, host, _gateway, elsewhere) = stands();
    let mut differ = Vec::new();
    for (args, input) in STORY {
        let args = [args, form].concat();
        let there = elsewhere.with_input(&args, input);
        differ.extend(difference(&args, &here.with_input(&args, input), &there));
    }
    for args in READS {
        let args = [args, form].concat();
        let there = elsewhere.run(&args);
        let local = host.run(&args);
        differ.extend(difference(&args, &local, &there));
        if args.contains(&"export") {
            assert_eq!(local.out, there.out, "to the letter");
        }
    }
    assert!(differ.is_empty(), "{}", differ.join("\n"));
}

#[test]
fn people_are_told_the_same_by_a_server() {
    everything_is_told_alike(&[]);
}

#[test]
fn programs_are_told_the_same_by_a_server() {
    everything_is_told_alike(&["--json"]);
}

#[test]
fn programs_and_tokens_are_administered_through_a_server() {
    let (here, host, _gateway, elsewhere) = stands();
    let both = |here_args: &[&str], there_args: &[&str]| {
        let there = elsewhere.run(there_args);
        let local = here.run(here_args);
        same(there_args, &local, &there);
        there
    };
    let add = ["application", "add", "HR", "--scope", "users.view"];
    both(&add, &add);
    let first = |ran: Ran, list: &str| -> String {
        let read: Value = serde_json::from_str(&ran.done().out).expect("JSON");
        read[list][0]["id"].as_str().expect("an id").to_owned()
    };
    let list = ["application", "list", "--json"];
    let (a, b) =
        (first(here.run(&list), "applications"), first(elsewhere.run(&list), "applications"));
    for words in [
        &["scope", "--scope", "users.manage"][..],
        &["scope", "--scope", "users.manage"],
        &["disable"],
        &["disable"],
        &["enable"],
        &["rotate"],
    ] {
        let with = |id| [&["application", words[0], id], &words[1..]].concat();
        both(&with(&a), &with(&b));
    }
    let (of_a, of_b) =
        (["token", "create", "--application", &a], ["token", "create", "--application", &b]);
    both(&of_a, &of_b);
    same(
        &["show"],
        &host.run(&["application", "show", &b]),
        &elsewhere.run(&["application", "show", &b]),
    );
    both(&["application", "remove", &a], &["application", "remove", &b]);
    both(&["application", "show", &a], &["application", "show", &b]);
    let create = ["token", "create", "--owner", "bob", "--name", "ci", "--expires", "90 days"];
    both(&create, &create);
    let list = ["token", "list", "--owner", "bob", "--json"];
    let (a, b) = (first(here.run(&list), "tokens"), first(elsewhere.run(&list), "tokens"));
    both(&["token", "revoke", &a], &["token", "revoke", &b]);
    both(&["token", "revoke", &a], &["token", "revoke", &b]);
    let file = ["audit", "export", "--format", "csv", "--output", "audit.csv"];
    let exported = elsewhere.run(&file).done();
    let text = std::fs::read_to_string(elsewhere.folder.path().join("audit.csv")).expect("a file");
    let local = host.run(&["audit", "export", "--format", "csv"]).done();
    assert_eq!(text, local.out);
    let records = local.out.lines().count() - 1;
    exported.says(&format!("{records} records are in audit.csv."));
    let prune = ["audit", "prune", "--older-than", "1d"];
    both(&prune, &prune);
}

#[test]
fn who_may_not_is_told_so() {
    let (_, host, gateway, elsewhere) = stands();
    let narrow = host.run(&["token", "create", "--owner", "alice", "--scope", "users.view"]);
    let narrow = Elsewhere::new(&gateway.url, narrow.done().out.trim());
    narrow.run(&["user", "list"]).done().says("alice");
    narrow
        .run(&["user", "lock", "bob"])
        .fails(4, &["token is not for users.manage", "make one with that scope"]);
    narrow
        .run(&["audit"])
        .fails(4, &["token is not for audit.view"]);
    let wrong = Elsewhere::new(&gateway.url, "pct_wrong");
    wrong
        .run(&["user", "list"])
        .fails(4, &["does not know this token"]);
    let alice = elsewhere.run(&["user", "lock", "alice"]);
    alice.fails(4, &["You can't be locked by yourself", "command line on the host"]);

    let silent = Elsewhere::new(&gateway.url, "");
    silent
        .run(&["user", "list"])
        .fails(2, &["PORTCULLIS_TOKEN", "--token-file"]);
    let odd = Elsewhere::new(&gateway.url, "two words");
    odd.run(&["user", "list"])
        .fails(2, &["characters that no token has"]);
}

#[test]
fn a_token_comes_from_a_file_and_is_told_to_nobody() {
    let (_, host, gateway, elsewhere) = stands();
    let file = host.0.path().join("token");
    std::fs::write(&file, format!("{}\n", elsewhere.token)).expect("written");
    let (file, url) = (file.to_str().expect("a path"), &*gateway.url);
    let named = ["--server", url, "--token-file", file, "user", "list", "--limit", "1"];
    let listed = host.run(&named[..]);
    // What is named on the command line goes before the environment's directory.
    let more = format!("more: portcullis --server {url} --token-file {file} user list --limit 1");
    assert!(listed.err.starts_with(&more), "{}", listed.err);
    listed.done().says("alice");
    let mut traced = elsewhere.command(&["user", "show", "bob"]);
    let traced: Ran = traced
        .env("PORTCULLIS_LOG", "trace")
        .output()
        .expect("the program")
        .into();
    assert!(!traced.err.contains(&elsewhere.token), "a secret in the log");
    traced.done().says("bob is active.");
    host.run(&["--server", url, "--token-file", "not-there", "user", "list"])
        .fails(2, &["not-there", "can't be read"]);
    std::fs::write(host.0.path().join("long"), "x".repeat(5000)).expect("written");
    host.run(&["--server", url, "--token-file", "long", "user", "list"])
        .fails(2, &["too long for a token"]);
    host.run(&["--server", url, "--token-file", file, "--ca-file", file, "user", "list"])
        .fails(2, &["holds no certificates"]);
}

/// An address that answers everybody with these bytes.
fn answers(bytes: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut head = [0; 4096];
            let _ = stream.read(&mut head);
            let _ = stream.write_all(bytes.as_bytes());
        }
    });
    url
}

#[test]
fn what_is_no_portcullis_is_told_apart() {
    let ask = |url: &str| Elsewhere::new(url, "pct_anything").run(&["user", "list"]);
    let html = "HTTP/1.1 200 OK\r\ncontent-length: 14\r\n\r\n<html>hi</html";
    ask(&answers(html)).fails(1, &["answered with something else", "`admin.listen`"]);
    let gone = "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n";
    ask(&answers(gone)).fails(1, &["with status 404", "`admin.listen`"]);
    let strange = "HTTP/1.1 403 Forbidden\r\ncontent-length: 38\r\n\r\n\
                   {\"type\":\"about:blank\",\"detail\":\"\u{1b}[2J\"}";
    ask(&answers(strange)).fails(1, &["with status 403"]);
    let moved = "HTTP/1.1 302 Found\r\nlocation: http://192.0.2.1/x\r\ncontent-length: 0\r\n\r\n";
    ask(&answers(moved)).fails(1, &["sends whoever asks on to http://192.0.2.1/x"]);
    let cut = "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{";
    ask(&answers(cut)).fails(5, &["broke off"]);
    ask(&answers("SSH-2.0-hello\r\n")).fails(5, &["did not answer", "look whether"]);
    let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}", free.local_addr().expect("an address"));
    drop(free);
    ask(&url).fails(5, &[&url, "can't be reached", "see that it runs"]);
}

#[test]
fn a_server_is_named_as_it_should_be() {
    let host = Host::with_people();
    let ask = |args: &[&str]| host.run(&[args, &["user", "list"]].concat());
    ask(&["--server", "http://192.0.2.1:8081"]).fails(2, &["it is http", "--allow-plain"]);
    ask(&["--server", "admin.example"]).fails(2, &["https://admin.example"]);
    ask(&["--server", "https://ann:hunter2@a.example"])
        .fails(2, &["it names a user", "…@a.example"]);
    ask(&["--server", "https://a.example/console"]).fails(2, &["it has a path"]);
    ask(&["--server", "https://a.example", "--directory", "x.db"])
        .fails(2, &["cannot be used with"]);
    ask(&["--token-file", "x"]).fails(2, &["add --server URL"]);
    for command in ["check", "policy", "address show 192.0.2.1", "module list", "bench cleanup"] {
        let words: Vec<_> = command.split(' ').collect();
        let refused = host.run(&[&["--server", "https://a.example"], &words[..]].concat());
        refused.fails(2, &[words[0], "leave out --server", "run it where they are"]);
    }
    // A directory that is named goes before the environment's server.
    let mut named = host.command(&["--directory", "people.db", "user", "list"]);
    let ran: Ran = named
        .env("PORTCULLIS_SERVER", "http://192.0.2.1")
        .output()
        .expect("the program")
        .into();
    ran.done().says("alice");
}
