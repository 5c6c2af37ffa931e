import { MultiSelect, Select, SimpleGrid, TextInput } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { api, type Body, body } from '@/api/client';
import { useIntegrations } from '@/api/lists';
import { complaint, Problem } from '@/api/problem';
import type { PageProps } from '@/app/pages';
import { to } from '@/app/router';
import { useText } from '@/text/language';
import { Mono } from '@/ui/basics';
import { EditorPage, useSave } from '@/ui/editor';
import { RemoveButton } from '@/ui/remove-dialog';
import { KeyField, ResourceList, useKey } from '@/ui/resource';
import { parentOf, ResourcePages } from '@/ui/resource-pages';
import { senderTexts } from './texts';

type Sender = Body<'Sender'>;
const KINDS = ['email', 'domain', 'phone', 'alphanumeric'] as const;
type Kind = (typeof KINDS)[number];

const kindOf = (sender: Sender | undefined): Kind => KINDS.find((kind) => sender?.[kind]) ?? 'email';

export function SendersPage({ rest }: PageProps) {
  const t = useText(senderTexts);
  return (
    <ResourcePages<Sender>
      rest={rest}
      path="senders"
      title={t.title}
      role="administrator"
      list={<ListPage />}
      read={(key) => body(api.GET('/v1/senders/{key}', { params: { path: { key } } }))}
      form={(stored) => <Form stored={stored} />}
    />
  );
}

const useSenders = () => useQuery({ queryKey: ['senders'], queryFn: () => body(api.GET('/v1/senders')) });

function ListPage() {
  const t = useText(senderTexts);
  return (
    <ResourceList<Sender>
      title={t.title}
      help={t.help}
      fresh={t.fresh}
      none={t.none}
      path="senders"
      role="administrator"
      query={useSenders()}
      columns={[
        { name: t.kind, cell: (row) => t.kinds[kindOf(row)], isMinor: true },
        { name: t.identity, cell: (row) => <Mono>{row[kindOf(row)]}</Mono> },
        { name: t.name, cell: (row) => row.name ?? '–', isMinor: true },
        {
          name: t.integrations,
          cell: (row) => (row.integrations?.length ? row.integrations.join(', ') : t.everyone),
        },
      ]}
      actions={({ key = '' }) => (
        <RemoveButton
          name={key}
          help={t.removeHelp}
          shownBy="senders"
          remove={() => body(api.DELETE('/v1/senders/{key}', { params: { path: { key } } }))}
        />
      )}
    />
  );
}

function Form({ stored }: { stored: Sender | undefined }) {
  const t = useText(senderTexts);
  const [kind, setKind] = useState<Kind>(kindOf(stored));
  const [identity, setIdentity] = useState(stored?.[kind] ?? '');
  const [name, setName] = useState(stored?.name ?? '');
  const [carriers, setCarriers] = useState(stored?.integrations ?? []);
  const key = useKey(stored?.key, useSenders().data?.data);
  const integrations = useIntegrations();
  const save = useSave(
    () =>
      body(
        api.PUT('/v1/senders/{key}', {
          params: { path: { key: key.key } },
          body: {
            [kind]: identity.trim(),
            integrations: carriers,
            ...(name.trim() ? { name: name.trim() } : {}),
          },
        }),
      ),
    { shownBy: 'senders', next: to(['senders']) },
  );
  // What is said of the whole is about which of the four was given.
  const ofAll =
    save.error instanceof Problem
      ? save.error.errors.find((one) => (one.pointer ?? '') === '')?.detail
      : undefined;
  return (
    <EditorPage
      title={stored?.key ?? t.fresh}
      parent={parentOf('senders', t.title)}
      save={save}
      shown={['', '/key', '/name', '/integrations', ...KINDS.map((one) => `/${one}`)]}
      isReady={key.isReady}
    >
      <SimpleGrid cols={{ base: 1, sm: 2 }} spacing="sm">
        <KeyField of={key} help={t.keyHelp} error={save.error} />
        <TextInput
          label={t.name}
          description={t.nameHelp}
          value={name}
          onChange={(e) => setName(e.currentTarget.value)}
          error={complaint(save.error, '/name')}
        />
        <Select
          label={t.kind}
          allowDeselect={false}
          data={KINDS.map((value) => ({ value, label: t.kinds[value] ?? value }))}
          value={kind}
          onChange={(value) => value && setKind(value as Kind)}
        />
        <TextInput
          label={t.identity}
          description={t.helps[kind]}
          placeholder={t.hints[kind]}
          required
          value={identity}
          onChange={(e) => setIdentity(e.currentTarget.value)}
          error={complaint(save.error, `/${kind}`) ?? ofAll}
        />
      </SimpleGrid>
      <MultiSelect
        label={t.integrations}
        description={t.integrationsHelp}
        placeholder={carriers.length === 0 ? t.everyone : undefined}
        data={[...new Set([...(integrations.data?.data ?? []).map((one) => one.key ?? ''), ...carriers])]}
        value={carriers}
        onChange={setCarriers}
        error={complaint(save.error, '/integrations')}
      />
    </EditorPage>
  );
}
