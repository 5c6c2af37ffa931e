import { Button } from '@mantine/core';
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { api, type Body, body } from '@/api/client';
import { followFirst, LIVE } from '@/api/live';
import type { Rendered } from '@/api/shapes';
import { to } from '@/app/router';
import { common } from '@/text/common';
import { useText } from '@/text/language';
import { Page, TextLink, Time } from '@/ui/basics';
import { ChannelPreview } from '@/ui/preview';
import { QueryTable } from '@/ui/query-table';
import { useCursor } from '@/ui/table';
import { operateTexts } from './texts';
import { Dialog } from '@/ui/dialog';

type Message = Body<'SandboxMessage'>;

export function SandboxPage() {
  const t = useText(operateTexts);
  const c = useText(common);
  const [shown, setShown] = useState<Message>();
  const cursor = useCursor();
  const list = useQuery({
    queryKey: [LIVE, 'sandbox', cursor.after],
    queryFn: () =>
      body(api.GET('/v1/sandbox/messages', { params: { query: { limit: '50', after: cursor.after } } })),
    placeholderData: keepPreviousData,
    refetchInterval: followFirst(cursor, 2_000),
  });
  const words = (message: Message) => {
    const content = (message.content ?? {}) as Rendered;
    return content.subject ?? content.title ?? content.body ?? content.text ?? '';
  };
  return (
    <Page title={t.sandbox} help={t.sandboxHelp}>
      <QueryTable<Message>
        query={list}
        cursor={cursor}
        caption={t.sandbox}
        empty={t.sandboxNone}
        isByTime
        id={(row) => row.id ?? ''}
        columns={[
          {
            name: c.time,
            cell: (row) => (
              <TextLink to={to(['history', row.notification_id ?? '', row.delivery_id ?? ''])}>
                <Time at={row.at} />
              </TextLink>
            ),
          },
          {
            name: c.channel,
            cell: (row) => c.channels[(row.channel ?? '').split('.')[0] ?? ''] ?? row.channel,
          },
          { name: t.to, cell: (row) => row.to ?? '–' },
          { name: t.content, cell: words },
          {
            name: c.actions,
            cell: (row) => (
              <Button
                size="compact-xs"
                variant="default"
                aria-label={t.showLabel(row.id ?? '')}
                onClick={() => setShown(row)}
              >
                {t.show}
              </Button>
            ),
          },
        ]}
      />
      {shown && (
        <Dialog
          size="lg"
          title={`${c.channels[shown.channel ?? ''] ?? shown.channel ?? ''} → ${shown.to ?? ''}`}
          onClose={() => setShown(undefined)}
        >
          <ChannelPreview channel={shown.channel ?? ''} content={shown.content as Rendered} />
        </Dialog>
      )}
    </Page>
  );
}
