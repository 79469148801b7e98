import { randomUUID } from 'node:crypto';
import type { components } from '../../src/api/generated/schema';
import type { Media } from './media.ts';

type Schemas = components['schemas'];
type Video = Schemas['Video'];
type Account = Schemas['Account'];

export const PASSWORD = 'amphi-demo';

export interface MockData {
  readonly accounts: Account[];
  readonly videos: Map<string, Video>;
  readonly series: Schemas['Series'][];
  readonly logins: Schemas['LoginRecord'][];
  readonly uploads: Map<string, { videoId: string; size: number; received: number }>;
  readonly resumePositions: Map<string, number>;
  addDraft(owner: Account, draft: Schemas['CreateVideoRequest']): Video;
  change(id: string, patch: Partial<Video>): void;
  onChange(listener: (video: Video) => void): () => void;
  /** Walks a received video through its states, a step each half second. */
  encode(id: string, media: Media): void;
}

export function createData(media: Media): MockData {
  const listeners = new Set<(video: Video) => void>();
  const accounts = (['admin', 'creator', 'viewer'] as const).map(
    (role, index): Account => ({
      id: `0190a000-0000-7000-8000-00000000000${index}`,
      email: `${role}@amphi.local`,
      name: { admin: 'Hana Kim', creator: 'Minjun Seo', viewer: 'Jo Viewer' }[role],
      role,
      created_at: hoursAgo(24 * 90),
    }),
  );
  const [admin, creator] = accounts;
  if (!admin || !creator) throw new Error('the mock has its demo accounts');
  const videos = new Map<string, Video>();

  const add = (patch: Partial<Video> & { title: string }): Video => {
    const video = videoOf(patch, creator, media, videos.size);
    videos.set(video.id, video);
    return video;
  };

  const series = SERIES.map(({ kind, title, description, episodes }, index): Schemas['Series'] => {
    const made = episodes.map((name, number): Schemas['Episode'] => {
      const video = add({
        title: `${title} · ${name}`,
        created_at: hoursAgo(50 + index * 20 + number),
      });
      const { id, state, duration_ms, poster_url } = video;
      return {
        id: randomUUID(),
        number: number + 1,
        title: name,
        video: { id, state, duration_ms, poster_url },
      };
    });
    return {
      id: `0190b000-0000-7000-8000-00000000000${index}`,
      kind,
      title,
      description,
      poster_url: media.posters[index] ?? null,
      owner: { id: creator.id, name: creator.name },
      episode_count: made.length,
      episodes: made,
      created_at: hoursAgo(50),
    };
  });

  add({
    title: 'A walk along the harbour',
    owner: { id: admin.id, name: admin.name },
    created_at: hoursAgo(30),
  });
  add({
    title: 'Circuit breakers in practice',
    owner: { id: admin.id, name: admin.name },
    created_at: hoursAgo(5),
  });
  add({
    title: '첫눈, 광화문',
    owner: { id: admin.id, name: admin.name },
    created_at: hoursAgo(3),
  });
  add({
    title: 'Encoding right now',
    owner: { id: admin.id, name: admin.name },
    state: 'viewable',
    progress: 0.62,
    visibility: 'private',
    created_at: hoursAgo(0.2),
  });
  add({
    title: 'Being inspected',
    owner: { id: admin.id, name: admin.name },
    state: 'inspecting',
    progress: 0,
    visibility: 'private',
    poster_url: null,
    duration_ms: null,
    created_at: hoursAgo(0.1),
  });
  add({
    title: 'notes.txt renamed to .mp4',
    owner: { id: admin.id, name: admin.name },
    state: 'failed',
    state_reason: 'This file is not a video: it begins like a text document.',
    visibility: 'private',
    poster_url: null,
    duration_ms: null,
    created_at: hoursAgo(1),
  });

  const change = (id: string, patch: Partial<Video>): void => {
    const video = videos.get(id);
    if (!video) return;
    Object.assign(video, patch, { updated_at: new Date().toISOString() });
    for (const listener of listeners) listener(video);
  };

  return {
    accounts,
    videos,
    series,
    logins: LOGINS,
    uploads: new Map(),
    resumePositions: new Map(),
    addDraft: (owner, draft) => {
      const video: Video = {
        ...videoOf({ title: draft.title }, owner, media, 0),
        description: draft.description ?? '',
        visibility: draft.visibility ?? 'private',
        state: 'draft',
        progress: 0,
        duration_ms: null,
        width: null,
        height: null,
        poster_url: null,
        renditions: [],
      };
      videos.set(video.id, video);
      return video;
    },
    change,
    onChange: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    encode: (id, made) => {
      const total = 12;
      let done = -1;
      change(id, { state: 'inspecting' });
      const timer = setInterval(() => {
        done += 1;
        const finished = done >= total * 2;
        change(id, {
          state: finished ? 'ready' : done < 2 ? 'encoding' : 'viewable',
          progress: Math.min(1, done / (total * 2)),
          duration_ms: made.durationMs,
          width: 854,
          height: 480,
          poster_url: made.posters[2] ?? null,
          renditions: renditions(Math.min(total, done), Math.max(0, done - total), total),
        });
        if (finished) clearInterval(timer);
      }, 500);
    },
  };
}

