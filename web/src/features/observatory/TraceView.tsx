import { Alert, Group, Loader, Skeleton, Text } from '@mantine/core';
import { IconFlame } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { Span, Trace } from '~/api/client';
import { isNotFound, ProblemError } from '~/api/problem';
import { traceQuery } from '~/api/queries';
import { formatDateTime, formatMicros } from '~/ui/format';
import { ProblemAlert } from '~/ui/ProblemAlert';
import { SpanDrawer } from './SpanDrawer';
import { isDatabase, serviceColours } from './service-colours';
import classes from './TraceView.module.css';
import { Waterfall } from './Waterfall';
import { slowestHop } from './waterfall';

const ARRIVAL_ATTEMPTS = 6;
const ARRIVAL_EVERY_MS = 1000;

/** One trace: what it cost in a sentence, and its waterfall. `fresh` waits for spans that are still on their way. */
export function TraceView({ traceId, fresh = false }: { traceId: string; fresh?: boolean }) {
  const { t } = useTranslation();
  const [open, setOpen] = useState<Span | null>(null);
  const trace = useQuery({
    ...traceQuery(traceId),
    retry: (failures, error) =>
      fresh && error instanceof ProblemError && error.status === 404 && failures < ARRIVAL_ATTEMPTS,
    retryDelay: ARRIVAL_EVERY_MS,
    refetchInterval: (query) =>
      fresh && query.state.dataUpdateCount < ARRIVAL_ATTEMPTS ? ARRIVAL_EVERY_MS : false,
  });
  if (trace.error && !trace.data) {
    return isNotFound(trace.error) ? (
      <Text>{t('trace.gone')}</Text>
    ) : (
      <ProblemAlert problem={trace.error} onRetry={() => void trace.refetch()} />
    );
  }
  if (!trace.data) {
    return (
      <div role="status" aria-label={t('app.loading')}>
        <Skeleton h={64} mb="md" />
        {[70, 55, 62, 40, 30].map((width) => (
          <Skeleton key={width} h={24} w={`${width}%`} mb={12} />
        ))}
      </div>
    );
  }
  return (
    <>
      <Summary trace={trace.data} />
      <Waterfall trace={trace.data} onOpen={setOpen} />
      {fresh && trace.isFetching && (
        <Group gap="xs" mt="xs">
          <Loader size="xs" aria-hidden />
          <Text size="sm" c="dimmed">
            {t('trace.waiting')}
          </Text>
        </Group>
      )}
      <SpanDrawer span={open} onClose={() => setOpen(null)} />
    </>
  );
}

function Summary({ trace }: { trace: Trace }) {
  const { t } = useTranslation();
  const slowest = slowestHop(trace);
  const colours = serviceColours(trace.services.map((service) => service.name));
  return (
    <>
      <dl className={`${classes.facts} tabular`}>
        <Fact label={t('trace.duration')} value={formatMicros(trace.duration_us)} />
        <Fact label={t('trace.started')} value={formatDateTime(trace.started_at)} />
        <Fact
          label={t('trace.spans', { count: trace.span_count })}
          value={t('trace.services', { count: trace.services.length })}
        />
      </dl>
      {slowest && (
        <Alert
          icon={<IconFlame aria-hidden />}
          title={t('trace.critical_path')}
          mb="md"
          styles={{
            root: { background: 'var(--surface-2)', border: '1px solid var(--accent)' },
            title: { color: 'var(--accent-text)' },
            icon: { color: 'var(--accent-text)' },
            message: { color: 'var(--text)' },
          }}
        >
          {t('trace.critical_summary', {
            service: slowest.service,
            operation: slowest.operation,
            self: formatMicros(slowest.self_us),
            total: formatMicros(trace.duration_us),
          })}
        </Alert>
      )}
      <ul className={classes.legend}>
        {trace.services.map((service) => (
          <li key={service.name}>
            <span
              className={classes.swatch}
              data-database={isDatabase(service.name) || undefined}
              style={{ '--service': colours.get(service.name) } as React.CSSProperties}
            />
            {service.name}
            <Text span c="dimmed" size="sm" className="tabular">
              {service.span_count}
            </Text>
          </li>
        ))}
      </ul>
    </>
  );
}

function Fact({ label, value }: { label: string; value: string }) {
  return (
    <div>
      <dt>{label}</dt>
      <dd>{value}</dd>
    </div>
  );
}
