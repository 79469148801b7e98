import { BaseEdge, type Edge, EdgeLabelRenderer, type EdgeProps } from '@xyflow/react';
import { type CallRoute, type Direction, routePath } from './graph-layout';
import classes from './ServiceGraph.module.css';

export type CallEdgeData = {
  route: CallRoute;
  direction: Direction;
  figure: string;
  /** Why the call stands out, in a word. */
  remark: string | null;
  tone: 'plain' | 'slow' | 'failing';
};

/** A call drawn where the layout made room for it, so that neither it nor its figure disappears behind a card. */
export function CallEdge({
  data,
  markerEnd,
  style,
}: EdgeProps<Edge<CallEdgeData>> & { data: CallEdgeData }) {
  const { route, direction, figure, remark, tone } = data;
  return (
    <>
      <BaseEdge
        path={routePath(route.points, direction)}
        {...(markerEnd ? { markerEnd } : {})}
        {...(style ? { style } : {})}
      />
      <EdgeLabelRenderer>
        <div
          className={`${classes.label} tabular`}
          data-tone={tone}
          style={{
            transform: `translate(-50%, -50%) translate(${route.label.x}px, ${route.label.y}px)`,
          }}
        >
          {figure}
          {remark && <small>{remark}</small>}
        </div>
      </EdgeLabelRenderer>
    </>
  );
}
