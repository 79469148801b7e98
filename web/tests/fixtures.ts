import type { Rendition, Schemas, Span, Trace, Video } from '../src/api/client';
import type { Account } from '../src/auth/session';

export function anAccount(patch: Partial<Account> = {}): Account {
  return {
    id: 'a',
    email: 'a@b.c',
    name: 'A',
    role: 'creator',
    created_at: '2026-01-01T00:00:00Z',
    ...patch,
  };
}

/** What signing in and renewing are answered with. */
export function aGrant(patch: Partial<Schemas['AuthSession']> = {}): Schemas['AuthSession'] {
  return {
    account: anAccount(),
    access_token: 'token',
    refresh_token: 'r',
    expires_in_s: 900,
    token_type: 'Bearer',
    ...patch,
  };
}

export function aVideo(patch: Partial<Video> = {}): Video {
  return {
    id: '0190a000-0000-7000-8000-00000000aaaa',
    title: 'A walk along the harbour',
    description: '',
    visibility: 'private',
    state: 'ready',
    state_reason: null,
    progress: 1,
    duration_ms: 60_000,
    width: 1280,
    height: 720,
    poster_url: null,
    storyboard_url: null,
    owner: { id: 'owner', name: 'Hana Kim' },
    upload: null,
    renditions: [],
    created_at: '2026-01-01T00:00:00Z',
    updated_at: '2026-01-01T00:00:00Z',
    ...patch,
  };
}

export function aRendition(patch: Partial<Rendition> = {}): Rendition {
  return {
    id: 'v360',
    kind: 'video',
    codec: 'avc1.64001e',
    width: 640,
    height: 360,
    frame_rate: 25,
    bandwidth_bps: 700_000,
    language: null,
    channels: null,
    segments_done: 0,
    segments_total: 10,
    complete: false,
    ...patch,
  };
}

export function aSpan(patch: Partial<Span> & { span_id: string }): Span {
  return {
    parent_span_id: null,
    service: 'gateway',
    operation: 'GET /dramas',
    kind: 'server',
    start_us: 0,
    duration_us: 1000,
    self_us: 0,
    on_critical_path: false,
    status: 'ok',
    status_message: null,
    attributes: {},
    events: [],
    ...patch,
  };
}

export function aTrace(spans: Span[], durationUs: number): Trace {
  const names = [...new Set(spans.map((span) => span.service))];
  return {
    trace_id: 'a'.repeat(32),
    started_at: '2026-01-01T00:00:00Z',
    duration_us: durationUs,
    span_count: spans.length,
    services: names.map((name) => ({
      name,
      span_count: spans.filter((span) => span.service === name).length,
    })),
    spans,
  };
}
