//! Many people at once: `user bulk`, `run`, `user export`, `user import`, `inactivity`.

use super::{Host, PASSWORD};

fn people(count: usize) -> Host {
    let host = Host::with_people();
    let rows: String = (0..count)
        .map(|n| format!("p{n},p{n}@example.org,active\n"))
        .collect();
    let file = format!("login,email,status\n{rows}");
    host.with_input(&["user", "import", "-"], &file).done();
    host
}

#[test]
fn many_are_locked_and_that_is_undone() {
    let host = people(30);
    let dry = ["user", "bulk", "--all", "--lock", "yes", "--dry-run"];
    let dry = host.run(&dry).done().says("31 would be changed");
    dry.says("alice: nobody else could administer");
    host.run(&["run", "list"]).done().says("no run yet");
    let unasked = host.run(&["user", "bulk", "--all", "--lock", "yes"]);
    unasked.fails(2, &["--dry-run", "--yes"]);
    host.run(&["user", "bulk", "--lock", "yes"])
        .fails(2, &["--all"]);
    host.run(&["user", "bulk", "--all"]).fails(2, &["--lock"]);
    let run = host.json(&["user", "bulk", "--all", "--lock", "yes", "--reason", "audit", "--yes"]);
    assert_eq!(run["state"], "finished");
    assert_eq!(run["counts"]["changed"], 31);
    assert_eq!(run["counts"]["refused"], 1);
    assert_eq!(run["change"]["locked"]["yes"]["reason"], "audit");
    host.run(&["user", "show", "bob"]).done().says("locked");
    let items = host.json(&["run", "items", "1", "--outcome", "refused"]);
    assert_eq!(items["items"][0]["refused"], "last_administrator");
    let page = host.json(&["run", "items", "1", "--limit", "10"]);
    assert_eq!(page["next"], 10);
    host.run(&["user", "unlock", "p7"]).done();
    let undo = host.json(&["run", "undo", "1"]);
    assert_eq!(undo["undoes"], 1);
    assert_eq!(undo["counts"]["changed"], 30);
    assert_eq!(undo["counts"]["refused"], 1, "somebody unlocked p7 already");
    host.run(&["user", "list", "--status", "locked"])
        .done()
        .says("Nobody fits");
    host.run(&["run", "undo", "1"])
        .fails(4, &["undone by run 2"]);
    host.run(&["run", "show", "9"]).fails(3, &["no run 9"]);
    host.run(&["run", "cancel", "1"]).fails(4, &["finished"]);
    host.run(&["audit", "--verify"]).done().says("whole");
}

#[test]
fn people_are_named_in_a_file() {
    let host = people(3);
    let file = "\u{feff}Name;Login\r\nBob;bob\r\n\"P; 1\";p1\r\n;nobody\r\n";
    let args = ["user", "bulk", "--logins", "-", "--sign-out", "--lock", "yes", "--yes", "--json"];
    let ran = host.with_input(&args, file).done();
    let run: serde_json::Value = serde_json::from_str(&ran.out).expect("JSON");
    assert_eq!(run["counts"]["changed"], 2, "{run}");
    assert_eq!(run["counts"]["not_found"], 1);
    let both = ["user", "bulk", "--logins", "-", "--status", "active", "--sign-out", "--yes"];
    host.with_input(&both, "bob\n").fails(2, &["not both"]);
    let run = host.json(&["user", "bulk", "--ids", "2,4", "--lock", "no", "--yes"]);
    assert_eq!(run["counts"]["changed"], 2, "{run}");
    let idle = host.json(&["user", "list", "--never-signed-in"]);
    assert_eq!(idle["accounts"].as_array().expect("a list").len(), 5);
    let before = host.json(&["user", "list", "--last-sign-in-before", "1 day"]);
    assert_eq!(before["accounts"].as_array().expect("a list").len(), 0);
}

#[test]
fn people_are_chosen_by_their_group() {
    let host = people(3);
    host.json(&["group", "add", "Desk"]);
    host.run(&["group", "join", "1", "p0", "p2"]).done();
    let listed = host.json(&["user", "list", "--group", "desk"]);
    let logins = listed["accounts"].as_array().expect("a list").iter();
    let logins: Vec<_> = logins
        .map(|one| one["login"].as_str().expect("a login"))
        .collect();
    assert_eq!(logins, ["p0", "p2"]);
    let first = host.run(&["user", "list", "--group", "desk", "--limit", "1"]);
    assert!(
        first
            .err
            .contains("user list --group=desk --limit 1 --after"),
        "{}",
        first.err
    );
    let bulk = ["user", "bulk", "--group", "1", "--lock", "yes", "--yes"];
    let run = host.json(&bulk);
    assert_eq!(run["counts"]["changed"], 2, "{run}");
    host.run(&["user", "show", "p1"]).done().says("active");
    let export = host.run(&["user", "export", "--group", "Desk"]).done();
    assert_eq!(export.out.lines().count(), 3, "{}", export.out);
    for (command, words) in [
        (&["user", "list", "--group", "Nobody"][..], "no group"),
        (&["user", "bulk", "--group", "9", "--lock", "yes", "--yes"], "no group 9"),
    ] {
        host.run(command).fails(3, &[words, "group list"]);
    }
    host.json(&["group", "add", "DESK"]);
    host.run(&["user", "list", "--group", "desk"])
        .fails(2, &["several groups", "1, 2"]);
}

