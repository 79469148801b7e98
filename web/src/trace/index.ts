import { session } from '~/auth/session';
import { SpanExporter } from './exporter';

export const spanExporter = new SpanExporter({ token: () => session.tokenNow() });

if (typeof document !== 'undefined') {
  document.addEventListener('visibilitychange', () => {
    if (document.visibilityState === 'hidden') void spanExporter.flush();
  });
}
