import { ActionIcon, Button, Group, Textarea, TextInput } from '@mantine/core';
import { keepPreviousData, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api, type Body, body } from '@/api/client';
import { complaint } from '@/api/problem';
import type { PageProps } from '@/app/pages';
import { go, to } from '@/app/router';
import { useAccess } from '@/app/session';
import { common } from '@/text/common';
import { formatNumber } from '@/text/format';
import { useText } from '@/text/language';
import { Loading, Mono, Page, ProblemNote, Section, TextLink, Time } from '@/ui/basics';
import { Confirm, say } from '@/ui/feedback';
import { IconTrash } from '@/ui/icons';
import { QueryTable } from '@/ui/query-table';
import { saveFile } from '@/ui/save-file';
import { useCursor } from '@/ui/table';
import { membersCsv } from './export';
import { ImportDialog } from './import';
import { peopleTexts } from './texts';

export function GroupsPage({ rest }: PageProps) {
  return rest[0] ? <GroupPage key={rest[0]} name={rest[0]} /> : <ListPage />;
}

function ListPage() {
  const t = useText(peopleTexts);
  const { can } = useAccess();
  const [isNew, setNew] = useState(false);
  const cursor = useCursor();
  const list = useQuery({
    queryKey: ['groups', 'page', cursor.after],
    queryFn: () => body(api.GET('/v1/groups', { params: { query: { limit: '50', after: cursor.after } } })),
    placeholderData: keepPreviousData,
  });
  return (
    <Page
      title={t.groups}
      help={t.groupsHelp}
      actions={can('sender') && <Button onClick={() => setNew(true)}>{t.freshGroup}</Button>}
    >
      <QueryTable<Body<'Group'>>
        query={list}
        cursor={cursor}
        caption={t.groups}
        empty={t.groupsNone}
        id={(row) => row.key ?? ''}
        columns={[
          {
            name: t.groupKey,
            cell: (row) => <TextLink to={to(['groups', row.key ?? ''])}>{row.key}</TextLink>,
          },
          { name: t.groupName, cell: (row) => row.name ?? '–' },
          { name: t.members, cell: (row) => formatNumber(row.members ?? 0), isNumber: true },
          { name: t.created, cell: (row) => <Time at={row.created_at} relative />, isMinor: true },
        ]}
      />
      {isNew && <GroupDialog onClose={() => setNew(false)} />}
    </Page>
  );
}

function GroupDialog({ onClose }: { onClose: () => void }) {
  const t = useText(peopleTexts);
  const c = useText(common);
  const client = useQueryClient();
  const [key, setKey] = useState('');
  const [name, setName] = useState('');
  const save = useMutation({
    mutationFn: () =>
      body(
        api.PUT('/v1/groups/{key}', { params: { path: { key: key.trim() } }, body: { name: name.trim() } }),
      ),
    onSuccess: () => {
      say(c.saved);
      void client.invalidateQueries({ queryKey: ['groups'] });
      onClose();
      go(to(['groups', key.trim()]));
    },
  });
  return (
    <Confirm
      title={t.freshGroup}
      action={c.save}
      isBusy={save.isPending}
      isDisabled={key.trim() === ''}
      error={save.error}
      shown={['/key', '/name']}
      onConfirm={() => save.mutate()}
      onClose={onClose}
    >
      <TextInput
        label={t.groupKey}
        required
        data-autofocus
        value={key}
        onChange={(e) => setKey(e.currentTarget.value)}
        error={complaint(save.error, '/key')}
      />
      <TextInput
        label={t.groupName}
        value={name}
        onChange={(e) => setName(e.currentTarget.value)}
        error={complaint(save.error, '/name')}
      />
    </Confirm>
  );
}

function GroupPage({ name }: { name: string }) {
  const t = useText(peopleTexts);
  const { can } = useAccess();
  const client = useQueryClient();
  const [dialog, setDialog] = useState<'import' | 'delete'>();
  const params = { path: { key: name } };
  const group = useQuery({
    queryKey: ['groups', 'one', name],
    queryFn: () => body(api.GET('/v1/groups/{key}', { params })),
  });
  const remove = useMutation({
    mutationFn: () => body(api.DELETE('/v1/groups/{key}', { params })),
    onSuccess: () => {
      void client.invalidateQueries({ queryKey: ['groups'] });
      go(to(['groups']));
    },
  });
  const above = <TextLink to={to(['groups'])}>← {t.groups}</TextLink>;
  if (group.isPending || group.isError) {
    return (
      <Page title={name} above={above}>
        {group.isPending ? <Loading /> : <ProblemNote error={group.error} />}
      </Page>
    );
  }
  return (
    <Page
      title={group.data.name || name}
      above={above}
      help={<Mono>{name}</Mono>}
      actions={
        can('sender') && (
          <>
            <Button variant="default" onClick={() => setDialog('import')}>
              {t.importFile}
            </Button>
            <ExportButton name={name} />
            <Button variant="outline" color="red" onClick={() => setDialog('delete')}>
              {t.deleteGroup}
            </Button>
          </>
        )
      }
    >
      {can('sender') && <AddMembers name={name} />}
      <Section title={`${t.members} (${formatNumber(group.data.members ?? 0)})`}>
        <Members name={name} />
      </Section>
      {dialog === 'import' && <ImportDialog group={name} onClose={() => setDialog(undefined)} />}
      {dialog === 'delete' && (
        <Confirm
          title={t.deleteTitle}
          action={t.deleteGroup.replace('…', '')}
          isDangerous
          isBusy={remove.isPending}
          error={remove.error}
          onConfirm={() => remove.mutate()}
          onClose={() => setDialog(undefined)}
        >
          {t.deleteHelp}
        </Confirm>
      )}
    </Page>
  );
}

