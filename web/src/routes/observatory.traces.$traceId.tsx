import { createFileRoute } from '@tanstack/react-router';
import { TracePage } from '~/features/observatory/TracePage';

export const Route = createFileRoute('/observatory/traces/$traceId')({
  component: function OneTrace() {
    return <TracePage traceId={Route.useParams().traceId} />;
  },
});
