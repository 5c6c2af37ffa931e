import {
  Button,
  Checkbox,
  Chip,
  Group,
  MultiSelect,
  NumberInput,
  Radio,
  Select,
  Stack,
  Text,
  TextInput,
} from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api, type Body, body } from '@/api/client';
import { useCategories } from '@/api/lists';
import { complaint } from '@/api/problem';
import { useAccess } from '@/app/session';
import { common } from '@/text/common';
import { formatNumber } from '@/text/format';
import { useText } from '@/text/language';
import { Empty, Facts, Loading, Mono, Page, ProblemNote, Section, Tag, Time } from '@/ui/basics';
import { Confirm, say } from '@/ui/feedback';
import { QueryTable } from '@/ui/query-table';
import { type Secrets, SecretsDialog, secretsOf } from '@/ui/secrets';
import { DataTable } from '@/ui/table';
import { administerTexts } from './texts';

type App = Body<'App'>;

interface Key {
  key: string;
  scopes: string[];
  created_at: string;
  revoked: boolean;
}

export function AppsPage() {
  const t = useText(administerTexts);
  const { session } = useAccess();
  const [isNew, setNew] = useState(false);
  const [secrets, setSecrets] = useState<Secrets>();
  const list = useQuery({ queryKey: ['apps'], queryFn: () => body(api.GET('/v1/apps')) });
  return (
    <Page
      title={t.apps}
      help={t.appsHelp}
      actions={<Button onClick={() => setNew(true)}>{t.freshApp}</Button>}
    >
      {list.isPending ? (
        <Loading />
      ) : list.isError ? (
        <ProblemNote error={list.error} retry={() => void list.refetch()} />
      ) : list.data.data.length === 0 ? (
        <Empty>{t.appsNone}</Empty>
      ) : (
        list.data.data.map((app) => <AppCard key={app.name} app={app} onSecrets={setSecrets} />)
      )}
      {session.is_installation_admin && <Tokens onSecrets={setSecrets} />}
      {isNew && (
        <NewApp
          onClose={() => setNew(false)}
          onMade={(made) => {
            setNew(false);
            setSecrets(made);
          }}
        />
      )}
      {secrets && (
        <SecretsDialog secrets={secrets} onClose={() => setSecrets(undefined)}>
          {t.secretHelp}
        </SecretsDialog>
      )}
    </Page>
  );
}

function NewApp({ onClose, onMade }: { onClose: () => void; onMade: (secrets: Secrets) => void }) {
  const t = useText(administerTexts);
  const client = useQueryClient();
  const [name, setName] = useState('');
  const make = useMutation({
    mutationFn: () => body(api.POST('/v1/apps', { body: { name: name.trim() } })),
    onSuccess: (answer) => {
      void client.invalidateQueries({ queryKey: ['apps'] });
      onMade(secretsOf(answer, ['app_key', 'app_secret', 'test_app_key', 'test_app_secret']));
    },
  });
  return (
    <Confirm
      title={t.freshApp}
      action={t.freshApp}
      isBusy={make.isPending}
      isDisabled={name.trim() === ''}
      error={make.error}
      shown={['/name']}
      onConfirm={() => make.mutate()}
      onClose={onClose}
    >
      <TextInput
        label={t.appName}
        description={t.appNameHelp}
        required
        data-autofocus
        value={name}
        onChange={(e) => setName(e.currentTarget.value)}
        error={complaint(make.error, '/name')}
      />
    </Confirm>
  );
}

