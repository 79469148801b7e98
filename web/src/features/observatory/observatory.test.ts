import { describe, expect, it } from 'vitest';
import type { ServiceMap } from '~/api/client';
import {
  LABEL_HEIGHT,
  LABEL_WIDTH,
  layoutGraph,
  NODE_HEIGHT,
  NODE_WIDTH,
  routePath,
  slowestEdge,
} from './graph-layout';
import { entryService } from './Numbers';
import { observatorySearchOf } from './search';

const node = (name: string, kind: ServiceMap['nodes'][number]['kind'] = 'service', calls = 1) => ({
  name,
  kind,
  calls,
  errors: 0,
  rate_per_s: 1,
  p50_us: 1,
  p95_us: 1,
  p99_us: 1,
});
const edge = (from: string, to: string, p95_us: number) => ({
  from,
  to,
  calls: 1,
  error_share: 0,
  rate_per_s: 1,
  p50_us: 1,
  p95_us,
  p99_us: 1,
});
const map = (nodes: ServiceMap['nodes'], edges: ServiceMap['edges'] = []): ServiceMap => ({
  window_s: 300,
  generated_at: '2026-01-01T00:00:00Z',
  nodes,
  edges,
});

/** The platform as its own traces show it. */
const CALLS = [
  ['browser', 'gateway'],
  ['catalog', 'catalog-db'],
  ['encoder', 'media'],
  ['encoder', 'storage'],
  ['gateway', 'catalog'],
  ['gateway', 'identity'],
  ['gateway', 'media'],
  ['gateway', 'observatory'],
  ['gateway', 'playback'],
  ['identity', 'identity-db'],
  ['identity', 'playback'],
  ['media', 'catalog'],
  ['media', 'media-db'],
  ['media', 'playback'],
  ['media', 'storage'],
  ['playback', 'playback-db'],
] as const;
const PLATFORM = [...new Set(CALLS.flat())];

describe('the view in the URL', () => {
  it('keeps what it knows', () => {
    expect(
      observatorySearchOf({
        window: '900',
        view: 'table',
        label: 'p99',
        service: 'media',
        min_ms: '250',
        errors: 'true',
      }),
    ).toEqual({
      window: 900,
      view: 'table',
      label: 'p99',
      service: 'media',
      min_ms: 250,
      errors: true,
    });
  });

  it('drops what it does not', () => {
    expect(
      observatorySearchOf({
        window: 7,
        view: 'spiral',
        label: 'p42',
        service: '',
        min_ms: -3,
        errors: 'perhaps',
      }),
    ).toEqual({});
    expect(observatorySearchOf({ service: 'x'.repeat(201) })).toEqual({});
  });
});

describe('the map', () => {
  it('places callers left of callees on a wide screen and above them on a phone', () => {
    const edges = [
      ['gateway', 'media'],
      ['media', 'database'],
    ] as const;
    const wide = layoutGraph(['gateway', 'media', 'database'], edges).cards;
    expect(wide.get('gateway')?.x).toBeLessThan(wide.get('media')?.x ?? 0);
    expect(wide.get('media')?.x).toBeLessThan(wide.get('database')?.x ?? 0);
    const tall = layoutGraph(['gateway', 'media', 'database'], edges, 'TB').cards;
    expect(tall.get('gateway')?.y).toBeLessThan(tall.get('media')?.y ?? 0);
  });

  it('survives cycles and calls to services that it does not know', () => {
    const { cards, routes } = layoutGraph(
      ['a', 'b'],
      [
        ['a', 'b'],
        ['b', 'a'],
        ['a', 'ghost'],
      ],
    );
    expect(cards.size).toBe(2);
    expect([...routes.keys()]).toEqual(['a→b', 'b→a']);
  });

  it.each(['LR', 'TB'] as const)(
    'keeps room for every label, clear of the cards and of each other (%s)',
    (direction) => {
      const { cards, routes } = layoutGraph(PLATFORM, CALLS, direction);
      const boxes = [
        ...[...cards].map(([name, { x, y }]) => ({
          name,
          left: x,
          top: y,
          right: x + NODE_WIDTH,
          bottom: y + NODE_HEIGHT,
        })),
        ...[...routes].map(([name, { label }]) => ({
          name,
          left: label.x - LABEL_WIDTH / 2,
          top: label.y - LABEL_HEIGHT / 2,
          right: label.x + LABEL_WIDTH / 2,
          bottom: label.y + LABEL_HEIGHT / 2,
        })),
      ];
      expect(boxes).toHaveLength(PLATFORM.length + CALLS.length);
      const covered = boxes.flatMap((a, index) =>
        boxes
          .slice(index + 1)
          .filter(
            (b) => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom,
          )
          .map((b) => `${a.name} and ${b.name}`),
      );
      expect(covered).toEqual([]);
    },
  );

  it('draws each call through its label, from the side of the caller to the side of the callee', () => {
    const { cards, routes } = layoutGraph(['a', 'b'], [['a', 'b']]);
    const { points, label } = routes.get('a→b') ?? { points: [], label: { x: 0, y: 0 } };
    const [a, b] = [cards.get('a'), cards.get('b')];
    expect(points[0]).toEqual({ x: (a?.x ?? 0) + NODE_WIDTH, y: (a?.y ?? 0) + NODE_HEIGHT / 2 });
    expect(points.at(-1)).toEqual({ x: b?.x, y: (b?.y ?? 0) + NODE_HEIGHT / 2 });
    expect(points).toContainEqual(label);
    expect(
      routePath(
        [
          { x: 0, y: 0 },
          { x: 10, y: 4 },
        ],
        'LR',
      ),
    ).toBe('M0,0 C5,0 5,4 10,4');
    expect(
      routePath(
        [
          { x: 0, y: 0 },
          { x: 10, y: 4 },
        ],
        'TB',
      ),
    ).toBe('M0,0 C0,2 10,2 10,4');
  });

  it('names the slowest call between our own parts, not the way from the browser', () => {
    const nodes = [node('browser', 'browser'), node('gateway'), node('media')];
    expect(
      slowestEdge(map(nodes, [edge('browser', 'gateway', 900), edge('gateway', 'media', 100)])),
    ).toBe('gateway→media');
    expect(slowestEdge(map(nodes))).toBeNull();
  });

  it('reads the numbers at the gateway, else at the busiest service', () => {
    expect(entryService(map([node('media', 'service', 9), node('gateway')]))?.name).toBe('gateway');
    expect(
      entryService(
        map([
          node('media', 'service', 9),
          node('catalog', 'service', 2),
          node('db', 'database', 99),
        ]),
      )?.name,
    ).toBe('media');
    expect(entryService(map([]))).toBeNull();
  });
});
