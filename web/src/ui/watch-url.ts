/** The link one shares: the page alone, without the visitor's own choices in the query. */
export const watchUrl = (videoId: string): string =>
  new URL(`/watch/${videoId}`, location.origin).href;
