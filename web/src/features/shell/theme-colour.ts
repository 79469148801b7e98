import { useComputedColorScheme } from '@mantine/core';
import { useEffect } from 'react';
import { pageColour } from '~/theme';

/** The document names a colour for each scheme of the system; whoever chose the other scheme here gets that one's. */
export function useThemeColour(): void {
  const scheme = useComputedColorScheme('dark', { getInitialValueInEffect: false });
  useEffect(() => {
    for (const meta of document.querySelectorAll<HTMLMetaElement>('meta[name="theme-color"]'))
      meta.content = pageColour[scheme];
  }, [scheme]);
}
