import { screen } from '@testing-library/react';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { session } from '~/auth/session';
import { aGrant, anAccount } from '../../../tests/fixtures';
import { renderPage } from '../../../tests/render';
import { PlayReport } from './PlayReport';
import { WatchPage } from './WatchPage';

const started = { traceId: 'a'.repeat(32), startupMs: 512, startMs: 0 };

function signIn(): void {
  session.accept(aGrant({ account: anAccount({ role: 'viewer' }) }));
}

function answerWith(status: number, problem: Record<string, unknown>): void {
  vi.stubGlobal(
    'fetch',
    async () =>
      new Response(JSON.stringify({ status, ...problem }), {
        status,
        headers: { 'content-type': 'application/problem+json' },
      }),
  );
}

afterEach(async () => {
  vi.stubGlobal('fetch', async () => new Response(null, { status: 204 }));
  await session.signOut();
  vi.unstubAllGlobals();
});

describe('what happened when I pressed play', () => {
  it('asks a visitor in, and back to this page, instead of opening nothing', async () => {
    await renderPage(<PlayReport started={started} />);
    expect(screen.getByRole('link', { name: /^Sign in to see what happened/ })).toHaveAttribute(
      'href',
      '/login?next=%2F',
    );
    expect(screen.queryByRole('button')).toBeNull();
    expect(screen.getByText('First frame after 512 ms')).toBeInTheDocument();
  });

  it('is a button for whoever is signed in, once there is something to tell', async () => {
    signIn();
    const { unmount } = await renderPage(<PlayReport started={null} />);
    expect(screen.getByRole('button', { name: /^What happened/ })).toBeDisabled();
    unmount();
    await renderPage(<PlayReport started={started} />);
    expect(screen.getByRole('button', { name: /^What happened/ })).toBeEnabled();
  });
});

describe('a watch page that cannot be shown', () => {
  const page = () => renderPage(<WatchPage videoId="123" format="dash" seriesId={null} />);

  it.each([
    [400, 'invalid_id', '"123" is no id: give a UUID.'],
    [404, 'not_found', 'There is no such video.'],
  ])('plays nothing for %i %s, in our words', async (status, code, detail) => {
    answerWith(status, { code, title: 'x', detail });
    await page();
    await screen.findByRole('heading', { level: 1, name: 'Nothing plays here' });
    expect(screen.getByText(/^There is no such video/)).toBeInTheDocument();
    expect(screen.getByRole('link', { name: 'Go home' })).toHaveAttribute('href', '/');
    expect(screen.queryByText(/UUID/)).toBeNull();
    expect(screen.queryByRole('button', { name: 'Try again' })).toBeNull();
  });

  it('says what went wrong once, and offers another try', async () => {
    answerWith(403, { code: 'forbidden', title: 'x', detail: 'x' });
    await page();
    await screen.findByRole('button', { name: 'Try again' });
    expect(screen.getAllByText('That did not work')).toHaveLength(1);
  });
});
