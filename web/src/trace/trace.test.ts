import { beforeEach, describe, expect, it, vi } from 'vitest';
import { OTLP_URL, SpanExporter } from './exporter';
import { newSpanId, newTraceId } from './ids';
import { unixNano } from './otlp';
import { PlayTrace, withoutToken } from './play-trace';
import { type FinishedSpan, nowMs, Span } from './span';

class Collected {
  readonly spans: FinishedSpan[] = [];
  flushes = 0;
  readonly add = (span: FinishedSpan): void => void this.spans.push(span);
  flush = async (): Promise<void> => {
    this.flushes += 1;
  };
  named(name: string): FinishedSpan | undefined {
    return this.spans.find((span) => span.name === name);
  }
}

describe('ids', () => {
  it('are lower-case hex of the length that W3C Trace Context asks for', () => {
    expect(newTraceId()).toMatch(/^[0-9a-f]{32}$/);
    expect(newSpanId()).toMatch(/^[0-9a-f]{16}$/);
  });

  it('are never all zeros', () => {
    vi.spyOn(crypto, 'getRandomValues').mockImplementation((array) => array);
    expect(newTraceId()).not.toMatch(/^0+$/);
    expect(newSpanId()).not.toMatch(/^0+$/);
  });
});

describe('a span', () => {
  it('hands on a sampled traceparent of its own', () => {
    const span = Span.root('play', () => undefined);
    expect(span.traceparent()).toBe(`00-${span.traceId}-${span.spanId}-01`);
  });

  it('ends once, however often it is ended', () => {
    const ended: FinishedSpan[] = [];
    const span = Span.root('play', (one) => ended.push(one));
    span.end('error', 'first');
    span.end('ok');
    expect(ended).toHaveLength(1);
    expect(ended[0]).toMatchObject({ status: 'error', statusMessage: 'first' });
  });

  it('never ends before it started', () => {
    const ended: FinishedSpan[] = [];
    Span.root('play', (one) => ended.push(one), { startMs: nowMs() + 60_000 }).end();
    expect(ended[0]?.endMs).toBe(ended[0]?.startMs);
  });
});

describe('unix nanoseconds', () => {
  it('keep the digits that a double would lose', () => {
    expect(unixNano(1_795_000_000_123.25)).toBe('1795000000123250000');
  });
});

describe('the play trace', () => {
  let collected: Collected;
  let trace: PlayTrace;

  beforeEach(() => {
    collected = new Collected();
    trace = new PlayTrace(
      collected as unknown as SpanExporter,
      { 'amphi.video.id': 'v' },
      nowMs() - 500,
    );
  });

  it('puts session, manifest, segment and first frame under one play span that began with the click', async () => {
    await trace.step('playback session', async () => undefined);
    for (const kind of ['manifest', 'segment'] as const) {
      const span = trace.mediaRequest(kind, '/play/secret/x');
      if (span) trace.mediaResponse(span, 200, 10);
    }
    trace.awaitFirstFrame();
    trace.showFirstFrame({ 'media.height': 720 });

    const root = collected.named('play');
    expect(collected.spans.map((span) => span.name)).toEqual([
      'playback session',
      'manifest',
      'segment',
      'first frame',
      'play',
    ]);
    for (const span of collected.spans.filter((one) => one !== root))
      expect(span.parentSpanId).toBe(root?.spanId);
    expect((root?.endMs ?? 0) - (root?.startMs ?? 0)).toBeGreaterThanOrEqual(500);
    expect(root?.attributes).toMatchObject({ 'amphi.video.id': 'v', 'media.height': 720 });
    expect(root?.attributes['media.startup_ms']).toBeGreaterThanOrEqual(500);
    expect(collected.flushes).toBe(1);
  });

  it('gives the request of a step the traceparent of that step', async () => {
    const seen = await trace.step('playback session', async (traceparent) => traceparent);
    const span = collected.named('playback session');
    expect(seen).toBe(`00-${trace.traceId}-${span?.spanId}-01`);
  });

  it('marks a step that failed and passes its error on', async () => {
    await expect(
      trace.step('playback session', () => Promise.reject(new Error('409'))),
    ).rejects.toThrow('409');
    expect(collected.named('playback session')).toMatchObject({
      status: 'error',
      statusMessage: '409',
    });
  });

  it('traces no media request after the first frame', () => {
    trace.showFirstFrame();
    expect(trace.mediaRequest('segment', '/play/t/1.m4s')).toBeNull();
  });

  it('closes what was still loading when the picture appeared, without calling it failed', () => {
    trace.mediaRequest('segment', '/play/t/9.m4s');
    trace.showFirstFrame();
    expect(collected.named('segment')).toMatchObject({ status: 'unset' });
  });

  it('says so when the viewer left before the first frame', () => {
    trace.abandon();
    expect(collected.named('play')).toMatchObject({
      status: 'unset',
      attributes: { 'media.abandoned': true },
    });
  });

  it('marks a refused segment as an error', () => {
    const span = trace.mediaRequest('segment', '/play/t/1.m4s');
    if (span) trace.mediaResponse(span, 403, 0);
    expect(collected.named('segment')).toMatchObject({
      status: 'error',
      attributes: { 'http.response.status_code': 403 },
    });
  });

  it('keeps the signed token of a media URL to itself', () => {
    expect(withoutToken('/play/eyJhbGciOi.secret/v360/12.m4s')).toBe('/play/…/v360/12.m4s');
  });
});

