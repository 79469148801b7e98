//! The tracing layer that records spans, and the way to ask for the trace of the current one.
//!
//! It keeps a span in the registry's extensions while it runs and pushes it into a [`SpanFeed`] when it closes. Nothing is
//! encoded, sent or locked for long on the way: a request must not pay for being watched.

use std::collections::HashSet;
use std::sync::{Arc, PoisonError, RwLock};

use rand::RngExt as _;
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::Registry;
use tracing_subscriber::layer::{Context, Filter, Layer};
use tracing_subscriber::registry::{LookupSpan, SpanRef};

use super::database::DatabaseCall;
use super::feed::SpanFeed;
use super::recording::{EventVisitor, Given, GivenVisitor, Recording, database_service};
use super::trace_context::{SpanId, TraceId, TraceParent};

/// Service names come from code, so there are few; a field filled with something else must not fill the memory.
const SERVICE_NAMES_MAX: usize = 256;

/// Records spans into a feed. Add it with [`RecordedSpans`] as its filter.
#[derive(Debug)]
pub struct SpanLayer {
    feed: SpanFeed,
    sample_ratio: f64,
    service_names: RwLock<HashSet<Arc<str>>>,
}

impl SpanLayer {
    /// `sample_ratio` is the share of new traces that are recorded, 0 to 1.
    #[must_use]
    pub fn new(feed: SpanFeed, sample_ratio: f64) -> Self {
        Self {
            feed,
            sample_ratio,
            service_names: RwLock::default(),
        }
    }

    fn intern(&self, name: &str) -> Arc<str> {
        let names = &self.service_names;
        if let Some(known) = names
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(name)
        {
            return Arc::clone(known);
        }
        let mut names = names.write().unwrap_or_else(PoisonError::into_inner);
        let name: Arc<str> = name.into();
        if names.len() < SERVICE_NAMES_MAX {
            names.insert(Arc::clone(&name));
        }
        name
    }

    fn is_sampled(&self) -> bool {
        self.sample_ratio >= 1.0 || rand::rng().random_bool(self.sample_ratio.clamp(0.0, 1.0))
    }

    fn record(
        &self,
        attributes: &Attributes<'_>,
        given: Given,
        local_parent: Option<(TraceParent, Arc<str>)>,
    ) -> Option<Recording> {
        let metadata = attributes.metadata();
        let (local_parent, local_service) = local_parent.unzip();
        let parent = given.parent.or(local_parent);
        let database = database_call(metadata);
        // A poll of a table that belongs to no request would only be noise.
        if database.is_some() && parent.is_none() {
            return None;
        }
        let identity = TraceParent {
            trace_id: parent.map_or_else(TraceId::generate, |parent| parent.trace_id),
            span_id: SpanId::generate(),
            sampled: parent.map_or_else(|| self.is_sampled(), |parent| parent.sampled),
        };
        let service = given.service.or(local_service).unwrap_or_default();
        let service = match database {
            Some(_) => self.intern(&database_service(&service)),
            None => service,
        };
        let parent_span_id = parent.map(|parent| parent.span_id);
        let mut recording = Recording::new(identity, parent_span_id, service, database);
        if identity.sampled {
            attributes.record(&mut recording.visitor());
        }
        Some(recording)
    }
}

impl<S> Layer<S> for SpanLayer
where
    S: Subscriber + for<'lookup> LookupSpan<'lookup>,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else {
            return;
        };
        let intern = |name: &str| self.intern(name);
        let mut visitor = GivenVisitor {
            given: Given::default(),
            intern: &intern,
        };
        attributes.record(&mut visitor);
        let local_parent = span.parent().and_then(|parent| {
            let extensions = parent.extensions();
            let recording = extensions.get::<Recording>()?;
            Some((recording.identity, Arc::clone(&recording.service)))
        });
        if let Some(recording) = self.record(attributes, visitor.given, local_parent) {
            span.extensions_mut().insert(recording);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else {
            return;
        };
        if let Some(recording) = span.extensions_mut().get_mut::<Recording>()
            && recording.identity.sampled
        {
            values.record(&mut recording.visitor());
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let Some(span) = context.event_span(event) else {
            return;
        };
        if let Some(recording) = span.extensions_mut().get_mut::<Recording>()
            && recording.identity.sampled
        {
            let mut visitor = EventVisitor::default();
            event.record(&mut visitor);
            recording.add_event(visitor.finish(*event.metadata().level()));
        }
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let Some(span) = context.span(&id) else {
            return;
        };
        let recording = span.extensions_mut().remove::<Recording>();
        if let Some(recording) = recording.filter(|recording| recording.identity.sampled) {
            self.feed.push(recording.finish(span.name()));
        }
    }
}

