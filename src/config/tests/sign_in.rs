//! Where people sign in: what is taken, and what is refused.

use proptest::prelude::*;

use super::*;
use crate::config::sign_in::SignInUrl;
use crate::config::value::Text;
use crate::guard::SignInAddress;

const APPLICATION: &str = "[upstream]\nurl = \"http://127.0.0.1:3000\"\n";
const PUBLIC: &str = "[public]\nurl = \"https://app.example\"\n";

fn page(text: &str) -> SignInAddress {
    config(&format!("{APPLICATION}{text}"))
        .gateway
        .sign_in
        .address()
}

#[test]
fn a_page_elsewhere_is_told_where_people_return_to() {
    let reports = crate::guard::ReturnTo::parse("/reports").expect("a path");
    let to = |page: &SignInAddress| page.location(Some(&reports), None);
    let own = page("");
    assert_eq!(to(&own), "/.portcullis/sign-in?return_to=/reports");
    assert!(!own.is_elsewhere());
    let path = page("[sign_in]\nurl = \"/login\"\nreturn_param = \"next\"");
    assert_eq!(to(&path), "/login?next=/reports");
    let whole = page(&format!("{PUBLIC}[sign_in]\nurl = \"https://id.example/?a=b\""));
    let back = "https%3A//app.example/reports";
    assert_eq!(to(&whole), format!("https://id.example/?a=b&return_to={back}"));
    assert!(path.is_elsewhere() && whole.is_elsewhere());
    let off = page("[sign_in]\nby = \"here\"\nurl = \"/login\"");
    assert!(!off.is_elsewhere());
}

#[test]
fn what_leads_nowhere_is_refused() {
    for (text, words) in [
        ("by = \"elsewhere\"", "`sign_in.url` is not set"),
        ("url = \"https://id.example/\"", "does not say where people return to"),
        ("url = \"//id.example/\"", "`sign_in.url` can't be used"),
        ("url = \"javascript:alert(1)\"", "`sign_in.url` can't be used"),
        ("url = \"https://u@id.example/\"", "`sign_in.url` can't be used"),
        ("url = \"/.portcullis/sign-in\"", "is Portcullis's own"),
        ("return_param = \"a&b\"", "is no such name"),
        ("return_param = \"notice\"", "says why"),
        ("by = \"there\"", "is none of its words"),
    ] {
        let errors = refused(&format!("{APPLICATION}[sign_in]\n{text}\n"), &[]);
        let wrong = whats(&errors);
        assert!(wrong.iter().any(|what| what.contains(words)), "{text}: {wrong:?}");
    }
}

proptest! {
    /// Property: whatever page is taken, its address begins as it is written, so nobody
    /// is sent to another host.
    #[test]
    fn a_page_is_where_it_is_written(text in "(https://id\\.example)?/[ -~]{0,30}|[ -~]{0,30}") {
        if let Ok(url) = SignInUrl::parse(&text) {
            let address = SignInAddress::parse(&url.0).expect("it was read");
            let location = address.location(None, None);
            prop_assert!(location.to_str().is_ok_and(|to| to.starts_with(&text)));
        }
    }
}
