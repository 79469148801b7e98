import { Button, Group, SegmentedControl, Skeleton, Title } from '@mantine/core';
import { IconActivityHeartbeat, IconPlayerPause, IconPlayerPlay } from '@tabler/icons-react';
import { useNavigate } from '@tanstack/react-router';
import { lazy, Suspense, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { SignInGate } from '~/features/auth/SignInGate';
import { EmptyState } from '~/ui/EmptyState';
import { PageHeader } from '~/ui/PageHeader';
import { ProblemAlert } from '~/ui/ProblemAlert';
import { usePageTitle } from '~/ui/page-title';
import { LiveChip } from './LiveChip';
import { MapTables } from './MapTables';
import { Numbers } from './Numbers';
import classes from './ObservatoryPage.module.css';
import {
  DEFAULT_EDGE_LABEL,
  DEFAULT_WINDOW_S,
  EDGE_LABELS,
  type EdgeLabel,
  type ObservatorySearch,
  WINDOWS_S,
} from './search';
import { TraceList } from './TraceList';
import { useLiveMap } from './use-live-map';
import { useNarrow } from './use-narrow';

const ServiceGraph = lazy(() =>
  import('./ServiceGraph').then((module) => ({ default: module.ServiceGraph })),
);

export function ObservatoryPage({ search }: { search: ObservatorySearch }) {
  const { t } = useTranslation();
  usePageTitle(t('observatory.title'));
  return (
    <SignInGate title={t('observatory.sign_in_title')}>
      {(account) =>
        account.role === 'admin' ? (
          <Instruments search={search} />
        ) : (
          <EmptyState
            headingOrder={1}
            icon={<IconActivityHeartbeat size={44} stroke={1.4} aria-hidden />}
            title={t('observatory.admins_only_title')}
            text={t('observatory.admins_only_text')}
          />
        )
      }
    </SignInGate>
  );
}

function Instruments({ search }: { search: ObservatorySearch }) {
  const { t } = useTranslation();
  const navigate = useNavigate({ from: '/observatory/' });
  const [frozen, setFrozen] = useState(false);
  const windowS = search.window ?? DEFAULT_WINDOW_S;
  // A graph of a dozen services needs the width of a desk; on a phone the figures are read as a table first.
  const narrow = useNarrow();
  const view = search.view ?? (narrow ? 'table' : 'graph');
  const label = search.label ?? DEFAULT_EDGE_LABEL;
  const { map, error, state } = useLiveMap(windowS, frozen);

  const set = (change: Partial<ObservatorySearch>) =>
    void navigate({
      search: (before) => ({ ...before, ...change }),
      replace: true,
      resetScroll: false,
    });

  return (
    <>
      <PageHeader
        title={t('observatory.title')}
        lead={t('observatory.lead')}
        actions={
          <Group gap="sm">
            <LiveChip state={state} />
            <Button
              variant="default"
              leftSection={
                frozen ? (
                  <IconPlayerPlay size={17} aria-hidden />
                ) : (
                  <IconPlayerPause size={17} aria-hidden />
                )
              }
              onClick={() => setFrozen(!frozen)}
            >
              {frozen ? t('observatory.unfreeze') : t('observatory.freeze')}
            </Button>
            <SegmentedControl
              aria-label={t('observatory.window')}
              className={classes.segments}
              value={String(windowS)}
              onChange={(value) => set({ window: WINDOWS_S.find((one) => String(one) === value) })}
              data={WINDOWS_S.map((one) => ({
                value: String(one),
                label: t(`observatory.window_${one}`),
              }))}
            />
          </Group>
        }
      />
      {error && <ProblemAlert problem={error} />}
      {map ? <Numbers map={map} /> : <Skeleton h={104} mb="md" />}
      <section className={classes.panel} aria-labelledby="service-map">
        <Group justify="space-between" mb="sm">
          <Title order={2} id="service-map">
            {t('observatory.map')}
          </Title>
          <Group gap="xs">
            {view === 'graph' && (
              <SegmentedControl
                aria-label={t('observatory.map_label')}
                className={classes.segments}
                value={label}
                onChange={(value) => set({ label: value as EdgeLabel })}
                data={EDGE_LABELS.map((one) => ({
                  value: one,
                  label: one === 'rate' ? t('observatory.column_rate') : one,
                }))}
              />
            )}
            <SegmentedControl
              aria-label={t('observatory.map_view')}
              className={classes.segments}
              value={view}
              onChange={(value) => set({ view: value === 'table' ? 'table' : 'graph' })}
              data={[
                { value: 'graph', label: t('observatory.map_graph') },
                { value: 'table', label: t('observatory.map_table') },
              ]}
            />
          </Group>
        </Group>
        {!map && !error && <Skeleton h={380} />}
        {map && map.nodes.length === 0 && (
          <EmptyState
            headingOrder={3}
            title={t('observatory.map_empty_title')}
            text={t('observatory.map_empty_text')}
          />
        )}
        {map && map.nodes.length > 0 && view === 'table' && <MapTables map={map} />}
        {map && map.nodes.length > 0 && view === 'graph' && (
          <Suspense fallback={<Skeleton h={380} />}>
            <ServiceGraph map={map} label={label} />
          </Suspense>
        )}
      </section>
      <TraceList search={search} windowS={windowS} onChange={set} />
    </>
  );
}
