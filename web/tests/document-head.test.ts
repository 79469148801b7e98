import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { pageColour } from '../src/theme';

const WEB = path.resolve(import.meta.dirname, '..');
const page = new DOMParser().parseFromString(
  readFileSync(path.join(WEB, 'index.html'), 'utf8'),
  'text/html',
);
const manifest = JSON.parse(
  readFileSync(path.join(WEB, 'public/manifest.webmanifest'), 'utf8'),
) as { icons: { src: string; sizes: string; type: string }[] };

const content = (selector: string): string | null =>
  page.head.querySelector(selector)?.getAttribute('content') ?? null;

/** Width × height of a PNG, from its header chunk. */
function pngSize(src: string): string {
  const bytes = readFileSync(path.join(WEB, 'public', src));
  expect(bytes.subarray(1, 4).toString('latin1'), src).toBe('PNG');
  return `${bytes.readUInt32BE(16)}x${bytes.readUInt32BE(20)}`;
}

describe('the head of the document', () => {
  it('names an icon as SVG, and as PNG for those who cannot read it', () => {
    const icons = [...page.head.querySelectorAll('link[rel~="icon"]')];
    expect(icons.map((icon) => icon.getAttribute('type')).sort()).toEqual([
      'image/png',
      'image/svg+xml',
    ]);
    for (const icon of icons)
      expect(existsSync(path.join(WEB, 'public', icon.getAttribute('href') ?? '?'))).toBe(true);
    expect(pngSize('favicon-32.png')).toBe('32x32');
    expect(page.head.querySelector('link[rel="apple-touch-icon"]')?.getAttribute('href')).toBe(
      '/apple-touch-icon.png',
    );
    expect(pngSize('apple-touch-icon.png')).toBe('180x180');
  });

  it('colours the bars of the browser as the page, in both schemes', () => {
    for (const scheme of ['light', 'dark'] as const)
      expect(content(`meta[name="theme-color"][media*="${scheme}"]`)).toBe(pageColour[scheme]);
  });

  it('describes itself to search engines and to those who are sent a link', () => {
    expect(content('meta[name="description"]')?.length).toBeGreaterThan(40);
    for (const name of ['site_name', 'type', 'title', 'description', 'image', 'locale'])
      expect(content(`meta[property="og:${name}"]`), name).toBeTruthy();
    expect(pngSize(content('meta[property="og:image"]') ?? '?')).toBe('512x512');
  });

  it('says in both languages what is missing without scripts', () => {
    const words = page.querySelector('noscript')?.textContent ?? '';
    expect(words).toMatch(/JavaScript/);
    expect(words).toMatch(/[가-힣]/);
  });
});

it('the manifest tells the size of its icons as it is', () => {
  const pngs = manifest.icons.filter((icon) => icon.type === 'image/png');
  expect(pngs.map((icon) => icon.sizes)).toEqual(expect.arrayContaining(['192x192', '512x512']));
  for (const icon of pngs) expect(pngSize(icon.src), icon.src).toBe(icon.sizes);
});
