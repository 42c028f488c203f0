use proptest::prelude::*;

use super::*;

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const SPAN: &str = "b7ad6b7169203331";

fn headers(parents: &[&[u8]], states: &[&[u8]]) -> HeaderMap {
    let value = |bytes: &&[u8]| HeaderValue::from_bytes(bytes).expect("a value");
    let parents = parents.iter().map(|text| (TRACEPARENT, value(text)));
    let states = states.iter().map(|text| (TRACESTATE, value(text)));
    let mut headers = HeaderMap::new();
    parents.chain(states).for_each(|(name, value)| {
        headers.append(name, value);
    });
    headers
}

/// What the next one is told, of these.
fn told(parents: &[&str], states: &[&str]) -> Option<(String, Option<String>)> {
    let bytes = |texts: &[&str]| texts.iter().map(|text| text.as_bytes().to_vec()).collect();
    let (parents, states): (Vec<Vec<u8>>, Vec<Vec<u8>>) = (bytes(parents), bytes(states));
    let parents: Vec<&[u8]> = parents.iter().map(Vec::as_slice).collect();
    let states: Vec<&[u8]> = states.iter().map(Vec::as_slice).collect();
    let headers = headers(&parents, &states);
    let context = TraceContext::of(&headers)?.next(SpanId(1));
    let mut written = headers;
    context.write(&mut written);
    let text = |name| {
        let mut values = written.get_all(name).iter();
        let value = values
            .next()
            .map(|value| value.to_str().expect("text").to_owned());
        assert!(values.next().is_none(), "it is there twice");
        value
    };
    Some((text(TRACEPARENT).expect("a parent"), text(TRACESTATE)))
}

fn parent_of(text: &str) -> Option<String> {
    told(&[text], &[]).map(|(parent, _)| parent)
}

fn state_of(states: &[&str]) -> Option<String> {
    told(&[&format!("00-{TRACE}-{SPAN}-01")], states)
        .expect("a parent")
        .1
}

#[test]
fn a_parent_goes_on_with_another_span() {
    let next = |flags: &str| Some(format!("00-{TRACE}-0000000000000001-{flags}"));
    for flags in ["00", "01", "02", "03"] {
        assert_eq!(parent_of(&format!("00-{TRACE}-{SPAN}-{flags}")), next(flags));
    }
    // What is not known is not passed on.
    assert_eq!(parent_of(&format!("00-{TRACE}-{SPAN}-ff")), next("03"));
    // Of a later version, what this one knows.
    assert_eq!(parent_of(&format!("01-{TRACE}-{SPAN}-01")), next("01"));
    assert_eq!(parent_of(&format!("cc-{TRACE}-{SPAN}-01-what-comes-then")), next("01"));
}

/// From W3C's own suite for implementations (trace-context/test).
#[test]
fn what_is_malformed_is_none() {
    let zeros = "0".repeat(32);
    for text in [
        String::new(),
        format!("ff-{TRACE}-{SPAN}-01"),
        format!("00-{TRACE}-{SPAN}-01-"),
        format!("00-{TRACE}-{SPAN}-01-what"),
        format!("cc-{TRACE}-{SPAN}-01.what"),
        format!("0-{TRACE}-{SPAN}-01"),
        format!("000-{TRACE}-{SPAN}-01"),
        format!(".0-{TRACE}-{SPAN}-01"),
        format!("00-{zeros}-{SPAN}-01"),
        format!("00-{TRACE}-{}-01", &zeros[..16]),
        format!("00-{}-{SPAN}-01", TRACE.to_uppercase()),
        format!("00-{TRACE}-{}-01", SPAN.to_uppercase()),
        format!("00-{}.-{SPAN}-01", &TRACE[..31]),
        format!("00-{}-{SPAN}-01", &TRACE[..31]),
        format!("00-{TRACE}0-{SPAN}-01"),
        format!("00-{TRACE}-{}-01", &SPAN[..15]),
        format!("00-{TRACE}-{SPAN}-1"),
        format!("00-{TRACE}-{SPAN}-.0"),
        format!("00-{TRACE}-{SPAN}-0A"),
        format!("00_{TRACE}_{SPAN}_01"),
        format!("00-{TRACE}-+7ad6b7169203331-01"),
    ] {
        assert_eq!(parent_of(&text), None, "{text}");
        assert_eq!(told(&[&text], &["a=1"]), None, "{text}");
    }
    let good = format!("00-{TRACE}-{SPAN}-01");
    assert_eq!(told(&[&good, &good], &[]), None, "two of them are none");
    assert_eq!(told(&[], &["a=1"]), None);
}

