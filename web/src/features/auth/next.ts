export interface NextSearch {
  next?: string;
}

/** Only a path of our own is a place to return to; `//evil.example` and full URLs are dropped. */
export function nextSearchOf(search: Record<string, unknown>): NextSearch {
  const { next } = search;
  return typeof next === 'string' && /^\/(?![/\\])/.test(next) ? { next } : {};
}
