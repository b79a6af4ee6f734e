//! Counters as text that Prometheus reads ([OpenMetrics 1.0]).
//!
//! A [`Snapshot`] is a [`Collector`], as are what they are taken of: a program that has a
//! [`Registry`] registers them there, and others take
//! [`text`].
//!
//! ```
//! use msrpc::metrics::{ClientMetrics, openmetrics};
//!
//! let metrics = ClientMetrics::default();
//! let text = openmetrics::text(metrics.snapshot());
//! assert!(text.contains("msrpc_client_connections_opened_total 0\n"));
//! assert!(text.ends_with("# EOF\n"));
//! ```
//!
//! [OpenMetrics 1.0]: https://prometheus.io/docs/specs/om/open_metrics_spec/

use std::fmt;

pub use prometheus_client;
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeLabelSet, NoLabelSet},
    metrics::MetricType,
    registry::{Registry, Unit},
};

use super::{
    ClientMetrics,
    snapshot::{ClientSnapshot, Operation, Snapshot, Tally},
};
use crate::server::Monitor;

/// The media type of [`text`].
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Counters as text, with its end.
pub fn text(counters: impl Collector) -> String {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(counters));
    let mut text = String::new();
    // Writing to a string does not fail.
    let _ = prometheus_client::encoding::text::encode(&mut text, &registry);
    text
}

impl Collector for Snapshot {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut e = Families { encoder, role: "server" };
        e.gauge("connections", "Connections that are open", self.connections)?;
        e.counter("connections_accepted", "Connections accepted", self.connections_accepted)?;
        let ended = "Connections that have ended, by reason";
        e.counters("connections_ended", ended, None, self.connections_ended.iter().map(|it| one("reason", it)))?;
        e.gauge("association_groups", "Association groups", self.association_groups)?;
        e.gauge("context_handles", "Context handles that are open", self.context_handles)?;
        e.counter("pdus_received", "PDUs received", self.pdus_received)?;
        e.counter("pdus_sent", "PDUs sent", self.pdus_sent)?;
        e.octets("received", "Octets received", self.octets_received)?;
        e.octets("sent", "Octets sent", self.octets_sent)?;
        e.counter("cancels", "Cancel PDUs received", self.cancels)?;
        e.counter("orphans", "Orphaned PDUs received", self.orphans)?;
        e.counter("calls_made", "Calls that the server itself made", self.calls_made)?;
        let authentications = self.authentications.iter();
        let authentications = authentications
            .map(|(provider, it)| ([("provider", provider.as_ref()), ("outcome", it.what.as_ref())], it.count));
        e.counters("authentications", "Authentications, by provider and outcome", None, authentications)?;
        e.counters("faults", "Fault PDUs sent, by status", None, self.faults.iter().map(|it| one("status", it)))?;
        let refused = self.refused.iter();
        let refused = refused.map(|(scope, it)| ([("what", it.what.as_ref()), ("scope", scope.as_ref())], it.count));
        e.counters("refused", "What was refused because of a limit", None, refused)?;
        let used = self.limits.iter().map(|it| ([("what", it.what.as_ref())], it.used));
        e.gauges("limit_used", "How much of a limit is in use", used)?;
        let limits = self.limits.iter().map(|it| ([("what", it.what.as_ref())], it.limit));
        e.gauges("limit", "How much there may be", limits)?;
        e.operations(&self.operations)
    }
}

impl Collector for Monitor {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        self.snapshot().encode(encoder)
    }
}

impl Collector for ClientSnapshot {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut e = Families { encoder, role: "client" };
        e.gauge("connections", "Connections that are open", self.connections)?;
        e.counter("connections_opened", "Connections opened", self.connections_opened)?;
        e.octets("received", "Octets received", self.octets_received)?;
        e.octets("sent", "Octets sent", self.octets_sent)?;
        e.operations(&self.operations)
    }
}

impl Collector for ClientMetrics {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        self.snapshot().encode(encoder)
    }
}

fn one<'a>(label: &'static str, tally: &'a Tally) -> ([(&'static str, &'a str); 1], u64) {
    ([(label, tally.what.as_ref())], tally.count)
}

/// Writes families of metrics, whose names begin alike.
struct Families<'a> {
    encoder: DescriptorEncoder<'a>,
    role: &'static str,
}

