import { useNavigate } from '@tanstack/react-router';
import { useEffect } from 'react';
import { useSession } from '~/auth/session';

/** Leaves a page for signing in as soon as somebody is: by its form, in another tab, or before it was opened. */
export function useLeaveWhenSignedIn(next: string): void {
  const navigate = useNavigate();
  const signedIn = useSession().status === 'signed-in';
  useEffect(() => {
    if (signedIn) void navigate({ to: next, replace: true });
  }, [signedIn, navigate, next]);
}
