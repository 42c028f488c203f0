//! A strict reader of the text that Prometheus reads (OpenMetrics 1.0).

use std::collections::{BTreeMap, HashSet};

/// All samples of one metric.
#[derive(Debug)]
pub(crate) struct Family {
    pub(crate) name: String,
    pub(crate) kind: String,
    pub(crate) help: String,
    pub(crate) samples: Vec<Sample>,
}

#[derive(Debug)]
pub(crate) struct Sample {
    pub(crate) name: String,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) value: f64,
}

/// The figures of one moment.
#[derive(Debug)]
pub(crate) struct Figures(pub(crate) Vec<Family>);

impl Figures {
    /// Reads the text, and says what is wrong with it.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let body = text.strip_suffix("# EOF\n").ok_or("no end")?;
        let (mut families, mut seen) = (Vec::<Family>::new(), HashSet::new());
        let mut help: Option<(&str, &str)> = None;
        for line in body.lines() {
            let wrong = |what: &str| format!("{what}: {line:?}");
            if let Some(rest) = line.strip_prefix("# HELP ") {
                let (name, words) = rest.split_once(' ').ok_or_else(|| wrong("no help"))?;
                if help.replace((name, words)).is_some() {
                    return Err(wrong("help without a type"));
                }
            } else if let Some(rest) = line.strip_prefix("# TYPE ") {
                let (name, kind) = rest.split_once(' ').ok_or_else(|| wrong("no type"))?;
                let help = help.take().filter(|(of, _)| *of == name);
                let help = help
                    .ok_or_else(|| wrong("a type without help"))?
                    .1
                    .to_owned();
                if !seen.insert(name) || !is_name(name) {
                    return Err(wrong("a bad name, or one that was there"));
                }
                let (name, kind) = (name.to_owned(), kind.to_owned());
                families.push(Family { name, kind, help, samples: Vec::new() });
            } else {
                let family = families.last_mut().ok_or_else(|| wrong("no family"))?;
                let sample = Sample::parse(line).map_err(wrong)?;
                family.take(sample).map_err(|what| wrong(&what))?;
            }
        }
        families.iter().try_for_each(Family::check)?;
        Ok(Self(families))
    }

    /// The one sample of this name whose labels say this.
    #[track_caller]
    pub(crate) fn value(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let says = |sample: &&Sample| {
            sample.name == name
                && sample.labels.len() == labels.len()
                && labels
                    .iter()
                    .all(|(label, word)| sample.labels.get(*label).is_some_and(|said| said == word))
        };
        let samples = self.0.iter().flat_map(|family| &family.samples);
        let found: Vec<_> = samples.filter(says).collect();
        match found[..] {
            [sample] => sample.value,
            _ => panic!("{name}{labels:?} is there {} times", found.len()),
        }
    }
}

impl Sample {
    fn parse(line: &str) -> Result<Self, &'static str> {
        let (series, value) = line.rsplit_once(' ').ok_or("no value")?;
        let value = match value {
            "+Inf" | "-Inf" | "NaN" => return Err("no number"),
            value => value.parse().map_err(|_| "no number")?,
        };
        let Some((name, labels)) = series.split_once('{') else {
            return Ok(Self { name: series.to_owned(), labels: BTreeMap::new(), value });
        };
        let labels = labels.strip_suffix('}').ok_or("labels that do not end")?;
        let mut read = BTreeMap::new();
        for label in labels.split(',') {
            let (label, word) = label.split_once('=').ok_or("no label")?;
            let word = word.strip_prefix('"').and_then(|w| w.strip_suffix('"'));
            let word = word.filter(|word| !word.contains(['"', '\\']));
            let word = word.ok_or("a word in no quotes")?.to_owned();
            if !is_name(label) || read.insert(label.to_owned(), word).is_some() {
                return Err("a bad label, or one that was there");
            }
        }
        Ok(Self { name: name.to_owned(), labels: read, value })
    }
}

