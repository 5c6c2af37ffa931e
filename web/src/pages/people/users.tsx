import { Button, Group, Text, TextInput } from '@mantine/core';
import { keepPreviousData, useMutation, useQuery } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { api, type Body, body } from '@/api/client';
import { asProblem, complaint } from '@/api/problem';
import type { PageProps } from '@/app/pages';
import { go, to, usePlace } from '@/app/router';
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
  const address = usePlace().query.get('address') ?? undefined;
  if (rest[0]) return <UserPage key={rest[0]} id={rest[0]} />;
  return <ListPage key={address ?? ''} address={address} />;
}

// The server searches for no less.
const PREFIX_MIN = 3;

function ListPage({ address }: { address: string | undefined }) {
  const t = useText(peopleTexts);
  const c = useText(common);
  const { can } = useAccess();
  const [dialog, setDialog] = useState<'new' | 'import'>();
  const cursor = useCursor();
  const list = useQuery({
    queryKey: ['users', address, cursor.after],
    queryFn: () =>
      body(
        api.GET('/v1/users', {
          // `address` is an e-mail address or phone number, or how some begin, with a * behind it.
          params: { query: { limit: '50', after: cursor.after, address } as { limit: string } },
        }),
      ),
    placeholderData: keepPreviousData,
    retry: false,
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
      <Find address={address} error={list.error} />
      {address && <Found address={address} />}
      <QueryTable<Body<'User'>>
        query={list}
        cursor={cursor}
        caption={t.users}
        empty={address ? t.findNobody : t.usersNone}
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

/** Looks like an address, whole or (with a * behind it) in part, rather than a user id. */
const isAddress = (text: string): boolean => /@|^\+|\*$/.test(text);

/** A phone number as it is stored: people write it with spaces and dashes. */
const addressOf = (text: string): string => (text.startsWith('+') ? text.replace(/[\s().-]/g, '') : text);

/** One box: an address leads to whose it is, anything else is an id. */
function Find({ address, error }: { address: string | undefined; error: unknown }) {
  const t = useText(peopleTexts);
  const [text, setText] = useState(address ?? '');
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
    if (isAddress(wanted)) go(to(['users'], { address: addressOf(wanted) }));
    else if (wanted) find.mutate(wanted);
    else go(to(['users']));
  };
  const isUnknown = find.error && asProblem(find.error).status === 404;
  return (
    <form role="search" onSubmit={submit}>
      <TextInput
        label={t.find}
        description={t.findHelp}
        value={text}
        onChange={(e) => {
          setText(e.currentTarget.value);
          find.reset();
        }}
        error={isUnknown ? t.findUnknown(find.variables) : complaint(error, '?address')}
        maw="38rem"
        rightSectionWidth={72}
        rightSection={
          <Button type="submit" size="compact-xs" variant="light" loading={find.isPending}>
            {t.find}
          </Button>
        }
      />
      {find.error && !isUnknown && <ProblemNote error={find.error} />}
      {isUnknown && find.variables.length >= PREFIX_MIN && (
        <Text size="sm" mt={4}>
          <TextLink to={to(['users'], { address: `${find.variables}*` })}>
            {t.findPrefix(find.variables)}
          </TextLink>
        </Text>
      )}
    </form>
  );
}

/** Beside the users of an address: deliveries may also have gone to the address itself. */
function Found({ address }: { address: string }) {
  const t = useText(peopleTexts);
  const c = useText(common);
  const field = address.includes('@') ? 'email' : 'phone';
  return (
    <Group gap="sm">
      <Text size="sm">{t.foundFor(address)}</Text>
      {!address.endsWith('*') && (
        <TextLink to={to(['history'], { view: 'deliveries', [field]: address })}>{t.sentToAddress}</TextLink>
      )}
      <TextLink to={to(['users'])}>{c.clear}</TextLink>
    </Group>
  );
}