impl Families<'_> {
    fn counter(&mut self, name: &str, help: &str, value: u64) -> fmt::Result {
        self.plain(name, help, None, value)
    }

    fn octets(&mut self, name: &str, help: &str, value: u64) -> fmt::Result {
        self.plain(name, help, Some(&Unit::Bytes), value)
    }

    fn plain(&mut self, name: &str, help: &str, unit: Option<&Unit>, value: u64) -> fmt::Result {
        let name = self.name(name);
        let mut metric = self.encoder.encode_descriptor(&name, &sentence(help), unit, MetricType::Counter)?;
        metric.encode_counter::<NoLabelSet, _, u64>(&value, None)
    }

    fn counters<L: EncodeLabelSet>(
        &mut self,
        name: &str,
        help: &str,
        unit: Option<&Unit>,
        values: impl IntoIterator<Item = (L, u64)>,
    ) -> fmt::Result {
        let name = self.name(name);
        let mut family = self.encoder.encode_descriptor(&name, &sentence(help), unit, MetricType::Counter)?;
        for (labels, value) in values {
            family.encode_family(&labels)?.encode_counter::<NoLabelSet, _, u64>(&value, None)?;
        }
        Ok(())
    }

    fn gauge(&mut self, name: &str, help: &str, value: u64) -> fmt::Result {
        let name = self.name(name);
        let mut metric = self.encoder.encode_descriptor(&name, &sentence(help), None, MetricType::Gauge)?;
        metric.encode_gauge(&i64::try_from(value).unwrap_or(i64::MAX))
    }

    fn gauges<L: EncodeLabelSet>(
        &mut self,
        name: &str,
        help: &str,
        values: impl IntoIterator<Item = (L, u64)>,
    ) -> fmt::Result {
        let name = self.name(name);
        let mut family = self.encoder.encode_descriptor(&name, &sentence(help), None, MetricType::Gauge)?;
        for (labels, value) in values {
            let value = i64::try_from(value).unwrap_or(i64::MAX);
            family.encode_family(&labels)?.encode_gauge(&value)?;
        }
        Ok(())
    }

    fn operations(&mut self, operations: &[Operation]) -> fmt::Result {
        let labels: Vec<Labels> = operations.iter().map(Labels::of).collect();
        let labels: Vec<_> = labels.iter().map(Labels::pairs).collect();
        let each = |value: fn(&Operation) -> u64| labels.iter().copied().zip(operations.iter().map(value));
        self.counters("calls_started", "Calls that have begun", None, each(|it| it.calls))?;
        self.gauges("calls_in_flight", "Calls that have not ended", each(|it| it.in_flight))?;
        self.counters("call_faults", "Calls that ended in a fault", None, each(|it| it.faults))?;
        self.counters("calls_failed", "Calls that ended without an answer", None, each(|it| it.failed))?;
        let bytes = Some(&Unit::Bytes);
        self.counters("call_request", "Stubs of requests", bytes, each(|it| it.request_octets))?;
        self.counters("call_response", "Stubs of responses", bytes, each(|it| it.response_octets))?;
        let (name, help) = (self.name("call_duration"), sentence("How long calls took that did not fail"));
        let mut family = self.encoder.encode_descriptor(&name, &help, Some(&Unit::Seconds), MetricType::Histogram)?;
        for (labels, operation) in labels.iter().zip(operations) {
            let latency = &operation.latency;
            let mut before = 0;
            let mut buckets: Vec<(f64, u64)> = Vec::with_capacity(latency.buckets.len() + 1);
            for &(bound, count) in &latency.buckets {
                buckets.push((bound.as_secs_f64(), count.saturating_sub(before)));
                before = count;
            }
            buckets.push((f64::INFINITY, latency.count.saturating_sub(before)));
            let sum = latency.sum.as_secs_f64();
            let mut metric = family.encode_family(labels)?;
            metric.encode_histogram::<NoLabelSet>(sum, latency.count, &buckets, None)?;
        }
        Ok(())
    }

    fn name(&self, name: &str) -> String {
        format!("msrpc_{}_{name}", self.role)
    }
}

fn sentence(help: &str) -> String {
    format!("{help}.")
}

/// The labels of an operation.
struct Labels {
    interface: &'static str,
    id: String,
    opnum: String,
    operation: &'static str,
}

impl Labels {
    fn of(operation: &Operation) -> Self {
        let (major, minor) = operation.version;
        Self {
            interface: operation.interface,
            id: format!("{}/{major}.{minor}", operation.uuid),
            opnum: operation.opnum.map_or_else(|| super::labels::OTHER.to_owned(), |opnum| opnum.to_string()),
            operation: operation.operation,
        }
    }

    fn pairs(&self) -> [(&'static str, &str); 4] {
        let Self { interface, id, opnum, operation } = self;
        [("interface", interface), ("id", id), ("opnum", opnum), ("operation", operation)]
    }
}
