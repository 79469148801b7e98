import { type UseQueryResult, useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect } from 'react';
import type { Video } from '~/api/client';
import { followEvents } from '~/api/events';
import { videoQuery } from '~/api/queries';

export const isFinal = (state: Video['state']): boolean => state === 'ready' || state === 'failed';
export const isViewable = (state: Video['state']): boolean =>
  state === 'viewable' || state === 'ready';

/** One video, followed over server-sent events until nothing about its encoding can change any more. */
export function useLiveVideo(id: string): UseQueryResult<Video> {
  const queryClient = useQueryClient();
  const video = useQuery(videoQuery(id));
  const unfinished = video.data !== undefined && !isFinal(video.data.state);
  useEffect(() => {
    if (!unfinished) return;
    const stop = new AbortController();
    void followVideo(id, stop.signal, {
      onChange: (changed) => queryClient.setQueryData(videoQuery(id).queryKey, changed),
      onGone: () => queryClient.invalidateQueries({ queryKey: videoQuery(id).queryKey }),
    });
    return () => stop.abort();
  }, [id, unfinished, queryClient]);
  return video;
}

/** Follows a video until it can change no more: it is ready, has failed, or is gone for this visitor. */
export function followVideo(
  id: string,
  signal: AbortSignal,
  { onChange, onGone }: { onChange: (video: Video) => void; onGone?: () => void },
): Promise<void> {
  return followEvents(`/api/v1/videos/${id}/events`, {
    signal,
    onEvent: ({ event, data }) => {
      if (event === 'gone') {
        onGone?.();
        return 'stop';
      }
      if (event !== 'video') return undefined;
      const video = JSON.parse(data) as Video;
      onChange(video);
      return isFinal(video.state) ? 'stop' : undefined;
    },
  });
}
