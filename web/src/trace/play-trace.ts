import type { SpanExporter } from './exporter';
import { type Attributes, nowMs, Span } from './span';

export type MediaRequestKind = 'manifest' | 'segment';

/**
 * The trace of one press of "play": root `play` from the click to the first frame, with the player's loading, the
 * playback session, the manifest and every segment asked for until then as children.
 */
export class PlayTrace {
  readonly #root: Span;
  readonly #exporter: SpanExporter;
  readonly #open = new Set<Span>();
  #firstFrame: Span | null = null;
  #startupMs: number | null = null;

  constructor(exporter: SpanExporter, attributes: Attributes, clickedAtMs: number = nowMs()) {
    this.#exporter = exporter;
    this.#root = Span.root('play', exporter.add, { startMs: clickedAtMs, attributes });
  }

  get traceId(): string {
    return this.#root.traceId;
  }

  /** Milliseconds since the click, or between the click and the first frame once that is shown. */
  elapsedMs(): number {
    return this.#startupMs ?? Math.round(nowMs() - this.#root.startMs);
  }

  get finished(): boolean {
    return this.#root.ended;
  }

  /** Runs `work` inside a child span and hands it that span's `traceparent`. */
  async step<T>(
    name: string,
    work: (traceparent: string, span: Span) => Promise<T>,
    attributes: Attributes = {},
  ): Promise<T> {
    const span = this.#root.child(name, { kind: 'client', attributes });
    this.#open.add(span);
    try {
      const result = await work(span.traceparent(), span);
      span.end();
      return result;
    } catch (cause) {
      span.end('error', cause instanceof Error ? cause.message : String(cause));
      throw cause;
    } finally {
      this.#open.delete(span);
    }
  }

  /** A media request of the player; null once the first frame is shown, since later ones are no part of starting. */
  mediaRequest(kind: MediaRequestKind, url: string): Span | null {
    if (this.finished) return null;
    const span = this.#root.child(kind, {
      kind: 'client',
      attributes: { 'http.request.method': 'GET', 'url.path': withoutToken(url) },
    });
    this.#open.add(span);
    return span;
  }

  mediaResponse(span: Span, status: number, bytes: number): void {
    this.#open.delete(span);
    span.set({ 'http.response.status_code': status, 'http.response.body.size': bytes });
    span.end(status >= 400 ? 'error' : 'ok');
  }

  /** Everything needed is on its way; what remains is decoding and painting. */
  awaitFirstFrame(): void {
    if (!this.finished) this.#firstFrame ??= this.#root.child('first frame');
  }

  showFirstFrame(attributes: Attributes = {}): void {
    if (this.finished) return;
    this.#firstFrame?.end();
    this.#startupMs = this.elapsedMs();
    this.#root.set({ ...attributes, 'media.startup_ms': this.#startupMs });
    this.#finish('ok', null);
  }

  fail(message: string): void {
    if (!this.finished) this.#finish('error', message);
  }

  /** The viewer left before the first frame. */
  abandon(): void {
    if (this.finished) return;
    this.#root.set({ 'media.abandoned': true });
    this.#finish('unset', null);
  }

  #finish(status: 'ok' | 'error' | 'unset', message: string | null): void {
    // Requests still under way when the picture appears were not waited for: they end here, without a verdict.
    for (const span of this.#open) span.end('unset');
    this.#open.clear();
    this.#firstFrame?.end('unset');
    this.#root.end(status, message);
    void this.#exporter.flush();
  }
}

/** The path of a media URL without its signed token: a trace is read by more people than may play the video. */
export function withoutToken(url: string): string {
  const { pathname } = new URL(url, location.href);
  return pathname.replace(/^(\/play\/)[^/]+/, '$1…');
}
