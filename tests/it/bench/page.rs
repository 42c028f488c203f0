//! Reads the report as a page: every tag is closed, and the charts are there.

/// A tag of a page.
#[derive(Debug, Eq, PartialEq)]
enum Tag<'a> {
    Opens(&'a str),
    Closes(&'a str),
    Empty(&'a str),
}

/// Reads the tags in their order. A page of ours has no `<` outside of them.
fn tags(page: &str) -> Vec<Tag<'_>> {
    let inside = page
        .split('<')
        .skip(1)
        .filter_map(|rest| rest.split_once('>'))
        .map(|(tag, _)| tag);
    inside
        .filter(|tag| !tag.starts_with('!'))
        .map(|tag| {
            let word = tag.trim_start_matches('/').split([' ', '\n']).next();
            let word = word.unwrap_or_default();
            match (tag.starts_with('/'), tag.ends_with('/')) {
                (true, _) => Tag::Closes(word),
                (_, true) => Tag::Empty(word),
                _ => Tag::Opens(word),
            }
        })
        .collect()
}

/// What of a page does not fit together; `None`: all does.
fn misfit(page: &str) -> Option<String> {
    let mut open = Vec::new();
    for tag in tags(page) {
        match tag {
            Tag::Opens(name) => open.push(name),
            Tag::Closes(name) if open.pop() == Some(name) => {}
            Tag::Closes(name) => return Some(format!("</{name}> closes something else")),
            Tag::Empty(_) => {}
        }
    }
    open.pop().map(|name| format!("<{name}> is not closed"))
}

#[track_caller]
pub(super) fn assert_complete(page: &str, locks: usize) {
    assert!(page.starts_with("<!doctype html>\n<html lang=\"en\">"), "{page}");
    assert_eq!(misfit(page), None);
    let tags = tags(page);
    let count = |tag: &Tag<'_>| tags.iter().filter(|found| *found == tag).count();
    assert_eq!(count(&Tag::Opens("h1")), 1);
    assert_eq!(count(&Tag::Opens("main")), 1);
    assert_eq!(count(&Tag::Opens("circle")), locks, "a dot for each lock");
    for chart in ["latency", "course", "locks"] {
        assert!(page.contains(&format!("aria-labelledby=\"{chart}-title {chart}-words\"")));
        assert!(page.contains(&format!("<title id=\"{chart}-title\">")));
        assert!(page.contains(&format!("<desc id=\"{chart}-words\">")));
    }
    // A table for each chart, and one for what became of the requests.
    assert_eq!(count(&Tag::Opens("table")), 4);
    assert_eq!(count(&Tag::Opens("caption")), 4);
    // It stands alone, runs nothing, and follows the reader's colours.
    assert_eq!(count(&Tag::Opens("script")), 0);
    for elsewhere in ["src=", "href=", "url(", "@import"] {
        assert!(!page.contains(elsewhere), "{elsewhere}");
    }
    assert!(page.contains("color-scheme: light dark"));
    for number in ["NaN", "inf"] {
        let wrong = format!("\"{number}\"");
        assert!(!page.contains(&wrong) && !page.contains(&format!("M{number}")), "{number}");
    }
}

#[test]
fn a_page_that_is_broken_is_seen() {
    assert_eq!(misfit("<!doctype html><a><b/><c d=\"e\"></c></a>"), None);
    assert!(misfit("<a><b></a>").is_some());
    assert!(misfit("<a>").is_some());
    assert!(misfit("</a>").is_some());
}
