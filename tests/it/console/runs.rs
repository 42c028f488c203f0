//! Bulk updates: chosen, looked at, begun, followed, stopped and undone.

use std::time::Duration;

use http::StatusCode;
use portcullis::admin::{Actor, BulkChange, BulkRequest, BulkRun, LockWish, Selection};
use portcullis::domain::permission::Permission;
use portcullis::store::{RunId, RunState};

use super::{House, location};

/// The run, once it is at its end.
pub(super) async fn ended(house: &House, id: i64) -> BulkRun {
    for _ in 0..500 {
        let run = house.test.admin().run(&Actor::System, RunId::new(id)).await;
        let run = run.expect("a run");
        if run.state == RunState::Finished {
            return run;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("run {id} does not come to its end");
}

async fn begun(house: &House, logins: &[&str]) -> RunId {
    let logins = logins.iter().map(|login| (*login).to_owned()).collect();
    let locked = LockWish::Yes { until: None, reason: None };
    let request = BulkRequest {
        selection: Selection::Logins(logins),
        change: BulkChange { locked, ..BulkChange::default() },
    };
    let run = house.test.admin().begin_bulk(&Actor::System, request).await;
    run.expect("a run").id
}

async fn count(house: &House) -> usize {
    let runs = house.test.admin().runs(&Actor::System, None, 100).await;
    runs.expect("a store").len()
}

#[tokio::test]
async fn pasted_logins_are_checked_and_then_changed() {
    let house = House::new().await;
    let desk = house.desk().await;
    let anna = house.test.account("anna").await;
    house.test.account("berta").await;
    let cookie = house.test.sign_in(&anna).await;
    let table = "name,login\r\nA,anna\r\nB,berta\r\nX,nobody\r\nM,ada\r\n";
    let fields = [
        ("whom", "named"),
        ("logins", table),
        ("locked", "yes"),
        ("until", "7d"),
        ("reason", "the <b>contract</b> ended"),
    ];
    let page = desk.post("/console/runs/check", &fields).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.body);
    assert!(page.body.contains("Lock 2 people?"), "{}", page.body);
    assert!(page.body.contains("people can&#39;t do this to themselves"), "{}", page.body);
    assert!(page.body.contains("the &#60;b&#62;contract") && !page.body.contains("<b>contract"));
    assert_eq!(count(&house).await, 0, "a look begins nothing");
    assert_eq!(house.visit(&cookie).await, StatusCode::OK);

    let back = desk.post("/console/runs/new", &fields).await.body;
    assert!(back.contains("A,anna") && back.contains("value=\"7d\" selected"), "{back}");

    let started = desk.post("/console/runs", &fields).await;
    assert_eq!(location(&started), "/console/runs/1?done=begun");
    let run = ended(&house, 1).await;
    assert_eq!((run.counts.changed, run.counts.refused, run.counts.not_found), (2, 1, 1));
    assert_ne!(house.visit(&cookie).await, StatusCode::OK);

    let page = desk.page("/console/runs/1").await;
    assert!(page.contains("4 of 4 are done") && !page.contains("hx-trigger"), "{page}");
    assert!(page.contains("the &#60;b&#62;contract"), "{page}");
    for (outcome, there, not) in [
        ("changed", ">anna</strong>", ">nobody</span>"),
        ("refused", ">ada</strong>", ">anna</strong>"),
        ("not_found", ">nobody</span>", ">anna</strong>"),
    ] {
        let page = desk
            .page(&format!("/console/runs/1?outcome={outcome}"))
            .await;
        let table = page.split("<tbody>").nth(1).expect("a table");
        assert!(table.contains(there) && !table.contains(not), "{outcome}: {table}");
    }
    let list = desk.page("/console/runs").await;
    assert!(list.contains("Lock 4 people") && list.contains("2 of 4") && list.contains(">ada<"));
}

#[tokio::test]
async fn a_run_is_taken_back_but_for_whom_somebody_changed_since() {
    let house = House::new().await;
    let desk = house.desk().await;
    let anna = house.test.account("anna").await;
    let berta = house.test.account("berta").await;
    let started = desk
        .post("/console/runs", &[("whom", "named"), ("logins", "anna\nberta"), ("locked", "yes")])
        .await;
    assert_eq!(started.status, StatusCode::SEE_OTHER, "{}", started.body);
    ended(&house, 1).await;
    house
        .test
        .edit(&berta, |account| account.name = "Berta".to_owned())
        .await;

    let page = desk.page("/console/runs/1/undo").await;
    assert!(page.contains("changed since are left alone"), "{page}");
    assert!(page.contains("Sessions that it ended stay ended"), "{page}");
    assert_eq!(count(&house).await, 1, "a look begins nothing");
    let undone = desk.post("/console/runs/1/undo", &[]).await;
    assert_eq!(location(&undone), "/console/runs/2?done=undo-begun");
    let run = ended(&house, 2).await;
    assert_eq!((run.counts.changed, run.counts.refused), (1, 1));
    assert!(house.test.sign_in(&anna).await.contains('='), "anna can come in again");
    let page = desk.page("/console/runs/2?outcome=refused").await;
    assert!(page.contains("somebody changed the account since"), "{page}");
    let page = desk.page("/console/runs/1").await;
    assert!(page.contains("taken back by") && !page.contains("/runs/1/undo"), "{page}");
    assert_eq!(desk.post("/console/runs/1/undo", &[]).await.status, StatusCode::CONFLICT);
}

#[tokio::test]
async fn a_run_is_followed_stopped_and_goes_on() {
    let house = House::new().await;
    let desk = house.desk().await;
    let anna = house.test.account("anna").await;
    let cookie = house.test.sign_in(&anna).await;
    // Nobody works on it yet: nothing but the pages does in this test.
    let id = begun(&house, &["anna"]).await;
    let here = format!("/console/runs/{id}");
    let page = desk.page(&here).await;
    assert!(page.contains("hx-trigger=\"every 1s\"") && page.contains("<progress"), "{page}");
    assert!(page.contains("<noscript>"), "{page}");
    let stopped = desk.post(&format!("{here}/cancel"), &[]).await;
    assert_eq!(location(&stopped), format!("{here}?done=cancelled"));
    let page = desk.page(location(&stopped)).await;
    assert!(page.contains("Stopped") && !page.contains("hx-trigger"), "{page}");
    assert_eq!(house.visit(&cookie).await, StatusCode::OK, "nothing was changed");
    let again = desk.post(&format!("{here}/cancel"), &[]).await;
    assert_eq!(again.status, StatusCode::CONFLICT);
    let on = desk.post(&format!("{here}/resume"), &[]).await;
    assert_eq!(location(&on), format!("{here}?done=resumed"));
    ended(&house, id.get()).await;
    assert_ne!(house.visit(&cookie).await, StatusCode::OK);
}

#[tokio::test]
async fn everything_that_is_wrong_is_told_and_nothing_begins() {
    let house = House::new().await;
    let desk = house.desk().await;
    for (fields, words) in [
        (&[("whom", "named"), ("logins", "")][..], "Write at least one login"),
        (&[("whom", "named"), ("logins", "anna")], "Choose at least one thing to change"),
        (&[("whom", "ticked"), ("locked", "yes")], "Nobody was chosen in the list"),
        (&[("whom", "filter"), ("within", "x"), ("locked", "yes")], "a number of days"),
        (
            &[("whom", "filter"), ("locked", "yes"), ("until", "day"), ("until_day", "2020-01-01")],
            "has begun already",
        ),
        (&[("whom", "named"), ("logins", "a"), ("disabled", "yes")], "to disable needs a reason"),
    ] {
        for path in ["/console/runs/check", "/console/runs"] {
            let answer = desk.post(path, fields).await;
            assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{fields:?}");
            assert!(answer.body.contains(words), "{fields:?}: {}", answer.body);
            assert!(answer.body.contains("<title>Error: "), "{fields:?}");
        }
    }
    // While disabling is off, it is not offered, and refused to whoever asks all the same.
    let page = desk.page("/console/runs/new").await;
    assert!(!page.contains("Account disabled"), "{page}");
    let fields = [("whom", "filter"), ("disabled", "yes"), ("reason", "left")];
    let refused = desk.post("/console/runs", &fields).await;
    assert_eq!(refused.status, StatusCode::CONFLICT);
    assert!(refused.body.contains("ccount disabling is switched off"), "{}", refused.body);
    house
        .test
        .admin()
        .allow_disabling(&Actor::System, true)
        .await
        .expect("a setting");
    assert!(
        desk.page("/console/runs/new")
            .await
            .contains("Account disabled")
    );
    for (path, expected) in [
        ("/console/runs/1", StatusCode::NOT_FOUND),
        ("/console/runs/x", StatusCode::NOT_FOUND),
        ("/console/runs/1/undo", StatusCode::NOT_FOUND),
        ("/console/runs?before=x", StatusCode::NOT_FOUND),
    ] {
        assert_eq!(desk.get(path).await.status, expected, "{path}");
    }
    assert_eq!(count(&house).await, 0);
}

#[tokio::test]
async fn the_form_begins_with_whom_the_list_chose() {
    let house = House::new().await;
    let desk = house.desk().await;
    let anna = house.test.account("anna").await;
    let ticked = desk
        .page(&format!("/console/runs/new?id={}&q=x", anna.id))
        .await;
    assert!(ticked.contains("value=\"ticked\" checked"), "{ticked}");
    let all = desk.page("/console/runs/new?all=yes&q=an").await;
    assert!(all.contains("value=\"filter\" checked") && all.contains("value=\"an\""), "{all}");
    let neither = desk.page("/console/runs/new").await;
    assert!(neither.contains("value=\"named\" checked"), "{neither}");
}

#[tokio::test]
async fn a_long_outcome_has_pages() {
    let house = House::new().await;
    let desk = house.desk().await;
    let logins: Vec<_> = (0..70).map(|number| format!("p{number:02}")).collect();
    for login in &logins {
        house.test.account(login).await;
    }
    let named = logins.join("\n");
    let fields = [("whom", "named"), ("logins", named.as_str()), ("sign_out", "yes")];
    desk.post("/console/runs", &fields).await;
    ended(&house, 1).await;
    let first = desk.page("/console/runs/1?outcome=changed").await;
    assert!(first.contains(">p49</strong>") && !first.contains(">p50</strong>"), "{first}");
    let second = desk.page("/console/runs/1?outcome=changed&after=50").await;
    assert!(
        first.contains("outcome=changed&#38;after=50")
            || first.contains("outcome=changed&amp;after=50")
    );
    assert!(second.contains(">p50</strong>") && second.contains(">p69</strong>"), "{second}");
    assert!(!second.contains("rel=\"next\"") && second.contains("First page"), "{second}");
}

#[tokio::test]
async fn runs_are_for_whoever_may_change_people_and_is_sure() {
    let house = House::new().await;
    house.administrator("root").await;
    house.test.account("anna").await;
    house.staff("helper", &[Permission::UnlockUsers]).await;
    house.staff("manager", &[Permission::ManageUsers]).await;
    let id = begun(&house, &["anna"]).await;
    let helper = house.sign_in("helper").await;
    let fields = [("whom", "filter"), ("locked", "yes")];
    for path in ["/console/runs", "/console/runs/new", "/console/runs/1", "/console/runs/1/undo"] {
        assert_eq!(helper.get(path).await.status, StatusCode::FORBIDDEN, "{path}");
    }
    let posts = ["check", "new", "1/cancel", "1/resume", "1/undo"];
    for path in posts
        .iter()
        .map(|path| format!("/console/runs/{path}"))
        .chain(["/console/runs".into()])
    {
        assert_eq!(helper.post(&path, &fields).await.status, StatusCode::FORBIDDEN, "{path}");
        let elsewhere = house.sign_in("root").await;
        let sent = elsewhere.post_from_elsewhere(&path, &fields).await;
        assert_eq!(sent.status, StatusCode::FORBIDDEN, "{path}");
    }
    // A run of somebody else's is an administrator's to stop.
    let manager = house.sign_in("manager").await;
    let page = manager.page("/console/runs/1").await;
    assert!(!page.contains("/cancel"), "{page}");
    let refused = manager.post("/console/runs/1/cancel", &[]).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    assert!(
        !manager
            .page("/console/runs/new")
            .await
            .contains("name=\"admin\"")
    );
    let raised = [("whom", "named"), ("logins", "manager"), ("admin", "yes")];
    for path in ["/console/runs/check", "/console/runs"] {
        assert_eq!(manager.post(path, &raised).await.status, StatusCode::FORBIDDEN, "{path}");
    }
    house.wait();
    for path in ["/console/runs/new?q=an&all=yes", "/console/runs/1/undo"] {
        let asked = manager.get(path).await;
        assert!(location(&asked).starts_with("/console/confirm?return_to="), "{path}: {asked:?}");
    }
    for path in
        ["/console/runs", "/console/runs/check", "/console/runs/1/undo", "/console/runs/1/resume"]
    {
        let sent = manager.post(path, &fields).await;
        assert!(location(&sent).starts_with("/console/confirm?return_to="), "{path}: {sent:?}");
    }
    assert_eq!(count(&house).await, 1, "only the one that was there");
    let run = house
        .test
        .admin()
        .run(&Actor::System, id)
        .await
        .expect("a run");
    assert_eq!(run.counts.decided(), 0);
}