/// The rows of an export without its times, which are another directory's own.
fn rows(export: &str) -> Vec<(String, Option<String>)> {
    let rows = export.lines().filter(|row| !row.starts_with("first,"));
    let row = |row: &str| {
        let hash = row
            .split_once("$argon2id$")
            .map(|(_, hash)| hash.to_owned());
        let cells: Vec<_> = row.split(',').collect();
        // Before the times; a name with a comma in it has one cell more.
        let upto = cells
            .len()
            .saturating_sub(if hash.is_some() { 5 } else { 3 });
        (cells[..upto].join(","), hash)
    };
    rows.map(row).collect()
}

#[test]
fn an_export_is_taken_over_elsewhere() {
    let host = Host::with_people();
    let odd = "login,name,email,external_id,status,locked\n\
               calc,=1+1,c@example.org,@x,active,yes\n\
               quote,\"O, \"\"Neil\",,'t,active,2100-01-01T00:00:00Z\n\
               new,,,,invited,\n";
    host.with_input(&["user", "import", "-"], odd)
        .done()
        .says("line 2: calc added");
    let export = host.run(&["user", "export"]).done().out;
    assert!(export.contains("'=1+1") && !export.contains(",=1"), "{export}");
    assert!(!export.contains("argon2"), "no hashes unasked");
    let whole = ["user", "export", "--with-password-hashes"];
    let with_hashes = host.run(&whole).done().out;
    assert!(with_hashes.contains("$argon2id$"), "{with_hashes}");

    let other = Host::new();
    other
        .with_input(&["user", "add", "first", "--admin", "--password-stdin"], PASSWORD)
        .done();
    let import = |options: &[&str], words: &str| {
        let args = [&["user", "import", "-"], options].concat();
        other.with_input(&args, &with_hashes).done().says(words);
    };
    import(&["--dry-run"], "line 2: alice added");
    other.run(&["user", "show", "alice"]).fails(3, &["alice"]);
    import(&[], "line 2: alice added");
    import(&[], "line 2: alice exists");
    import(&["--update"], "line 2: alice unchanged");
    let copy = other.run(&whole).done().out;
    assert_eq!(rows(&copy), rows(&with_hashes));
    let lines = ["user", "export", "--format", "jsonl", "--search", "quote"];
    let lines = other.run(&lines).done().out;
    let one: serde_json::Value = serde_json::from_str(&lines).expect("one line");
    assert_eq!(one["name"], "O, \"Neil");
    assert_eq!(one["external_id"], "'t");
}

#[test]
fn a_row_that_is_wrong_stops_no_other() {
    let host = Host::with_people();
    let file = "login,email,password_hash\n\
                good,g@example.org,\n\
                bad login\u{7},,\n\
                good,,\n\
                twin,g@example.org,\n\
                hash,,$2b$31$EGdrhbKUv8Oc9vGiXX0HQOxSg445d458Muh7DAHskb6QbtCvdxcie\n\
                last,,\n";
    let ran = host.with_input(&["user", "import", "-"], file);
    assert_eq!(ran.code, Some(4), "{}{}", ran.out, ran.err);
    for line in [
        "line 2: good added",
        "line 4: good refused",
        "line 5: twin refused",
        "line 6: hash refused",
        "line 7: last added",
    ] {
        assert!(ran.out.contains(line), "{line:?} is not in {}", ran.out);
    }
    assert!(!ran.out.contains("$2b$"), "a hash is never repeated: {}", ran.out);
    let import = |file| host.with_input(&["user", "import", "-"], file);
    import("email\nx@example.org\n").fails(2, &["login"]);
    import("login,pet\nx,dog\n").fails(2, &["pet"]);
}

#[test]
fn the_rule_about_absence_is_seen_before_it_is_kept() {
    let host = people(2);
    host.run(&["inactivity", "preview"])
        .fails(4, &["off", "settings set inactivity.after"]);
    host.run(&["settings", "set", "inactivity.after", "0 days"])
        .fails(2, &["off, or from 1 day"]);
    host.run(&["settings", "set", "inactivity.after", "90d"])
        .done()
        .says("90 days");
    let seen = host.json(&["inactivity", "preview"]);
    assert_eq!(seen["rule"]["days"], 90);
    assert_eq!(seen["preview"]["counts"]["changed"], 0, "everybody was just made");
    host.run(&["inactivity", "confirm"]).done().says("90 days");
}
