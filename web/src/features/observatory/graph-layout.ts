import dagre from '@dagrejs/dagre';
import type { ServiceMap } from '~/api/client';

export const NODE_WIDTH = 144;
export const NODE_HEIGHT = 84;
/** Room for the figure of a call and a word below it, kept free of cards and of other labels. */
export const LABEL_WIDTH = 80;
export const LABEL_HEIGHT = 36;

export interface Position {
  readonly x: number;
  readonly y: number;
}

export type Direction = 'LR' | 'TB';

export interface CallRoute {
  /** From the caller's side, through the label, to the callee's side. */
  readonly points: readonly Position[];
  /** The middle of the label. */
  readonly label: Position;
}

export interface GraphLayout {
  /** The upper left corner of each card, by service. */
  readonly cards: ReadonlyMap<string, Position>;
  /** By `edgeId`. */
  readonly routes: ReadonlyMap<string, CallRoute>;
}

/** Callers before callees: from the left on a wide screen, from the top on a phone. Depends on names alone, so that live figures never make the map jump. */
export function layoutGraph(
  nodes: readonly string[],
  edges: readonly (readonly [string, string])[],
  direction: Direction = 'LR',
): GraphLayout {
  const graph = new dagre.graphlib.Graph();
  graph.setGraph({
    rankdir: direction,
    nodesep: 14,
    edgesep: 8,
    ranksep: direction === 'LR' ? 32 : 28,
    marginx: 8,
    marginy: 8,
  });
  const known = new Set(nodes);
  const calls = edges.filter(([from, to]) => known.has(from) && known.has(to));
  for (const name of nodes) graph.setNode(name, { width: NODE_WIDTH, height: NODE_HEIGHT });
  for (const [from, to] of calls)
    graph.setEdge(from, to, { width: LABEL_WIDTH, height: LABEL_HEIGHT, labelpos: 'c' });
  dagre.layout(graph);
  const centre = (name: string): Position => graph.node(name) as Position;
  return {
    cards: new Map(
      nodes.map((name) => {
        const { x, y } = centre(name);
        return [name, { x: x - NODE_WIDTH / 2, y: y - NODE_HEIGHT / 2 }];
      }),
    ),
    routes: new Map(
      calls.map(([from, to]) => {
        const { x, y, points } = graph.edge(from, to) as Position & { points: Position[] };
        const inner = points.slice(1, -1);
        const start = sideTowards(centre(from), inner[0] ?? { x, y }, direction);
        const end = sideTowards(centre(to), inner.at(-1) ?? { x, y }, direction);
        return [edgeId(from, to), { points: [start, ...inner, end], label: { x, y } }];
      }),
    ),
  };
}

/** The middle of that side of a card which faces a point, along the direction of the map. */
function sideTowards(centre: Position, point: Position, direction: Direction): Position {
  if (direction === 'LR')
    return { x: centre.x + (Math.sign(point.x - centre.x) * NODE_WIDTH) / 2, y: centre.y };
  return { x: centre.x, y: centre.y + (Math.sign(point.y - centre.y) * NODE_HEIGHT) / 2 };
}

/** An SVG path through the points that leaves and reaches each of them along the direction of the map. */
export function routePath(points: readonly Position[], direction: Direction): string {
  return points
    .map((to, index) => {
      const from = points[index - 1];
      if (!from) return `M${to.x},${to.y}`;
      const middle = direction === 'LR' ? (from.x + to.x) / 2 : (from.y + to.y) / 2;
      return direction === 'LR'
        ? `C${middle},${from.y} ${middle},${to.y} ${to.x},${to.y}`
        : `C${from.x},${middle} ${to.x},${middle} ${to.x},${to.y}`;
    })
    .join(' ');
}

/** The call that takes longest at its 95th percentile, among those made between our own parts. */
export function slowestEdge(map: ServiceMap): string | null {
  const browsers = new Set(
    map.nodes.filter((node) => node.kind === 'browser').map((node) => node.name),
  );
  const inner = map.edges.filter((edge) => !browsers.has(edge.from));
  const slowest = inner.reduce((a, b) => (b.p95_us > (a?.p95_us ?? 0) ? b : a), inner[0]);
  return slowest ? edgeId(slowest.from, slowest.to) : null;
}

export const edgeId = (from: string, to: string): string => `${from}→${to}`;

/** Above this share of failed calls an edge is marked as failing. */
export const FAILING_SHARE = 0.01;
