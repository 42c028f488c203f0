use futures_util::StreamExt;
use http::Request;
use proptest::prelude::*;

use super::*;

fn form(text: &str) -> Result<Fields, BadForm> {
    Fields::of_form(text.as_bytes())
}

#[test]
fn a_field_is_there_once() {
    let mut fields = form("login=alice&password=a%2Bb+c&empty=&bare").expect("a form");
    assert_eq!(fields.once("login").as_deref(), Ok("alice"));
    assert_eq!(fields.once("password").as_deref(), Ok("a+b c"));
    assert_eq!(fields.once("empty").as_deref(), Ok(""));
    assert_eq!(fields.once("bare").as_deref(), Ok(""));
    assert_eq!(fields.once("more"), Err(BadForm::Missing("more")));
    assert_eq!(fields.perhaps("more"), Ok(None));
    let mut twice = form("login=a&x=y&login=a").expect("a form");
    assert_eq!(twice.once("login"), Err(BadForm::Repeated("login")));
}

#[test]
fn another_spelling_of_a_name_is_the_same_name() {
    let mut twice = form("login=a&%6Cogin=b").expect("a form");
    assert_eq!(twice.once("login"), Err(BadForm::Repeated("login")));
}

#[test]
fn bytes_that_are_no_text_are_refused() {
    assert_eq!(form("login=%FF").err(), Some(BadForm::Malformed));
    assert_eq!(form(&"a&".repeat(MAX_FIELDS + 1)).err(), Some(BadForm::Malformed));
}

#[test]
fn json_is_an_object_of_strings() {
    let json = |text: &str| Fields::of_json(text.as_bytes());
    let mut fields = json(r#"{"login": "alice", "password": "\u00e9"}"#).expect("an object");
    assert_eq!(fields.once("password").as_deref(), Ok("é"));
    let mut twice = json(r#"{"login": "a", "login": "b"}"#).expect("an object");
    assert_eq!(twice.once("login"), Err(BadForm::Repeated("login")));
    for bad in ["", "[]", "{", r#"{"a": 1}"#, r#"{"a": ["b"]}"#, r#"{"a": "b"} x"#, "null"] {
        assert_eq!(json(bad).err(), Some(BadForm::Malformed), "{bad}");
    }
}

#[tokio::test]
async fn only_small_forms_of_the_right_type_are_read() {
    let text = "application/x-www-form-urlencoded";
    let long = "a".repeat(MAX_FORM_BYTES + 1);
    let cases: &[(&[&str], &str, bool, Option<BadForm>)] = &[
        (&[text], "a=b", false, None),
        (&["Application/X-WWW-Form-URLencoded; charset=UTF-8"], "a=b", false, None),
        (&["application/json"], "{}", true, None),
        (&["application/json"], "{}", false, Some(BadForm::ContentType)),
        (&["text/plain"], "a=b", true, Some(BadForm::ContentType)),
        (&["multipart/form-data; boundary=a"], "", false, Some(BadForm::ContentType)),
        (&[], "a=b", false, Some(BadForm::ContentType)),
        (&[text, text], "a=b", false, Some(BadForm::ContentType)),
        (&[text], &long, false, Some(BadForm::TooLarge)),
        (&[text], &long[..MAX_FORM_BYTES], false, None),
    ];
    for (types, body, takes_json, expected) in cases {
        let mut request = Request::post("/");
        for content_type in *types {
            request = request.header(CONTENT_TYPE, *content_type);
        }
        let parts = request.body(()).expect("a request").into_parts().0;
        let body = Body::from((*body).to_owned());
        let read = read(&parts, body, *takes_json).await;
        assert_eq!(read.err(), *expected, "{types:?}");
    }
}

#[tokio::test]
async fn an_announced_length_is_believed() {
    let request = Request::post("/").header(CONTENT_TYPE, "application/x-www-form-urlencoded");
    let request = request.header(CONTENT_LENGTH, "8193");
    let parts = request.body(()).expect("a request").into_parts().0;
    let read = read(&parts, Body::from("a=b"), false).await;
    assert_eq!(read.err(), Some(BadForm::TooLarge));
}

proptest! {
    /// Property: whatever people type, a form reads back as what a browser was
    /// given, and nothing that was typed becomes another field.
    #[test]
    fn what_was_typed_reads_back(typed in proptest::collection::vec(any::<String>(), 3)) {
        let names = ["login", "password", "return_to"];
        let pairs = names.iter().zip(&typed);
        let sent = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(pairs)
            .finish();
        let mut fields = form(&sent).expect("a form");
        prop_assert_eq!(fields.0.len(), 3);
        for (name, typed) in names.into_iter().zip(&typed) {
            prop_assert_eq!(fields.once(name), Ok(typed.clone()));
        }
    }

    /// Property: any bytes are read or refused, and a name that decodes to a
    /// field's, however often, yields that field once or not at all.
    #[test]
    fn no_bytes_have_two_meanings(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(mut fields) = Fields::of_form(&bytes) {
            let there = fields.0.iter().filter(|(name, _)| name == "login").count();
            prop_assert_eq!(fields.once("login").is_ok(), there == 1);
        }
        let _ = Fields::of_json(&bytes);
    }

    /// Property: a field that is sent twice is refused, wherever it stands and
    /// however its name is spelled.
    #[test]
    fn nothing_is_taken_twice(
        before in "[a-z=&]{0,20}", between in "(&[a-z]{1,5}=[a-z]{0,5}){0,3}", at in 0..5usize,
    ) {
        let mut name = "login".to_owned();
        let encoded = format!("%{:02x}", name.as_bytes()[at]);
        name.replace_range(at..=at, &encoded);
        let sent = format!("{before}&login=a{between}&{name}=b");
        let mut fields = form(&sent).expect("a form");
        prop_assert_eq!(fields.once("login"), Err(BadForm::Repeated("login")));
    }
}

#[tokio::test(start_paused = true)]
async fn a_form_that_never_ends_is_given_up() {
    let typed = Request::post("/").header(CONTENT_TYPE, "application/x-www-form-urlencoded");
    let (head, ()) = typed.body(()).expect("a request").into_parts();
    let began = tokio::time::Instant::now();
    let read = read(&head, Body::from_stream(half_of_a_form()), false).await;
    assert_eq!(read.err(), Some(BadForm::TooSlow));
    assert_eq!(began.elapsed(), TIME_TO_SEND);
}

fn half_of_a_form() -> impl futures_util::Stream<Item = Result<&'static str, std::io::Error>> {
    futures_util::stream::once(async { Ok("login=al") }).chain(futures_util::stream::pending())
}
