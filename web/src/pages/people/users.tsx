import { Button, Group, TextInput } from '@mantine/core';
import { keepPreviousData, useMutation, useQuery } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { api, type Body, body } from '@/api/client';
import { asProblem } from '@/api/problem';
import type { PageProps } from '@/app/pages';
import { go, to } from '@/app/router';
import { useAccess } from '@/app/session';
import { common } from '@/text/common';
import { formatNumber } from '@/text/format';
import { useText } from '@/text/language';
import { Page, ProblemNote, TextLink, Time } from '@/ui/basics';
import { QueryTable } from '@/ui/query-table';
import { useCursor } from '@/ui/table';
import { ImportDialog } from './import';
import { ProfileDialog } from './profile';
import { peopleTexts } from './texts';
import { UserPage } from './user';

export function UsersPage({ rest }: PageProps) {
  return rest[0] ? <UserPage key={rest[0]} id={rest[0]} /> : <ListPage />;
}

function ListPage() {
  const t = useText(peopleTexts);
  const c = useText(common);
  const { can } = useAccess();
  const [dialog, setDialog] = useState<'new' | 'import'>();
  const cursor = useCursor();
  const list = useQuery({
    queryKey: ['users', cursor.after],
    queryFn: () => body(api.GET('/v1/users', { params: { query: { limit: '50', after: cursor.after } } })),
    placeholderData: keepPreviousData,
  });
  return (
    <Page
      title={t.users}
      help={t.usersHelp}
      actions={
        can('sender') && (
          <>
            <Button onClick={() => setDialog('new')}>{t.fresh}</Button>
            <Button variant="default" onClick={() => setDialog('import')}>
              {t.importFile}
            </Button>
          </>
        )
      }
    >
      <Find />
      <QueryTable<Body<'User'>>
        query={list}
        cursor={cursor}
        caption={t.users}
        empty={t.usersNone}
        id={(row) => String(row.user_id)}
        columns={[
          {
            name: t.userId,
            cell: (row) => <TextLink to={to(['users', String(row.user_id)])}>{row.user_id}</TextLink>,
          },
          { name: c.name, cell: (row) => row.name ?? '–' },
          { name: t.email, cell: (row) => row.email ?? '–' },
          { name: t.phone, cell: (row) => row.phone_number ?? '–', isMinor: true },
          { name: t.locale, cell: (row) => row.locale ?? '–', isMinor: true },
          {
            name: t.devices,
            cell: (row) => formatNumber(row.devices?.length ?? 0),
            isNumber: true,
            isMinor: true,
          },
          { name: t.created, cell: (row) => <Time at={row.created_at} relative />, isMinor: true },
        ]}
      />
      {dialog === 'new' && <ProfileDialog onClose={() => setDialog(undefined)} />}
      {dialog === 'import' && <ImportDialog onClose={() => setDialog(undefined)} />}
    </Page>
  );
}

/** One box: an address leads to its deliveries, anything else is an id. */
function Find() {
  const t = useText(peopleTexts);
  const [text, setText] = useState('');
  const find = useMutation({
    mutationFn: async (id: string) => {
      await body(api.GET('/v1/users/{user_id}', { params: { path: { user_id: id } } }));
      return id;
    },
    onSuccess: (id) => go(to(['users', id])),
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const wanted = text.trim();
    if (wanted.includes('@')) go(to(['history'], { view: 'deliveries', email: wanted }));
    else if (/^\+[\d\s-]+$/.test(wanted)) {
      go(to(['history'], { view: 'deliveries', phone: wanted.replace(/[\s-]/g, '') }));
    } else if (wanted) find.mutate(wanted);
  };
  const isUnknown = find.error && asProblem(find.error).status === 404;
  return (
    <form role="search" onSubmit={submit}>
      <Group align="flex-start" gap="xs" wrap="nowrap">
        <TextInput
          label={t.find}
          description={t.findHelp}
          value={text}
          onChange={(e) => {
            setText(e.currentTarget.value);
            find.reset();
          }}
          error={isUnknown ? t.findUnknown(find.variables) : undefined}
          style={{ flex: '1 1 20rem', maxWidth: '38rem' }}
          rightSectionWidth={72}
          rightSection={
            <Button type="submit" size="compact-xs" variant="light" loading={find.isPending}>
              {t.find}
            </Button>
          }
        />
      </Group>
      {find.error && !isUnknown && <ProblemNote error={find.error} />}
    </form>
  );
}
