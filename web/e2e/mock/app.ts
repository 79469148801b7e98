import { randomUUID } from 'node:crypto';
import { createReadStream, existsSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import path from 'node:path';
import type { Connect } from 'vite';
import type { components } from '../../src/api/generated/schema';
import { createData, type MockData, PASSWORD } from './data.ts';
import { type Media, makeMedia } from './media.ts';
import { createObservatory, type Observatory } from './observatory.ts';

type Schemas = components['schemas'];

interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly url: URL;
  readonly params: readonly string[];
  readonly account: Schemas['Account'] | null;
}

interface World {
  readonly data: MockData;
  readonly media: Media;
  readonly observatory: Observatory;
}

type Handler = (exchange: Exchange, world: World) => Promise<void> | void;

const REFRESH_COOKIE = 'amphi_refresh';
const TUS = { 'tus-resumable': '1.0.0' };

export async function createMockApp(): Promise<Connect.NextHandleFunction> {
  const media = await makeMedia();
  const world: World = { data: createData(media), media, observatory: createObservatory() };
  return (request, response, next) => {
    const url = new URL(request.url ?? '/', 'http://mock');
    if (url.pathname === '/docs') {
      request.url = '/scalar/index.html';
      next();
      return;
    }
    for (const [method, pattern, handler] of ROUTES) {
      const match = request.method === method ? pattern.exec(url.pathname) : null;
      if (!match) continue;
      const account = accountOf(request, world.data);
      void Promise.resolve(
        handler({ request, response, url, params: match.slice(1), account }, world),
      ).catch((cause) => {
        problem(response, 500, 'internal', String(cause));
      });
      return;
    }
    if (/^\/(api|uploads|play)\b/.test(url.pathname))
      problem(response, 404, 'not_found', 'There is no such thing here.');
    else next();
  };
}