function videoOf(
  patch: Partial<Video> & { title: string },
  owner: Account,
  media: Media,
  index: number,
): Video {
  return {
    id: randomUUID(),
    description:
      'We inject delay at the gateway and count plays.\n\n한국어와 영어 자막이 있습니다.',
    visibility: 'public',
    state: 'ready',
    state_reason: null,
    progress: 1,
    duration_ms: media.durationMs,
    width: 854,
    height: 480,
    poster_url: media.posters[index % media.posters.length] ?? null,
    storyboard_url: null,
    owner: { id: owner.id, name: owner.name },
    upload: null,
    renditions: renditions(12, 12, 12),
    created_at: new Date().toISOString(),
    updated_at: new Date().toISOString(),
    ...patch,
  };
}

function renditions(low: number, high: number, total: number): Schemas['Rendition'][] {
  const video = (height: number, width: number, done: number): Schemas['Rendition'] => ({
    id: `v${height}`,
    kind: 'video',
    codec: 'avc1.64001f',
    width,
    height,
    frame_rate: 25,
    bandwidth_bps: height * 2000,
    language: null,
    channels: null,
    segments_done: done,
    segments_total: total,
    complete: done === total,
  });
  return [
    video(240, 426, low),
    video(480, 854, high),
    {
      ...video(0, 0, low),
      id: 'a0',
      kind: 'audio',
      codec: 'mp4a.40.2',
      width: null,
      height: null,
      frame_rate: null,
      language: 'ko',
      channels: 2,
    },
  ];
}

const hoursAgo = (hours: number): string => new Date(Date.now() - hours * 3_600_000).toISOString();

const SERIES = [
  {
    kind: 'drama',
    title: '바다 끝의 등대',
    description:
      '등대지기와 폭풍, 그리고 마지막 신호. A lighthouse keeper, a storm, and the last signal of the season.',
    episodes: ['폭풍 전야', '첫 신호', '불이 꺼진 밤'],
  },
  {
    kind: 'drama',
    title: 'The Night Shift',
    description: 'Three operators keep a city’s trams running until dawn.',
    episodes: ['Depot', 'Points failure', 'First light'],
  },
  {
    kind: 'course',
    title: '지연 시간의 경제학',
    description:
      'Trace a request through every service, name the bottleneck, and measure what it costs.',
    episodes: ['Spans and baggage', 'Reading a waterfall', 'Lab: name the bottleneck'],
  },
] as const;

const LOGINS: Schemas['LoginRecord'][] = [
  [
    'succeeded',
    'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/150.0 Safari/537.36',
    0.1,
  ],
  [
    'wrong_password',
    'Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1.15 Version/19.0 Safari/604.1',
    26,
  ],
  ['succeeded', 'amphi/0.1.0', 50],
  ['locked', 'curl/8.5.0', 400],
].map(([outcome, agent, hours]) => ({
  id: randomUUID(),
  at: hoursAgo(Number(hours)),
  outcome: String(outcome),
  ip: '127.0.0.1',
  user_agent: String(agent),
}));
