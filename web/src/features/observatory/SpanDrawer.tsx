import { Drawer, Table, Text, Title } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import type { Span } from '~/api/client';
import { formatMicros } from '~/ui/format';

export function SpanDrawer({ span, onClose }: { span: Span | null; onClose: () => void }) {
  const { t } = useTranslation();
  return (
    <Drawer
      opened={span !== null}
      onClose={onClose}
      position="right"
      size="md"
      title={t('trace.detail')}
      closeButtonProps={{ 'aria-label': t('app.close') }}
    >
      {span && <SpanDetail span={span} />}
    </Drawer>
  );
}

function SpanDetail({ span }: { span: Span }) {
  const { t } = useTranslation();
  const status = span.status_message
    ? `${t(`trace.status_${span.status}`)}: ${span.status_message}`
    : t(`trace.status_${span.status}`);
  const facts: [string, string][] = [
    [t('trace.service'), span.service],
    [t('trace.operation'), span.operation],
    [t('trace.kind'), t(`trace.kind_${span.kind}`)],
    [t('trace.starts_at'), formatMicros(span.start_us)],
    [t('trace.duration'), formatMicros(span.duration_us)],
    [t('trace.self_time'), formatMicros(span.self_us)],
    [t('trace.status'), status],
    [t('trace.span_id'), span.span_id],
    ...(span.parent_span_id
      ? [[t('trace.parent_id'), span.parent_span_id] as [string, string]]
      : []),
  ];
  const attributes = Object.entries(span.attributes);
  return (
    <>
      <Facts entries={facts} />
      {attributes.length > 0 && (
        <>
          <Title order={3} mt="lg" mb="xs">
            {t('trace.attributes')}
          </Title>
          <Facts entries={attributes} mono />
        </>
      )}
      {span.events.length > 0 && (
        <>
          <Title order={3} mt="lg" mb="xs">
            {t('trace.events')}
          </Title>
          {span.events.map((event) => (
            <div key={`${event.offset_us}-${event.name}`}>
              <Text fw={600}>
                {event.name}{' '}
                <Text span c="dimmed" className="tabular">
                  {formatMicros(event.offset_us)}
                </Text>
              </Text>
              <Facts entries={Object.entries(event.attributes)} mono />
            </div>
          ))}
        </>
      )}
    </>
  );
}

function Facts({
  entries,
  mono = false,
}: {
  entries: readonly (readonly [string, string])[];
  mono?: boolean;
}) {
  return (
    <Table layout="fixed" verticalSpacing={6}>
      <Table.Tbody>
        {entries.map(([name, value]) => (
          <Table.Tr key={name}>
            <Table.Th scope="row" c="dimmed" fw={500} className={mono ? 'mono' : undefined}>
              {name}
            </Table.Th>
            <Table.Td className={mono ? 'mono' : undefined}>{value}</Table.Td>
          </Table.Tr>
        ))}
      </Table.Tbody>
    </Table>
  );
}
