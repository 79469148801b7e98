import type { Plugin } from 'vite';
import { createMockApp } from './app.ts';

/** The policy the gateway sends, so that a page that would break under it breaks here already. */
export const CONTENT_SECURITY_POLICY =
  "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; " +
  "media-src 'self' blob:; worker-src 'self' blob:; connect-src 'self'; font-src 'self'; object-src 'none'; " +
  "base-uri 'self'; frame-ancestors 'self'";

/** Answers the REST contract in memory for `vite --mode mock` (dev) and `vite preview --mode mock` (built, under the policy). */
export function mockServer(): Plugin {
  return {
    name: 'amphi:mock-server',
    async configureServer(server) {
      server.middlewares.use(await createMockApp());
    },
    async configurePreviewServer(server) {
      server.middlewares.use((_request, response, next) => {
        response.setHeader('content-security-policy', CONTENT_SECURITY_POLICY);
        next();
      });
      server.middlewares.use(await createMockApp());
    },
  };
}