/// Lets through what is recorded: spans of ours and of the database library at info and above, and warnings within them.
#[derive(Debug, Clone, Copy, Default)]
pub struct RecordedSpans;

impl RecordedSpans {
    pub(super) fn wants(metadata: &Metadata<'_>) -> bool {
        let is_ours = metadata.target().starts_with("amphi");
        if metadata.is_event() {
            return is_ours && *metadata.level() <= Level::WARN;
        }
        *metadata.level() <= Level::INFO && (is_ours || is_database(metadata))
    }
}

impl<S> Filter<S> for RecordedSpans {
    fn enabled(&self, metadata: &Metadata<'_>, _: &Context<'_, S>) -> bool {
        Self::wants(metadata)
    }

    fn callsite_enabled(&self, metadata: &'static Metadata<'static>) -> Interest {
        if Self::wants(metadata) {
            return Interest::always();
        }
        Interest::never()
    }

    fn max_level_hint(&self) -> Option<tracing::level_filters::LevelFilter> {
        Some(tracing::level_filters::LevelFilter::INFO)
    }
}

fn is_database(metadata: &Metadata<'_>) -> bool {
    metadata.target().starts_with("sea_orm") && metadata.name().starts_with("sea_orm.")
}

fn database_call(metadata: &Metadata<'_>) -> Option<DatabaseCall> {
    is_database(metadata)
        .then(|| DatabaseCall::from_span_name(metadata.name()))
        .flatten()
}

/// The trace context of the span that is current in this task, to be sent along; `None` outside of any.
#[must_use]
pub fn current_trace() -> Option<TraceParent> {
    traceparent_of(&tracing::Span::current())
}

/// [`current_trace`] as the text of a `traceparent` header.
#[must_use]
pub fn current_traceparent() -> Option<String> {
    current_trace().map(|context| context.to_string())
}

/// The trace of the span that is current in this task.
#[must_use]
pub fn current_trace_id() -> Option<TraceId> {
    current_trace().map(|context| context.trace_id)
}

/// The trace context of a span, or of the nearest span around it that is recorded.
#[must_use]
pub fn traceparent_of(span: &tracing::Span) -> Option<TraceParent> {
    span.with_subscriber(|(id, dispatch)| {
        let registry = dispatch.downcast_ref::<Registry>()?;
        context_of(registry.span(id)?)
    })?
}

/// Ends a span's clock now, though other work still holds on to it. A span that is only dropped ends when its last child
/// does; a stream or a spawned task may outlive the request by hours.
pub fn end(span: &tracing::Span) {
    span.with_subscriber(|(id, dispatch)| {
        let span = dispatch.downcast_ref::<Registry>()?.span(id)?;
        span.extensions_mut().get_mut::<Recording>()?.stop();
        Some(())
    });
}

/// A span for work that is not recorded, nor what it calls, here or elsewhere: the carrying of spans themselves, polls and
/// signs of life, whose number would drown what traces are for.
#[must_use]
pub fn unrecorded() -> tracing::Span {
    let nobody = TraceParent {
        trace_id: TraceId::generate(),
        span_id: SpanId::generate(),
        sampled: false,
    };
    tracing::info_span!(parent: None, "unrecorded", traceparent = %nobody)
}

pub(super) fn context_of<'a, S: LookupSpan<'a>>(span: SpanRef<'a, S>) -> Option<TraceParent> {
    span.scope().find_map(|span| {
        span.extensions()
            .get::<Recording>()
            .map(|recording| recording.identity)
    })
}
