import { fileURLToPath } from 'node:url';
import { tanstackRouter } from '@tanstack/router-plugin/vite';
import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';
import { stripForeignFontFaces } from './build/own-origin-only.ts';
import { embedScalar } from './build/scalar.ts';
import { keepPlayerLocales } from './build/shaka-locales.ts';

const backend = process.env.AMPHI_BACKEND ?? 'http://127.0.0.1:8080';
const proxy = { '/api': backend, '/uploads': backend, '/play': backend, '/images': backend };

export default defineConfig(async ({ mode }) => ({
  plugins: [
    tanstackRouter({ target: 'react', autoCodeSplitting: true }),
    react(),
    stripForeignFontFaces(),
    keepPlayerLocales(['en', 'ko']),
    embedScalar(),
    // A stand-in for the server, for looking at pages without one; never part of a build.
    ...(mode === 'mock' ? [(await import('./e2e/mock/plugin.ts')).mockServer()] : []),
  ],
  resolve: { alias: { '~': fileURLToPath(new URL('./src', import.meta.url)) } },
  server: {
    ...(mode === 'mock' ? {} : { proxy }),
  },
  build: {
    target: 'es2022',
    manifest: true,
    // The policy sends `font-src 'self'`: nothing may be inlined as a data URL.
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 900,
  },
}));
