//! The demo as a newcomer meets it: the program, a browser and a terminal.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::support::{Browser, drive, portcullis};

/// The demo as a process, and the words that it prints.
struct Demo {
    child: Child,
    site: String,
    directory: String,
    said: String,
}

impl Demo {
    fn start(args: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
        command
            .args(["demo", "--listen", "127.0.0.1:0"])
            .args(args)
            .current_dir(std::env::temp_dir())
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        let mut child = command.spawn().expect("the program");
        let mut said = String::new();
        for line in BufReader::new(child.stdout.take().expect("a pipe")).lines() {
            said.push_str(&line.expect("text"));
            said.push('\n');
            if said.ends_with("removes what it made.\n") {
                break;
            }
        }
        let after = |mark: &str| {
            let rest = said
                .split_once(mark)
                .unwrap_or_else(|| panic!("no {mark:?} in {said}"))
                .1;
            rest.split_whitespace()
                .next()
                .unwrap_or_default()
                .to_owned()
        };
        let site = format!("http://{}", after("listening on http://"));
        let directory = after("PORTCULLIS_DIRECTORY=");
        Self { child, site, directory, said }
    }

    fn browser(&self) -> Browser {
        Browser::at(self.site["http://".len()..].parse().expect("an address"))
    }

    fn terminal(&self, args: &[&str]) -> String {
        let all = [&["--directory", &self.directory], args].concat();
        portcullis(&std::env::temp_dir(), &all, "")
    }

    /// Ends as with Ctrl-C, and says how.
    fn stop(&mut self) -> std::process::ExitStatus {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args(["-INT", &id]).status();
        assert!(sent.expect("kill").success());
        self.child.wait().expect("an end")
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const ALICE: [(&str, &str); 2] = [("login", "alice"), ("password", "correct horse battery")];

#[tokio::test(flavor = "multi_thread")]
async fn the_story_as_curl_sees_it() {
    let mut demo = Demo::start(&["--lock-for", "2s"]);
    let browser = demo.browser();
    let signed_in = browser.post_form("/.portcullis/sign-in", "", &ALICE).await;
    assert_eq!((signed_in.status, signed_in.location()), (303, "/"));
    let cookie = signed_in.cookie();
    let page = browser.get("/", &cookie).await;
    assert!(page.status == 200 && page.body.contains("Hello Alice Martin"), "{}", page.body);

    demo.terminal(&["user", "lock", "alice", "--reason", "left the company"]);
    tokio::time::sleep(Duration::from_millis(500)).await;
    let refused = browser.get("/page/2", &cookie).await;
    let notice = "/.portcullis/sign-in?return_to=/page/2&notice=locked";
    assert_eq!((refused.status, refused.location()), (303, notice));
    let again = browser.post_form("/.portcullis/sign-in", "", &ALICE).await;
    assert!(again.status == 403 && again.body.contains("Your account is locked"));

    demo.terminal(&["user", "unlock", "alice"]);
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(browser.get("/", &cookie).await.status, 303, "what was ended stays ended");
    let signed_in = browser.post_form("/.portcullis/sign-in", "", &ALICE).await;
    assert_eq!(browser.get("/", &signed_in.cookie()).await.status, 200);

    guesses_lock_and_time_unlocks(&browser).await;
    assert!(demo.stop().success());
    assert!(!std::path::Path::new(&demo.directory).exists(), "the demo left its accounts");
}

async fn guesses_lock_and_time_unlocks(browser: &Browser) {
    let guess = [("login", "bob"), ("password", "guess")];
    for _ in 0..5 {
        assert_eq!(
            browser
                .post_form("/.portcullis/sign-in", "", &guess)
                .await
                .status,
            401
        );
    }
    let right = [("login", "bob"), ("password", "three blind mice run")];
    assert_eq!(
        browser
            .post_form("/.portcullis/sign-in", "", &right)
            .await
            .status,
        429
    );
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    assert_eq!(
        browser
            .post_form("/.portcullis/sign-in", "", &right)
            .await
            .status,
        303
    );
}

/// Property: what the demo prints can be pasted.
#[tokio::test(flavor = "multi_thread")]
async fn every_command_that_it_prints_runs() {
    let demo = Demo::start(&[]);
    let begin = demo.said.find("    export ").expect("commands");
    let end = demo.said.find("Guess a password").expect("an end");
    // What is not indented are words between the commands.
    let lines = demo.said[begin..end].lines();
    let commands: Vec<_> = lines.filter(|line| line.starts_with("    ")).collect();
    let script = format!("set -e\n{}", commands.join("\n"));
    let ran = Command::new("sh")
        .args(["-c", &script])
        .current_dir(std::env::temp_dir())
        .output();
    let ran = ran.expect("a shell");
    let said = String::from_utf8_lossy(&ran.stdout);
    assert!(ran.status.success(), "{script}\n{said}{}", String::from_utf8_lossy(&ran.stderr));
    for words in
        ["alice is locked", "left the company", "alice is unlocked", "this would go to carol"]
    {
        assert!(said.contains(words), "{words:?} is not in {said}");
    }
}

/// With the administrator's token in it, over the admin listener.
#[tokio::test(flavor = "multi_thread")]
async fn the_line_for_curl_locks_alice() {
    let demo = Demo::start(&[]);
    let signed_in = demo
        .browser()
        .post_form("/.portcullis/sign-in", "", &ALICE)
        .await;
    let cookie = signed_in.cookie();
    assert_eq!(demo.browser().get("/", &cookie).await.status, 200);
    let begin = demo
        .said
        .find("    curl -s -X POST")
        .expect("a line for curl");
    let line = demo.said[begin..]
        .split("\n\n")
        .next()
        .expect("an end")
        .to_owned();
    let ran = Command::new("sh")
        .args(["-c", &line])
        .output()
        .expect("a shell");
    let user: serde_json::Value = serde_json::from_slice(&ran.stdout).expect("JSON");
    assert_eq!((&user["login"], &user["status"]), (&"alice".into(), &"locked".into()));
    assert_eq!(demo.browser().get("/", &cookie).await.status, 303, "the next request");
    let undo = line.replace("POST", "DELETE");
    let ran = Command::new("sh")
        .args(["-c", &undo])
        .output()
        .expect("a shell");
    assert!(String::from_utf8_lossy(&ran.stdout).contains("\"status\":\"active\""), "{ran:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_story_as_a_browser_sees_it() {
    let demo = Demo::start(&["--lock-for", "8s"]);
    let program = env!("CARGO_BIN_EXE_portcullis");
    tokio::task::spawn_blocking(move || {
        drive("demo.mjs", &[&demo.site, program, &demo.directory]);
    })
    .await
    .expect("driven");
}
