import { createFileRoute } from '@tanstack/react-router';
import { WatchPage } from '~/features/watch/WatchPage';
import { type StreamFormat, streamFormatOf } from '~/player/stream-format';

interface WatchSearch {
  format?: StreamFormat;
  series?: string;
}

export const Route = createFileRoute('/watch/$videoId')({
  validateSearch: (search: Record<string, unknown>): WatchSearch => ({
    ...(streamFormatOf(search.format) ? { format: streamFormatOf(search.format) } : {}),
    ...(typeof search.series === 'string' ? { series: search.series } : {}),
  }),
  component: function Watch() {
    const { videoId } = Route.useParams();
    const search = Route.useSearch();
    // A new video is a new player, a new trace and a new session.
    return (
      <WatchPage
        key={videoId}
        videoId={videoId}
        format={search.format ?? 'dash'}
        seriesId={search.series ?? null}
      />
    );
  },
});
