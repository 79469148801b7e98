import { createFileRoute } from '@tanstack/react-router';
import { ObservatoryPage } from '~/features/observatory/ObservatoryPage';
import { type ObservatorySearch, observatorySearchOf } from '~/features/observatory/search';

export const Route = createFileRoute('/observatory/')({
  validateSearch: (search: Record<string, unknown>): ObservatorySearch =>
    observatorySearchOf(search),
  component: function Observatory() {
    return <ObservatoryPage search={Route.useSearch()} />;
  },
});
