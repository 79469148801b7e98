import {
  IconAlertTriangle,
  IconChevronDown,
  IconChevronRight,
  IconFlame,
} from '@tabler/icons-react';
import { useVirtualizer } from '@tanstack/react-virtual';
import { type KeyboardEvent, useMemo, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { Span, Trace } from '~/api/client';
import { formatMicros } from '~/ui/format';
import { isDatabase, serviceColours, UNNAMED_COLOUR } from './service-colours';
import classes from './Waterfall.module.css';
import { foldable, layoutWaterfall, ticks, type WaterfallRow } from './waterfall';

const ROW_PX = 40;

/** The spans of a trace over time, as a tree grid: arrows move and fold, Enter opens a span, `[` and `]` fold all. */
export function Waterfall({ trace, onOpen }: { trace: Trace; onOpen: (span: Span) => void }) {
  const { t } = useTranslation();
  const [collapsed, setCollapsed] = useState<ReadonlySet<string>>(new Set());
  const [activeId, setActiveId] = useState<string | null>(null);
  const scroller = useRef<HTMLDivElement>(null);
  const rows = useMemo(() => layoutWaterfall(trace, collapsed), [trace, collapsed]);
  const colours = useMemo(
    () => serviceColours(trace.services.map((service) => service.name)),
    [trace],
  );
  const virtualizer = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW_PX,
    overscan: 12,
  });
  const activeIndex = Math.max(
    0,
    rows.findIndex((row) => row.span.span_id === activeId),
  );

  const moveTo = (index: number) => {
    const row = rows[Math.min(rows.length - 1, Math.max(0, index))];
    if (!row) return;
    setActiveId(row.span.span_id);
    virtualizer.scrollToIndex(rows.indexOf(row));
    // The row may only be rendered after the scroll.
    requestAnimationFrame(() =>
      scroller.current?.querySelector<HTMLElement>(`[data-span="${row.span.span_id}"]`)?.focus(),
    );
  };
  const fold = (id: string, folded: boolean) => {
    setCollapsed((before) => {
      const after = new Set(before);
      if (folded) after.add(id);
      else after.delete(id);
      return after;
    });
  };

  const onKeyDown = (event: KeyboardEvent) => {
    const row = rows[activeIndex];
    if (!row || event.ctrlKey || event.metaKey || event.altKey) return;
    const { span } = row;
    const actions: Record<string, () => void> = {
      ArrowDown: () => moveTo(activeIndex + 1),
      ArrowUp: () => moveTo(activeIndex - 1),
      Home: () => moveTo(0),
      End: () => moveTo(rows.length - 1),
      ArrowLeft: () => {
        if (row.hasChildren && !row.collapsed) fold(span.span_id, true);
        else moveTo(rows.findIndex((other) => other.span.span_id === span.parent_span_id));
      },
      ArrowRight: () => (row.collapsed ? fold(span.span_id, false) : moveTo(activeIndex + 1)),
      Enter: () => onOpen(span),
      Space: () => onOpen(span),
      BracketLeft: () => setCollapsed(new Set()),
      BracketRight: () => setCollapsed(foldable(trace)),
    };
    const action = actions[event.code];
    if (!action) return;
    event.preventDefault();
    action();
  };

  return (
    <div className={classes.waterfall}>
      <p className={classes.keys}>{t('trace.keys')}</p>
      <div
        ref={scroller}
        className={classes.scroller}
        role="treegrid"
        aria-label={t('trace.waterfall')}
        aria-rowcount={rows.length + 1}
        onKeyDown={onKeyDown}
      >
        <div className={classes.head} role="row" aria-rowindex={1}>
          <span role="columnheader">{t('trace.column_span')}</span>
          <span role="columnheader" className={classes.axis}>
            <span className={classes.srOnly}>{t('trace.column_time')}</span>
            <Ticks durationUs={trace.duration_us} labelled />
          </span>
        </div>
        <div
          role="rowgroup"
          className={classes.body}
          style={{ height: virtualizer.getTotalSize() }}
        >
          {virtualizer.getVirtualItems().map((item) => {
            const row = rows[item.index];
            return row ? (
              <Row
                key={row.span.span_id}
                row={row}
                index={item.index}
                top={item.start}
                traceUs={trace.duration_us}
                colour={colours.get(row.span.service) ?? UNNAMED_COLOUR}
                active={item.index === activeIndex}
                onOpen={() => {
                  setActiveId(row.span.span_id);
                  onOpen(row.span);
                }}
                onFold={() => fold(row.span.span_id, !row.collapsed)}
              />
            ) : null;
          })}
        </div>
      </div>
    </div>
  );
}

