use proptest::prelude::*;

use super::*;

fn names() -> FieldNames {
    FieldNames { login: Some("login".to_owned()), password: Some("password".to_owned()) }
}

#[test]
fn names_that_some_reader_takes_for_one_have_no_meaning() {
    for name in ["Login", " login", "login ", "LOGIN[]", "login[0]", "login\0x", "lOgin[a][b]"] {
        let which = names().which(name);
        assert_eq!(which, Err(BadSignIn::TwoMeanings(SignInField::Login)), "{name:?}");
    }
    for name in ["", "log", "logins", "login2", "return_to", "xlogin", "löGin", "user[login]"] {
        assert_eq!(names().which(name), Ok(None), "{name:?}");
    }
}

#[test]
fn names_with_signs_in_them_are_told_apart() {
    let names = FieldNames {
        login: Some("user[login]".to_owned()),
        password: Some("user[password]".to_owned()),
    };
    assert_eq!(names.which("user[login]"), Ok(Some(SignInField::Login)));
    assert_eq!(names.which("user[password]"), Ok(Some(SignInField::Password)));
    assert_eq!(names.which("user[return_to]"), Ok(None));
    let alike = Err(BadSignIn::TwoMeanings(SignInField::Login));
    assert_eq!(names.which("user.login."), alike);
    assert_eq!(names.which("user[login][]"), alike);
}

#[test]
fn a_field_of_one_name_may_look_like_the_other() {
    let names = FieldNames { login: Some("User".to_owned()), password: Some("user".to_owned()) };
    assert_eq!(names.which("User"), Ok(Some(SignInField::Login)));
    assert_eq!(names.which("user"), Ok(Some(SignInField::Password)));
}

proptest! {
    /// Property: nothing that is sent makes a reader panic.
    #[test]
    fn any_bytes_are_read_or_refused(body in proptest::collection::vec(any::<u8>(), 0..200)) {
        for written in [Written::Form, Written::Json] {
            let _ = names().read(written, &body);
        }
    }

    /// Property: no name is one of ours but the two themselves.
    #[test]
    fn only_the_names_themselves_are_taken(name in "(?i)[ \\[\\]]{0,2}(login|password|x)?.{0,3}") {
        if let Ok(Some(field)) = names().which(&name) {
            let expected = match field {
                SignInField::Login => "login",
                SignInField::Password => "password",
            };
            prop_assert_eq!(name, expected);
        }
    }
}