impl Family {
    fn take(&mut self, sample: Sample) -> Result<(), String> {
        let suffix = sample.name.strip_prefix(self.name.as_str());
        let suffix = suffix.ok_or("a sample of another family")?;
        let fits = match self.kind.as_str() {
            "counter" => suffix == "_total" && sample.value >= 0.0,
            "gauge" => suffix.is_empty() && sample.value.is_finite(),
            "histogram" => match suffix {
                "_bucket" => sample.labels.contains_key("le"),
                "_sum" | "_count" => sample.labels.is_empty() && sample.value >= 0.0,
                _ => false,
            },
            _ => false,
        };
        let twice = |other: &Sample| other.name == sample.name && other.labels == sample.labels;
        if !fits || self.samples.iter().any(twice) {
            return Err(format!("no sample of a {}, or one that was there", self.kind));
        }
        self.samples.push(sample);
        Ok(())
    }

    /// Buckets rise in both their bounds and their counts, up to all there are.
    fn check(&self) -> Result<(), String> {
        if self.samples.is_empty() {
            return Err(format!("{} has no samples", self.name));
        }
        if self.kind != "histogram" {
            return Ok(());
        }
        let bound = |sample: &Sample| match sample.labels.get("le")?.as_str() {
            "+Inf" => Some(f64::INFINITY),
            bound => bound.parse().ok(),
        };
        let buckets: Vec<(f64, f64)> = self
            .samples
            .iter()
            .filter_map(|sample| Some((bound(sample)?, sample.value)))
            .collect();
        let rise = buckets
            .windows(2)
            .all(|two| two[0].0 < two[1].0 && two[0].1 <= two[1].1);
        let ends = |suffix: &str| {
            let name = format!("{}{suffix}", self.name);
            let found = self.samples.iter().find(|sample| sample.name == name);
            found.map(|sample| sample.value)
        };
        let whole = buckets.last() == ends("_count").map(|n| (f64::INFINITY, n)).as_ref();
        if rise && whole && ends("_sum").is_some() {
            Ok(())
        } else {
            Err(format!("{} is no histogram: {buckets:?}", self.name))
        }
    }
}

fn is_name(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    text.starts_with(|c: char| c.is_ascii_lowercase()) && text.chars().all(plain)
}

#[test]
fn the_reader_is_strict() {
    let good = "# HELP a Words.\n# TYPE a counter\na_total{b=\"c\"} 1\na_total{b=\"d\"} 2\n# EOF\n";
    let read = Figures::parse(good).expect("it is fine");
    assert_eq!(read.value("a_total", &[("b", "d")]).to_bits(), 2f64.to_bits());
    for (from, to) in [
        ("# EOF\n", ""),
        ("# HELP a Words.\n", ""),
        ("# TYPE a counter\n", ""),
        ("a_total{b=\"d\"} 2", "a_total{b=\"c\"} 2"),
        ("a_total{b=\"d\"} 2", "a{b=\"d\"} 2"),
        ("a_total{b=\"d\"} 2", "c_total{b=\"d\"} 2"),
        ("a_total{b=\"d\"} 2", "a_total{b=\"d\"} -2"),
        ("a_total{b=\"d\"} 2", "a_total{b=\"d\"}"),
        ("a_total{b=\"d\"} 2", "a_total{b=\"d\" 2"),
        ("a_total{b=\"d\"} 2", "a_total{b=d} 2"),
        ("a_total{b=\"d\"} 2", "a_total{b=\"\\\"\"} 2"),
        ("counter", "summary"),
    ] {
        let bad = good.replace(from, to);
        assert!(Figures::parse(&bad).is_err(), "{bad}");
    }
    let buckets = |counts: [u32; 3]| {
        let [one, all, count] = counts;
        format!(
            "# HELP h Words.\n# TYPE h histogram\nh_sum 1.5\nh_count {count}\n\
             h_bucket{{le=\"1.0\"}} {one}\nh_bucket{{le=\"+Inf\"}} {all}\n# EOF\n"
        )
    };
    assert!(Figures::parse(&buckets([1, 2, 2])).is_ok());
    assert!(Figures::parse(&buckets([3, 2, 2])).is_err());
    assert!(Figures::parse(&buckets([1, 2, 3])).is_err());
}
