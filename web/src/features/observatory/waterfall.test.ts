import { describe, expect, it } from 'vitest';
import { aSpan, aTrace } from '../../../tests/fixtures';
import { foldable, layoutWaterfall, slowestHop, ticks } from './waterfall';

const spans = [
  aSpan({
    span_id: 'root',
    service: 'browser',
    operation: 'play',
    duration_us: 1000,
    on_critical_path: true,
    self_us: 100,
  }),
  aSpan({
    span_id: 'session',
    parent_span_id: 'root',
    start_us: 100,
    duration_us: 400,
    on_critical_path: true,
    self_us: 50,
  }),
  aSpan({
    span_id: 'sql',
    parent_span_id: 'session',
    service: 'database',
    start_us: 200,
    duration_us: 250,
    on_critical_path: true,
    self_us: 250,
  }),
  aSpan({
    span_id: 'aside',
    parent_span_id: 'root',
    start_us: 100,
    duration_us: 900,
    self_us: 900,
  }),
];
const trace = aTrace(spans, 1000);

describe('the waterfall', () => {
  it('indents children under their parents and places bars by their share of the trace', () => {
    const rows = layoutWaterfall(trace, new Set());
    expect(rows.map((row) => [row.span.span_id, row.depth, row.left, row.width])).toEqual([
      ['root', 0, 0, 1],
      ['session', 1, 0.1, 0.4],
      ['sql', 2, 0.2, 0.25],
      ['aside', 1, 0.1, 0.9],
    ]);
  });

  it('hides everything below a folded span', () => {
    const rows = layoutWaterfall(trace, new Set(['session']));
    expect(rows.map((row) => row.span.span_id)).toEqual(['root', 'session', 'aside']);
    expect(rows[1]).toMatchObject({ collapsed: true, hasChildren: true });
  });

  it('hides grandchildren too', () => {
    expect(layoutWaterfall(trace, new Set(['root'])).map((row) => row.span.span_id)).toEqual([
      'root',
    ]);
  });

  it('shows a span whose parent never arrived as a root', () => {
    const rows = layoutWaterfall(
      aTrace([aSpan({ span_id: 'lost', parent_span_id: 'missing' })], 1000),
      new Set(),
    );
    expect(rows[0]).toMatchObject({ depth: 0 });
  });

  it('keeps bars of skewed clocks inside the trace', () => {
    const [row] = layoutWaterfall(
      aTrace([aSpan({ span_id: 'late', start_us: 900, duration_us: 5000 })], 1000),
      new Set(),
    );
    expect(row).toMatchObject({ left: 0.9 });
    expect((row?.left ?? 0) + (row?.width ?? 0)).toBeLessThanOrEqual(1);
  });

  it('survives a trace without any duration', () => {
    expect(
      layoutWaterfall(aTrace([aSpan({ span_id: 'a', duration_us: 0 })], 0), new Set())[0],
    ).toMatchObject({ left: 0, width: 0 });
    expect(ticks(0)).toEqual([0]);
  });

  it('names the hop with the most own time on the critical path, not the longest bar', () => {
    expect(slowestHop(trace)?.span_id).toBe('sql');
    expect(slowestHop(aTrace([aSpan({ span_id: 'a' })], 1000))).toBeNull();
  });

  it('folds all but the roots', () => {
    expect(foldable(trace)).toEqual(new Set(['session']));
  });

  it.each([
    [1000, [0, 500, 1000]],
    [672_000, [0, 200_000, 400_000, 600_000]],
    [90, [0, 50]],
  ])('puts round grid lines over %i µs', (duration, expected) => {
    expect(ticks(duration)).toEqual(expected);
  });
});
