import { createFileRoute } from '@tanstack/react-router';
import { SeriesPage } from '~/features/series/SeriesPage';

export const Route = createFileRoute('/courses/$id')({
  component: function OneSeries() {
    return <SeriesPage id={Route.useParams().id} />;
  },
});
