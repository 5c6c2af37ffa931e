import { Group, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { api, type Body, body } from '@/api/client';
import { LIVE, pollEvery } from '@/api/live';
import type { PageProps } from '@/app/pages';
import { useAccess } from '@/app/session';
import { common } from '@/text/common';
import { useText } from '@/text/language';
import { Mono, Time } from '@/ui/basics';
import { ResourceList } from '@/ui/resource';
import { EventPage } from './event';
import { EditPage, WebhookForm } from './form';
import { TOLD_EVERY_MS } from './model';
import { WebhookState } from './state';
import { webhookTexts } from './texts';
import { WebhookPage } from './webhook';

type Webhook = Body<'Webhook'>;

/** #/webhooks, …/new, …/KEY, …/KEY/edit, …/KEY/evt_… */
export function WebhooksPage({ rest }: PageProps) {
  const { can } = useAccess();
  const [key, part] = rest;
  if (key === 'new' && can('administrator')) return <WebhookForm key="new" stored={undefined} />;
  if (key && part === 'edit' && can('administrator')) return <EditPage key={key} name={key} />;
  if (key && part) return <EventPage key={`${key}/${part}`} webhook={key} id={part} />;
  if (key) return <WebhookPage key={key} name={key} />;
  return <ListPage />;
}

function ListPage() {
  const t = useText(webhookTexts);
  const c = useText(common);
  const list = useQuery({
    queryKey: [LIVE, 'webhooks'],
    queryFn: () => body(api.GET('/v1/webhooks')),
    refetchInterval: pollEvery(...TOLD_EVERY_MS),
  });
  return (
    <ResourceList<Webhook>
      title={t.title}
      help={t.help}
      fresh={t.fresh}
      none={t.none}
      path="webhooks"
      role="administrator"
      isOpenToAll
      query={list}
      columns={[
        {
          name: t.url,
          cell: (row) => (
            <>
              <Mono>{row.url}</Mono>
              {row.description && (
                <Text size="xs" c="dimmed">
                  {row.description}
                </Text>
              )}
            </>
          ),
        },
        { name: t.events, cell: (row) => <Mono>{row.events.join(', ')}</Mono>, isMinor: true },
        {
          name: c.status,
          cell: (row) => (
            <Group gap={6}>
              <WebhookState webhook={row} />
              {row.paused && <Text size="xs">{row.paused}</Text>}
            </Group>
          ),
        },
        { name: t.failingSince, cell: (row) => <Time at={row.failing_since} relative />, isMinor: true },
      ]}
    />
  );
}
