//! Samples, and how they become text.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;

use crate::engine::figures::Spread;
use crate::engine::metrics::{Kind, Metric};

/// What is sampled at one instant, to be printed as one text.
#[derive(Debug, Default)]
pub(crate) struct Page(BTreeMap<Metric, Vec<Sample>>);

#[derive(Debug)]
struct Sample {
    /// What the metric's label says. Static: no client's words get here.
    word: Option<&'static str>,
    value: Value,
}

#[derive(Debug)]
enum Value {
    Count(u64),
    Level(f64),
    Spread(Spread),
}

impl Page {
    /// A counter that has no label.
    pub(crate) fn counter(&mut self, metric: Metric, count: u64) {
        self.put(metric, None, Value::Count(count));
    }

    /// A counter by its label.
    pub(crate) fn counts(
        &mut self,
        metric: Metric,
        counts: impl IntoIterator<Item = (&'static str, u64)>,
    ) {
        for (word, count) in counts {
            self.put(metric, Some(word), Value::Count(count));
        }
    }

    /// A gauge that has no label.
    pub(crate) fn gauge(&mut self, metric: Metric, level: u64) {
        self.put(metric, None, level_of(level));
    }

    /// One sample of a gauge by its label.
    pub(crate) fn labelled(&mut self, metric: Metric, word: &'static str, level: u64) {
        self.put(metric, Some(word), level_of(level));
    }

    /// A gauge of time.
    pub(crate) fn seconds(&mut self, metric: Metric, time: Duration) {
        self.put(metric, None, Value::Level(time.as_secs_f64()));
    }

    /// A histogram.
    pub(crate) fn histogram(&mut self, metric: Metric, spread: &Spread) {
        self.put(metric, None, Value::Spread(spread.clone()));
    }

    fn put(&mut self, metric: Metric, word: Option<&'static str>, value: Value) {
        debug_assert_eq!(metric.label().is_some(), word.is_some(), "{metric:?}");
        self.0
            .entry(metric)
            .or_default()
            .push(Sample { word, value });
    }

    /// The text, in the order of the table.
    pub(crate) fn text(self) -> String {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(self));
        let mut printed = String::new();
        // A String takes whatever is written into it.
        let _ = text::encode(&mut printed, &registry);
        printed
    }
}

#[expect(clippy::cast_precision_loss, reason = "no level comes near 2^53")]
fn level_of(level: u64) -> Value {
    Value::Level(level as f64)
}

impl Collector for Page {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        for (metric, samples) in &self.0 {
            let kind = metric_type(metric.kind());
            let mut encoder =
                encoder.encode_descriptor(metric.name(), metric.help(), None, kind)?;
            for sample in samples {
                match (metric.label(), sample.word) {
                    (Some(label), Some(word)) => {
                        sample.encode(encoder.encode_family(&[(label, word)])?)?;
                    }
                    _ => sample.encode_in(&mut encoder)?,
                }
            }
        }
        Ok(())
    }
}

impl Sample {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        self.encode_in(&mut encoder)
    }

    fn encode_in(&self, encoder: &mut MetricEncoder<'_>) -> fmt::Result {
        match &self.value {
            Value::Count(count) => encoder.encode_counter::<NoLabelSet, _, u64>(count, None),
            Value::Level(level) => encoder.encode_gauge(level),
            Value::Spread(spread) => encoder.encode_histogram::<NoLabelSet>(
                spread.sum,
                spread.count(),
                &spread.buckets,
                None,
            ),
        }
    }
}

const fn metric_type(kind: Kind) -> MetricType {
    match kind {
        Kind::Counter => MetricType::Counter,
        Kind::Gauge => MetricType::Gauge,
        Kind::Histogram => MetricType::Histogram,
    }
}
