import type { Plugin } from 'vite';

const FILE = /shaka-player\.ui-es2021\.js$/;
/** One call of the compiled `shaka.ui.Locales.addTo`: `a.$a("fr",new Map([["PLAY","Lire"],…]));` */
const INSERTION =
  /[\w$]+\.[\w$]+\("([a-z]{2}(?:-[A-Z0-9]{2,3})?)",new Map\(\[\["[A-Z_]+",[\s\S]*?\]\]\)\);/g;
const EXPECTED_AT_LEAST = 10;

/** Drops the player's eighteen translations but those the app speaks: 20 kB gzip that nobody would ever read. */
export function keepPlayerLocales(kept: readonly string[]): Plugin {
  return {
    name: 'amphi:keep-player-locales',
    enforce: 'pre',
    apply: 'build',
    transform(code, id) {
      if (!FILE.test(id.split('?')[0] ?? '')) return null;
      const seen = new Set<string>();
      let dropped = 0;
      const slim = code.replace(INSERTION, (call, locale: string) => {
        seen.add(locale);
        if (kept.includes(locale)) return call;
        dropped += 1;
        return '';
      });
      if (dropped < EXPECTED_AT_LEAST || kept.some((locale) => !seen.has(locale))) {
        throw new Error(
          `the player's translations are not where they were: dropped ${dropped}, saw ${[...seen].join(', ')}`,
        );
      }
      return { code: slim, map: null };
    },
  };
}
