import { screen } from '@testing-library/react';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { type Account, session } from '~/auth/session';
import { Header } from '~/features/shell/Header';
import { Navigation } from '~/features/shell/Navigation';
import { UploadPage } from '~/features/upload/UploadPage';
import { aGrant, anAccount } from '../../../tests/fixtures';
import { renderPage } from '../../../tests/render';

function signIn(role: Account['role']): void {
  vi.stubGlobal('fetch', async () => Response.json({ upload_max_bytes: 1024 }));
  session.accept(aGrant({ account: anAccount({ role }) }));
}

afterEach(async () => {
  await session.signOut();
  vi.unstubAllGlobals();
});

describe('an account that only watches', () => {
  it('is told so where it would upload, and not after choosing a file', async () => {
    signIn('viewer');
    await renderPage(<UploadPage />);
    expect(
      screen.getByRole('heading', { level: 1, name: 'This account watches' }),
    ).toBeInTheDocument();
    expect(screen.queryByRole('button', { name: 'Choose files' })).toBeNull();
  });

  it('is offered neither upload nor studio', async () => {
    signIn('viewer');
    await renderPage(
      <>
        <Header />
        <Navigation />
      </>,
    );
    expect(screen.getByRole('button', { name: 'Account menu' })).toBeInTheDocument();
    expect(screen.queryByRole('link', { name: /Upload|Studio/ })).toBeNull();
  });
});

it.each(['creator', 'admin'] as const)('a %s is offered both', async (role) => {
  signIn(role);
  await renderPage(
    <>
      <Header />
      <Navigation />
      <UploadPage />
    </>,
  );
  expect(screen.getByRole('link', { name: 'Upload' })).toBeInTheDocument();
  expect(screen.getByRole('link', { name: 'Studio' })).toBeInTheDocument();
  expect(screen.getByRole('button', { name: 'Choose files' })).toBeInTheDocument();
});
