import { QueryClient } from '@tanstack/react-query';
import { session } from '~/auth/session';
import { ProblemError } from './problem';

export const queryClient = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 10_000,
      // A refusal will not change by asking again; a server that is restarting will.
      retry: (failures, error) =>
        failures < 2 &&
        !(error instanceof ProblemError && error.status >= 400 && error.status < 500),
    },
  },
});

let accountId: string | null = null;
let delayed = false;

// What one account may see is nothing for the next: everything cached goes when the account changes. What was asked
// while the sign-in could not be renewed is asked again when it could.
session.subscribe(() => {
  const next = session.snapshot();
  if (next.status === 'restoring') return;
  const nextId = next.account?.id ?? null;
  const renewed = delayed && !(next.status === 'signed-in' && next.delayed);
  delayed = next.status === 'signed-in' && next.delayed;
  if (nextId === accountId) {
    if (renewed) void queryClient.invalidateQueries();
    return;
  }
  const hadAccount = accountId !== null;
  accountId = nextId;
  if (hadAccount) queryClient.clear();
  else void queryClient.invalidateQueries();
});
