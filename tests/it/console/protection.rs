//! Attack protection: a policy is chosen value by value, looked at and put in force, and
//! accounts can be disabled or not.

use std::time::Duration;

use http::StatusCode;
use portcullis::LockoutPolicy;
use portcullis::admin::Actor;
use portcullis::admin::settings::{ACCOUNT_DISABLING, LOCKOUT, Pins, Setting};
use portcullis::domain::permission::Permission;
use portcullis::domain::policy::{PolicyKey, Preset};

use super::checks::NO_PAGE;
use super::{Desk, House, PASSWORD, location};

const CHANGE: &str = "/console/protection/change";
const POLICY: &str = "/console/protection/policy";
const DISABLING: &str = "/console/protection/disabling";

/// The address of a page with these fields.
fn at(page: &str, fields: &[(&str, &str)]) -> String {
    let query = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(fields)
        .finish();
    format!("{page}?{query}")
}

/// The form as a browser sends it: every field, most of them empty.
fn filled(preset: &str, said: &[(&str, &str)]) -> String {
    let mut fields = vec![("preset", preset)];
    for key in PolicyKey::all() {
        let said = said.iter().find(|(name, _)| *name == key.name());
        fields.push((key.name(), said.map_or("", |(_, value)| value)));
    }
    at(POLICY, &fields)
}

/// The field of this name on a page, from its label to its end.
fn field<'a>(page: &'a str, name: &str) -> &'a str {
    let id = name.replace('.', "-");
    let start = page.find(&format!("<label for=\"{id}\">")).expect(name);
    let field = &page[start..];
    &field[..field.find("</div>").expect("an end")]
}

/// The value of a hidden field.
fn hidden<'a>(page: &'a str, name: &str) -> &'a str {
    let after = page
        .split(&format!("type=\"hidden\" name=\"{name}\" value=\""))
        .nth(1);
    let value = after.and_then(|rest| rest.split('"').next());
    value.unwrap_or_else(|| panic!("no {name}: {page}"))
}

async fn stored(house: &House, setting: &'static Setting) -> String {
    let value = house.test.admin().setting(&Actor::System, setting).await;
    value.expect("a store").value
}

fn policy(text: &str) -> LockoutPolicy {
    text.parse().expect(text)
}

/// Puts a policy in force as somebody does who looked at it before.
async fn put_in_force(desk: &Desk<'_>, words: &str) -> crate::guard::Answer {
    let page = desk.page(&at(POLICY, &[("policy", words)])).await;
    let fields = [("policy", hidden(&page, "policy")), ("was", hidden(&page, "was"))];
    desk.post(POLICY, &fields).await
}

