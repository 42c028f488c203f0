//! The collection of users.

use portcullis::domain::permission::Permission;
use portcullis::domain::standing::Lifecycle;
use serde_json::{Value, json};

use super::{Reply, Stand};

fn encode(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

async fn list(stand: &Stand, query: &[(&str, &str)]) -> Reply {
    let pairs = query
        .iter()
        .map(|(name, value)| format!("{name}={}", encode(value)));
    let query = pairs.collect::<Vec<_>>().join("&");
    stand.get(&stand.a, &format!("/users?{query}")).await
}

/// What the elements say under this name.
#[track_caller]
fn all<'a>(reply: &'a Reply, name: &str) -> Vec<&'a str> {
    assert_eq!(reply.status, 200, "{}", reply.text);
    let elements = reply.body["_embedded"]["elements"]
        .as_array()
        .expect("elements");
    let text = |element: &'a Value| element[name].as_str().expect("a text");
    elements.iter().map(text).collect()
}

async fn crowd() -> Stand {
    let stand = Stand::new().await;
    for login in ["bob", "ada", "eve"] {
        stand.person(login).await;
    }
    let eve = stand.person("mallory").await;
    stand.test.lock(&eve).await;
    stand.in_life("ivy", Lifecycle::Invited).await;
    stand.in_life("rob", Lifecycle::Registered).await;
    let gone = stand.person("gone").await;
    stand.test.delete(&gone).await;
    stand
}

#[tokio::test]
async fn op_23_a_page_is_a_page() {
    let stand = crowd().await;
    let page = list(&stand, &[("pageSize", "1"), ("offset", "2")]).await;
    page.is_hal();
    let body = &page.body;
    assert_eq!(body["_type"], "Collection");
    assert_eq!(
        (&body["offset"], &body["pageSize"], &body["count"]),
        (&json!(2), &json!(1), &json!(1))
    );
    assert_eq!(body["total"], 7, "the deleted are not there");
    let links = page.links();
    for link in ["self", "jumpTo", "changeSize", "previousByOffset", "nextByOffset"] {
        assert!(links.contains(&link), "{links:?}");
    }
    let nothing = list(&stand, &[("pageSize", "0")]).await;
    assert_eq!((&nothing.body["total"], &nothing.body["count"]), (&json!(7), &json!(0)));
    let all_of_them = list(&stand, &[("pageSize", "-1")]).await;
    assert_eq!(
        (&all_of_them.body["count"], &all_of_them.body["pageSize"]),
        (&json!(7), &json!(1000))
    );
    // A client that pages until it has passed the total asks for one page too many.
    let beyond = list(&stand, &[("pageSize", "7"), ("offset", "2")]).await;
    assert_eq!((beyond.status, &beyond.body["count"]), (200, &json!(0)));
    for odd in ["0", "-3", "x", ""] {
        assert_eq!(list(&stand, &[("offset", odd)]).await.body["offset"], 1, "{odd}");
    }
}

#[tokio::test]
async fn following_the_links_visits_everybody_once() {
    let stand = crowd().await;
    let sort_by = encode("[[\"login\",\"asc\"]]");
    let mut path = format!("/users?pageSize=2&sortBy={sort_by}");
    let mut seen = Vec::new();
    while seen.len() < 20 {
        let page = stand.get(&stand.a, &path).await;
        seen.extend(all(&page, "login").into_iter().map(str::to_owned));
        let Some(next) = page.body["_links"].get("nextByOffset") else { break };
        path = next["href"].as_str().expect("a link")["/api/v3".len()..].to_owned();
    }
    assert_eq!(seen, ["ada", "bob", "eve", "ivy", "mallory", "rob", "root"]);
}

