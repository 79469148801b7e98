import type { Plugin } from 'vite';

/**
 * Removes `@font-face` rules that fetch from another origin (Shaka's stylesheet names fonts.gstatic.com),
 * because no request of ours may leave the origin.
 */
export function stripForeignFontFaces(): Plugin {
  return {
    name: 'amphi:strip-foreign-font-faces',
    enforce: 'pre',
    transform(code, id) {
      if (!id.split('?')[0]?.endsWith('.css') || !code.includes('@font-face')) return null;
      const own = code.replace(/@font-face\s*\{[^}]*url\(["']?https?:[^}]*\}/g, '');
      return own === code ? null : { code: own, map: null };
    },
  };
}
