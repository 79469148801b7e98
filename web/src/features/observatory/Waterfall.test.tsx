import { screen, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { beforeEach, expect, it, vi } from 'vitest';
import { aSpan, aTrace } from '../../../tests/fixtures';
import { renderPage } from '../../../tests/render';
import { Waterfall } from './Waterfall';

const trace = aTrace(
  [
    aSpan({
      span_id: 'root',
      service: 'browser',
      operation: 'play',
      duration_us: 2000,
      on_critical_path: true,
    }),
    aSpan({
      span_id: 'session',
      parent_span_id: 'root',
      service: 'gateway',
      operation: 'POST playback',
      on_critical_path: true,
    }),
    aSpan({
      span_id: 'sql',
      parent_span_id: 'session',
      service: 'database',
      operation: 'SELECT',
      status: 'error',
    }),
  ],
  2000,
);

beforeEach(() => {
  // The virtualizer asks for sizes, and happy-dom lays nothing out.
  vi.spyOn(HTMLElement.prototype, 'clientHeight', 'get').mockReturnValue(800);
  vi.spyOn(HTMLElement.prototype, 'clientWidth', 'get').mockReturnValue(1000);
});

const rowOf = (name: RegExp) => screen.getByRole('row', { name });

it('shows every span with its service, operation and depth', async () => {
  await renderPage(<Waterfall trace={trace} onOpen={() => undefined} />);
  expect(rowOf(/browser/)).toHaveAttribute('aria-level', '1');
  expect(rowOf(/gateway/)).toHaveAttribute('aria-level', '2');
  expect(rowOf(/database/)).toHaveAttribute('aria-level', '3');
});

it('says in words what is on the critical path and what failed', async () => {
  await renderPage(<Waterfall trace={trace} onOpen={() => undefined} />);
  expect(within(rowOf(/gateway/)).getByText('on the critical path')).toBeInTheDocument();
  expect(within(rowOf(/database/)).queryByText('on the critical path')).toBeNull();
  expect(within(rowOf(/database/)).getByText('error')).toBeInTheDocument();
});

it('is worked by the keyboard: left folds, right unfolds, Enter opens', async () => {
  const onOpen = vi.fn();
  await renderPage(<Waterfall trace={trace} onOpen={onOpen} />);
  const user = userEvent.setup();
  rowOf(/browser/).focus();
  await user.keyboard('{ArrowLeft}');
  expect(screen.queryByRole('row', { name: /gateway/ })).toBeNull();
  expect(rowOf(/browser/)).toHaveAttribute('aria-expanded', 'false');
  await user.keyboard('{ArrowRight}');
  expect(rowOf(/gateway/)).toBeInTheDocument();
  await user.keyboard('{Enter}');
  expect(onOpen).toHaveBeenCalledWith(expect.objectContaining({ span_id: 'root' }));
});

it('folds all with ] and opens all with [', async () => {
  await renderPage(<Waterfall trace={trace} onOpen={() => undefined} />);
  const user = userEvent.setup();
  rowOf(/browser/).focus();
  await user.keyboard('[BracketRight]');
  expect(screen.queryByRole('row', { name: /database/ })).toBeNull();
  expect(rowOf(/gateway/)).toBeInTheDocument();
  await user.keyboard('[BracketLeft]');
  expect(rowOf(/database/)).toBeInTheDocument();
});
