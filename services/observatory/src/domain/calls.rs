//! Which spans are calls, from whom to whom, so that each call counts once.
//!
//! A call between services leaves two spans: the caller's (client) and the callee's (server). The callee's counts as a
//! call of the *node*, since that is the callee's own time. The caller's counts as a call of the *edge*, since that is what
//! the caller waited, network and retries included. Only where the caller left no client span (a browser's own span, a
//! foreign library) the callee's span counts for the edge too.
//!
//! A client span of another service than its parent's is work that leaves no span on the other side: a database, a blob
//! store. It counts for both.

use std::sync::Arc;

use amphi_chassis::telemetry::{DB_SYSTEM, FinishedSpan, SERVER_SERVICE, SpanKind};

use super::fault::is_fault;

/// The service of spans that a browser sent.
pub const BROWSER: &str = "browser";

/// The service of spans of the blob store.
pub const STORAGE: &str = "storage";

const DATABASE_SUFFIX: &str = "-db";

/// What a node of the service map is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum NodeKind {
    Browser,
    Service,
    Database,
    Storage,
    /// Something that sends no spans of its own.
    External,
}

impl NodeKind {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Browser => "browser",
            Self::Service => "service",
            Self::Database => "database",
            Self::Storage => "storage",
            Self::External => "external",
        }
    }
}

/// A part of the platform, as the map shows it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct NodeName {
    pub name: Arc<str>,
    pub kind: NodeKind,
}

/// How one call went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome {
    pub duration_us: u64,
    pub is_error: bool,
}

/// What one span adds to the map.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Calls {
    pub node: Option<(NodeName, Outcome)>,
    pub edge: Option<(NodeName, NodeName, Outcome)>,
}

/// What is known of a span's neighbours when it is counted.
#[derive(Debug, Clone, Copy, Default)]
pub struct Neighbours<'a> {
    pub parent: Option<&'a FinishedSpan>,
    /// A server or consumer span whose parent this one is, of another service.
    pub callee: Option<&'a FinishedSpan>,
}

/// What the span adds to the map.
#[must_use]
pub fn calls_of(span: &FinishedSpan, neighbours: Neighbours<'_>) -> Calls {
    match span.kind {
        SpanKind::Server | SpanKind::Consumer => received(span, neighbours.parent),
        SpanKind::Client | SpanKind::Producer => made(span, neighbours),
        SpanKind::Internal if &*span.service == BROWSER && span.parent_span_id.is_none() => Calls {
            node: Some((service(span), outcome(span))),
            edge: None,
        },
        SpanKind::Internal => Calls::default(),
    }
}

fn received(span: &FinishedSpan, parent: Option<&FinishedSpan>) -> Calls {
    let callee = service(span);
    let caller_without_client_span = parent.filter(|parent| {
        parent.service != span.service
            && !matches!(parent.kind, SpanKind::Client | SpanKind::Producer)
    });
    Calls {
        edge: caller_without_client_span
            .map(|parent| (service(parent), callee.clone(), outcome(span))),
        node: Some((callee, outcome(span))),
    }
}

fn made(span: &FinishedSpan, neighbours: Neighbours<'_>) -> Calls {
    if let Some((caller, callee)) = delegated(span, neighbours.parent) {
        return Calls {
            edge: caller.map(|caller| (caller, callee.clone(), outcome(span))),
            node: Some((callee, outcome(span))),
        };
    }
    let caller = service(span);
    let Some(callee) = callee_of(span, neighbours.callee) else {
        return Calls::default();
    };
    // What sends no spans is only seen by those who call it.
    let seen_here = (callee.kind == NodeKind::External).then(|| (callee.clone(), outcome(span)));
    Calls {
        node: seen_here,
        edge: Some((caller, callee, outcome(span))),
    }
}

