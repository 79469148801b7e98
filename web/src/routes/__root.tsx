import { createRootRoute } from '@tanstack/react-router';
import { NotFound } from '~/features/shell/NotFound';
import { RouteError } from '~/features/shell/RouteError';
import { Shell } from '~/features/shell/Shell';

export const Route = createRootRoute({
  component: Shell,
  notFoundComponent: () => <NotFound />,
  errorComponent: RouteError,
});
