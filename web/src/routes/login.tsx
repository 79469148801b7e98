import { createFileRoute } from '@tanstack/react-router';
import { LoginPage } from '~/features/auth/LoginPage';
import { type NextSearch, nextSearchOf } from '~/features/auth/next';

export const Route = createFileRoute('/login')({
  validateSearch: (search: Record<string, unknown>): NextSearch => nextSearchOf(search),
  component: function Page() {
    return <LoginPage next={Route.useSearch().next ?? '/'} />;
  },
});
