import { screen } from '@testing-library/react';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { session } from '~/auth/session';
import { aGrant } from '../../../tests/fixtures';
import { renderPage } from '../../../tests/render';
import { StudioPage } from './StudioPage';

beforeEach(() => {
  vi.stubGlobal('fetch', async (input: RequestInfo | URL) => {
    const url = input instanceof Request ? input.url : String(input);
    if (url.includes('/api/v1/videos')) return Response.json({ items: [], next_cursor: null });
    if (url.includes('/api/v1/about')) return Response.json({ upload_max_bytes: 1024 });
    return new Response(null, { status: 204 });
  });
  session.accept(aGrant());
});

afterEach(async () => {
  await session.signOut();
  vi.unstubAllGlobals();
});

it('an empty studio is one place to drop a video, and asks for it once', async () => {
  await renderPage(<StudioPage />);
  await screen.findByRole('heading', { level: 2, name: 'Drop your first video here' });
  expect(screen.getAllByText(/drop .*here/i)).toHaveLength(1);
  expect(screen.getAllByRole('button', { name: 'Choose files' })).toHaveLength(1);
  expect(screen.queryByRole('link', { name: 'Upload' })).toBeNull();
});
