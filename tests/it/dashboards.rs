//! The dashboard and the alerts that come with the program ask for figures that there
//! are, by labels that they have.

use std::collections::{BTreeMap, BTreeSet};

use portcullis::engine::metrics::{Kind, Metric};
use serde_json::Value;

const DASHBOARD: &str = include_str!("../../config/grafana/portcullis.json");
const ALERTS: &str = include_str!("../../config/prometheus/alerts.yml");

/// Labels that every sample has, because Prometheus puts them there.
const OF_PROMETHEUS: [&str; 2] = ["instance", "job"];

/// The names of all samples that the program prints, with their labels.
fn samples() -> BTreeMap<String, BTreeSet<String>> {
    let mut samples = BTreeMap::new();
    for metric in Metric::ALL {
        let labels: BTreeSet<_> = metric.label().map(str::to_owned).into_iter().collect();
        let endings: &[&str] = match metric.kind() {
            Kind::Counter => &["_total"],
            Kind::Gauge => &[""],
            Kind::Histogram => &["_bucket", "_count", "_sum"],
        };
        for ending in endings {
            let mut labels = labels.clone();
            labels.extend((*ending == "_bucket").then(|| "le".to_owned()));
            samples.insert(format!("{}{ending}", metric.name()), labels);
        }
    }
    samples
}

/// A question to Prometheus, as far as it matters here: the figures that it asks for,
/// each with the labels that it picks them by, and the labels that it sums by.
#[derive(Debug, Default)]
struct Question {
    figures: Vec<(String, BTreeSet<String>)>,
    groups: BTreeSet<String>,
}

impl Question {
    fn read(text: &str) -> Result<Self, String> {
        let mut question = Self::default();
        let mut rest = text;
        let mut open = Vec::new();
        let mut after_by = false;
        while let Some(first) = rest.chars().next() {
            if first.is_ascii_alphabetic() || first == '_' {
                let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
                let (word, more) = rest.split_at(end.unwrap_or(rest.len()));
                rest = more;
                after_by = word == "by";
                let ours = word.starts_with("portcullis_") || word.starts_with("process_");
                if ours || word == "up" {
                    let picked = rest.strip_prefix('{').and_then(|rest| rest.split_once('}'));
                    let labels =
                        picked.map_or_else(|| Ok(BTreeSet::new()), |(by, _)| labels(by))?;
                    rest = picked.map_or(rest, |(_, more)| more);
                    question.figures.push((word.to_owned(), labels));
                }
                continue;
            }
            rest = &rest[first.len_utf8()..];
            match first {
                '(' if after_by => {
                    let (by, more) = rest.split_once(')').ok_or("a group without an end")?;
                    let names = by.split(',').map(|name| name.trim().to_owned());
                    question.groups.extend(names);
                    rest = more;
                }
                '(' | '[' => open.push(first),
                ')' if open.pop() != Some('(') => return Err("brackets".to_owned()),
                ']' if open.pop() != Some('[') => return Err("brackets".to_owned()),
                '{' | '}' | '"' => return Err(format!("{first} out of place")),
                _ => {}
            }
            after_by &= first == ' ';
        }
        if open.is_empty() { Ok(question) } else { Err("brackets".to_owned()) }
    }

    fn check(text: &str) -> Vec<String> {
        let question = Self::read(text).unwrap_or_else(|why| panic!("{why}: {text}"));
        assert!(!question.figures.is_empty(), "it asks for nothing: {text}");
        let (samples, mut known) = (samples(), BTreeSet::from(OF_PROMETHEUS.map(str::to_owned)));
        for (name, picked) in &question.figures {
            if name == "up" {
                continue;
            }
            let labels = samples
                .get(name)
                .unwrap_or_else(|| panic!("there is no {name}: {text}"));
            known.extend(labels.iter().cloned());
            for label in picked {
                let fine = labels.contains(label) || OF_PROMETHEUS.contains(&label.as_str());
                assert!(fine, "{name} has no label {label}: {text}");
            }
        }
        for label in &question.groups {
            assert!(known.contains(label), "nothing has the label {label}: {text}");
        }
        question.figures.into_iter().map(|(name, _)| name).collect()
    }
}

/// The names in `a="b",c=~"d"`.
fn labels(text: &str) -> Result<BTreeSet<String>, String> {
    let mut names = BTreeSet::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (name, value) = rest.split_once('"').ok_or(format!("no value: {rest}"))?;
        let name = name.trim_end_matches(['=', '~', '!']);
        let (_, more) = value.split_once('"').ok_or(format!("no end: {rest}"))?;
        names.insert(name.to_owned());
        rest = more.trim_start_matches(',').trim_start();
    }
    Ok(names)
}