function ExportButton({ name }: { name: string }) {
  const t = useText(peopleTexts);
  const [count, setCount] = useState(0);
  const make = useMutation({
    mutationFn: async () => saveFile(`${name}.csv`, await membersCsv(name, setCount)),
    onSettled: () => setCount(0),
  });
  return (
    <>
      <Button variant="default" disabled={make.isPending} onClick={() => make.mutate()}>
        {make.isPending ? t.exporting(formatNumber(count)) : t.exportGroup}
      </Button>
      {make.error && <ProblemNote error={make.error} />}
    </>
  );
}

function AddMembers({ name }: { name: string }) {
  const t = useText(peopleTexts);
  const client = useQueryClient();
  const [text, setText] = useState('');
  const ids = text
    .split(/[\n,]/)
    .map((id) => id.trim())
    .filter(Boolean);
  const add = useMutation({
    mutationFn: () =>
      body(
        api.POST('/v1/groups/{key}/members', { params: { path: { key: name } }, body: { user_ids: ids } }),
      ),
    onSuccess: (answer) => {
      say(t.added(formatNumber(answer.added ?? 0)));
      setText('');
      void client.invalidateQueries({ queryKey: ['groups'] });
    },
  });
  return (
    <Section title={t.addMembers}>
      {add.error && <ProblemNote error={add.error} shown={['/user_ids']} />}
      <Group align="flex-start" gap="xs">
        <Textarea
          aria-label={t.addMembers}
          description={t.addHelp}
          autosize
          minRows={2}
          maxRows={8}
          style={{ flex: '1 1 20rem' }}
          value={text}
          onChange={(e) => setText(e.currentTarget.value)}
          error={complaint(add.error, '/user_ids')}
        />
        <Button mt={22} disabled={ids.length === 0} loading={add.isPending} onClick={() => add.mutate()}>
          {t.addMembers}
        </Button>
      </Group>
    </Section>
  );
}

function Members({ name }: { name: string }) {
  const t = useText(peopleTexts);
  const c = useText(common);
  const { can } = useAccess();
  const client = useQueryClient();
  const cursor = useCursor();
  const list = useQuery({
    queryKey: ['groups', 'one', name, 'members', cursor.after],
    queryFn: () =>
      body(
        api.GET('/v1/groups/{key}/members', {
          params: { path: { key: name }, query: { limit: '50', after: cursor.after } },
        }),
      ),
    placeholderData: keepPreviousData,
  });
  const remove = useMutation({
    mutationFn: (id: string) =>
      body(
        api.DELETE('/v1/groups/{key}/members', { params: { path: { key: name } }, body: { user_ids: [id] } }),
      ),
    onSuccess: () => {
      say(t.removedMember);
      void client.invalidateQueries({ queryKey: ['groups'] });
    },
  });
  return (
    <>
      {remove.error && <ProblemNote error={remove.error} />}
      <QueryTable<Body<'Member'>>
        query={list}
        cursor={cursor}
        caption={t.members}
        empty={t.noMembers}
        id={(row) => row.user_id ?? ''}
        columns={[
          {
            name: t.userId,
            cell: (row) => <TextLink to={to(['users', row.user_id ?? ''])}>{row.user_id}</TextLink>,
          },
          ...(can('sender')
            ? [
                {
                  name: c.actions,
                  cell: (row: Body<'Member'>) => (
                    <ActionIcon
                      variant="subtle"
                      color="gray"
                      aria-label={t.removeMember(row.user_id ?? '')}
                      onClick={() => remove.mutate(row.user_id ?? '')}
                    >
                      <IconTrash />
                    </ActionIcon>
                  ),
                },
              ]
            : []),
        ]}
      />
    </>
  );
}