function AppCard({ app, onSecrets }: { app: App; onSecrets: (secrets: Secrets) => void }) {
  const t = useText(administerTexts);
  const c = useText(common);
  const [dialog, setDialog] = useState<'grants' | 'key'>();
  const [revoking, setRevoking] = useState<string>();
  const keys = (app.keys ?? []) as unknown as Key[];
  const kind = (key: string) =>
    key.startsWith('ck_test') ? t.test : key.startsWith('pk_') ? t.publishable : t.live;
  return (
    <Section
      title={app.name ?? ''}
      actions={
        <Group gap="xs">
          {app.disabled && <Tag tone="bad">{c.states.disabled}</Tag>}
          <Button size="xs" variant="default" onClick={() => setDialog('grants')}>
            {t.grantsTitle}
          </Button>
          <Button size="xs" variant="default" onClick={() => setDialog('key')}>
            {t.freshKey}
          </Button>
        </Group>
      }
    >
      <Stack gap="sm">
        <Facts
          items={[
            [t.channels, (app.channels ?? []).map((x) => c.channels[x] ?? x).join(', ') || t.allAllowed],
            [t.categories, (app.categories ?? []).join(', ') || t.allAllowed],
            [t.maxPriority, c.priorities[app.max_priority ?? ''] ?? app.max_priority],
            [t.rate, app.rate_limit ? formatNumber(app.rate_limit) : t.noLimit],
          ]}
        />
        <DataTable<Key>
          caption={`${t.keys}: ${app.name ?? ''}`}
          rows={keys}
          id={(row) => row.key}
          columns={[
            { name: c.key, cell: (row) => <Mono>{row.key}</Mono> },
            {
              name: t.keyKind,
              cell: (row) => (
                <Group gap={4}>
                  <Tag tone={kind(row.key) === t.live ? 'info' : 'off'}>{kind(row.key)}</Tag>
                  {row.revoked && <Tag tone="bad">{t.revoked}</Tag>}
                </Group>
              ),
            },
            {
              name: t.scopes,
              cell: (row) => row.scopes.map((x) => t.scopeNames[x] ?? x).join(', '),
              isMinor: true,
            },
            { name: t.created, cell: (row) => <Time at={row.created_at} relative />, isMinor: true },
            {
              name: c.actions,
              cell: (row) =>
                !row.revoked && (
                  <Button
                    size="compact-xs"
                    variant="subtle"
                    color="red"
                    aria-label={t.revokeLabel(row.key)}
                    onClick={() => setRevoking(row.key)}
                  >
                    {t.revoke}
                  </Button>
                ),
            },
          ]}
        />
      </Stack>
      {dialog === 'grants' && <Grants app={app} onClose={() => setDialog(undefined)} />}
      {dialog === 'key' && (
        <NewKey
          app={app.name ?? ''}
          onClose={() => setDialog(undefined)}
          onMade={(made) => {
            setDialog(undefined);
            onSecrets(made);
          }}
        />
      )}
      {revoking && <Revoke app={app.name ?? ''} name={revoking} onClose={() => setRevoking(undefined)} />}
    </Section>
  );
}

function Grants({ app, onClose }: { app: App; onClose: () => void }) {
  const t = useText(administerTexts);
  const c = useText(common);
  const client = useQueryClient();
  const all = useCategories();
  const [channels, setChannels] = useState<string[]>(app.channels ?? []);
  const [categories, setCategories] = useState<string[]>(app.categories ?? []);
  const [priority, setPriority] = useState(app.max_priority ?? 'high');
  const [rate, setRate] = useState<number | string>(app.rate_limit ?? 0);
  const [isEnabled, setEnabled] = useState(!app.disabled);
  const save = useMutation({
    mutationFn: () =>
      body(
        api.PATCH('/v1/apps/{name}', {
          params: { path: { name: app.name ?? '' } },
          body: {
            channels: channels as App['channels'],
            categories,
            max_priority: priority,
            rate_limit: Number(rate),
            disabled: !isEnabled,
          } as App,
        }),
      ),
    onSuccess: () => {
      say(c.saved);
      void client.invalidateQueries({ queryKey: ['apps'] });
      onClose();
    },
  });
  return (
    <Confirm
      title={`${t.grantsTitle}: ${app.name ?? ''}`}
      action={c.save}
      isBusy={save.isPending}
      error={save.error}
      shown={['/channels', '/categories', '/max_priority', '/rate_limit']}
      onConfirm={() => save.mutate()}
      onClose={onClose}
    >
      <MultiSelect
        label={t.channels}
        placeholder={channels.length === 0 ? t.allAllowed : undefined}
        data={Object.entries(c.channels).map(([value, label]) => ({ value, label }))}
        value={channels}
        onChange={setChannels}
        error={complaint(save.error, '/channels')}
      />
      <MultiSelect
        label={t.categories}
        placeholder={categories.length === 0 ? t.allAllowed : undefined}
        data={(all.data?.data ?? []).map(({ key = '' }) => key)}
        value={categories}
        onChange={setCategories}
        error={complaint(save.error, '/categories')}
      />
      <Select
        label={t.maxPriority}
        allowDeselect={false}
        data={Object.entries(c.priorities).map(([value, label]) => ({ value, label }))}
        value={priority}
        onChange={(value) => setPriority(value ?? 'high')}
        error={complaint(save.error, '/max_priority')}
      />
      <NumberInput
        label={t.rate}
        description={`0: ${t.noLimit}`}
        min={0}
        hideControls
        value={rate}
        onChange={setRate}
        error={complaint(save.error, '/rate_limit')}
      />
      <Checkbox label={t.enabled} checked={isEnabled} onChange={(e) => setEnabled(e.currentTarget.checked)} />
    </Confirm>
  );
}

