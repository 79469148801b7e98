import type { components } from './generated/schema';

export type Problem = components['schemas']['Problem'];

/** A refusal of the server (RFC 9457), or `network_unreachable` (status 0) when no answer came at all. */
export class ProblemError extends Error {
  override readonly name = 'ProblemError';
  readonly status: number;
  readonly code: string;
  readonly detail: string;
  readonly traceId: string | null;
  readonly fields: readonly { pointer: string; code: string; detail: string }[];

  constructor(problem: Partial<Problem> & { status: number }) {
    super(problem.detail || problem.title || problem.code || `HTTP ${problem.status}`);
    this.status = problem.status;
    this.code = problem.code ?? (problem.status === 0 ? 'network_unreachable' : 'unknown');
    this.detail = problem.detail ?? problem.title ?? '';
    this.traceId = problem.trace_id ?? null;
    this.fields = problem.errors ?? [];
  }

  /** The message for one form field, by its JSON pointer (`/email`). */
  fieldDetail(name: string): string | undefined {
    return this.fields.find((field) => field.pointer.replace(/^#?\//, '') === name)?.detail;
  }
}

/** Whether there is nothing at this address: the thing is gone, hidden, or the address was never one. */
export const isNotFound = (problem: unknown): boolean =>
  problem instanceof ProblemError &&
  (problem.status === 404 || problem.code === 'invalid_id' || problem.code === 'invalid_trace_id');

/** Reads the trace id out of a W3C `traceparent` (version-traceid-spanid-flags). */
export function traceIdOf(traceparent: string | null): string | null {
  return traceparent?.match(/^[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}$/)?.[1] ?? null;
}

export async function problemOf(response: Response): Promise<ProblemError> {
  let body: Partial<Problem> = {};
  if (/json/.test(response.headers.get('content-type') ?? '')) {
    body = (await response
      .clone()
      .json()
      .catch(() => ({}))) as Partial<Problem>;
  }
  return toProblem(response, body);
}

export function toProblem(response: Response, body: unknown): ProblemError {
  const problem = (typeof body === 'object' && body !== null ? body : {}) as Partial<Problem>;
  return new ProblemError({
    ...problem,
    status: response.status,
    trace_id: problem.trace_id ?? traceIdOf(response.headers.get('traceparent')) ?? undefined,
  });
}
