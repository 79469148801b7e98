/**
 * A colour for each of the platform's parts, `[on light, on dark]`. Any two of one scheme stay apart for readers with
 * protanopia, deuteranopia and tritanopia, and each stands out from the surfaces (3:1): `service-palette.test.ts`.
 */
export const servicePalette = {
  browser: ['#8578f4', '#8271f8'],
  gateway: ['#172f64', '#54b3a2'],
  identity: ['#b2729a', '#e8abff'],
  catalog: ['#7a941b', '#9db66b'],
  media: ['#4c9671', '#2f8065'],
  encoder: ['#a91b03', '#c44b0c'],
  playback: ['#654db4', '#83ffcb'],
  observatory: ['#5e161b', '#e6f054'],
  storage: ['#864a63', '#8b6791'],
} as const satisfies Record<string, readonly [light: string, dark: string]>;

export type PaletteName = keyof typeof servicePalette;

export const PALETTE_NAMES = Object.keys(servicePalette) as PaletteName[];

/** As CSS variables, `--service-<name>`. */
export function serviceVariables(scheme: 'light' | 'dark'): Record<string, string> {
  const column = scheme === 'light' ? 0 : 1;
  return Object.fromEntries(
    Object.entries(servicePalette).map(([name, colours]) => [`--service-${name}`, colours[column]]),
  );
}