/// Caller and callee of a span that stands for the work of a database or a store.
fn delegated(
    span: &FinishedSpan,
    parent: Option<&FinishedSpan>,
) -> Option<(Option<NodeName>, NodeName)> {
    if span.attribute(DB_SYSTEM).is_some() && &*span.service != BROWSER {
        let owner = span.service.strip_suffix(DATABASE_SUFFIX);
        let name = match owner {
            Some(_) => Arc::clone(&span.service),
            None => format!("{}{DATABASE_SUFFIX}", span.service).into(),
        };
        let caller = NodeName {
            name: owner.map_or_else(|| Arc::clone(&span.service), Into::into),
            kind: NodeKind::Service,
        };
        let kind = NodeKind::Database;
        return Some((Some(caller), NodeName { name, kind }));
    }
    let is_stores = &*span.service == STORAGE;
    let callee = service(span);
    is_stores.then(|| {
        let caller = parent.filter(|parent| parent.service != span.service);
        (caller.map(service), callee)
    })
}

fn callee_of(span: &FinishedSpan, callee: Option<&FinishedSpan>) -> Option<NodeName> {
    if let Some(callee) = callee {
        return Some(service(callee));
    }
    // Anybody may send spans as a browser: its word alone puts no name on the map.
    if &*span.service == BROWSER {
        return None;
    }
    let named = |attribute: &str, kind: NodeKind| {
        let name = span.attribute(attribute)?;
        let is_itself = name == &*span.service;
        (!name.is_empty() && !is_itself).then(|| NodeName {
            name: name.into(),
            kind,
        })
    };
    named(SERVER_SERVICE, NodeKind::Service)
        .or_else(|| named("peer.service", NodeKind::External))
        .or_else(|| named("server.address", NodeKind::External))
}

fn service(span: &FinishedSpan) -> NodeName {
    let kind = match &*span.service {
        BROWSER => NodeKind::Browser,
        STORAGE => NodeKind::Storage,
        _ => NodeKind::Service,
    };
    NodeName {
        name: Arc::clone(&span.service),
        kind,
    }
}

fn outcome(span: &FinishedSpan) -> Outcome {
    Outcome {
        duration_us: span.duration_ns / 1000,
        is_error: is_fault(span),
    }
}

#[cfg(test)]
mod tests {
    use SpanKind::{Client, Consumer, Internal, Producer, Server};

    use super::*;
    use crate::testing::TestSpan as S;

    /// `node 3ms`, `from->to 5ms!` (with ! for an error), in this order.
    fn counted(span: &S, parent: Option<&S>, callee: Option<&S>) -> Vec<String> {
        let (parent, callee) = (parent.map(|s| s.in_trace(1)), callee.map(|s| s.in_trace(1)));
        let neighbours = Neighbours {
            parent: parent.as_ref(),
            callee: callee.as_ref(),
        };
        let calls = calls_of(&span.in_trace(1), neighbours);
        let went = |outcome: Outcome| {
            let mark = if outcome.is_error { "!" } else { "" };
            format!("{}ms{mark}", outcome.duration_us / 1000)
        };
        let shown = |node: &NodeName| format!("{} ({})", node.name, node.kind.as_str());
        let node = calls
            .node
            .map(|(node, outcome)| format!("{} {}", shown(&node), went(outcome)));
        let edge = calls.edge.map(|(from, to, outcome)| {
            format!("{} -> {} {}", from.name, shown(&to), went(outcome))
        });
        node.into_iter().chain(edge).collect()
    }

