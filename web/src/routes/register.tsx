import { createFileRoute } from '@tanstack/react-router';
import { type NextSearch, nextSearchOf } from '~/features/auth/next';
import { RegisterPage } from '~/features/auth/RegisterPage';

export const Route = createFileRoute('/register')({
  validateSearch: (search: Record<string, unknown>): NextSearch => nextSearchOf(search),
  component: function Page() {
    return <RegisterPage next={Route.useSearch().next ?? '/'} />;
  },
});
