import { toOtlp } from './otlp';
import type { FinishedSpan } from './span';

export const OTLP_URL = '/api/v1/observatory/otlp/v1/traces';
/** Browsers refuse keepalive bodies above 64 KiB in total; a batch of this many spans stays well below. */
const BATCH_SPANS = 64;
const BUFFER_SPANS = 512;
const FLUSH_AFTER_MS = 1000;

export interface ExporterOptions {
  send?: typeof fetch;
  token?: () => string | null;
}

/** Buffers finished spans, bounded, and posts them in batches. Losing telemetry is always preferred to disturbing the page. */
export class SpanExporter {
  #buffer: FinishedSpan[] = [];
  #timer: ReturnType<typeof setTimeout> | null = null;
  readonly #send: typeof fetch;
  readonly #token: () => string | null;

  constructor(options: ExporterOptions = {}) {
    this.#send = options.send ?? ((input, init) => fetch(input, init));
    this.#token = options.token ?? (() => null);
  }

  readonly add = (span: FinishedSpan): void => {
    if (this.#buffer.length >= BUFFER_SPANS) return;
    this.#buffer.push(span);
    this.#timer ??= setTimeout(() => void this.flush(), FLUSH_AFTER_MS);
  };

  async flush(): Promise<void> {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
    const spans = this.#buffer;
    this.#buffer = [];
    for (let start = 0; start < spans.length; start += BATCH_SPANS) {
      await this.#post(spans.slice(start, start + BATCH_SPANS));
    }
  }

  async #post(batch: readonly FinishedSpan[]): Promise<void> {
    const token = this.#token();
    await this.#send(OTLP_URL, {
      method: 'POST',
      keepalive: true,
      headers: {
        'content-type': 'application/json',
        ...(token ? { authorization: `Bearer ${token}` } : {}),
      },
      body: JSON.stringify(toOtlp(batch)),
    }).catch(() => undefined);
  }
}
