import {
  Button,
  Checkbox,
  Group,
  NumberInput,
  Select,
  Skeleton,
  Table,
  Text,
  Title,
} from '@mantine/core';
import { useDebouncedCallback } from '@mantine/hooks';
import { IconAlertTriangle, IconFilterOff } from '@tabler/icons-react';
import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { observedServicesQuery, tracesQuery } from '~/api/queries';
import { formatAge, formatMicros } from '~/ui/format';
import { TextLink } from '~/ui/links';
import { ProblemAlert } from '~/ui/ProblemAlert';
import { ScrollTable } from '~/ui/ScrollTable';
import classes from './ObservatoryPage.module.css';
import type { ObservatorySearch } from './search';

const REFRESH_MS = 10_000;
const TYPING_MS = 400;
const SHOWN_PER_PAGE = 25;

export function TraceList({
  search,
  windowS,
  onChange,
}: {
  search: ObservatorySearch;
  windowS: number;
  onChange: (change: Partial<ObservatorySearch>) => void;
}) {
  const { t } = useTranslation();
  const services = useQuery(observedServicesQuery());
  const traces = useInfiniteQuery({
    ...tracesQuery({
      window_s: windowS,
      service: search.service,
      operation: search.operation,
      min_duration_ms: search.min_ms,
      error: search.errors,
    }),
    refetchInterval: REFRESH_MS,
  });
  const found = traces.data?.pages.flatMap((page) => page.items) ?? [];
  // The server lists the latest first; what one looks for here are the slowest of them.
  const items = found
    .toSorted((a, b) => b.duration_us - a.duration_us)
    .slice(0, SHOWN_PER_PAGE * (traces.data?.pages.length ?? 1));
  const longestUs = Math.max(1, items[0]?.duration_us ?? 1);
  const chosen = services.data?.items.find((service) => service.name === search.service);
  const filtered = search.service || search.operation || search.min_ms || search.errors;
  const setMinimum = useDebouncedCallback((value: number | string) => {
    onChange({ min_ms: Number(value) > 0 ? Math.round(Number(value)) : undefined });
  }, TYPING_MS);

  return (
    <section className={classes.panel} aria-labelledby="traces">
      <Title order={2} id="traces">
        {t('observatory.traces')}
      </Title>
      <Text c="dimmed" size="sm" mb="sm" className="tabular">
        {t('observatory.traces_lead', { shown: items.length, count: found.length })}
      </Text>
      <div className={classes.filters}>
        <Select
          label={t('observatory.filter_service')}
          value={search.service ?? ''}
          onChange={(value) => onChange({ service: value || undefined, operation: undefined })}
          data={[
            { value: '', label: t('observatory.filter_any') },
            ...withChosen(
              services.data?.items.map((service) => service.name) ?? [],
              search.service,
            ),
          ]}
        />
        <Select
          label={t('observatory.filter_operation')}
          value={search.operation ?? ''}
          disabled={!search.service}
          onChange={(value) => onChange({ operation: value || undefined })}
          data={[
            { value: '', label: t('observatory.filter_any') },
            ...withChosen(chosen?.operations ?? [], search.operation),
          ]}
        />
        <NumberInput
          key={search.min_ms === undefined ? 'unset' : 'set'}
          label={t('observatory.filter_min')}
          size="md"
          min={0}
          hideControls
          allowDecimal={false}
          defaultValue={search.min_ms ?? ''}
          onChange={setMinimum}
        />
        <Checkbox
          label={t('observatory.filter_errors')}
          checked={search.errors ?? false}
          onChange={(event) => onChange({ errors: event.currentTarget.checked || undefined })}
          mb={12}
        />
        {filtered && (
          <Button
            variant="subtle"
            c="var(--link)"
            leftSection={<IconFilterOff size={17} aria-hidden />}
            onClick={() =>
              onChange({
                service: undefined,
                operation: undefined,
                min_ms: undefined,
                errors: undefined,
              })
            }
          >
            {t('observatory.filter_clear')}
          </Button>
        )}
      </div>
      {traces.error && (
        <ProblemAlert problem={traces.error} onRetry={() => void traces.refetch()} />
      )}
      {traces.isPending && <Skeleton h={220} />}
      {traces.isSuccess && items.length === 0 && (
        <Text c="dimmed">{t('observatory.traces_empty')}</Text>
      )}
      {items.length > 0 && (
        <ScrollTable
          label={t('observatory.traces')}
          minWidth="40rem"
          className="tabular"
          verticalSpacing={4}
        >
          <Table.Thead>
            <Table.Tr>
              <Table.Th>{t('observatory.column_operation')}</Table.Th>
              <Table.Th w="12rem">{t('observatory.column_duration')}</Table.Th>
              <Table.Th>{t('observatory.column_spans')}</Table.Th>
              <Table.Th>{t('observatory.column_errors')}</Table.Th>
              <Table.Th>{t('observatory.column_started')}</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {items.map((trace) => (
              <Table.Tr key={trace.trace_id}>
                <Table.Td>
                  <TextLink
                    to="/observatory/traces/$traceId"
                    params={{ traceId: trace.trace_id }}
                    className={classes.operation}
                  >
                    {trace.root_service} · {trace.root_operation}
                  </TextLink>
                </Table.Td>
                <Table.Td>
                  {formatMicros(trace.duration_us)}
                  <div className={classes.bar} aria-hidden>
                    <span style={{ width: `${(trace.duration_us / longestUs) * 100}%` }} />
                  </div>
                </Table.Td>
                <Table.Td>{t('trace.spans', { count: trace.span_count })}</Table.Td>
                <Table.Td>
                  {trace.error_count > 0 && (
                    <Group gap={4} c="var(--hot)" wrap="nowrap" fw={600}>
                      <IconAlertTriangle size={16} aria-hidden />
                      {t('observatory.with_errors', { count: trace.error_count })}
                    </Group>
                  )}
                </Table.Td>
                <Table.Td>{formatAge(trace.started_at)}</Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </ScrollTable>
      )}
      {traces.hasNextPage && (
        <Group justify="center" mt="md">
          <Button
            variant="default"
            loading={traces.isFetchingNextPage}
            onClick={() => void traces.fetchNextPage()}
          >
            {t('app.load_more')}
          </Button>
        </Group>
      )}
    </section>
  );
}

/** A filter from a link stays visible although nothing of that name has been seen lately. */
function withChosen(options: readonly string[], chosen: string | undefined): string[] {
  return chosen && !options.includes(chosen) ? [chosen, ...options] : [...options];
}