const ROUTES: readonly [string, RegExp, Handler][] = [
  ['POST', /^\/api\/v1\/auth\/login$/, login],
  ['POST', /^\/api\/v1\/auth\/register$/, register],
  ['POST', /^\/api\/v1\/auth\/refresh$/, refresh],
  ['POST', /^\/api\/v1\/auth\/logout$/, logout],
  ['GET', /^\/api\/v1\/me$/, signedIn(({ response, account }) => json(response, 200, account))],
  [
    'GET',
    /^\/api\/v1\/me\/logins$/,
    signedIn(({ response }, { data }) =>
      json(response, 200, { items: data.logins, next_cursor: null }),
    ),
  ],
  [
    'GET',
    /^\/api\/v1\/about$/,
    ({ response }) =>
      json(response, 200, {
        name: 'Amphi',
        version: '0.1.0',
        registration_open: true,
        upload_max_bytes: 64 * 1024 ** 3,
      }),
  ],
  [
    'GET',
    /^\/api\/openapi\.json$/,
    async ({ response }) => send(response, 200, 'application/json', await readFile('openapi.json')),
  ],
  ['GET', /^\/api\/v1\/videos$/, listVideos],
  ['POST', /^\/api\/v1\/videos$/, signedIn(createVideo)],
  [
    'GET',
    /^\/api\/v1\/videos\/([^/]+)$/,
    withVideo(({ response }, video) => json(response, 200, video)),
  ],
  ['PATCH', /^\/api\/v1\/videos\/([^/]+)$/, withVideo(patchVideo)],
  [
    'DELETE',
    /^\/api\/v1\/videos\/([^/]+)$/,
    withVideo(({ response }, video, { data }) => {
      data.videos.delete(video.id);
      empty(response, 204);
    }),
  ],
  ['GET', /^\/api\/v1\/videos\/([^/]+)\/events$/, withVideo(videoEvents)],
  ['POST', /^\/api\/v1\/videos\/([^/]+)\/playback$/, withVideo(startPlayback)],
  [
    'PUT',
    /^\/api\/v1\/videos\/([^/]+)\/resume-position$/,
    signedIn(async ({ request, response, params }, { data }) => {
      const { position_ms } = (await body(request)) as Schemas['ResumePositionRequest'];
      data.resumePositions.set(params[0] ?? '', position_ms);
      empty(response, 204);
    }),
  ],
  ['GET', /^\/play\/[^/]+\/(.+)$/, playFile],
  ['POST', /^\/uploads$/, signedIn(tusCreate)],
  ['HEAD', /^\/uploads\/([^/]+)$/, signedIn(tusHead)],
  ['PATCH', /^\/uploads\/([^/]+)$/, signedIn(tusPatch)],
  [
    'DELETE',
    /^\/uploads\/([^/]+)$/,
    signedIn(({ response, params }, { data }) => {
      data.uploads.delete(params[0] ?? '');
      empty(response, 204, TUS);
    }),
  ],
  [
    'GET',
    /^\/api\/v1\/series$/,
    ({ response, url }, { data }) => {
      const kind = url.searchParams.get('kind');
      json(response, 200, {
        items: data.series.filter((one) => !kind || one.kind === kind),
        next_cursor: null,
      });
    },
  ],
  [
    'GET',
    /^\/api\/v1\/series\/([^/]+)$/,
    ({ response, params }, { data }) => {
      const one = data.series.find((series) => series.id === params[0]);
      if (one) json(response, 200, one);
      else problem(response, 404, 'not_found', 'There is no such series.');
    },
  ],
  [
    'GET',
    /^\/api\/v1\/observatory\/traces$/,
    signedIn(({ response, url }, { observatory }) =>
      json(response, 200, observatory.list(url.searchParams)),
    ),
  ],
  [
    'GET',
    /^\/api\/v1\/observatory\/traces\/([^/]+)$/,
    signedIn(({ response, params }, { observatory }) => {
      const trace = observatory.trace(params[0] ?? '');
      if (trace) json(response, 200, trace);
      else problem(response, 404, 'not_found', 'There is no such trace.');
    }),
  ],
  [
    'GET',
    /^\/api\/v1\/observatory\/services$/,
    signedIn(({ response }, { observatory }) => json(response, 200, observatory.services())),
  ],
  [
    'GET',
    /^\/api\/v1\/observatory\/service-map$/,
    signedIn(({ response, url }, { observatory }) =>
      json(response, 200, observatory.map(windowOf(url))),
    ),
  ],
  [
    'GET',
    /^\/api\/v1\/observatory\/service-map\/live$/,
    signedIn(({ request, response, url }, { observatory }) => {
      const emit = eventStream(request, response);
      const timer = setInterval(() => emit('service-map', observatory.map(windowOf(url))), 2000);
      emit('service-map', observatory.map(windowOf(url)));
      request.on('close', () => clearInterval(timer));
    }),
  ],
  [
    'POST',
    /^\/api\/v1\/observatory\/otlp\/v1\/traces$/,
    async ({ request, response }, { observatory }) => {
      observatory.ingest(await body(request));
      json(response, 200, {});
    },
  ],
];

const windowOf = (url: URL): number => Number(url.searchParams.get('window_s') ?? 300);

function accountOf(request: IncomingMessage, data: MockData): Schemas['Account'] | null {
  const token = /^Bearer access-(.+)$/.exec(request.headers.authorization ?? '')?.[1];
  return data.accounts.find((account) => account.id === token) ?? null;
}

function signedIn(handler: Handler): Handler {
  return (exchange, world) =>
    exchange.account
      ? handler(exchange, world)
      : problem(exchange.response, 401, 'unauthenticated', 'Sign in first.');
}

function withVideo(
  handler: (exchange: Exchange, video: Schemas['Video'], world: World) => Promise<void> | void,
): Handler {
  return (exchange, world) => {
    const video = world.data.videos.get(exchange.params[0] ?? '');
    return video
      ? handler(exchange, video, world)
      : problem(exchange.response, 404, 'not_found', 'There is no such video.');
  };
}

