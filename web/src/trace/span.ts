import { newSpanId, newTraceId } from './ids';

export type SpanKind = 'internal' | 'client';
export type SpanStatus = 'unset' | 'ok' | 'error';
export type AttributeValue = string | number | boolean;
export type Attributes = Record<string, AttributeValue>;

/** A finished span; times are milliseconds since the Unix epoch with a fraction. */
export interface FinishedSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string | null;
  readonly name: string;
  readonly kind: SpanKind;
  readonly startMs: number;
  readonly endMs: number;
  readonly status: SpanStatus;
  readonly statusMessage: string | null;
  readonly attributes: Attributes;
}

export interface SpanOptions {
  kind?: SpanKind;
  attributes?: Attributes;
  /** Milliseconds since the epoch; now when absent. */
  startMs?: number;
}

/** Now, in epoch milliseconds with the monotonic clock's precision. */
export const nowMs = (): number => performance.timeOrigin + performance.now();

export class Span {
  readonly spanId = newSpanId();
  readonly traceId: string;
  readonly #parentSpanId: string | null;
  readonly #name: string;
  readonly #kind: SpanKind;
  readonly startMs: number;
  readonly #attributes: Attributes;
  readonly #onEnd: (span: FinishedSpan) => void;
  #ended = false;

  private constructor(
    traceId: string,
    parentSpanId: string | null,
    name: string,
    options: SpanOptions,
    onEnd: (span: FinishedSpan) => void,
  ) {
    this.traceId = traceId;
    this.#parentSpanId = parentSpanId;
    this.#name = name;
    this.#kind = options.kind ?? 'internal';
    this.startMs = options.startMs ?? nowMs();
    this.#attributes = { ...options.attributes };
    this.#onEnd = onEnd;
  }

  static root(name: string, onEnd: (span: FinishedSpan) => void, options: SpanOptions = {}): Span {
    return new Span(newTraceId(), null, name, options, onEnd);
  }

  child(name: string, options: SpanOptions = {}): Span {
    return new Span(this.traceId, this.spanId, name, options, this.#onEnd);
  }

  set(attributes: Attributes): void {
    Object.assign(this.#attributes, attributes);
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** The W3C header that makes the server's spans children of this one; always sampled. */
  traceparent(): string {
    return `00-${this.traceId}-${this.spanId}-01`;
  }

  /** Ends the span once; later calls are ignored, so that racing endings (success, error, unload) are safe. */
  end(status: SpanStatus = 'ok', statusMessage: string | null = null): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#onEnd({
      traceId: this.traceId,
      spanId: this.spanId,
      parentSpanId: this.#parentSpanId,
      name: this.#name,
      kind: this.#kind,
      startMs: this.startMs,
      endMs: Math.max(nowMs(), this.startMs),
      status,
      statusMessage,
      attributes: this.#attributes,
    });
  }
}
