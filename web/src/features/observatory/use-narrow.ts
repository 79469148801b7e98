import { useMediaQuery } from '@mantine/hooks';

/** Whether the screen is as narrow as a phone's: the breakpoint below which the rail becomes a bottom bar. */
export function useNarrow(): boolean {
  return useMediaQuery('(max-width: 47.99em)', false, { getInitialValueInEffect: false });
}