function grant(response: ServerResponse, status: number, account: Schemas['Account']): void {
  response.setHeader(
    'set-cookie',
    `${REFRESH_COOKIE}=${account.id}; Path=/api/v1/auth; HttpOnly; SameSite=Strict`,
  );
  json(response, status, {
    account,
    access_token: `access-${account.id}`,
    refresh_token: account.id,
    expires_in_s: 900,
    token_type: 'Bearer',
  });
}

async function login({ request, response }: Exchange, { data }: World): Promise<void> {
  const { email, password } = (await body(request)) as Schemas['LoginRequest'];
  const account = data.accounts.find((known) => known.email === email);
  if (!account || password !== PASSWORD)
    problem(response, 401, 'invalid_credentials', 'Address or password is not right.');
  else grant(response, 200, account);
}

async function register({ request, response }: Exchange, { data }: World): Promise<void> {
  const { email, name } = (await body(request)) as Schemas['RegisterRequest'];
  if (data.accounts.some((known) => known.email === email)) {
    problem(response, 409, 'email_taken', 'There is already an account with this address.');
    return;
  }
  const account: Schemas['Account'] = {
    id: randomUUID(),
    email,
    name,
    role: 'creator',
    created_at: new Date().toISOString(),
  };
  data.accounts.push(account);
  grant(response, 201, account);
}

function refresh({ request, response }: Exchange, { data }: World): void {
  const id = new RegExp(`${REFRESH_COOKIE}=([^;]+)`).exec(request.headers.cookie ?? '')?.[1];
  const account = data.accounts.find((known) => known.id === id);
  if (account) grant(response, 200, account);
  else problem(response, 401, 'unauthenticated', 'There is no session to renew.');
}

function logout({ response }: Exchange): void {
  response.setHeader('set-cookie', `${REFRESH_COOKIE}=; Path=/api/v1/auth; Max-Age=0`);
  empty(response, 204);
}

function listVideos({ response, url, account }: Exchange, { data }: World): void {
  const mine = url.searchParams.get('owner') === 'me';
  const items = [...data.videos.values()]
    .filter((video) =>
      mine
        ? video.owner.id === account?.id
        : video.visibility === 'public' && (video.state === 'ready' || video.state === 'viewable'),
    )
    .sort((a, b) => b.created_at.localeCompare(a.created_at));
  json(response, 200, { items, next_cursor: null });
}

async function createVideo(
  { request, response, account }: Exchange,
  { data }: World,
): Promise<void> {
  const draft = (await body(request)) as Schemas['CreateVideoRequest'];
  if (account) json(response, 201, data.addDraft(account, draft));
}

async function patchVideo({ request, response }: Exchange, video: Schemas['Video']): Promise<void> {
  Object.assign(video, await body(request), { updated_at: new Date().toISOString() });
  json(response, 200, video);
}

function videoEvents(
  { request, response }: Exchange,
  video: Schemas['Video'],
  { data }: World,
): void {
  const emit = eventStream(request, response);
  emit('video', video);
  const stop = data.onChange((changed) => {
    if (changed.id !== video.id) return;
    emit('video', changed);
    if (changed.state === 'ready' || changed.state === 'failed') response.end();
  });
  request.on('close', stop);
}

function startPlayback(
  { request, response }: Exchange,
  video: Schemas['Video'],
  { data, observatory }: World,
): void {
  if (video.state !== 'ready' && video.state !== 'viewable') {
    problem(response, 409, 'video_not_viewable', `The video is ${video.state}.`);
    return;
  }
  observatory.serve(request.headers.traceparent, 'POST /api/v1/videos/{id}/playback');
  json(response, 201, {
    session_id: randomUUID(),
    hls_url: '/play/mock-token/master.m3u8',
    dash_url: '/play/mock-token/manifest.mpd',
    poster_url: video.poster_url,
    storyboard_url: null,
    expires_at: new Date(Date.now() + 3_600_000).toISOString(),
    resume_position_ms: data.resumePositions.get(video.id) ?? 0,
  });
}