#[tokio::test]
async fn op_24_a_filter_takes_what_it_says() {
    let stand = crowd().await;
    let filtered = async |filters: &str| {
        let sorted = ("sortBy", "[[\"login\",\"asc\"]]");
        let found = list(&stand, &[("filters", filters), sorted]).await;
        all(&found, "login")
            .into_iter()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let not_active = r#"[{"status":{"operator":"!","values":["active"]}}]"#;
    assert_eq!(filtered(not_active).await, ["ivy", "mallory", "rob"]);
    let locked = r#"[{"status":{"operator":"=","values":["locked"]}}]"#;
    assert_eq!(filtered(locked).await, ["mallory"]);
    let both = r#"[{"status":{"operator":"=","values":["active","locked"]}},{"login":{"operator":"~","values":["O","a"]}}]"#;
    assert_eq!(filtered(both).await, ["ada", "bob", "mallory", "root"]);
    let login = r#"[{"login":{"operator":"=","values":["ADA"]}}]"#;
    assert_eq!(filtered(login).await, ["ada"]);
    let any = r#"[{"any_name_attribute":{"operator":"~","values":["eve@EXAMPLE"]}}]"#;
    assert_eq!(filtered(any).await, ["eve"]);
    let named = r#"[{"name":{"operator":"!~","values":["lovelace"]}}]"#;
    assert_eq!(filtered(named).await, ["ivy", "rob", "root"]);
    let blocked = r#"[{"blocked":{"operator":"=","values":["blocked"]}}]"#;
    assert!(filtered(blocked).await.is_empty());
    for n in 0..5 {
        stand.sign_in("bob", &format!("guess {n}")).await;
    }
    assert_eq!(filtered(blocked).await, ["bob"]);
}

#[tokio::test]
async fn people_are_found_by_their_groups() {
    let stand = crowd().await;
    let made = |name: &str, members: Value| {
        stand.own("POST", "/groups", &stand.a, json!({ "name": name, "members": members }))
    };
    let staff = made("Staff", json!(["ada", "bob"])).await.body["group"]["id"].clone();
    let board = made("Board", json!(["bob", "mallory"])).await.body["group"]["id"].clone();
    let found = async |operator: &str, values: Value| {
        let filters = json!([{ "group": { "operator": operator, "values": values } }]);
        let sorted = ("sortBy", "[[\"login\",\"asc\"]]");
        let page = list(&stand, &[("filters", &filters.to_string()), sorted]).await;
        all(&page, "login")
            .into_iter()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let (staff, board) = (staff.to_string(), board.to_string());
    assert_eq!(found("=", json!([staff])).await, ["ada", "bob"]);
    assert_eq!(found("=", json!([staff, board])).await, ["ada", "bob", "mallory"]);
    assert_eq!(found("!", json!([staff])).await, ["eve", "ivy", "mallory", "rob", "root"]);
    assert_eq!(found("=", json!(["4711"])).await, [""; 0]);
    assert_eq!(found("*", json!([])).await, ["ada", "bob", "mallory"]);
    assert_eq!(found("!*", json!([])).await, ["eve", "ivy", "rob", "root"]);
    for (operator, values) in [("=", json!(["staff"])), ("=", json!(["0"])), ("~", json!(["1"]))] {
        let filters = json!([{ "group": { "operator": operator, "values": values } }]);
        let refused = list(&stand, &[("filters", &filters.to_string())]).await;
        refused.is_error(400, "InvalidQuery");
    }

    let own = format!("/accounts?group={board}&sort=login");
    let page = stand.own("GET", &own, &stand.a, Value::Null).await;
    let logins = page.body["accounts"].as_array().expect("accounts").iter();
    assert_eq!(logins.map(|one| one["login"].clone()).collect::<Vec<_>>(), ["bob", "mallory"]);
    let odd = stand
        .own("GET", "/accounts?group=staff", &stand.a, Value::Null)
        .await;
    odd.is_problem(422, "invalid");
}

#[tokio::test]
async fn op_25_what_makes_no_sense_is_refused() {
    let stand = crowd().await;
    for (name, bad) in [
        ("filters", r#"[{"name":{"operator":"a","values":["x"]}}]"#),
        ("filters", r#"[{"shoe_size":{"operator":"=","values":["1"]}}]"#),
        ("filters", "[{"),
        ("sortBy", r#"[["shoeSize","asc"]]"#),
        ("sortBy", r#"[["name","up"]]"#),
        ("select", "total,elements/shoeSize"),
    ] {
        list(&stand, &[(name, bad)])
            .await
            .is_error(400, "InvalidQuery");
    }
    stand
        .get(&stand.a, "/users?filters=%ff")
        .await
        .is_error(400, "InvalidQuery");
    let long = "x".repeat(3_000);
    list(&stand, &[("filters", &long)])
        .await
        .is_error(400, "InvalidQuery");
}

#[tokio::test]
async fn op_26_only_what_is_selected_is_there() {
    let stand = crowd().await;
    let query =
        [("select", "total,elements/name"), ("sortBy", "[[\"name\",\"desc\"]]"), ("pageSize", "1")];
    let answer = list(&stand, &query).await;
    let expected = json!({
        "total": 7,
        "_embedded": { "elements": [{ "name": "Ada King Lovelace" }] },
    });
    assert_eq!(answer.body, expected);
}

#[tokio::test]
async fn op_27_somebody_plain_sees_no_list() {
    let stand = crowd().await;
    let u = stand.who_may("u", None).await;
    for query in ["", "?filters=nonsense"] {
        let answer = stand.get(&u.secret, &format!("/users{query}")).await;
        answer.is_error(403, "MissingPermission");
    }
    for permission in Permission::ALL {
        let m = stand.who_may(permission.as_str(), Some(permission)).await;
        let answer = stand.get(&m.secret, "/users").await;
        let expected = if permission.includes(Permission::ViewUsers) { 200 } else { 403 };
        assert_eq!(answer.status, expected, "{permission}: {}", answer.text);
    }
}

#[tokio::test]
async fn lists_are_sorted_as_asked() {
    let stand = crowd().await;
    let newest = list(&stand, &[]).await;
    assert_eq!(all(&newest, "login")[..2], ["rob", "ivy"], "newest first where nothing is said");
    let by_email = list(&stand, &[("sortBy", r#"[["email","desc"],["id","asc"]]"#)]).await;
    let expected = ["mallory", "eve", "bob", "ada", "root", "ivy", "rob"];
    assert_eq!(all(&by_email, "login"), expected);
}