#[test]
fn what_vendors_say_goes_on_as_one_line() {
    for (states, expected) in [
        (&["foo=1,bar=2"][..], "foo=1,bar=2"),
        (&["foo=1", "bar=2"], "foo=1,bar=2"),
        (&["foo=1 \t , \t bar=2, \t baz=3"], "foo=1,bar=2,baz=3"),
        (&["foo=1,,bar=2", ""], "foo=1,bar=2"),
        (&["fw529a3039@dt=FfFfFfFf", "0key=a b"], "fw529a3039@dt=FfFfFfFf,0key=a b"),
        (&["a-_*/=!#$%&'()*+-./:;<>?@[]^_`{|}~"], "a-_*/=!#$%&'()*+-./:;<>?@[]^_`{|}~"),
    ] {
        assert_eq!(state_of(states).as_deref(), Some(expected), "{states:?}");
    }
}

#[test]
fn what_vendors_can_not_say_is_left_out() {
    let many: Vec<_> = (0..33).map(|n| format!("k{n}=1")).collect();
    let most = many[..32].join(",");
    assert_eq!(state_of(&[&most]), Some(most.clone()));
    let long_key = format!("{}=1", "k".repeat(257));
    let long_value = format!("k={}", "v".repeat(257));
    for state in [
        "",
        ",",
        "foo",
        "foo=",
        "=1",
        "foo@=1,",
        "FOO=1",
        "foo=1=2",
        "foo=1,foo=2",
        "foo =1",
        "_foo=1",
        "@foo=1",
        "foo=\u{e9}",
        &many.join(","),
        &long_key,
        &long_value,
    ] {
        let expected = (state == "foo@=1,").then(|| "foo@=1".to_owned());
        assert_eq!(state_of(&[state]), expected, "{state}");
    }
}

proptest! {
    /// Whatever comes, what goes on is well-formed, names the same trace, and says no
    /// more than came.
    #[test]
    fn what_goes_on_is_well_formed(
        parent in prop_oneof![
            "[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(-[ -~]{0,9})?",
            "00-[0-9a-fA-F]{30,33}-[0-9a-g]{15,17}-[0-9a-f]{1,3}",
            "[ -~]{0,70}",
        ],
        state in "[a-f0-9@=, _*/~\t-]{0,80}",
    ) {
        let Some((next, state_told)) = told(&[&parent], &[&state]) else { return Ok(()) };
        prop_assert!(next.starts_with("00-") && next.len() == LENGTH, "{}", next);
        prop_assert_eq!(&next[3..35], &parent[3..35]);
        prop_assert_eq!(&next[36..52], "0000000000000001");
        let again = told(&[&next], &state_told.iter().map(String::as_str).collect::<Vec<_>>());
        prop_assert_eq!(again, Some((next, state_told.clone())));
        let came: Vec<_> = state.split(',').map(|member| member.trim_matches([' ', '\t'])).collect();
        for member in state_told.iter().flat_map(|state| state.split(',')) {
            prop_assert!(came.contains(&member), "{} of {}", member, state);
        }
    }

    #[test]
    fn any_bytes_are_read_or_left_out(parent: Vec<u8>, state: Vec<u8>) {
        let (Ok(parent), Ok(state)) =
            (HeaderValue::from_bytes(&parent), HeaderValue::from_bytes(&state))
        else { return Ok(()) };
        let headers = headers(&[parent.as_bytes()], &[state.as_bytes()]);
        if let Some(context) = TraceContext::of(&headers) {
            let text = context.parent.to_string();
            prop_assert_eq!(TraceParent::parse(text.as_bytes()), Some(context.parent));
        }
    }
}
