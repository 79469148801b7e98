import { useTranslation } from 'react-i18next';
import type { ServiceMap, ServiceNode } from '~/api/client';
import { formatMicros, formatPercent, formatRate } from '~/ui/format';
import classes from './ObservatoryPage.module.css';

/** Where users' requests come in: the gateway, or the busiest service when the map knows none by that name. */
export function entryService(map: ServiceMap): ServiceNode | null {
  const services = map.nodes.filter((node) => node.kind === 'service');
  return (
    services.find((node) => node.name === 'gateway') ??
    services.reduce<ServiceNode | null>(
      (busiest, node) => (node.calls > (busiest?.calls ?? -1) ? node : busiest),
      null,
    )
  );
}

const NOTHING_MEASURED = '–';

export function Numbers({ map }: { map: ServiceMap }) {
  const { t } = useTranslation();
  const entry = entryService(map);
  const measured = entry !== null && entry.calls > 0;
  const numbers = [
    [
      t('observatory.requests'),
      measured
        ? t('observatory.per_second', { rate: formatRate(entry.rate_per_s) })
        : NOTHING_MEASURED,
    ],
    [t('observatory.latency_p95'), measured ? formatMicros(entry.p95_us) : NOTHING_MEASURED],
    [t('observatory.latency_p99'), measured ? formatMicros(entry.p99_us) : NOTHING_MEASURED],
    [
      t('observatory.errors'),
      measured ? formatPercent(entry.errors / entry.calls, 2) : NOTHING_MEASURED,
    ],
  ] as const;
  return (
    <dl className={`${classes.numbers} tabular`}>
      {numbers.map(([label, value]) => (
        <div key={label} className={classes.number}>
          <dt>{label}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
