import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import type { ServiceMap } from '~/api/client';
import { followEvents } from '~/api/events';
import { serviceMapQuery } from '~/api/queries';

export type LiveState = 'live' | 'reconnecting' | 'frozen';

export function useLiveMap(
  windowS: number,
  frozen: boolean,
): { map: ServiceMap | undefined; error: Error | null; state: LiveState } {
  const queryClient = useQueryClient();
  const [connected, setConnected] = useState(true);
  const query = useQuery({ ...serviceMapQuery(windowS), staleTime: Number.POSITIVE_INFINITY });

  useEffect(() => {
    if (frozen) return;
    const stop = new AbortController();
    void followEvents(`/api/v1/observatory/service-map/live?window_s=${windowS}`, {
      signal: stop.signal,
      onConnected: setConnected,
      onEvent: ({ event, data }) => {
        if (event === 'service-map') {
          queryClient.setQueryData(
            serviceMapQuery(windowS).queryKey,
            JSON.parse(data) as ServiceMap,
          );
        }
        return undefined;
      },
    });
    return () => stop.abort();
  }, [windowS, frozen, queryClient]);

  return {
    map: query.data,
    error: query.error,
    state: frozen ? 'frozen' : connected ? 'live' : 'reconnecting',
  };
}
