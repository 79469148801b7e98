import { Table, Title } from '@mantine/core';
import { IconArrowRight } from '@tabler/icons-react';
import { useTranslation } from 'react-i18next';
import type { ServiceMap } from '~/api/client';
import { formatCount, formatMicros, formatPercent, formatRate } from '~/ui/format';
import { ScrollTable } from '~/ui/ScrollTable';
import classes from './MapTables.module.css';

const PERCENTILES = ['p50', 'p95', 'p99'] as const;

/** The figures of the graph as tables: for screen readers, for copying, and for those who prefer numbers. */
export function MapTables({ map }: { map: ServiceMap }) {
  const { t } = useTranslation();
  return (
    <>
      <Title order={3} mb="xs">
        {t('observatory.nodes_table')}
      </Title>
      <ScrollTable label={t('observatory.nodes_table')} minWidth="45rem" pinned className="tabular">
        <Table.Thead>
          <Table.Tr>
            <Table.Th>{t('observatory.column_service')}</Table.Th>
            <PercentileHeads />
            <Table.Th ta="right">{t('observatory.column_rate')}</Table.Th>
            <Table.Th ta="right">{t('observatory.column_errors')}</Table.Th>
            <Table.Th ta="right">{t('observatory.column_calls')}</Table.Th>
            <Table.Th>{t('observatory.column_kind')}</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {map.nodes.map((node) => (
            <Table.Tr key={node.name}>
              <Table.Th scope="row">{node.name}</Table.Th>
              <PercentileCells of={node} />
              <Table.Td ta="right">
                {t('observatory.per_second', { rate: formatRate(node.rate_per_s) })}
              </Table.Td>
              <Table.Td ta="right">{formatCount(node.errors)}</Table.Td>
              <Table.Td ta="right">{formatCount(node.calls)}</Table.Td>
              <Table.Td>{t(`observatory.kind_${node.kind}`)}</Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </ScrollTable>
      <Title order={3} mt="lg" mb="xs">
        {t('observatory.edges_table')}
      </Title>
      <ScrollTable label={t('observatory.edges_table')} minWidth="45rem" pinned className="tabular">
        <Table.Thead>
          <Table.Tr>
            <Table.Th>{t('observatory.column_call')}</Table.Th>
            <PercentileHeads />
            <Table.Th ta="right">{t('observatory.column_rate')}</Table.Th>
            <Table.Th ta="right">{t('observatory.column_errors')}</Table.Th>
            <Table.Th ta="right">{t('observatory.column_calls')}</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {map.edges.map((edge) => (
            <Table.Tr key={`${edge.from}-${edge.to}`}>
              <Table.Th scope="row">
                {edge.from}
                <IconArrowRight
                  size={15}
                  role="img"
                  aria-label={t('observatory.calls')}
                  className={classes.calls}
                />
                {edge.to}
              </Table.Th>
              <PercentileCells of={edge} />
              <Table.Td ta="right">
                {t('observatory.per_second', { rate: formatRate(edge.rate_per_s) })}
              </Table.Td>
              <Table.Td ta="right">{formatPercent(edge.error_share, 2)}</Table.Td>
              <Table.Td ta="right">{formatCount(edge.calls)}</Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </ScrollTable>
    </>
  );
}

function PercentileHeads() {
  return PERCENTILES.map((name) => (
    <Table.Th key={name} ta="right">
      {name}
    </Table.Th>
  ));
}

function PercentileCells({ of }: { of: { p50_us: number; p95_us: number; p99_us: number } }) {
  return PERCENTILES.map((name) => (
    <Table.Td key={name} ta="right">
      {formatMicros(of[`${name}_us`])}
    </Table.Td>
  ));
}