interface NewKeyProps {
  app: string;
  onClose: () => void;
  onMade: (secrets: Secrets) => void;
}

function NewKey({ app, onClose, onMade }: NewKeyProps) {
  const t = useText(administerTexts);
  const client = useQueryClient();
  const [kind, setKind] = useState('live');
  const [scopes, setScopes] = useState(['send', 'read', 'people']);
  const make = useMutation({
    mutationFn: () =>
      body(
        api.POST('/v1/apps/{name}/keys', {
          params: { path: { name: app } },
          body: (kind === 'publishable'
            ? { publishable: true }
            : { test: kind === 'test', scopes }) as Body<'NewAppKey'>,
        }),
      ),
    onSuccess: (answer) => {
      void client.invalidateQueries({ queryKey: ['apps'] });
      onMade(secretsOf(answer, ['app_key', 'app_secret']));
    },
  });
  return (
    <Confirm
      title={`${t.freshKey}: ${app}`}
      action={t.freshKey}
      isBusy={make.isPending}
      error={make.error}
      onConfirm={() => make.mutate()}
      onClose={onClose}
    >
      <Radio.Group label={t.keyKind} value={kind} onChange={setKind}>
        <Stack gap={6} mt={6}>
          {Object.entries(t.keyKinds).map(([value, label]) => (
            <Radio key={value} value={value} label={label} />
          ))}
        </Stack>
      </Radio.Group>
      {kind !== 'publishable' && (
        <Checkbox.Group label={t.scopes} value={scopes} onChange={setScopes}>
          <Group mt={6}>
            {Object.entries(t.scopeNames).map(([value, label]) => (
              <Checkbox key={value} value={value} label={label} />
            ))}
          </Group>
        </Checkbox.Group>
      )}
    </Confirm>
  );
}

function Revoke({ app, name, onClose }: { app: string; name: string; onClose: () => void }) {
  const t = useText(administerTexts);
  const client = useQueryClient();
  const revoke = useMutation({
    mutationFn: () =>
      body(api.DELETE('/v1/apps/{name}/keys/{app_key}', { params: { path: { name: app, app_key: name } } })),
    onSuccess: () => {
      void client.invalidateQueries({ queryKey: ['apps'] });
      onClose();
    },
  });
  return (
    <Confirm
      title={t.revokeTitle}
      action={t.revoke.replace('…', '')}
      isDangerous
      isBusy={revoke.isPending}
      error={revoke.error}
      onConfirm={() => revoke.mutate()}
      onClose={onClose}
    >
      <Mono>{name}</Mono>
      <Text size="sm">{t.revokeHelp}</Text>
    </Confirm>
  );
}

const SCOPES = [
  'admin',
  'send',
  'read',
  'people',
  'templates',
  'categories',
  'integrations',
  'routes',
  'dead_letters',
  'pauses',
  'apps',
  'settings',
  'audit',
  'rules',
  'approvals',
  'schedules',
];

