import { ActionIcon, Button, Group, Select, SimpleGrid, Stack, Text, TextInput } from '@mantine/core';
import { keepPreviousData, useMutation, useQueries, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api, type Body, body } from '@/api/client';
import { useCategories } from '@/api/lists';
import { followFirst, LIVE } from '@/api/live';
import { complaint } from '@/api/problem';
import { go, to } from '@/app/router';
import { useAccess } from '@/app/session';
import { DeliveryTable, type NotificationName } from '@/pages/history/delivery-table';
import { historyTexts } from '@/pages/history/texts';
import { common } from '@/text/common';
import { useText } from '@/text/language';
import { Facts, Loading, Mono, Page, ProblemNote, Section, Tag, TextLink, Time } from '@/ui/basics';
import { Confirm, say } from '@/ui/feedback';
import { IconTrash } from '@/ui/icons';
import { LinkDialog } from '@/ui/link-dialog';
import { DataTable, Pager, useCursor } from '@/ui/table';
import { downloadUser } from './download';
import { ProfileDialog } from './profile';
import { QuietHours } from './quiet-hours';
import { peopleTexts } from './texts';

type Device = Body<'Device'>;

const EMAIL = ['email'];
const PHONE = ['sms', 'voice'];

/** An address, and on which of its channels it must not be contacted. */
function Address({ channels, address }: { channels: string[]; address: string | null | undefined }) {
  const t = useText(peopleTexts);
  const c = useText(common);
  const suppressed = useQueries({
    queries: channels.map((channel) => ({
      queryKey: ['suppressions', 'of', channel, address],
      queryFn: () =>
        body(api.GET('/v1/suppressions', { params: { query: { channel, address: address ?? '' } } })),
      enabled: Boolean(address),
      retry: false,
    })),
  });
  if (!address) return '–';
  return (
    <>
      {address}{' '}
      {channels.map((channel, index) => {
        const found = suppressed[index]?.data?.data[0];
        return (
          found && (
            <TextLink key={channel} to={to(['suppressions'])}>
              <Tag tone="bad">{t.suppressedOn(c.channels[channel] ?? channel)}</Tag>
            </TextLink>
          )
        );
      })}
    </>
  );
}

export function UserPage({ id }: { id: string }) {
  const t = useText(peopleTexts);
  const c = useText(common);
  const { can } = useAccess();
  const [dialog, setDialog] = useState<'edit' | 'erase'>();
  const params = { path: { user_id: id } };
  const user = useQuery({
    queryKey: ['user', id],
    queryFn: () => body(api.GET('/v1/users/{user_id}', { params })),
  });
  const link = useMutation({
    mutationFn: () => body(api.POST('/v1/users/{user_id}/preferences/link', { params })),
  });
  const download = useMutation({ mutationFn: () => downloadUser(id) });
  const above = <TextLink to={to(['users'])}>← {t.users}</TextLink>;
  if (user.isPending || user.isError) {
    return (
      <Page title={id} above={above}>
        {user.isPending ? <Loading /> : <ProblemNote error={user.error} retry={() => void user.refetch()} />}
      </Page>
    );
  }
  const u = user.data;
  return (
    <Page
      title={u.name ?? id}
      above={above}
      help={<Mono>{id}</Mono>}
      actions={
        can('sender') && (
          <>
            <Button component="a" href={to(['send'], { user: id })}>
              {t.sendTo}
            </Button>
            <Button variant="default" onClick={() => setDialog('edit')}>
              {t.edit}
            </Button>
            <Button variant="default" onClick={() => link.mutate()} loading={link.isPending}>
              {t.page}
            </Button>
            <Button variant="default" onClick={() => download.mutate()} loading={download.isPending}>
              {t.export}
            </Button>
            <Button variant="outline" color="red" onClick={() => setDialog('erase')}>
              {t.erase}
            </Button>
          </>
        )
      }
    >
      {download.error && <ProblemNote error={download.error} />}
      {link.error && <ProblemNote error={link.error} />}
      <Section title={t.profile}>
        <Facts
          items={[
            [c.name, u.name],
            [t.email, <Address key="email" channels={EMAIL} address={u.email} />],
            [t.phone, <Address key="phone" channels={PHONE} address={u.phone_number} />],
            [t.country, u.country_code],
            [t.locale, u.locale],
            [t.zone, u.time_zone],
            [t.created, <Time key="created" at={u.created_at} />],
            ...Object.entries((u.attributes ?? {}) as object).map(([name, value]): [string, string] => [
              name,
              typeof value === 'string' ? value : JSON.stringify(value),
            ]),
          ]}
        />
      </Section>
      <SimpleGrid cols={{ base: 1, lg: 2 }} style={{ alignItems: 'start' }}>
        <Section title={t.devices}>
          <Devices id={id} devices={u.devices ?? []} />
        </Section>
        <Section title={t.preferences}>
          <Preferences id={id} />
        </Section>
      </SimpleGrid>
      <Section title={t.history}>
        <Deliveries id={id} />
      </Section>
      <Section title={t.log}>
        <PreferenceLog id={id} />
      </Section>
      {link.data && (
        <LinkDialog
          title={t.pageTitle}
          help={t.pageHelp}
          url={link.data.url ?? ''}
          until={t.pageUntil}
          expiresAt={link.data.expires_at}
          onClose={() => link.reset()}
        />
      )}
      {dialog === 'edit' && <ProfileDialog user={u} onClose={() => setDialog(undefined)} />}
      {dialog === 'erase' && <EraseDialog id={id} onClose={() => setDialog(undefined)} />}
    </Page>
  );
}

