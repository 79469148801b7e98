import { useMantineColorScheme } from '@mantine/core';
import { screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { afterEach, expect, it } from 'vitest';
import { pageColour } from '~/theme';
import { renderPage } from '../../../tests/render';
import { useThemeColour } from './theme-colour';

afterEach(() => {
  document.head.innerHTML = '';
});

function Page() {
  useThemeColour();
  const { setColorScheme } = useMantineColorScheme();
  return (['dark', 'light'] as const).map((scheme) => (
    <button key={scheme} type="button" onClick={() => setColorScheme(scheme)}>
      {scheme}
    </button>
  ));
}

it('the bars of the browser take the colour of the chosen scheme, not of the system', async () => {
  document.head.innerHTML = `
    <meta name="theme-color" content="${pageColour.dark}" media="(prefers-color-scheme: dark)">
    <meta name="theme-color" content="${pageColour.light}" media="(prefers-color-scheme: light)">`;
  const colours = () =>
    [...document.querySelectorAll('meta[name="theme-color"]')].map((meta) =>
      meta.getAttribute('content'),
    );
  await renderPage(<Page />);
  await userEvent.click(screen.getByRole('button', { name: 'dark' }));
  expect(colours()).toEqual([pageColour.dark, pageColour.dark]);
  await userEvent.click(screen.getByRole('button', { name: 'light' }));
  expect(colours()).toEqual([pageColour.light, pageColour.light]);
});
