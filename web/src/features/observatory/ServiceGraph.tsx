import '@xyflow/react/dist/style.css';
import { useComputedColorScheme } from '@mantine/core';
import { IconBrowser, IconCloud, IconDatabase, IconFolder, IconServer } from '@tabler/icons-react';
import {
  Controls,
  type Edge,
  Handle,
  MarkerType,
  type Node,
  type NodeProps,
  Position,
  ReactFlow,
} from '@xyflow/react';
import { useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import type { ServiceEdge, ServiceMap, ServiceNode } from '~/api/client';
import { formatMicros, formatPercent, formatRate } from '~/ui/format';
import { CallEdge, type CallEdgeData } from './CallEdge';
import {
  type Direction,
  edgeId,
  FAILING_SHARE,
  layoutGraph,
  NODE_HEIGHT,
  NODE_WIDTH,
  slowestEdge,
} from './graph-layout';
import classes from './ServiceGraph.module.css';
import type { EdgeLabel } from './search';
import { serviceColours, UNNAMED_COLOUR } from './service-colours';
import { useNarrow } from './use-narrow';

type FlowNode = Node<{ service: ServiceNode; direction: Direction; colour: string }, 'service'>;
type FlowEdge = Edge<CallEdgeData, 'call'>;

const ICONS = {
  browser: IconBrowser,
  service: IconServer,
  database: IconDatabase,
  storage: IconFolder,
  external: IconCloud,
} as const;

const nodeTypes = { service: ServiceCard };
const edgeTypes = { call: CallEdge };
const TONE_COLOURS = {
  plain: 'var(--line-control)',
  slow: 'var(--accent)',
  failing: 'var(--hot)',
} as const;

export function ServiceGraph({ map, label }: { map: ServiceMap; label: EdgeLabel }) {
  const { t } = useTranslation();
  const scheme = useComputedColorScheme('dark', { getInitialValueInEffect: false });
  const direction: Direction = useNarrow() ? 'TB' : 'LR';
  const shape = JSON.stringify([
    map.nodes.map((node) => node.name),
    map.edges.map((edge) => [edge.from, edge.to]),
  ]);
  const layout = useMemo(() => {
    const [names, pairs] = JSON.parse(shape) as [string[], [string, string][]];
    return layoutGraph(names, pairs, direction);
  }, [shape, direction]);

  const colours = serviceColours(map.nodes.map((node) => node.name));
  const nodes: FlowNode[] = map.nodes.map((service) => ({
    id: service.name,
    type: 'service',
    position: layout.cards.get(service.name) ?? { x: 0, y: 0 },
    width: NODE_WIDTH,
    height: NODE_HEIGHT,
    data: { service, direction, colour: colours.get(service.name) ?? UNNAMED_COLOUR },
    ariaLabel: service.name,
  }));
  const slowest = slowestEdge(map);
  const busiest = Math.max(...map.edges.map((edge) => edge.rate_per_s), 0.001);
  const edges = map.edges.flatMap((edge): FlowEdge[] => {
    const id = edgeId(edge.from, edge.to);
    const route = layout.routes.get(id);
    if (!route) return [];
    const tone = edge.error_share >= FAILING_SHARE ? 'failing' : id === slowest ? 'slow' : 'plain';
    const remark =
      tone === 'failing'
        ? `${formatPercent(edge.error_share, 1)} ${t('observatory.failing')}`
        : tone === 'slow'
          ? t('observatory.slowest')
          : null;
    const figure = edgeFigure(edge, label, (rate) => t('observatory.per_second', { rate }));
    return [
      {
        id,
        type: 'call',
        source: edge.from,
        target: edge.to,
        data: { route, direction, figure, remark, tone },
        animated: tone === 'slow',
        markerEnd: { type: MarkerType.ArrowClosed, color: TONE_COLOURS[tone] },
        style: {
          stroke: TONE_COLOURS[tone],
          strokeWidth: 1.2 + 2.8 * (edge.rate_per_s / busiest),
        },
        focusable: false,
      },
    ];
  });

  return (
    <div className={classes.canvas} role="group" aria-label={t('observatory.map_graph_label')}>
      <ReactFlow
        key={shape + direction}
        nodes={nodes}
        edges={edges}
        nodeTypes={nodeTypes}
        edgeTypes={edgeTypes}
        colorMode={scheme}
        fitView
        fitViewOptions={{ padding: 0.06, maxZoom: 1.1 }}
        minZoom={0.2}
        maxZoom={2}
        nodesDraggable={false}
        nodesConnectable={false}
        elementsSelectable={false}
        // Nothing can be done with a card: it would only be a stop on the way of the Tab key.
        nodesFocusable={false}
        ariaLabelConfig={{
          'controls.ariaLabel': t('observatory.zoom'),
          'controls.zoomIn.ariaLabel': t('observatory.zoom_in'),
          'controls.zoomOut.ariaLabel': t('observatory.zoom_out'),
          'controls.fitView.ariaLabel': t('observatory.zoom_fit'),
        }}
        // The page scrolls with the wheel; the map zooms with its buttons, with Ctrl and the wheel, or by pinching.
        zoomOnScroll={false}
        preventScrolling={false}
      >
        <Controls showInteractive={false} />
      </ReactFlow>
    </div>
  );
}

function ServiceCard({ data: { service, direction, colour } }: NodeProps<FlowNode>) {
  const { t } = useTranslation();
  const Icon = ICONS[service.kind];
  const failing = service.calls > 0 && service.errors / service.calls >= FAILING_SHARE;
  return (
    <div
      className={classes.node}
      data-failing={failing || undefined}
      data-kind={service.kind}
      style={{ '--service': colour } as React.CSSProperties}
    >
      <Handle
        type="target"
        position={direction === 'LR' ? Position.Left : Position.Top}
        isConnectable={false}
        className={classes.handle}
      />
      <div className={classes.name}>
        <Icon size={17} stroke={1.8} aria-hidden className={classes.icon} />
        <span title={service.name}>{service.name}</span>
      </div>
      <strong className="tabular">
        {P95} {formatMicros(service.p95_us)}
      </strong>
      <span className={`${classes.rate} tabular`}>
        {t('observatory.per_second', { rate: formatRate(service.rate_per_s) })}
      </span>
      {service.errors > 0 && (
        <div className={`${classes.errors} tabular`}>
          {t('observatory.column_errors')}{' '}
          {formatPercent(service.errors / Math.max(1, service.calls), 2)}
        </div>
      )}
      <Handle
        type="source"
        position={direction === 'LR' ? Position.Right : Position.Bottom}
        isConnectable={false}
        className={classes.handle}
      />
    </div>
  );
}

const P95 = 'p95';

function edgeFigure(
  edge: ServiceEdge,
  label: EdgeLabel,
  perSecond: (rate: string) => string,
): string {
  return label === 'rate'
    ? perSecond(formatRate(edge.rate_per_s))
    : formatMicros(edge[`${label}_us`]);
}
