// @vitest-environment node
import { describe, expect, it } from 'vitest';
import { PALETTE_NAMES, servicePalette } from '../src/service-palette';
import { contrast, difference, VISIONS } from './colour-vision';

const TOLD_APART = 15;
const STANDS_OUT = 3;
const SURFACES = {
  light: ['#ffffff', '#f5f7fb', '#eef1f6'],
  dark: ['#0b101c', '#121827', '#1a2132'],
} as const;

describe('the measure', () => {
  it('agrees with the published pairs of CIEDE2000', () => {
    expect(difference('#ffffff', '#000000', 'trichromacy')).toBeCloseTo(100, 1);
    expect(difference('#ff0000', '#00ff00', 'trichromacy')).toBeCloseTo(86.6, 0);
  });

  it('knows who confuses red with green', () => {
    const pair = ['#a05a2c', '#5f7a2c'] as const;
    expect(difference(...pair, 'deuteranopia')).toBeLessThan(
      difference(...pair, 'trichromacy') / 2,
    );
  });
});

describe.each(['light', 'dark'] as const)('the colours of services on %s', (scheme) => {
  const colours = PALETTE_NAMES.map((name) => servicePalette[name][scheme === 'light' ? 0 : 1]);

  it.each(VISIONS)('are told apart with %s', (vision) => {
    const close = colours.flatMap((one, index) =>
      colours
        .slice(index + 1)
        .filter((other) => difference(one, other, vision) < TOLD_APART)
        .map((other) => `${one} and ${other}`),
    );
    expect(close).toEqual([]);
  });

  it('stand out from every surface', () => {
    for (const colour of colours)
      for (const surface of SURFACES[scheme])
        expect(contrast(colour, surface), `${colour} on ${surface}`).toBeGreaterThanOrEqual(
          STANDS_OUT,
        );
  });
});
