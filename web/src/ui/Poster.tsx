import { type CSSProperties, useState } from 'react';
import classes from './Poster.module.css';

/** A 16:9 picture; without one, before it and when it fails to load, colours derived from the id: a card keeps its face. */
export function Poster({
  id,
  url,
  eager = false,
}: {
  id: string;
  url: string | null;
  eager?: boolean;
}) {
  const [failedUrl, setFailedUrl] = useState<string | null>(null);
  if (url && url !== failedUrl) {
    return (
      <img
        className={classes.poster}
        style={hues(id)}
        src={url}
        alt=""
        onError={() => setFailedUrl(url)}
        loading={eager ? 'eager' : 'lazy'}
        decoding="async"
      />
    );
  }
  return <div className={classes.poster} style={hues(id)} aria-hidden />;
}

export function hues(id: string): CSSProperties {
  let hash = 0;
  for (const char of id) hash = (hash * 31 + char.charCodeAt(0)) >>> 0;
  return { '--hue-a': `${hash % 360}deg`, '--hue-b': `${(hash % 360) + 70}deg` } as CSSProperties;
}