/// What each value takes, beside a preset that it agrees with, and what it does not.
type Case = (&'static str, &'static [&'static str], &'static [&'static str]);

const CASES: [Case; 15] = [
    ("count", &["on"], &["yes", "1"]),
    ("max_attempts", &["1", " 7 ", "1000"], &["0", "1001", "-1", "5.5", "many", "4294967296"]),
    ("window", &["1s", "1h 30m", "none"], &["0s", "15", "soon", "-5m", "500ms"]),
    ("window_kind", &["sliding", "since-last"], &["rolling"]),
    ("lock_for", &["30s", "2h", "until-unlocked"], &["0s", "900ms", "5", "never"]),
    ("growth", &["1", "3"], &["0", "-2", "1.5", "x"]),
    ("longest", &["5m", "1 day", "none"], &["4m", "0s", "big"]),
    ("steps", &["1m", "1m, 5m, 1h"], &["0s", "1m,,5m", "1m;5m", "soon"]),
    ("permanent_after", &["1", "never"], &["0", "none", "x"]),
    ("ceiling", &["101", "none"], &["0", "5", "1000001", "never"]),
    (
        "exempt",
        &["10.0.0.0/8", "10.0.0.0/8\r\nfd00::/8", "none"],
        &["10.0.0.1", "10.0.0.0/33", "x"],
    ),
    ("known_devices", &["on", "off"], &["maybe"]),
    ("remember_wrong", &["0", "10"], &["11", "-1", "256", "x"]),
    ("live_sessions", &["keep", "refuse"], &["end"]),
    ("mode", &["lock", "monitor"], &["off", "watch"]),
];

/// The cases of every value: of each counter, what is said of one.
fn cases() -> Vec<(&'static str, &'static [&'static str], &'static [&'static str])> {
    let case = |key: PolicyKey| {
        let own = key.name().rsplit('.').next().expect("a name");
        let found = CASES.iter().find(|(name, ..)| *name == own);
        let (_, good, bad) = found.unwrap_or_else(|| panic!("no case of {}", key.name()));
        (key.name(), *good, *bad)
    };
    PolicyKey::all().map(case).collect()
}

#[tokio::test]
async fn every_value_has_a_field_that_says_what_the_preset_says() {
    let house = House::new().await;
    let desk = house.desk().await;
    for (preset, attempts, length) in
        [("balanced", "5", "5m"), ("pci-8.3.4", "10", "30m"), ("clerk", "10", "1h")]
    {
        let page = desk.page(&at(CHANGE, &[("preset", preset)])).await;
        assert!(page.contains(&format!("<option selected>{preset}</option>")), "{page}");
        for key in PolicyKey::all() {
            let field = field(&page, key.name());
            assert!(field.contains(&format!("name=\"{}\"", key.name())), "{field}");
            assert!(field.contains(&format!("{preset}: ")), "{field}");
            assert!(field.contains("-hint\""), "{field}");
        }
        for (name, says) in [("max_attempts", attempts), ("lock_for", length)] {
            assert!(field(&page, name).contains(&format!("{preset}: {says}<")), "{page}");
        }
    }
    for preset in Preset::ALL {
        let page = desk.page(&at(CHANGE, &[("preset", preset.name())])).await;
        assert!(
            page.contains(&format!("<option>{}</option>", Preset::ALL[0].name()))
                || preset == Preset::ALL[0]
        );
    }
    let page = desk.page(CHANGE).await;
    assert!(field(&page, "mode").contains("Monitor only: count and report, lock nobody"));
}

/// The words of the policy that is looked at once the password was given again.
fn onward(answer: &crate::guard::Answer) -> Option<String> {
    let base = url::Url::parse("http://app.example").expect("a base");
    let asked = base.join(location(answer)).expect("an address");
    assert_eq!(asked.path(), "/console/confirm", "{answer:?}");
    let to = asked.query_pairs().next()?.1;
    let to = base.join(&to).expect("an address");
    assert_eq!(to.path(), POLICY, "{answer:?}");
    to.query_pairs().next().map(|(_, words)| words.into_owned())
}

/// Those who have to give their password again first are told by the address that they go
/// on to what was understood, without what all of it promises.
#[tokio::test]
async fn every_good_value_is_taken() {
    let house = House::new().await;
    let desk = house.desk().await;
    house.wait();
    for (name, good, _) in cases() {
        for value in good {
            let answer = desk.get(&filled("balanced", &[(name, value)])).await;
            let word = value.trim().replace("\r\n", ",").replace(' ', "");
            let words = format!("balanced {name}={word}");
            assert_eq!(onward(&answer), Some(words), "{name}={value}");
        }
    }
}

#[tokio::test]
async fn what_is_in_force_is_not_put_in_force_again() {
    let house = House::new().await;
    let desk = house.desk().await;
    let page = desk
        .page(&filled("balanced", &[("max_attempts", "5")]))
        .await;
    assert!(page.contains("nothing would change"), "{page}");
    assert!(!page.contains("Put it in force</button>"), "{page}");
}

#[tokio::test]
async fn every_bad_value_is_told_beside_its_field() {
    let house = House::new().await;
    let desk = house.desk().await;
    for (name, _, bad) in cases() {
        // Where lockouts don't grow, nothing is said of how far.
        let counts = |value: &&&str| name != "address.longest" || **value == "big";
        for value in bad.iter().filter(counts) {
            let answer = desk.get(&filled("balanced", &[(name, value)])).await;
            let page = answer.body;
            assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{name}={value}");
            assert!(page.contains("<title>Error: "), "{name}={value}");
            let id = name.replace('.', "-");
            let field = field(&page, name);
            assert!(field.contains(&format!("id=\"{id}-error\"")), "{name}={value}: {field}");
            assert!(field.contains(&format!("{id}-hint {id}-error\"")), "{field}");
            assert!(field.contains("aria-invalid=\"true\""), "{field}");
            assert!(
                field.contains(&format!("value=\"{value}\""))
                    || field.contains(&format!(">{value}</textarea>")),
                "{field}"
            );
            assert_eq!(page.matches("class=\"error\"").count(), 1, "{name}={value}");
            assert!(page.contains(&format!("<a href=\"#{id}\">")), "{name}={value}");
        }
    }
    assert_eq!(stored(&house, &LOCKOUT).await, "balanced");
}

#[tokio::test]
async fn all_that_is_wrong_is_told_at_once_and_everything_typed_is_kept() {
    let house = House::new().await;
    let desk = house.desk().await;
    let said = [
        ("max_attempts", "0"),
        ("window", "soon"),
        ("lock_for", "20m"),
        ("address.max_attempts", "2000"),
        ("exempt", "10.0.0.0/8, 10.0.0.300/32"),
        ("mode", "monitor"),
    ];
    let answer = desk.get(&filled("cis", &said)).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    let page = answer.body;
    for (name, is_wrong) in [
        ("max_attempts", true),
        ("window", true),
        ("lock_for", false),
        ("address.max_attempts", true),
        ("exempt", true),
        ("mode", false),
        ("growth", false),
    ] {
        assert_eq!(field(&page, name).contains("aria-invalid"), is_wrong, "{name}");
    }
    assert!(page.contains("<option selected>cis</option>"), "{page}");
    assert!(field(&page, "lock_for").contains("value=\"20m\""));
    assert!(field(&page, "mode").contains("<option value=\"monitor\" selected>"));
    assert!(field(&page, "exempt").contains("“10.0.0.300/32” is no network"), "{page}");
    assert!(page.contains(">10.0.0.0/8, 10.0.0.300/32</textarea>"), "{page}");
    assert!(page.contains("By address: “Wrong guesses that lock” is 2000"), "{page}");
}

/// A preset, what is said beside it, the fields that it is told at, and words of that.
type Contradiction<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a [&'a str], &'a str);

#[tokio::test]
async fn contradictions_are_told_where_they_are() {
    let house = House::new().await;
    let desk = house.desk().await;
    let cases: [Contradiction<'_>; 6] = [
        (
            "balanced",
            &[("lock_for", "2h"), ("longest", "1h")],
            &["lock_for", "longest"],
            "raise the cap",
        ),
        (
            "balanced",
            &[("steps", "1m"), ("growth", "3")],
            &["steps", "growth"],
            "leave one of them out",
        ),
        (
            "balanced",
            &[("count", "off"), ("address.count", "off")],
            &["count", "address.count"],
            "count one",
        ),
        (
            "pci-8.3.4",
            &[("max_attempts", "11")],
            &["max_attempts"],
            "goes against the preset pci-8.3.4",
        ),
        ("off", &[("max_attempts", "4")], &["preset"], "it has no parts"),
        ("lax", &[], &["preset"], "There is no preset “lax”"),
    ];
    for (preset, said, at, words) in cases {
        let answer = desk.get(&filled(preset, said)).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{preset} {said:?}");
        for name in at {
            let field = field(&answer.body, name);
            assert!(field.contains(words) && field.contains("aria-invalid"), "{field}");
        }
        assert_eq!(answer.body.matches("class=\"error\"").count(), at.len(), "{said:?}");
        // Above the form it is told once.
        assert_eq!(answer.body.matches("<li><a href=\"#").count(), 1, "{said:?}");
    }
}

#[tokio::test]
async fn a_policy_may_be_written_in_one_line() {
    let house = House::new().await;
    let desk = house.desk().await;
    let page = desk
        .page(&at(POLICY, &[("policy", " cis  max_attempts=4 ")]))
        .await;
    assert_eq!(hidden(&page, "policy"), "cis max_attempts=4");
    for (words, told) in [
        ("balanced guesses=4", "“guesses=4” is no part of a policy"),
        ("balanced max_attempts", "“max_attempts” is no part of a policy"),
        ("balanced nonsense", "“nonsense” is no part of a policy"),
    ] {
        let answer = desk.get(&at(POLICY, &[("policy", words)])).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{words}");
        let field = field(&answer.body, "policy");
        assert!(field.contains(told) && field.contains(&format!("value=\"{words}\"")), "{field}");
        assert!(answer.body.contains("<details class=\"card\" open>"), "{words}");
    }
    // What is wrong with a value is told where it would have been typed.
    let answer = desk
        .get(&at(POLICY, &[("policy", "balanced address.window=soon")]))
        .await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(field(&answer.body, "address.window").contains("“soon” is no time"));
}

#[tokio::test]
async fn the_form_begins_with_what_is_in_force() {
    let house = House::new().await;
    let desk = house.desk().await;
    let set = desk_sets(&house, "pci-8.3.4 max_attempts=6 address.count=off").await;
    assert!(set);
    let page = desk.page(CHANGE).await;
    assert!(page.contains("<option selected>pci-8.3.4</option>"), "{page}");
    assert!(field(&page, "max_attempts").contains("value=\"6\""));
    assert!(field(&page, "address.count").contains("<option value=\"off\" selected>"));
    assert!(field(&page, "lock_for").contains("value=\"\""));
    assert!(field(&page, "policy").contains("pci-8.3.4 max_attempts=6 address.count=off"));
    let shown = desk.page("/console/protection").await;
    assert!(shown.contains("<code>pci-8.3.4 max_attempts=6 address.count=off</code>"), "{shown}");
}

/// Changes the policy by another way.
async fn desk_sets(house: &House, words: &str) -> bool {
    let set = house
        .test
        .admin()
        .set_setting(&Actor::System, &LOCKOUT, words)
        .await;
    set.expect("a store")
}

#[tokio::test]
async fn the_last_look_says_what_is_now_and_what_would_be() {
    let house = House::new().await;
    let desk = house.desk().await;
    let said = [("max_attempts", "2"), ("live_sessions", "keep")];
    let page = desk.page(&filled("balanced", &said)).await;
    for part in [
        "2 wrong guesses within 15 minutes at one account",
        "5 wrong guesses within 15 minutes at one account",
        "<code>balanced max_attempts=2 live_sessions=keep</code>",
        "<td data-label=\"Now\">5</td><td data-label=\"Then\"><strong>2</strong></td>",
        "<td data-label=\"Now\">are refused until it ends</td><td data-label=\"Then\"><strong>go on</strong></td>",
        "The most wrong guesses that can reach the password check",
        "<small class=\"muted\">now ",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    assert_eq!(page.matches("data-label=\"Then\"").count(), 2, "{page}");
    let further = at(CHANGE, &[("policy", "balanced max_attempts=2 live_sessions=keep")]);
    let page = desk.page(&further).await;
    assert!(field(&page, "max_attempts").contains("value=\"2\""));
    let off = desk.page(&filled("off", &[])).await;
    assert!(off.contains("Nobody is ever locked out"), "{off}");
}

/// What the console puts in force is what the gate goes by.
#[tokio::test]
async fn a_policy_that_is_put_in_force_locks_by_its_numbers() {
    let house = House::new().await;
    house.administrator("bob").await;
    let desk = house.desk().await;
    let answer = put_in_force(&desk, "balanced max_attempts=2 lock_for=10m").await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
    assert_eq!(location(&answer), "/console/protection?done=policy");
    assert!(
        desk.page(location(&answer))
            .await
            .contains("in force, on every gateway")
    );
    let wanted = policy("balanced max_attempts=2 lock_for=10m");
    let followed = async {
        while *house.test.gate().lockout_policy() != wanted {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let followed = tokio::time::timeout(Duration::from_secs(5), followed).await;
    followed.expect("the gate follows");
    for guess in ["guess 1", "guess 2"] {
        assert_eq!(house.attempt("bob", guess).await.status, StatusCode::UNAUTHORIZED);
    }
    let locked = house.attempt("bob", PASSWORD).await;
    assert_eq!(locked.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(locked.header("retry-after"), Some("600"));
    let again = desk
        .post(POLICY, &[("policy", "balanced max_attempts=2 lock_for=10m"), ("was", "")])
        .await;
    assert_eq!(location(&again), "/console/protection?done=unchanged");
}

#[tokio::test]
async fn a_policy_that_changed_meanwhile_is_not_overwritten_unseen() {
    let house = House::new().await;
    let desk = house.desk().await;
    let page = desk
        .page(&filled("balanced", &[("max_attempts", "4")]))
        .await;
    let fields = [("policy", hidden(&page, "policy")), ("was", hidden(&page, "was"))];
    assert!(desk_sets(&house, "cis").await);
    let answer = desk.post(POLICY, &fields).await;
    assert_eq!(answer.status, StatusCode::CONFLICT);
    let refused = answer.body;
    assert!(refused.contains("Somebody else changed the policy since you looked"), "{refused}");
    assert!(refused.contains("<code>cis</code>"), "{refused}");
    assert!(refused.contains("<title>Error: What the policy would mean"), "{refused}");
    assert_eq!(stored(&house, &LOCKOUT).await, "cis");
    // Whoever has seen it may go on.
    let fields = [("policy", hidden(&refused, "policy")), ("was", hidden(&refused, "was"))];
    let answer = desk.post(POLICY, &fields).await;
    assert_eq!(location(&answer), "/console/protection?done=policy");
    assert_eq!(policy(&stored(&house, &LOCKOUT).await), policy("max_attempts=4"));
}

#[tokio::test]
async fn what_contradicts_itself_is_not_put_in_force() {
    let house = House::new().await;
    let desk = house.desk().await;
    for (words, told) in [
        ("balanced max_attempts=0", "nobody could sign in"),
        ("balanced max_attempts=4 longest=1m", "raise the cap"),
        ("balanced x=1", "is no part of a policy"),
    ] {
        let answer = desk
            .post(POLICY, &[("policy", words), ("was", "balanced")])
            .await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{words}");
        assert!(answer.body.contains(told), "{}", answer.body);
        assert!(answer.body.contains("See what it means"), "{}", answer.body);
    }
    for fields in [&[("policy", "cis")][..], &[("was", "balanced")][..], &[][..]] {
        assert_eq!(desk.post(POLICY, fields).await.status, StatusCode::BAD_REQUEST);
    }
    assert_eq!(stored(&house, &LOCKOUT).await, "balanced");
}

async fn pinned(setting: &'static Setting, value: &str) -> House {
    let pins = Pins::default().with(setting, value, "`lockout` in /etc/gate.toml");
    House::with(|console| console, |admin| admin.with_pins(pins)).await
}

#[tokio::test]
async fn a_pinned_policy_is_shown_and_left_alone() {
    let house = pinned(&LOCKOUT, "cis max_attempts=3").await;
    let desk = house.desk().await;
    let page = desk.page("/console/protection").await;
    assert!(page.contains("It stands in <code>`lockout` in /etc/gate.toml</code>"), "{page}");
    assert!(page.contains("<code>cis max_attempts=3</code>"), "{page}");
    assert!(!page.contains("protection/change"), "{page}");
    assert_eq!(location(&desk.get(CHANGE).await), "/console/protection");
    let look = desk.page(&at(POLICY, &[("policy", "cis")])).await;
    assert!(look.contains("/etc/gate.toml") && !look.contains("Put it in force"), "{look}");
    let answer = desk
        .post(POLICY, &[("policy", "cis"), ("was", "balanced")])
        .await;
    assert_eq!(answer.status, StatusCode::CONFLICT);
    assert!(answer.body.contains("<h1>What the policy would mean</h1>"), "{}", answer.body);
    assert!(
        answer
            .body
            .contains("is pinned by `lockout` in /etc/gate.toml"),
        "{}",
        answer.body
    );
    assert_eq!(stored(&house, &LOCKOUT).await, "balanced", "the directory's own");
}

#[tokio::test]
async fn a_pinned_switch_is_shown_and_left_alone() {
    let house = pinned(&ACCOUNT_DISABLING, "off").await;
    let desk = house.desk().await;
    let page = desk.page("/console/protection").await;
    assert!(page.contains("It stands in <code>`lockout` in /etc/gate.toml</code>"), "{page}");
    assert!(!page.contains("protection/disabling"), "{page}");
    let look = desk.page(DISABLING).await;
    assert!(look.contains("/etc/gate.toml") && !look.contains("name=\"allow\""), "{look}");
    let answer = desk.post(DISABLING, &[("allow", "yes")]).await;
    assert_eq!(answer.status, StatusCode::CONFLICT);
    assert!(answer.body.contains("is pinned by"), "{}", answer.body);
    assert_eq!(stored(&house, &ACCOUNT_DISABLING).await, "off");
}

/// Every page and every act, for whoever has one permission alone.
#[tokio::test]
async fn nobody_sees_or_changes_any_of_it_without_the_permission() {
    for may in Permission::ALL {
        let house = House::new().await;
        house.staff("nina", &[may]).await;
        let admitted = house.attempt("nina", PASSWORD).await;
        if admitted.status != StatusCode::SEE_OTHER {
            assert!(NO_PAGE.contains(&may), "no page is for {may}");
            continue;
        }
        let desk = house.sign_in("nina").await;
        let open = may == Permission::ManageSettings;
        let wanted = if open { StatusCode::OK } else { StatusCode::FORBIDDEN };
        let pages = [
            "/console/protection".to_owned(),
            CHANGE.to_owned(),
            filled("cis", &[]),
            at(POLICY, &[("policy", "cis")]),
            DISABLING.to_owned(),
        ];
        for page in pages {
            let answer = desk.get(&page).await;
            assert_eq!(answer.status, wanted, "{may}: {page}");
            let says = answer.body.contains("balanced") || answer.body.contains("name=\"allow\"");
            assert_eq!(says, open, "{may}: {page}");
        }
        let policy = desk
            .post(POLICY, &[("policy", "cis"), ("was", "balanced")])
            .await;
        let switch = desk.post(DISABLING, &[("allow", "yes")]).await;
        let done = if open { StatusCode::SEE_OTHER } else { StatusCode::FORBIDDEN };
        assert_eq!((policy.status, switch.status), (done, done), "{may}");
        assert!(!policy.body.contains("Put it in force</button>"), "{may}");
        let now = (stored(&house, &LOCKOUT).await, stored(&house, &ACCOUNT_DISABLING).await);
        let (lockout, disabling) = if open { ("cis", "on") } else { ("balanced", "off") };
        assert_eq!(now, (lockout.to_owned(), disabling.to_owned()), "{may}");
        let first = desk.get("/console/users").await;
        let linked = first.body.contains("href=\"/console/protection\"");
        assert_eq!(linked, open, "{may}");
    }
}

/// Whoever is let look meanwhile and may change nothing any more is told so on the page.
#[tokio::test]
async fn a_permission_that_was_taken_away_meanwhile_is_told_on_the_page() {
    let house = House::new().await;
    let nina = house
        .staff("nina", &[Permission::ViewUsers, Permission::ManageSettings])
        .await;
    let desk = house.sign_in("nina").await;
    let page = desk.page(&filled("cis", &[])).await;
    let fields = [("policy", hidden(&page, "policy")), ("was", hidden(&page, "was"))];
    let less = [Permission::ViewUsers].into_iter().collect();
    house
        .test
        .edit(&nina, |account| account.details.permissions = less)
        .await;
    let answer = desk.post(POLICY, &fields).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert!(answer.body.contains("<h1>What the policy would mean</h1>"), "{}", answer.body);
    assert!(answer.body.contains("settings.manage"), "{}", answer.body);
    assert!(!answer.body.contains("Put it in force</button>"), "{}", answer.body);
    assert_eq!(stored(&house, &LOCKOUT).await, "balanced");
}

#[tokio::test]
async fn another_site_changes_nothing() {
    let house = House::new().await;
    let desk = house.desk().await;
    for (path, fields) in [
        (POLICY, &[("policy", "off"), ("was", "balanced")][..]),
        (DISABLING, &[("allow", "yes")][..]),
    ] {
        let answer = desk.post_from_elsewhere(path, fields).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path}");
        assert!(answer.body.contains("another site sent this form"), "{}", answer.body);
    }
    // Nor does any address that a link could lead to.
    for page in
        [at(POLICY, &[("policy", "off"), ("was", "balanced")]), at(DISABLING, &[("allow", "yes")])]
    {
        assert_eq!(desk.get(&page).await.status, StatusCode::OK, "{page}");
    }
    assert_eq!(stored(&house, &LOCKOUT).await, "balanced");
    assert_eq!(stored(&house, &ACCOUNT_DISABLING).await, "off");
}

#[tokio::test]
async fn markup_comes_back_as_text() {
    const MARKUP: &str = "\"><b>'x";
    let house = House::new().await;
    let desk = house.desk().await;
    let shown = |body: &str| {
        assert!(!body.contains("<b>"), "{body}");
        assert!(body.contains("&#34;&#62;&#60;b&#62;&#39;x"), "{body}");
    };
    let all: Vec<_> = PolicyKey::all().map(|key| (key.name(), MARKUP)).collect();
    let answer = desk.get(&filled("balanced", &all)).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    shown(&answer.body);
    for key in PolicyKey::all() {
        shown(field(&answer.body, key.name()));
        let answer = desk.get(&filled("balanced", &[(key.name(), MARKUP)])).await;
        shown(&answer.body);
    }
    shown(&desk.get(&filled(MARKUP, &[])).await.body);
    shown(
        &desk
            .page(&at(CHANGE, &[("preset", "cis"), ("exempt", MARKUP)]))
            .await,
    );
    shown(&desk.get(&at(POLICY, &[("policy", MARKUP)])).await.body);
    let sent = desk
        .post(POLICY, &[("policy", "x=\"><b>'x"), ("was", MARKUP)])
        .await;
    shown(&sent.body);
    let sent = desk
        .post(POLICY, &[("policy", "cis"), ("was", MARKUP)])
        .await;
    assert_eq!(sent.status, StatusCode::CONFLICT);
    assert!(!sent.body.contains("<b>"), "{}", sent.body);
}

/// Nothing that was chosen is lost on the way to the password and back.
#[tokio::test]
async fn the_password_is_asked_for_before_a_policy_is_looked_at() {
    let house = House::new().await;
    let desk = house.desk().await;
    house.wait();
    assert_eq!(desk.get("/console/protection").await.status, StatusCode::OK);
    let answer = desk.get(&filled("cis", &[("max_attempts", "4")])).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    assert_eq!(onward(&answer).as_deref(), Some("cis max_attempts=4"));
    let sent = desk
        .post(POLICY, &[("policy", "cis"), ("was", "balanced")])
        .await;
    assert!(
        location(&sent).starts_with("/console/confirm?return_to=/console/protection/policy"),
        "{sent:?}"
    );
    for answer in [desk.get(DISABLING).await, desk.post(DISABLING, &[("allow", "yes")]).await] {
        assert_eq!(location(&answer), "/console/confirm?return_to=/console/protection/disabling");
    }
    assert_eq!(stored(&house, &LOCKOUT).await, "balanced");
    assert_eq!(stored(&house, &ACCOUNT_DISABLING).await, "off");
}

#[tokio::test]
async fn the_switch_says_what_becomes_of_whom_before_it_is_set() {
    let house = House::new().await;
    let desk = house.desk().await;
    let page = desk.page(DISABLING).await;
    assert!(page.contains("No account is disabled now."), "{page}");
    assert!(page.contains("name=\"allow\" value=\"yes\""), "{page}");
    let answer = desk.post(DISABLING, &[("allow", "yes")]).await;
    assert_eq!(location(&answer), "/console/protection?done=disabling-on");
    assert_eq!(stored(&house, &ACCOUNT_DISABLING).await, "on");
    for (login, words) in [
        ("lea", "The account that is disabled now stays so: nobody can enable it here"),
        ("leo", "The 2 accounts that are disabled now stay so: nobody can enable them here"),
    ] {
        let left = house.test.account(login).await;
        house.test.disable(&left).await;
        let page = desk.page(DISABLING).await;
        assert!(page.contains(words), "{page}");
        assert!(page.contains("name=\"allow\" value=\"no\""), "{page}");
    }
    let answer = desk.post(DISABLING, &[("allow", "no")]).await;
    assert_eq!(location(&answer), "/console/protection?done=disabling-off");
    assert_eq!(stored(&house, &ACCOUNT_DISABLING).await, "off");
    let again = desk.post(DISABLING, &[("allow", "no")]).await;
    assert_eq!(location(&again), "/console/protection?done=unchanged");
    for bad in ["maybe", ""] {
        let answer = desk.post(DISABLING, &[("allow", bad)]).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{bad}");
    }
    assert_eq!(stored(&house, &ACCOUNT_DISABLING).await, "off");
}

/// How many people are disabled is for those alone who may see people.
#[tokio::test]
async fn the_switch_counts_nobody_for_those_who_may_see_no_people() {
    let house = House::new().await;
    let left = house.test.account("lea").await;
    house.test.disable(&left).await;
    house.staff("nina", &[Permission::ManageSettings]).await;
    let page = house.sign_in("nina").await.page(DISABLING).await;
    assert!(page.contains("Accounts that are disabled now stay so"), "{page}");
    assert!(!page.contains("The account that"), "{page}");
}
