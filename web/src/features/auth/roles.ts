import type { Account } from '~/auth/session';

/** The server decides; this only keeps from offering what it would refuse. */
export const mayUpload = (account: Account | null): boolean =>
  account !== null && account.role !== 'viewer';