#[test]
fn a_question_is_read_as_it_is_meant() {
    let read = |text| Question::read(text);
    let question = read(r#"sum by (of, le) (rate(portcullis_a_total{x="1",y=~"$z"}[5m])) / 2"#);
    let question = question.expect("it is fine");
    let [(name, labels)] = &question.figures[..] else { panic!("{question:?}") };
    assert_eq!(name, "portcullis_a_total");
    assert_eq!(labels.iter().collect::<Vec<_>>(), ["x", "y"]);
    assert_eq!(question.groups.iter().collect::<Vec<_>>(), ["le", "of"]);
    for wrong in ["sum(rate(portcullis_a[5m])", "sum(portcullis_a))", "portcullis_a{x=1", "(]"] {
        assert!(read(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn every_question_of_the_dashboard_can_be_answered() {
    let dashboard: Value = serde_json::from_str(DASHBOARD).expect("JSON");
    let panels = dashboard["panels"].as_array().expect("panels");
    let mut asked = BTreeSet::new();
    for panel in panels.iter().filter(|panel| panel["type"] != "row") {
        let targets = panel["targets"].as_array().expect("targets");
        assert!(!targets.is_empty(), "{panel}");
        for target in targets {
            let text = target["expr"].as_str().expect("a question");
            asked.extend(Question::check(text));
            let legend = target["legendFormat"].as_str().expect("a legend");
            let question = Question::read(text).expect("it was read before");
            for label in legend.split("{{").skip(1) {
                let (label, _) = label.split_once("}}").expect("an end");
                let is_left = question.groups.contains(label) || label == "instance";
                assert!(is_left, "{label} is not left of {text}");
            }
        }
    }
    assert!(asked.len() > 30, "{asked:?}");
}

/// As Grafana takes it: panels of known kinds, each with an id of its own, in a grid of
/// 24 columns where none lies on another.
#[test]
fn grafana_takes_the_dashboard() {
    let dashboard: Value = serde_json::from_str(DASHBOARD).expect("JSON");
    assert_eq!(dashboard["title"], "Portcullis");
    assert!(
        dashboard["uid"]
            .as_str()
            .is_some_and(|uid| !uid.is_empty() && uid.len() <= 40)
    );
    assert!(
        dashboard["schemaVersion"]
            .as_u64()
            .is_some_and(|version| version >= 36)
    );
    let variables = dashboard["templating"]["list"]
        .as_array()
        .expect("variables");
    let named: Vec<_> = variables
        .iter()
        .map(|variable| variable["name"].as_str())
        .collect();
    assert_eq!(named, [Some("datasource"), Some("instance")]);
    let (mut ids, mut cells) = (BTreeSet::new(), BTreeSet::new());
    for panel in dashboard["panels"].as_array().expect("panels") {
        assert!(ids.insert(panel["id"].as_u64().expect("an id")), "{panel}");
        assert!(
            panel["title"]
                .as_str()
                .is_some_and(|title| !title.is_empty()),
            "{panel}"
        );
        let kind = panel["type"].as_str().expect("a kind");
        assert!(["row", "stat", "timeseries"].contains(&kind), "{kind}");
        let place = |name: &str| panel["gridPos"][name].as_u64().expect("a number");
        let (x, y, w, h) = (place("x"), place("y"), place("w"), place("h"));
        assert!(w > 0 && h > 0 && x + w <= 24, "{panel}");
        for cell in (x..x + w).flat_map(|x| (y..y + h).map(move |y| (x, y))) {
            assert!(cells.insert(cell), "two panels at {cell:?}: {panel}");
        }
        let targets = panel["targets"].as_array().into_iter().flatten();
        let refs: Vec<_> = targets.map(|target| target["refId"].as_str()).collect();
        assert_eq!(refs.len(), refs.iter().collect::<BTreeSet<_>>().len(), "{panel}");
        if kind != "row" {
            assert_eq!(panel["datasource"]["uid"], "${datasource}");
        }
    }
}

/// The rules of the file, each with what is written of it: `key: value`, with two spaces
/// more for each step, which is all of YAML that the file needs.
fn rules() -> Vec<BTreeMap<String, String>> {
    let mut rules: Vec<BTreeMap<String, String>> = Vec::new();
    for line in ALERTS.lines() {
        let text = line.trim();
        if text.is_empty() || text.starts_with('#') {
            continue;
        }
        assert!(!line.contains('\t') && line.trim_end() == line, "{line:?}");
        let entry = text.strip_prefix("- ").unwrap_or(text);
        let (key, value) = entry.split_once(':').expect("a key");
        if text.starts_with("- alert:") {
            rules.push(BTreeMap::new());
        }
        if let Some(rule) = rules.last_mut() {
            let before = rule.insert(key.to_owned(), value.trim().to_owned());
            assert!(before.is_none(), "{key} is there twice: {line}");
        }
    }
    rules
}

#[test]
fn every_alert_can_ring() {
    let rules = rules();
    assert!(rules.len() > 8, "{rules:?}");
    let mut names = BTreeSet::new();
    for rule in &rules {
        let name = &rule["alert"];
        assert!(name.starts_with("Portcullis") && names.insert(name), "{name}");
        Question::check(&rule["expr"]);
        let keys: BTreeSet<_> = rule.keys().map(String::as_str).collect();
        let mut known = BTreeSet::from([
            "alert",
            "expr",
            "for",
            "labels",
            "severity",
            "annotations",
            "summary",
            "description",
        ]);
        if !keys.contains("for") {
            known.remove("for");
        }
        assert_eq!(keys, known, "{name}");
        assert!(["critical", "warning", "info"].contains(&rule["severity"].as_str()), "{name}");
        if let Some(time) = rule.get("for") {
            let number = time.trim_end_matches(['s', 'm', 'h']);
            assert!(number.len() + 1 == time.len() && number.parse::<u32>().is_ok(), "{time}");
        }
        let question = Question::read(&rule["expr"]).expect("it was read before");
        for words in [&rule["summary"], &rule["description"]] {
            assert!(words.len() > 10 && words.starts_with('"') && words.ends_with('"'), "{words}");
            for label in words.split("$labels.").skip(1) {
                let label: String = label
                    .chars()
                    .take_while(char::is_ascii_alphanumeric)
                    .collect();
                let summed = !question.groups.is_empty() && !question.groups.contains(&label);
                assert!(!summed, "{label} is not left: {}", rule["expr"]);
            }
        }
    }
}
