import { Group, Text } from '@mantine/core';
import type { Body } from '@/api/client';
import { to } from '@/app/router';
import { common } from '@/text/common';
import { formatNumber } from '@/text/format';
import { useText } from '@/text/language';
import { StateTag, Tag, TextLink, Time } from '@/ui/basics';
import { DataTable } from '@/ui/table';
import { historyTexts } from './texts';

interface DeliveryTableProps {
  caption: string;
  rows: Body<'Delivery'>[];
  isStale?: boolean;
  /** On the page of one recipient: what each was, by the id of its notification, instead of who got it. */
  names?: Map<string, NotificationName>;
}

export interface NotificationName {
  name: string;
  category: string;
}

export function DeliveryTable({ caption, rows, isStale, names }: DeliveryTableProps) {
  const t = useText(historyTexts);
  const c = useText(common);
  return (
    <DataTable
      caption={caption}
      rows={rows}
      isStale={isStale}
      id={(row) => row.id ?? ''}
      columns={[
        {
          name: t.created,
          cell: (row) => (
            <TextLink to={to(['history', row.notification_id ?? '', row.id ?? ''])}>
              <Time at={row.created_at} />
            </TextLink>
          ),
        },
        names
          ? { name: t.what, cell: (row) => <Name of={names.get(row.notification_id ?? '')} /> }
          : {
              name: t.recipient,
              cell: (row) =>
                row.user_id ??
                row.device_id ?? (
                  <Text span c="dimmed" size="sm">
                    {t.rawAddress}
                  </Text>
                ),
            },
        {
          name: c.channel,
          cell: (row) =>
            [
              c.channels[row.channel ?? ''] ?? row.channel,
              row.platform && (c.platforms[row.platform] ?? row.platform),
            ]
              .filter(Boolean)
              .join(' · '),
        },
        {
          name: c.status,
          cell: (row) => (
            <Group gap={6}>
              <StateTag state={row.status ?? ''} />
              {row.reason && (
                <Text size="xs" c="dimmed">
                  {c.reasons[row.reason] ?? row.reason}
                </Text>
              )}
              {row.sandbox && <Tag tone="off">{c.sandbox}</Tag>}
            </Group>
          ),
        },
        { name: t.integration, cell: (row) => row.integration ?? '–', isMinor: true },
        { name: t.attempts, cell: (row) => formatNumber(row.attempts ?? 0), isNumber: true, isMinor: true },
      ]}
    />
  );
}

function Name({ of }: { of: NotificationName | undefined }) {
  if (!of) return '–';
  return (
    <>
      <Text size="sm">{of.name}</Text>
      <Text size="xs" c="dimmed">
        {of.category}
      </Text>
    </>
  );
}
