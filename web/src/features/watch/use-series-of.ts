import { useQuery } from '@tanstack/react-query';
import type { Series } from '~/api/client';
import { seriesListQuery, seriesQuery } from '~/api/queries';

/** The series a video belongs to: named by the link that led here, or found among those listed. */
export function useSeriesOf(
  videoId: string,
  seriesId: string | null,
): { data: Series | undefined } {
  const named = useQuery({ ...seriesQuery(seriesId ?? ''), enabled: seriesId !== null });
  const dramas = useQuery({ ...seriesListQuery('drama'), enabled: seriesId === null });
  const courses = useQuery({ ...seriesListQuery('course'), enabled: seriesId === null });
  if (seriesId !== null) return { data: named.data };
  const listed = [...(dramas.data?.items ?? []), ...(courses.data?.items ?? [])];
  return {
    data: listed.find((series) => series.episodes.some((episode) => episode.video.id === videoId)),
  };
}
