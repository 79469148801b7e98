export const WINDOWS_S = [60, 300, 900, 3600] as const;
export type WindowS = (typeof WINDOWS_S)[number];

export const EDGE_LABELS = ['p50', 'p95', 'p99', 'rate'] as const;
export type EdgeLabel = (typeof EDGE_LABELS)[number];

/** The whole view of the observatory, kept in the URL so that a link shows somebody else the same thing. */
export interface ObservatorySearch {
  window?: WindowS;
  view?: 'graph' | 'table';
  label?: EdgeLabel;
  service?: string;
  operation?: string;
  min_ms?: number;
  errors?: true;
}

export const DEFAULT_WINDOW_S: WindowS = 300;
export const DEFAULT_EDGE_LABEL: EdgeLabel = 'p95';

export function observatorySearchOf(search: Record<string, unknown>): ObservatorySearch {
  const window = WINDOWS_S.find((one) => one === Number(search.window));
  const label = EDGE_LABELS.find((one) => one === search.label);
  const minMs = Number(search.min_ms);
  return {
    ...(window ? { window } : {}),
    ...(search.view === 'table' || search.view === 'graph' ? { view: search.view } : {}),
    ...(label ? { label } : {}),
    ...(text(search.service) ? { service: text(search.service) } : {}),
    ...(text(search.operation) ? { operation: text(search.operation) } : {}),
    ...(Number.isFinite(minMs) && minMs > 0 ? { min_ms: Math.round(minMs) } : {}),
    ...(search.errors === true || search.errors === 'true' ? { errors: true as const } : {}),
  };
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value.length > 0 && value.length <= 200 ? value : undefined;
}
