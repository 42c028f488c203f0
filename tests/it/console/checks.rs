//! What the tests of several pages look at alike.

use http::StatusCode;
use portcullis::admin::Actor;
use portcullis::domain::permission::Permission;
use portcullis::store::AuditSearch;

use super::{Desk, House};
use crate::guard::Answer;

/// What nobody may ever find in a page as it stands here.
pub(super) const MARKUP: &str = "\"><script>alert(1)</script>";

/// The same, as a page may say it.
pub(super) const ESCAPED: &str = "&#34;&#62;&#60;script&#62;alert(1)&#60;/script&#62;";

/// The same, in an address.
pub(super) const IN_ADDRESS: &str = "%22%3E%3Cscript%3Ealert(1)%3C/script%3E";

pub(super) const NOBODY: &[Permission] = &[];

/// Somebody at the console with one permission, or an administrator.
pub(super) struct Someone<'a> {
    pub(super) held: Option<Permission>,
    pub(super) desk: Desk<'a>,
}

impl Someone<'_> {
    /// Whether it takes one of these, and they have it.
    pub(super) fn may(&self, it_takes: &[Permission]) -> bool {
        self.held.is_none_or(|held| it_takes.contains(&held))
    }

    /// A page is there for exactly those who have one of these.
    pub(super) async fn sees(&self, path: &str, it_takes: &[Permission]) {
        let expected = if self.may(it_takes) { StatusCode::OK } else { StatusCode::FORBIDDEN };
        let answer = self.desk.get(path).await;
        assert_eq!(answer.status, expected, "{:?}: GET {path}: {}", self.held, answer.body);
    }

    /// An act is done for exactly those who have one of these; for the others nothing is
    /// written.
    pub(super) async fn does(
        &self,
        house: &House,
        path: &str,
        fields: &[(&str, &str)],
        it_takes: &[Permission],
    ) -> Answer {
        let before = reach(house).await;
        let answer = self.desk.post(path, fields).await;
        let done = answer.status == StatusCode::OK || answer.status == StatusCode::SEE_OTHER;
        let what = format!("{:?}: POST {path} {fields:?}: {}", self.held, answer.body);
        assert_eq!(done, self.may(it_takes), "{what}");
        if !done {
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{what}");
            assert_eq!(reach(house).await, before, "{what}");
        }
        answer
    }
}

/// What no page is for.
pub(super) const NO_PAGE: [Permission; 2] = [Permission::ReadMetrics, Permission::ReadFeed];

/// An administrator, and somebody for each permission, who has it alone.
pub(super) async fn everybody(house: &House) -> Vec<Someone<'_>> {
    house.administrator("who-administers").await;
    let desk = house.sign_in("who-administers").await;
    let mut all = vec![Someone { held: None, desk }];
    for permission in Permission::ALL {
        let login = format!("who-{permission}");
        house.staff(&login, &[permission]).await;
        // Whoever has nothing to do here has no session here.
        if NO_PAGE.contains(&permission) {
            let refused = house.attempt(&login, super::PASSWORD).await;
            assert_eq!(refused.status, StatusCode::FORBIDDEN);
            continue;
        }
        let desk = house.sign_in(&login).await;
        all.push(Someone { held: Some(permission), desk });
    }
    all
}

/// How far the audit log reaches. Whatever is changed is written there, so where this is
/// the same nothing was.
pub(super) async fn reach(house: &House) -> u64 {
    let search = AuditSearch { limit: 1, ..AuditSearch::default() };
    let found = house
        .test
        .admin()
        .audit_entries(&Actor::System, search)
        .await;
    let found = found.expect("a log");
    found.first().map_or(0, |entry| entry.record.position)
}

/// The value of the first hidden field of this name.
pub(super) fn hidden(page: &str, name: &str) -> String {
    let start = format!("<input type=\"hidden\" name=\"{name}\" value=\"");
    let rest = page.split_once(&start).expect("a hidden field").1;
    rest.split('"').next().unwrap_or_default().to_owned()
}

/// A page says what is wrong beside exactly this field, and in its title.
#[track_caller]
pub(super) fn wrong_at(answer: &Answer, field: &str, words: &str) {
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{field}: {}", answer.body);
    assert!(answer.body.contains("<title>Error: "), "{field}: {}", answer.body);
    assert!(answer.body.contains(words), "{field}: {words}: {}", answer.body);
    let mut at = answer.body.split("class=\"error\" id=\"").skip(1);
    let at: Vec<_> = at
        .by_ref()
        .filter_map(|rest| rest.split('"').next())
        .collect();
    let expected = match field {
        "form" => Vec::new(),
        field => vec![format!("{field}-error")],
    };
    assert_eq!(at, expected, "{}", answer.body);
}
