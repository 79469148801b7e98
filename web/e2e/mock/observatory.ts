import { randomBytes } from 'node:crypto';
import type { components } from '../../src/api/generated/schema';

type Schemas = components['schemas'];
type Span = Schemas['Span'];

interface RawSpan {
  traceId: string;
  spanId: string;
  parentId: string | null;
  service: string;
  operation: string;
  kind: Span['kind'];
  startMs: number;
  endMs: number;
  status: Span['status'];
  attributes: Record<string, string>;
}

export interface Observatory {
  ingest(otlp: unknown): void;
  /** Adds the spans a real request would leave behind the gateway, under the caller's `traceparent`. */
  serve(traceparent: string | string[] | undefined, operation: string): void;
  trace(id: string): Schemas['Trace'] | null;
  list(query: URLSearchParams): Schemas['TraceSummaryPage'];
  services(): Schemas['ObservedServices'];
  map(windowS: number): Schemas['ServiceMap'];
}

interface OtlpSpan {
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  name: string;
  kind: number;
  startTimeUnixNano: string;
  endTimeUnixNano: string;
  attributes: { key: string; value: Record<string, string | number | boolean> }[];
  status: { code: number };
}

export function createObservatory(): Observatory {
  const spans: RawSpan[] = [];
  for (let index = 0; index < 14; index += 1) seedTrace(spans, index);

  const byTrace = (id: string): RawSpan[] => spans.filter((span) => span.traceId === id);
  const ids = (): string[] => [...new Set(spans.map((span) => span.traceId))];

  return {
    ingest: (otlp) => {
      const { resourceSpans = [] } = otlp as {
        resourceSpans?: { scopeSpans: { spans: OtlpSpan[] }[] }[];
      };
      for (const span of resourceSpans
        .flatMap((resource) => resource.scopeSpans)
        .flatMap((scope) => scope.spans)) {
        spans.push({
          traceId: span.traceId,
          spanId: span.spanId,
          parentId: span.parentSpanId ?? null,
          service: 'browser',
          operation: span.name,
          kind: span.kind === 3 ? 'client' : 'internal',
          startMs: Number(span.startTimeUnixNano) / 1e6,
          endMs: Number(span.endTimeUnixNano) / 1e6,
          status: span.status.code === 2 ? 'error' : span.status.code === 1 ? 'ok' : 'unset',
          attributes: Object.fromEntries(
            span.attributes.map(({ key, value }) => [key, String(Object.values(value)[0])]),
          ),
        });
      }
    },
    serve: (traceparent, operation) => {
      const match = /^00-([0-9a-f]{32})-([0-9a-f]{16})-/.exec(String(traceparent ?? ''));
      if (match)
        requestSpans(
          spans,
          match[1] ?? '',
          match[2] ?? null,
          operation,
          performance.timeOrigin + performance.now(),
          1,
        );
    },
    trace: (id) => (byTrace(id).length > 0 ? traceOf(id, byTrace(id)) : null),
    list: (query) => {
      const items = ids()
        .map((id) => summaryOf(traceOf(id, byTrace(id))))
        .filter(
          (trace) =>
            !query.get('service') ||
            trace.services.some(({ name }) => name === query.get('service')),
        )
        .filter(
          (trace) => !query.get('operation') || trace.root_operation === query.get('operation'),
        )
        .filter((trace) => trace.duration_us >= Number(query.get('min_duration_ms') ?? 0) * 1000)
        .filter((trace) => query.get('error') !== 'true' || trace.error_count > 0)
        .sort((a, b) => b.duration_us - a.duration_us);
      return { items, next_cursor: null };
    },
    services: () => ({
      items: [...new Set(spans.map((span) => span.service))].map((name) => ({
        name,
        operations: [
          ...new Set(spans.filter((span) => span.service === name).map((span) => span.operation)),
        ],
      })),
    }),
    map: (windowS) => serviceMap(windowS),
  };
}

function seedTrace(spans: RawSpan[], index: number): void {
  const traceId = randomBytes(16).toString('hex');
  const operations = [
    'GET /api/v1/videos',
    'POST /api/v1/videos/{id}/playback',
    'GET /dramas/{id}',
    'GET /play/{token}/{file}',
  ];
  const start = Date.now() - 20_000 - index * 31_000;
  requestSpans(
    spans,
    traceId,
    null,
    operations[index % operations.length] ?? '',
    start,
    1 + (index % 5) * 2.7,
    index === 3,
  );
}

function requestSpans(
  spans: RawSpan[],
  traceId: string,
  parentId: string | null,
  operation: string,
  startMs: number,
  slow: number,
  failing = false,
): void {
  const add = (
    parent: string | null,
    service: string,
    name: string,
    kind: Span['kind'],
    from: number,
    to: number,
    attributes: Record<string, string> = {},
    status: Span['status'] = 'ok',
  ): string => {
    const spanId = randomBytes(8).toString('hex');
    spans.push({
      traceId,
      spanId,
      parentId: parent,
      service,
      operation: name,
      kind,
      startMs: startMs + from * slow,
      endMs: startMs + to * slow,
      status,
      attributes,
    });
    return spanId;
  };
  const gateway = add(
    parentId,
    'gateway',
    operation,
    'server',
    0,
    9.6,
    {
      'http.request.method': operation.split(' ')[0] ?? '',
      'http.response.status_code': failing ? '500' : '200',
    },
    failing ? 'error' : 'ok',
  );
  const playback = add(gateway, 'playback', 'amphi.playback.v1.Playback/Start', 'server', 0.7, 8.9);
  add(playback, 'playback', 'verify token', 'internal', 0.8, 0.9);
  const catalog = add(playback, 'catalog', 'amphi.catalog.v1.Catalog/GetVideo', 'server', 1.1, 2.8);
  add(catalog, 'database', 'SELECT videos', 'client', 1.4, 2.5, {
    'db.system.name': 'sqlite',
    'db.operation.name': 'SELECT',
  });
  const media = add(
    playback,
    'media',
    'amphi.media.v1.Media/Renditions',
    'server',
    3,
    8.2,
    {},
    failing ? 'error' : 'ok',
  );
  add(
    media,
    'database',
    'SELECT renditions',
    'client',
    3.3,
    7.4,
    { 'db.system.name': 'sqlite' },
    failing ? 'error' : 'ok',
  );
  add(media, 'storage', 'HEAD object', 'client', 7.5, 8);
}