function Devices({ id, devices }: { id: string; devices: Device[] }) {
  const t = useText(peopleTexts);
  const c = useText(common);
  const { can } = useAccess();
  const client = useQueryClient();
  const [removing, setRemoving] = useState<string>();
  const remove = useMutation({
    mutationFn: (device: string) =>
      body(
        api.DELETE('/v1/users/{user_id}/devices/{device_id}', {
          params: { path: { user_id: id, device_id: device } },
        }),
      ),
    onSuccess: () => {
      say(c.removed);
      setRemoving(undefined);
      void client.invalidateQueries({ queryKey: ['user', id] });
    },
  });
  if (devices.length === 0) return <Text c="dimmed">{t.noDevices}</Text>;
  return (
    <>
      <DataTable<Device>
        caption={t.devices}
        rows={devices}
        id={(row) => row.device_id ?? ''}
        columns={[
          { name: t.platform, cell: (row) => c.platforms[row.platform] ?? row.platform },
          { name: t.device, cell: (row) => <Mono>{row.device_id}</Mono> },
          {
            name: t.services,
            cell: (row) => (row.endpoints ?? []).map((e) => e.service).join(', '),
            isMinor: true,
          },
          {
            name: t.enabled,
            cell: (row) => (
              <Tag tone={row.enabled === false ? 'bad' : 'good'}>
                {row.enabled === false ? t.blocked : t.allowed}
              </Tag>
            ),
          },
          { name: t.lastSeen, cell: (row) => <Time at={row.last_logged_in_at} relative />, isMinor: true },
          ...(can('sender')
            ? [
                {
                  name: c.actions,
                  cell: (row: Device) => (
                    <ActionIcon
                      variant="subtle"
                      color="gray"
                      aria-label={t.removeDevice(row.device_id ?? '')}
                      onClick={() => setRemoving(row.device_id)}
                    >
                      <IconTrash />
                    </ActionIcon>
                  ),
                },
              ]
            : []),
        ]}
      />
      {removing && (
        <Confirm
          title={t.removeDeviceTitle}
          action={c.remove}
          isDangerous
          isBusy={remove.isPending}
          error={remove.error}
          onConfirm={() => remove.mutate(removing)}
          onClose={() => setRemoving(undefined)}
        >
          {t.removeDeviceHelp}
        </Confirm>
      )}
    </>
  );
}

interface Wish {
  channel: string;
  category: string;
  opt_in: boolean | null;
}

