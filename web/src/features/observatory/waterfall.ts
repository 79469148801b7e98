import type { Span, Trace } from '~/api/client';

export interface WaterfallRow {
  readonly span: Span;
  /** 0 for a root; a span whose parent is missing is a root too. */
  readonly depth: number;
  readonly hasChildren: boolean;
  readonly collapsed: boolean;
  /** Where the bar begins and how long it is, as shares of the trace, 0..1. */
  readonly left: number;
  readonly width: number;
}

/** Rows of the waterfall in the order of the trace (depth first), without what is folded under `collapsed` spans. */
export function layoutWaterfall(trace: Trace, collapsed: ReadonlySet<string>): WaterfallRow[] {
  const ids = new Set(trace.spans.map((span) => span.span_id));
  const parents = new Set(
    trace.spans.map((span) => span.parent_span_id).filter((id) => id !== null),
  );
  const depths = new Map<string, number>();
  const hidden = new Set<string>();
  const totalUs = Math.max(1, trace.duration_us);
  const rows: WaterfallRow[] = [];
  for (const span of trace.spans) {
    const parentId =
      span.parent_span_id !== null && ids.has(span.parent_span_id) ? span.parent_span_id : null;
    const depth = parentId === null ? 0 : (depths.get(parentId) ?? 0) + 1;
    depths.set(span.span_id, depth);
    if (parentId !== null && (hidden.has(parentId) || collapsed.has(parentId))) {
      hidden.add(span.span_id);
      continue;
    }
    const left = clamp(span.start_us / totalUs);
    rows.push({
      span,
      depth,
      hasChildren: parents.has(span.span_id),
      collapsed: collapsed.has(span.span_id),
      left,
      width: Math.min(1 - left, clamp(span.duration_us / totalUs)),
    });
  }
  return rows;
}

/** The hop that kept the user waiting longest by itself. */
export function slowestHop(trace: Trace): Span | null {
  return trace.spans.reduce<Span | null>(
    (slowest, span) =>
      span.on_critical_path && span.self_us > (slowest?.self_us ?? 0) ? span : slowest,
    null,
  );
}

/** Ids of all spans that have children, for folding everything at once; roots stay open. */
export function foldable(trace: Trace): Set<string> {
  const roots = new Set(
    trace.spans.filter((span) => span.parent_span_id === null).map((span) => span.span_id),
  );
  return new Set(
    trace.spans
      .map((span) => span.parent_span_id)
      .filter((id): id is string => id !== null && !roots.has(id)),
  );
}

const TICK_STEPS = [1, 2, 5] as const;

/** Round positions for about four grid lines, in microseconds. */
export function ticks(durationUs: number): number[] {
  if (durationUs <= 0) return [0];
  const rough = durationUs / 4;
  const magnitude = 10 ** Math.floor(Math.log10(rough));
  const step = (TICK_STEPS.find((one) => one * magnitude >= rough) ?? 10) * magnitude;
  return Array.from({ length: Math.floor(durationUs / step) + 1 }, (_, index) => index * step);
}

const clamp = (share: number): number => Math.min(1, Math.max(0, share));
