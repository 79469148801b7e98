import { Table, type TableProps } from '@mantine/core';
import classes from './ScrollTable.module.css';

/** A table that scrolls sideways on a narrow screen; the keyboard can reach it to scroll, and its label says why. */
export function ScrollTable({
  label,
  minWidth,
  pinned = false,
  ...table
}: TableProps & {
  label: string;
  minWidth: string;
  /** Whether the first column stays in sight while the others scroll. */
  pinned?: boolean;
}) {
  return (
    <div
      className={classes.scroll}
      role="region"
      aria-label={label}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls has to be reachable by keyboard (WCAG 2.1.1)
      tabIndex={0}
      data-pinned={pinned || undefined}
    >
      <Table miw={minWidth} {...table} />
    </div>
  );
}