interface RowProps {
  row: WaterfallRow;
  index: number;
  top: number;
  traceUs: number;
  colour: string;
  active: boolean;
  onOpen: () => void;
  onFold: () => void;
}

function Row({ row, index, top, traceUs, colour, active, onOpen, onFold }: RowProps) {
  const { t } = useTranslation();
  const { span } = row;
  const duration = formatMicros(span.duration_us);
  const labelAtLeft = row.left + row.width > 0.8 && row.left > 0.2;
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the tree grid around it handles the keys of the active row
    <div
      role="row"
      data-span={span.span_id}
      data-critical={span.on_critical_path || undefined}
      tabIndex={active ? 0 : -1}
      aria-level={row.depth + 1}
      aria-rowindex={index + 2}
      aria-selected={active}
      {...(row.hasChildren ? { 'aria-expanded': !row.collapsed } : {})}
      className={classes.row}
      style={
        {
          transform: `translateY(${top}px)`,
          height: ROW_PX,
          '--service': colour,
        } as React.CSSProperties
      }
      onClick={onOpen}
    >
      <div
        role="gridcell"
        className={classes.name}
        style={{ paddingLeft: `${Math.min(row.depth, 10) * 0.875 + 0.25}rem` }}
      >
        {row.hasChildren ? (
          <button
            type="button"
            tabIndex={-1}
            className={classes.fold}
            aria-label={row.collapsed ? t('trace.expand') : t('trace.collapse')}
            onClick={(event) => {
              event.stopPropagation();
              onFold();
            }}
          >
            {row.collapsed ? (
              <IconChevronRight size={16} aria-hidden />
            ) : (
              <IconChevronDown size={16} aria-hidden />
            )}
          </button>
        ) : (
          <span className={classes.leaf} />
        )}
        <span className={classes.dot} data-database={isDatabase(span.service) || undefined} />
        <strong>{span.service}</strong>
        <span className={classes.operation}>{span.operation}</span>
        {span.status === 'error' && (
          <span className={classes.error}>
            <IconAlertTriangle size={15} aria-hidden />
            {t('trace.error')}
          </span>
        )}
        {span.on_critical_path && (
          <span className={classes.critical}>
            <IconFlame size={15} aria-hidden />
            <span className={classes.srOnly}>{t('trace.on_critical_path')}</span>
          </span>
        )}
      </div>
      <div role="gridcell" className={classes.track}>
        <Ticks durationUs={traceUs} />
        <span
          className={classes.bar}
          data-error={span.status === 'error' || undefined}
          data-database={isDatabase(span.service) || undefined}
          style={{ left: `${row.left * 100}%`, width: `${row.width * 100}%` }}
        />
        <span
          className={`${classes.duration} tabular`}
          style={
            labelAtLeft
              ? { right: `${(1 - row.left) * 100}%`, paddingRight: '0.375rem' }
              : { left: `${(row.left + row.width) * 100}%`, paddingLeft: '0.375rem' }
          }
        >
          {duration}
        </span>
      </div>
    </div>
  );
}

function Ticks({ durationUs, labelled = false }: { durationUs: number; labelled?: boolean }) {
  return (
    <>
      {ticks(durationUs).map((us) => (
        <span
          key={us}
          className={classes.tick}
          aria-hidden
          style={{ left: `${(us / Math.max(1, durationUs)) * 100}%` }}
        >
          {labelled && us / durationUs < 0.94 && formatMicros(us)}
        </span>
      ))}
    </>
  );
}