function Preferences({ id }: { id: string }) {
  const t = useText(peopleTexts);
  const c = useText(common);
  const { can } = useAccess();
  const client = useQueryClient();
  const params = { path: { user_id: id } };
  const preferences = useQuery({
    queryKey: ['user', id, 'preferences'],
    queryFn: () => body(api.GET('/v1/users/{user_id}/preferences', { params })),
  });
  const change = useMutation({
    mutationFn: (wish: Wish) =>
      body(api.PATCH('/v1/users/{user_id}/preferences', { params, body: { preferences: [wish] } })),
    onSuccess: () => {
      say(c.saved);
      void client.invalidateQueries({ queryKey: ['user', id] });
    },
  });
  if (preferences.isPending) return <Loading />;
  if (preferences.isError) return <ProblemNote error={preferences.error} />;
  const wishes = (preferences.data.preferences ?? []) as Wish[];
  const quiet = preferences.data.quiet_hours as { from: string; to: string } | null;
  const channelName = (key: string) => (key === '*' ? t.everyChannel : (c.channels[key] ?? key));
  const categoryName = (key: string) => (key === '*' ? t.everyCategory : key);
  return (
    <Stack gap="sm">
      <Text size="sm" c="dimmed">
        {t.preferencesHelp}
      </Text>
      {change.error && <ProblemNote error={change.error} />}
      {wishes.length === 0 ? (
        <Text size="sm">{t.noPreferences}</Text>
      ) : (
        <DataTable<Wish>
          caption={t.preferences}
          rows={wishes}
          id={(row) => `${row.channel}/${row.category}`}
          columns={[
            { name: c.channel, cell: (row) => channelName(row.channel) },
            { name: c.category, cell: (row) => categoryName(row.category) },
            {
              name: t.answer,
              cell: (row) => <Tag tone={row.opt_in ? 'good' : 'bad'}>{row.opt_in ? t.wants : t.refuses}</Tag>,
            },
            ...(can('sender')
              ? [
                  {
                    name: c.actions,
                    cell: (row: Wish) => (
                      <Button
                        size="compact-xs"
                        variant="default"
                        aria-label={t.forgetLabel(
                          `${channelName(row.channel)}, ${categoryName(row.category)}`,
                        )}
                        onClick={() => change.mutate({ ...row, opt_in: null })}
                      >
                        {t.forget}
                      </Button>
                    ),
                  },
                ]
              : []),
          ]}
        />
      )}
      <QuietHours key={`${quiet?.from ?? ''}–${quiet?.to ?? ''}`} user={id} stored={quiet} />
      {can('sender') && <SetPreference onSet={(wish) => change.mutate(wish)} isBusy={change.isPending} />}
    </Stack>
  );
}

function SetPreference({ onSet, isBusy }: { onSet: (wish: Wish) => void; isBusy: boolean }) {
  const t = useText(peopleTexts);
  const c = useText(common);
  const categories = useCategories();
  const [wish, setWish] = useState({ channel: '*', category: '*', answer: 'no' });
  return (
    <Group align="flex-end" gap="xs">
      <Select
        size="xs"
        w={130}
        label={c.channel}
        allowDeselect={false}
        data={[
          { value: '*', label: t.everyChannel },
          ...Object.entries(c.channels).map(([value, label]) => ({ value, label })),
        ]}
        value={wish.channel}
        onChange={(channel) => setWish({ ...wish, channel: channel ?? '*' })}
      />
      <Select
        size="xs"
        w={150}
        label={c.category}
        allowDeselect={false}
        data={[
          { value: '*', label: t.everyCategory },
          ...(categories.data?.data ?? []).map(({ key = '' }) => ({ value: key, label: key })),
        ]}
        value={wish.category}
        onChange={(category) => setWish({ ...wish, category: category ?? '*' })}
      />
      <Select
        size="xs"
        w={130}
        label={t.answer}
        allowDeselect={false}
        data={[
          { value: 'no', label: t.refuses },
          { value: 'yes', label: t.wants },
        ]}
        value={wish.answer}
        onChange={(answer) => setWish({ ...wish, answer: answer ?? 'no' })}
      />
      <Button
        size="xs"
        variant="default"
        loading={isBusy}
        onClick={() =>
          onSet({ channel: wish.channel, category: wish.category, opt_in: wish.answer === 'yes' })
        }
      >
        {t.setPreference}
      </Button>
    </Group>
  );
}