    #[test]
    fn each_call_counts_once_for_its_node_and_once_for_its_edge() {
        let client = S::new(1, 9, 0, 5).by("gateway", Client);
        let server = S::new(2, 1, 1, 3).by("catalog", Server);
        let to_catalog = client.clone().with(SERVER_SERVICE, "catalog");
        let browser_span = S::new(1, 0, 0, 5).by("browser", Internal);
        let database = S::new(3, 2, 0, 2)
            .by("catalog-db", Client)
            .with(DB_SYSTEM, "sqlite");
        let foreign_database = S::new(3, 2, 0, 2)
            .by("shop", Client)
            .with(DB_SYSTEM, "mysql");
        let storage = S::new(3, 2, 0, 2).by("storage", Client);
        let mail = client.clone().with("server.address", "smtp.example.org");
        let itself = client.clone().with("server.address", "gateway");
        let consumer = S::new(2, 1, 1, 3).by("catalog", Consumer);
        let producer = S::new(1, 9, 0, 1).by("media", Producer);

        type Case<'a> = (&'a str, &'a S, Option<&'a S>, Option<&'a S>, &'a [&'a str]);
        let cases: [Case<'_>; 16] = [
            (
                "the callee's span",
                &server,
                Some(&client),
                None,
                &["catalog (service) 3ms"],
            ),
            (
                "the caller's span",
                &client,
                None,
                Some(&server),
                &["gateway -> catalog (service) 5ms"],
            ),
            (
                "a callee that is only named",
                &to_catalog,
                None,
                None,
                &["gateway -> catalog (service) 5ms"],
            ),
            ("a callee that is unknown", &client, None, None, &[]),
            (
                "a caller that is unknown",
                &server,
                None,
                None,
                &["catalog (service) 3ms"],
            ),
            (
                "a browser without client span",
                &server,
                Some(&browser_span),
                None,
                &["catalog (service) 3ms", "browser -> catalog (service) 3ms"],
            ),
            (
                "a click",
                &browser_span,
                None,
                None,
                &["browser (browser) 5ms"],
            ),
            (
                "our database",
                &database,
                Some(&server),
                None,
                &[
                    "catalog-db (database) 2ms",
                    "catalog -> catalog-db (database) 2ms",
                ],
            ),
            (
                "our database, its caller not yet in",
                &database,
                None,
                None,
                &[
                    "catalog-db (database) 2ms",
                    "catalog -> catalog-db (database) 2ms",
                ],
            ),
            (
                "a foreign service's database",
                &foreign_database,
                None,
                None,
                &["shop-db (database) 2ms", "shop -> shop-db (database) 2ms"],
            ),
            (
                "the blob store",
                &storage,
                Some(&server),
                None,
                &["storage (storage) 2ms", "catalog -> storage (storage) 2ms"],
            ),
            (
                "an outside server",
                &mail,
                None,
                None,
                &[
                    "smtp.example.org (external) 5ms",
                    "gateway -> smtp.example.org (external) 5ms",
                ],
            ),
            ("a call to itself", &itself, None, None, &[]),
            (
                "a message's consumer",
                &consumer,
                Some(&producer),
                None,
                &["catalog (service) 3ms"],
            ),
            (
                "a message's producer",
                &producer,
                None,
                Some(&consumer),
                &["media -> catalog (service) 1ms"],
            ),
            ("inner work", &S::new(1, 0, 0, 9), None, None, &[]),
        ];
        for (name, span, parent, callee, expected) in cases {
            assert_eq!(counted(span, parent, callee), expected, "{name}");
        }
    }

    #[test]
    fn errors_are_counted_where_they_were_seen() {
        let server = S::new(2, 1, 1, 3).by("catalog", Server);
        let client = S::new(1, 9, 0, 5).by("gateway", Client).failed();
        assert_eq!(
            counted(&client, None, Some(&server)),
            ["gateway -> catalog (service) 5ms!"]
        );
        assert_eq!(
            counted(&server, Some(&client), None),
            ["catalog (service) 3ms"]
        );
    }

    #[test]
    fn a_browser_names_nothing_that_has_not_been_seen() {
        for attribute in [SERVER_SERVICE, "peer.service", "server.address", DB_SYSTEM] {
            let made_up = S::new(1, 9, 0, 5)
                .by(BROWSER, Client)
                .with(attribute, "made up");
            assert_eq!(counted(&made_up, None, None), [""; 0], "{attribute}");
        }
        let request = S::new(1, 9, 0, 5).by(BROWSER, Client);
        let server = S::new(2, 1, 1, 3).by("gateway", Server);
        assert_eq!(
            counted(&request, None, Some(&server)),
            ["browser -> gateway (service) 5ms"]
        );
    }
}
