import type { AttributeValue, FinishedSpan, SpanKind, SpanStatus } from './span';

/** OTLP/HTTP JSON (opentelemetry-proto `ExportTraceServiceRequest`): 64-bit integers are strings, ids are hex. */
export function toOtlp(spans: readonly FinishedSpan[]): unknown {
  return {
    resourceSpans: [
      {
        resource: { attributes: [attribute('service.name', 'browser')] },
        scopeSpans: [{ scope: { name: 'amphi-web' }, spans: spans.map(otlpSpan) }],
      },
    ],
  };
}

const KINDS: Record<SpanKind, number> = { internal: 1, client: 3 };
const STATUS_CODES: Record<SpanStatus, number> = { unset: 0, ok: 1, error: 2 };

function otlpSpan(span: FinishedSpan): unknown {
  return {
    traceId: span.traceId,
    spanId: span.spanId,
    ...(span.parentSpanId ? { parentSpanId: span.parentSpanId } : {}),
    name: span.name,
    kind: KINDS[span.kind],
    startTimeUnixNano: unixNano(span.startMs),
    endTimeUnixNano: unixNano(span.endMs),
    attributes: Object.entries(span.attributes).map(([key, value]) => attribute(key, value)),
    status: {
      code: STATUS_CODES[span.status],
      ...(span.statusMessage ? { message: span.statusMessage } : {}),
    },
  };
}

/** Nanoseconds as a decimal string; through BigInt, since epoch nanoseconds exceed a double's integers. */
export function unixNano(ms: number): string {
  const whole = Math.floor(ms);
  return String(BigInt(whole) * 1_000_000n + BigInt(Math.round((ms - whole) * 1_000_000)));
}

function attribute(key: string, value: AttributeValue): unknown {
  if (typeof value === 'string') return { key, value: { stringValue: value } };
  if (typeof value === 'boolean') return { key, value: { boolValue: value } };
  return Number.isInteger(value)
    ? { key, value: { intValue: String(value) } }
    : { key, value: { doubleValue: value } };
}
