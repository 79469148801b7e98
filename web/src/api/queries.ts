import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query';
import { api, type SeriesKind, unwrap, type Video } from './client';

const PAGE_SIZE = 24;
const TRACES_PAGE_SIZE = 100;

export const aboutQuery = () =>
  queryOptions({
    queryKey: ['about'],
    queryFn: ({ signal }) => unwrap(api.GET('/api/v1/about', { signal })),
    staleTime: Number.POSITIVE_INFINITY,
  });

export const newVideosQuery = () =>
  queryOptions({
    queryKey: ['videos', 'new'],
    queryFn: ({ signal }) =>
      unwrap(api.GET('/api/v1/videos', { params: { query: { limit: PAGE_SIZE } }, signal })),
  });

export const myVideosQuery = () =>
  infiniteQueryOptions({
    queryKey: ['videos', 'mine'],
    initialPageParam: null as string | null,
    queryFn: ({ pageParam, signal }) =>
      unwrap(
        api.GET('/api/v1/videos', {
          params: { query: { limit: PAGE_SIZE, owner: 'me', ...cursor(pageParam) } },
          signal,
        }),
      ),
    getNextPageParam: (page) => page.next_cursor ?? null,
  });

export const videoQuery = (id: string) =>
  queryOptions({
    queryKey: ['video', id],
    queryFn: ({ signal }): Promise<Video> =>
      unwrap(api.GET('/api/v1/videos/{id}', { params: { path: { id } }, signal })),
  });

export const seriesListQuery = (kind: SeriesKind) =>
  queryOptions({
    queryKey: ['series', kind],
    queryFn: ({ signal }) =>
      unwrap(api.GET('/api/v1/series', { params: { query: { kind, limit: 50 } }, signal })),
  });

export const seriesPagesQuery = (kind: SeriesKind) =>
  infiniteQueryOptions({
    queryKey: ['series', kind, 'pages'],
    initialPageParam: null as string | null,
    queryFn: ({ pageParam, signal }) =>
      unwrap(
        api.GET('/api/v1/series', {
          params: { query: { kind, limit: PAGE_SIZE, ...cursor(pageParam) } },
          signal,
        }),
      ),
    getNextPageParam: (page) => page.next_cursor ?? null,
  });

export const seriesQuery = (id: string) =>
  queryOptions({
    queryKey: ['series', 'one', id],
    queryFn: ({ signal }) =>
      unwrap(api.GET('/api/v1/series/{id}', { params: { path: { id } }, signal })),
  });

export const loginsQuery = () =>
  infiniteQueryOptions({
    queryKey: ['me', 'logins'],
    initialPageParam: null as string | null,
    queryFn: ({ pageParam, signal }) =>
      unwrap(
        api.GET('/api/v1/me/logins', {
          params: { query: { limit: 20, ...cursor(pageParam) } },
          signal,
        }),
      ),
    getNextPageParam: (page) => page.next_cursor ?? null,
  });

export interface TraceFilter {
  service?: string | undefined;
  operation?: string | undefined;
  min_duration_ms?: number | undefined;
  error?: boolean | undefined;
  /** How far back to look, in seconds. */
  window_s?: number | undefined;
}

export const tracesQuery = (filter: TraceFilter) =>
  infiniteQueryOptions({
    queryKey: ['observatory', 'traces', filter],
    initialPageParam: null as string | null,
    queryFn: ({ pageParam, signal }) => {
      const { window_s, ...query } = filter;
      const since = window_s ? new Date(Date.now() - window_s * 1000).toISOString() : undefined;
      return unwrap(
        api.GET('/api/v1/observatory/traces', {
          params: {
            query: {
              ...defined(query),
              ...defined({ since }),
              limit: TRACES_PAGE_SIZE,
              ...cursor(pageParam),
            },
          },
          signal,
        }),
      );
    },
    getNextPageParam: (page) => page.next_cursor ?? null,
  });

export const traceQuery = (traceId: string) =>
  queryOptions({
    queryKey: ['observatory', 'trace', traceId],
    queryFn: ({ signal }) =>
      unwrap(
        api.GET('/api/v1/observatory/traces/{trace_id}', {
          params: { path: { trace_id: traceId } },
          signal,
        }),
      ),
  });

export const serviceMapQuery = (windowS: number) =>
  queryOptions({
    queryKey: ['observatory', 'service-map', windowS],
    queryFn: ({ signal }) =>
      unwrap(
        api.GET('/api/v1/observatory/service-map', {
          params: { query: { window_s: windowS } },
          signal,
        }),
      ),
  });

export const observedServicesQuery = () =>
  queryOptions({
    queryKey: ['observatory', 'services'],
    queryFn: ({ signal }) => unwrap(api.GET('/api/v1/observatory/services', { signal })),
    staleTime: 30_000,
  });

function cursor(value: string | null): { cursor?: string } {
  return value ? { cursor: value } : {};
}

function defined<T extends Record<string, unknown>>(
  values: T,
): { [K in keyof T]?: NonNullable<T[K]> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: NonNullable<T[K]>;
  };
}