function PreferenceLog({ id }: { id: string }) {
  const t = useText(peopleTexts);
  const c = useText(common);
  const log = useQuery({
    queryKey: ['user', id, 'preference-log'],
    queryFn: () =>
      body(
        api.GET('/v1/users/{user_id}/preferences/log', {
          params: { path: { user_id: id }, query: { limit: '50' } },
        }),
      ),
  });
  if (log.isPending) return <Loading />;
  if (log.isError) return <ProblemNote error={log.error} />;
  const rows = log.data.data ?? [];
  if (rows.length === 0) return <Text c="dimmed">{t.noLog}</Text>;
  return (
    <DataTable
      caption={t.log}
      rows={rows}
      id={(row) => `${row.at}${JSON.stringify(row.change)}`}
      columns={[
        { name: c.time, cell: (row) => <Time at={row.at} /> },
        { name: t.by, cell: (row) => [row.actor, row.source].filter(Boolean).join(' · ') },
        {
          name: t.preferences,
          cell: (row) => {
            const wishes = ((row.change as { preferences?: Wish[] }).preferences ?? []).map(
              (wish) =>
                `${wish.channel === '*' ? t.everyChannel : (c.channels[wish.channel] ?? wish.channel)}, ${
                  wish.category === '*' ? t.everyCategory : wish.category
                }: ${wish.opt_in === null ? t.forget : wish.opt_in ? t.wants : t.refuses}`,
            );
            return wishes.length > 0 ? wishes.join('; ') : JSON.stringify(row.change);
          },
        },
      ]}
    />
  );
}

// A delivery of a large send is made some time after its notification.
const NAMES_MAX = '100';

/** What the notifications of these deliveries are called: those of the user, from the newest shown on. */
function useNames(user: string, rows: Body<'Delivery'>[]): Map<string, NotificationName> {
  const h = useText(historyTexts);
  const [newest] = rows;
  const notifications = useQuery({
    queryKey: [LIVE, 'user', user, 'notifications', newest?.id],
    queryFn: () => {
      const until = new Date(new Date(newest?.created_at ?? 0).getTime() + 1000).toISOString();
      return body(
        api.GET('/v1/notifications', { params: { query: { user_id: user, limit: NAMES_MAX, until } } }),
      );
    },
    enabled: newest !== undefined,
    placeholderData: keepPreviousData,
  });
  return new Map(
    (notifications.data?.data ?? []).map((one) => {
      const template = one.template as { key: string } | null;
      const name = template?.key ?? one.event_id ?? h.ownText;
      return [one.id ?? '', { name, category: one.category ?? '' }];
    }),
  );
}

function Deliveries({ id }: { id: string }) {
  const t = useText(peopleTexts);
  const cursor = useCursor();
  const list = useQuery({
    queryKey: [LIVE, 'user', id, 'deliveries', cursor.after],
    queryFn: () =>
      body(
        api.GET('/v1/deliveries', { params: { query: { user_id: id, limit: '20', after: cursor.after } } }),
      ),
    refetchInterval: followFirst(cursor),
  });
  const names = useNames(id, list.data?.data ?? []);
  if (list.isPending) return <Loading />;
  if (list.isError) return <ProblemNote error={list.error} />;
  if (list.data.data.length === 0) return <Text c="dimmed">–</Text>;
  return (
    <Stack gap="xs">
      <DeliveryTable caption={t.history} rows={list.data.data} names={names} />
      <Pager cursor={cursor} next={list.data.page?.next} isByTime />
    </Stack>
  );
}

function EraseDialog({ id, onClose }: { id: string; onClose: () => void }) {
  const t = useText(peopleTexts);
  const client = useQueryClient();
  const [typed, setTyped] = useState('');
  const erase = useMutation({
    mutationFn: () => body(api.POST('/v1/users/{user_id}/erase', { params: { path: { user_id: id } } })),
    onSuccess: () => {
      say(t.erased);
      void client.invalidateQueries({ queryKey: ['users'] });
      onClose();
      go(to(['users']));
    },
  });
  return (
    <Confirm
      title={t.eraseTitle}
      action={t.erase.replace('…', '')}
      isDangerous
      isBusy={erase.isPending}
      isDisabled={typed.trim() !== id}
      error={erase.error}
      onConfirm={() => erase.mutate()}
      onClose={onClose}
    >
      <Text size="sm">{t.eraseHelp}</Text>
      <TextInput
        label={`${t.eraseConfirm}: ${id}`}
        data-autofocus
        autoComplete="off"
        value={typed}
        onChange={(e) => setTyped(e.currentTarget.value)}
        error={complaint(erase.error, '/user_id')}
      />
    </Confirm>
  );
}