const CONTENT_TYPES: Record<string, string> = {
  '.mpd': 'application/dash+xml',
  '.m3u8': 'application/vnd.apple.mpegurl',
  '.m4s': 'video/iso.segment',
  '.mp4': 'video/mp4',
  '.jpg': 'image/jpeg',
};

function playFile({ request, response, params }: Exchange, { media, observatory }: World): void {
  const file = path.join(media.folder, path.basename(params[0] ?? ''));
  if (!existsSync(file)) {
    problem(response, 404, 'not_found', 'There is no such segment.');
    return;
  }
  observatory.serve(request.headers.traceparent, 'GET /play/{token}/{file}');
  response.writeHead(200, {
    'content-type': CONTENT_TYPES[path.extname(file)] ?? 'application/octet-stream',
    'content-length': statSync(file).size,
  });
  createReadStream(file).pipe(response);
}

function tusCreate({ request, response }: Exchange, { data }: World): void {
  const metadata = Object.fromEntries(
    String(request.headers['upload-metadata'] ?? '')
      .split(',')
      .map((pair) => pair.split(' '))
      .map(([key = '', value = '']) => [key, Buffer.from(value, 'base64').toString('utf8')]),
  );
  const id = randomUUID();
  const size = Number(request.headers['upload-length']);
  data.uploads.set(id, { videoId: metadata.video_id ?? '', size, received: 0 });
  data.change(metadata.video_id ?? '', {
    state: 'uploading',
    upload: { size_bytes: size, received_bytes: 0 },
  });
  empty(response, 201, {
    ...TUS,
    location: `/uploads/${id}`,
    'amphi-video-id': metadata.video_id ?? '',
  });
}

function tusHead({ response, params }: Exchange, { data }: World): void {
  const upload = data.uploads.get(params[0] ?? '');
  if (!upload) empty(response, 404, TUS);
  else {
    empty(response, 200, {
      ...TUS,
      'upload-offset': String(upload.received),
      'upload-length': String(upload.size),
      'cache-control': 'no-store',
    });
  }
}

async function tusPatch(
  { request, response, params }: Exchange,
  { data, media }: World,
): Promise<void> {
  const upload = data.uploads.get(params[0] ?? '');
  if (!upload) {
    empty(response, 404, TUS);
    return;
  }
  for await (const chunk of request) {
    upload.received += (chunk as Buffer).length;
    data.change(upload.videoId, {
      upload: { size_bytes: upload.size, received_bytes: upload.received },
    });
  }
  empty(response, 204, { ...TUS, 'upload-offset': String(upload.received) });
  if (upload.received === upload.size) data.encode(upload.videoId, media);
}

function eventStream(
  request: IncomingMessage,
  response: ServerResponse,
): (event: string, data: unknown) => void {
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
  const heartbeat = setInterval(() => response.write(': still here\n\n'), 15_000);
  request.on('close', () => clearInterval(heartbeat));
  return (event, data) => response.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
}

async function body(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return JSON.parse(Buffer.concat(chunks).toString('utf8') || '{}');
}

function json(response: ServerResponse, status: number, value: unknown): void {
  send(response, status, 'application/json', JSON.stringify(value));
}

function problem(response: ServerResponse, status: number, code: string, detail: string): void {
  send(
    response,
    status,
    'application/problem+json',
    JSON.stringify({
      type: `/docs/problems#${code}`,
      title: code,
      status,
      detail,
      code,
      trace_id: randomUUID().replaceAll('-', ''),
    }),
  );
}

function send(
  response: ServerResponse,
  status: number,
  type: string,
  content: string | Buffer,
): void {
  response.writeHead(status, { 'content-type': type });
  response.end(content);
}

function empty(
  response: ServerResponse,
  status: number,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, headers);
  response.end();
}
