import { Alert, Button, Select, TextInput } from '@mantine/core';
import { keepPreviousData, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api, type Body, body } from '@/api/client';
import { complaint } from '@/api/problem';
import { useAccess } from '@/app/session';
import { common } from '@/text/common';
import { useText } from '@/text/language';
import { Mono, Page, Time } from '@/ui/basics';
import { Confirm, say } from '@/ui/feedback';
import { QueryTable } from '@/ui/query-table';
import { useCursor } from '@/ui/table';
import { peopleTexts } from './texts';

type Kind = 'suppress' | 'allow' | 'look';

export function SuppressionsPage() {
  const t = useText(peopleTexts);
  const c = useText(common);
  const { can } = useAccess();
  const [dialog, setDialog] = useState<Kind>();
  const cursor = useCursor();
  const list = useQuery({
    queryKey: ['suppressions', cursor.after],
    queryFn: () =>
      body(api.GET('/v1/suppressions', { params: { query: { limit: '50', after: cursor.after } } })),
    placeholderData: keepPreviousData,
  });
  return (
    <Page
      title={t.suppressions}
      help={t.suppressionsHelp}
      actions={
        <>
          {can('sender') && <Button onClick={() => setDialog('suppress')}>{t.suppress}</Button>}
          <Button variant="default" onClick={() => setDialog('look')}>
            {t.look}
          </Button>
          {can('sender') && (
            <Button variant="default" onClick={() => setDialog('allow')}>
              {t.allow}
            </Button>
          )}
        </>
      }
    >
      <QueryTable<Body<'Suppression'>>
        query={list}
        cursor={cursor}
        caption={t.suppressions}
        empty={t.suppressionsNone}
        isByTime
        id={(row) => `${row.channel}${row.address}${row.at}`}
        columns={[
          { name: c.channel, cell: (row) => c.channels[row.channel] ?? row.channel },
          { name: t.address, cell: (row) => <Mono>{row.address}</Mono> },
          { name: c.reason, cell: (row) => (row.reason && (c.reasons[row.reason] ?? row.reason)) || '–' },
          { name: c.time, cell: (row) => <Time at={row.at} />, isMinor: true },
        ]}
      />
      {dialog && <AddressDialog kind={dialog} onClose={() => setDialog(undefined)} />}
    </Page>
  );
}

function AddressDialog({ kind, onClose }: { kind: Kind; onClose: () => void }) {
  const t = useText(peopleTexts);
  const c = useText(common);
  const client = useQueryClient();
  const [channel, setChannel] = useState<string>('email');
  const [address, setAddress] = useState('');
  const [reason, setReason] = useState('');
  const act = useMutation({
    mutationFn: async () => {
      const query = { channel, address: address.trim() };
      if (kind === 'look') {
        const found = await body(api.GET('/v1/suppressions', { params: { query } }));
        return found.data.length > 0;
      }
      if (kind === 'suppress')
        await body(api.POST('/v1/suppressions', { body: { ...query, reason: reason || undefined } }));
      else await body(api.DELETE('/v1/suppressions', { params: { query } }));
      return undefined;
    },
    onSuccess: () => {
      if (kind === 'look') return;
      say(kind === 'suppress' ? t.suppressed : t.allowedAgain);
      void client.invalidateQueries({ queryKey: ['suppressions'] });
      onClose();
    },
  });
  const title = { suppress: t.suppress, allow: t.allowTitle, look: t.look }[kind];
  return (
    <Confirm
      title={title}
      action={{ suppress: t.suppress, allow: t.allow, look: c.search }[kind]}
      isBusy={act.isPending}
      isDisabled={address.trim() === ''}
      error={act.error}
      shown={['/channel', '/address', '/reason', '?address', '?channel']}
      onConfirm={() => act.mutate()}
      onClose={onClose}
    >
      <Select
        label={c.channel}
        allowDeselect={false}
        data={['email', 'sms', 'voice'].map((value) => ({ value, label: c.channels[value] ?? value }))}
        value={channel}
        onChange={(value) => setChannel(value ?? 'email')}
        error={complaint(act.error, '/channel', '?channel')}
      />
      <TextInput
        label={t.address}
        description={kind === 'allow' ? t.allowHelp : undefined}
        required
        data-autofocus
        value={address}
        onChange={(e) => {
          setAddress(e.currentTarget.value);
          act.reset();
        }}
        error={complaint(act.error, '/address', '?address')}
      />
      {kind === 'suppress' && (
        <TextInput
          label={c.reason}
          value={reason}
          onChange={(e) => setReason(e.currentTarget.value)}
          error={complaint(act.error, '/reason')}
        />
      )}
      {kind === 'look' && act.data !== undefined && (
        <Alert color={act.data ? 'yellow' : 'green'} variant="light" role="status">
          {act.data ? t.isSuppressed : t.isNot}
        </Alert>
      )}
    </Confirm>
  );
}
