import { createFileRoute } from '@tanstack/react-router';
import { SeriesListPage } from '~/features/series/SeriesListPage';

export const Route = createFileRoute('/courses/')({
  component: () => <SeriesListPage kind="course" />,
});
