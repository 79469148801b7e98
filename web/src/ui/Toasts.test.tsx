import { act, screen } from '@testing-library/react';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { renderPage } from '../../tests/render';
import { Toasts, toast } from './Toasts';

beforeEach(() => vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }));

afterEach(() => {
  act(() => vi.runAllTimers());
  vi.useRealTimers();
});

const texts = () => [...screen.getByRole('status').children].map((one) => one.textContent);

it('says what happened in a region that a screen reader follows, and stops by itself', async () => {
  await renderPage(<Toasts />);
  expect(texts()).toEqual([]);
  act(() => toast('Saved'));
  expect(texts()).toEqual(['Saved']);
  act(() => vi.advanceTimersByTime(10_000));
  expect(texts()).toEqual([]);
});

it('can be closed before', async () => {
  await renderPage(<Toasts />);
  act(() => {
    toast('One');
    toast('Two');
  });
  act(() => screen.getAllByRole('button', { name: 'Close' })[0]?.click());
  expect(texts()).toEqual(['Two']);
});

it('says the same thing once at a time', async () => {
  await renderPage(<Toasts />);
  act(() => {
    toast('Saved');
    toast('Saved');
  });
  expect(texts()).toEqual(['Saved']);
});

it('keeps the latest three of many', async () => {
  await renderPage(<Toasts />);
  act(() => {
    for (const text of ['One', 'Two', 'Three', 'Four']) toast(text);
  });
  expect(texts()).toEqual(['Two', 'Three', 'Four']);
});
