import createClient, { type FetchResponse } from 'openapi-fetch';
import { authorizedFetch } from '~/auth/session';
import type { components, paths } from './generated/schema';
import { toProblem } from './problem';

export type Schemas = components['schemas'];
export type Video = Schemas['Video'];
export type Rendition = Schemas['Rendition'];
export type Visibility = Schemas['Visibility'];
export type Playback = Schemas['Playback'];
export type Series = Schemas['Series'];
export type SeriesKind = Schemas['SeriesKind'];
export type Episode = Schemas['Episode'];
export type Trace = Schemas['Trace'];
export type Span = Schemas['Span'];
export type TraceSummary = Schemas['TraceSummary'];
export type ServiceMap = Schemas['ServiceMap'];
export type ServiceNode = Schemas['ServiceNode'];
export type ServiceEdge = Schemas['ServiceEdge'];

export const api = createClient<paths>({ fetch: authorizedFetch });

/** The body of a successful answer; throws `ProblemError` otherwise, so that queries and forms have one kind of failure. */
export async function unwrap<
  // biome-ignore lint/suspicious/noExplicitAny: openapi-fetch's own constraint on its response parameter
  T extends Record<string | number, any>,
  O,
  M extends `${string}/${string}`,
>(pending: Promise<FetchResponse<T, O, M>>): Promise<NonNullable<FetchResponse<T, O, M>['data']>> {
  const { data, error, response } = await pending;
  if (error !== undefined || !response.ok) throw toProblem(response, error);
  return data as NonNullable<FetchResponse<T, O, M>['data']>;
}