describe('the exporter', () => {
  const finish = (exporter: SpanExporter): void =>
    Span.root('play', exporter.add, { attributes: { n: 1, ok: true, share: 0.5, s: 'x' } }).end();

  it('posts OTLP JSON with keepalive and the bearer token', async () => {
    const send = vi.fn(async (_input: unknown, _init?: RequestInit) => new Response());
    const exporter = new SpanExporter({
      send: send as unknown as typeof fetch,
      token: () => 'secret',
    });
    finish(exporter);
    await exporter.flush();
    const [url, init] = send.mock.calls[0] ?? [];
    expect(url).toBe(OTLP_URL);
    expect(init).toMatchObject({
      method: 'POST',
      keepalive: true,
      headers: { authorization: 'Bearer secret' },
    });
    const [resource] = JSON.parse(String(init?.body)).resourceSpans;
    expect(resource.resource.attributes).toEqual([
      { key: 'service.name', value: { stringValue: 'browser' } },
    ]);
    const [span] = resource.scopeSpans[0].spans;
    expect(span).toMatchObject({ name: 'play', kind: 1, status: { code: 1 } });
    expect(span.startTimeUnixNano).toMatch(/^\d{19}$/);
    expect(span.attributes).toEqual([
      { key: 'n', value: { intValue: '1' } },
      { key: 'ok', value: { boolValue: true } },
      { key: 'share', value: { doubleValue: 0.5 } },
      { key: 's', value: { stringValue: 'x' } },
    ]);
  });

  it('sends many spans in batches that a keepalive request can carry', async () => {
    const sizes: number[] = [];
    const send = vi.fn(async (_input: unknown, init?: RequestInit) => {
      sizes.push(String(init?.body).length);
      return new Response();
    });
    const exporter = new SpanExporter({ send: send as unknown as typeof fetch });
    for (let count = 0; count < 200; count += 1) finish(exporter);
    await exporter.flush();
    expect(sizes.length).toBe(4);
    expect(Math.max(...sizes)).toBeLessThan(64 * 1024);
  });

  it('drops spans beyond its bound and survives a server that is away', async () => {
    const send = vi.fn(() => Promise.reject(new TypeError('offline')));
    const exporter = new SpanExporter({ send: send as unknown as typeof fetch });
    for (let count = 0; count < 2000; count += 1) finish(exporter);
    await expect(exporter.flush()).resolves.toBeUndefined();
    expect(send.mock.calls.length).toBe(8);
  });
});