function Tokens({ onSecrets }: { onSecrets: (secrets: Secrets) => void }) {
  const t = useText(administerTexts);
  const c = useText(common);
  const client = useQueryClient();
  const [isNew, setNew] = useState(false);
  const [name, setName] = useState('');
  const [scopes, setScopes] = useState<string[]>(['read']);
  const [revoking, setRevoking] = useState<string>();
  const list = useQuery({ queryKey: ['keys'], queryFn: () => body(api.GET('/v1/keys')) });
  const reload = () => void client.invalidateQueries({ queryKey: ['keys'] });
  const make = useMutation({
    mutationFn: () => body(api.POST('/v1/keys', { body: { name: name.trim(), scopes } })),
    onSuccess: (answer) => {
      reload();
      setNew(false);
      setName('');
      onSecrets(secretsOf(answer, ['token']));
    },
  });
  const revoke = useMutation({
    mutationFn: (key: string) => body(api.DELETE('/v1/keys/{name}', { params: { path: { name: key } } })),
    onSuccess: () => {
      reload();
      setRevoking(undefined);
    },
  });
  return (
    <Section
      title={t.tokens}
      actions={
        <Button size="xs" variant="default" onClick={() => setNew(true)}>
          {t.freshToken}
        </Button>
      }
    >
      <Text size="sm" c="dimmed" mb="xs">
        {t.tokensHelp}
      </Text>
      <QueryTable<Body<'ManagementKey'>>
        query={list}
        caption={t.tokens}
        empty={t.tokensNone}
        id={(row) => row.name ?? ''}
        columns={[
          { name: c.name, cell: (row) => row.name },
          { name: t.tokenScopes, cell: (row) => (row.scopes ?? []).join(', ') },
          { name: c.status, cell: (row) => row.revoked && <Tag tone="bad">{t.revoked}</Tag> },
          { name: t.created, cell: (row) => <Time at={row.created_at} relative />, isMinor: true },
          {
            name: c.actions,
            cell: (row) =>
              !row.revoked && (
                <Button
                  size="compact-xs"
                  variant="subtle"
                  color="red"
                  aria-label={t.revokeLabel(row.name ?? '')}
                  onClick={() => setRevoking(row.name)}
                >
                  {t.revoke}
                </Button>
              ),
          },
        ]}
      />
      {isNew && (
        <Confirm
          title={t.freshToken}
          action={t.freshToken}
          isBusy={make.isPending}
          isDisabled={name.trim() === '' || scopes.length === 0}
          error={make.error}
          shown={['/name', '/scopes']}
          onConfirm={() => make.mutate()}
          onClose={() => setNew(false)}
        >
          <TextInput
            label={c.name}
            required
            data-autofocus
            value={name}
            onChange={(e) => setName(e.currentTarget.value)}
            error={complaint(make.error, '/name')}
          />
          <Text size="sm" fw={600}>
            {t.tokenScopes}
          </Text>
          <Chip.Group multiple value={scopes} onChange={setScopes}>
            <Group gap={6} role="group" aria-label={t.tokenScopes}>
              {SCOPES.map((scope) => (
                <Chip key={scope} value={scope} size="xs">
                  {scope}
                </Chip>
              ))}
            </Group>
          </Chip.Group>
          <Text size="xs" c="dimmed">
            {complaint(make.error, '/scopes') ?? t.tokenScopesHelp}
          </Text>
        </Confirm>
      )}
      {revoking && (
        <Confirm
          title={t.revokeTitle}
          action={t.revoke.replace('…', '')}
          isDangerous
          isBusy={revoke.isPending}
          error={revoke.error}
          onConfirm={() => revoke.mutate(revoking)}
          onClose={() => setRevoking(undefined)}
        >
          <Mono>{revoking}</Mono>
          <Text size="sm">{t.revokeHelp}</Text>
        </Confirm>
      )}
    </Section>
  );
}