function traceOf(traceId: string, raw: readonly RawSpan[]): Schemas['Trace'] {
  const start = Math.min(...raw.map((span) => span.startMs));
  const end = Math.max(...raw.map((span) => span.endMs));
  const children = (id: string | null): RawSpan[] =>
    raw
      .filter((span) =>
        id === null ? !raw.some((other) => other.spanId === span.parentId) : span.parentId === id,
      )
      .sort((a, b) => a.startMs - b.startMs);
  const us = (ms: number): number => Math.round(ms * 1000);
  const spans: Span[] = [];
  const visit = (span: RawSpan, critical: boolean): void => {
    const below = children(span.spanId);
    const covered = below.reduce((sum, child) => sum + (child.endMs - child.startMs), 0);
    spans.push({
      span_id: span.spanId,
      parent_span_id: span.parentId,
      service: span.service,
      operation: span.operation,
      kind: span.kind,
      start_us: us(span.startMs - start),
      duration_us: us(span.endMs - span.startMs),
      self_us: us(Math.max(0, span.endMs - span.startMs - covered)),
      on_critical_path: critical,
      status: span.status,
      status_message: span.status === 'error' ? 'database is locked' : null,
      attributes: span.attributes,
      events:
        span.status === 'error'
          ? [
              {
                name: 'exception',
                offset_us: us(span.startMs - start),
                attributes: { 'exception.message': 'database is locked' },
              },
            ]
          : [],
    });
    const last = below.reduce<RawSpan | null>((a, b) => (a && a.endMs >= b.endMs ? a : b), null);
    for (const child of below)
      visit(child, critical && (child === last || child.endMs <= (last?.startMs ?? 0)));
  };
  for (const root of children(null)) visit(root, true);
  const services = [...new Set(raw.map((span) => span.service))].map((name) => ({
    name,
    span_count: raw.filter((span) => span.service === name).length,
  }));
  return {
    trace_id: traceId,
    started_at: new Date(start).toISOString(),
    duration_us: us(end - start),
    span_count: raw.length,
    services,
    spans,
  };
}

function summaryOf(trace: Schemas['Trace']): Schemas['TraceSummary'] {
  const { trace_id, started_at, duration_us, span_count, services, spans } = trace;
  return {
    trace_id,
    root_service: spans[0]?.service ?? '',
    root_operation: spans[0]?.operation ?? '',
    started_at,
    duration_us,
    span_count,
    error_count: spans.filter((span) => span.status === 'error').length,
    services,
  };
}

function serviceMap(windowS: number): Schemas['ServiceMap'] {
  const wobble = 1 + Math.sin(Date.now() / 7000) * 0.08;
  const times = (p50: number) => ({
    p50_us: Math.round(p50 * wobble),
    p95_us: Math.round(p50 * 3.1 * wobble),
    p99_us: Math.round(p50 * 6.4 * wobble),
  });
  const node = (
    name: string,
    kind: Schemas['ServiceNode']['kind'],
    rate: number,
    errors: number,
    p50: number,
  ): Schemas['ServiceNode'] => ({
    name,
    kind,
    calls: Math.round(rate * windowS),
    errors,
    rate_per_s: rate * wobble,
    ...times(p50),
  });
  const edge = (
    from: string,
    to: string,
    rate: number,
    error_share: number,
    p50: number,
  ): Schemas['ServiceEdge'] => ({
    from,
    to,
    calls: Math.round(rate * windowS),
    error_share,
    rate_per_s: rate * wobble,
    ...times(p50),
  });
  return {
    window_s: windowS,
    generated_at: new Date().toISOString(),
    nodes: [
      node('browser', 'browser', 3.2, 0, 61_000),
      node('gateway', 'service', 42.4, 3, 5200),
      node('identity', 'service', 1.8, 0, 1900),
      node('catalog', 'service', 18.2, 0, 900),
      node('playback', 'service', 24.5, 2, 2100),
      node('media', 'service', 21.9, 14, 4100),
      node('database', 'database', 96.1, 0, 310),
      node('storage', 'storage', 19.3, 0, 540),
    ],
    edges: [
      edge('browser', 'gateway', 3.2, 0, 61_000),
      edge('gateway', 'identity', 1.8, 0, 1900),
      edge('gateway', 'catalog', 14.1, 0, 900),
      edge('gateway', 'playback', 24.5, 0.001, 2100),
      edge('playback', 'catalog', 4.1, 0, 800),
      edge('playback', 'media', 21.9, 0.021, 4100),
      edge('identity', 'database', 1.8, 0, 400),
      edge('catalog', 'database', 40.1, 0, 310),
      edge('media', 'database', 54.2, 0, 300),
      edge('media', 'storage', 19.3, 0, 540),
    ],
  };
}
