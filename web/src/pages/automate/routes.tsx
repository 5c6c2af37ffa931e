import {
  ActionIcon,
  Button,
  Group,
  NumberInput,
  Select,
  SimpleGrid,
  Stack,
  Text,
  TextInput,
} from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api, type Body, body } from '@/api/client';
import { useCategories, useIntegrations } from '@/api/lists';
import { complaint } from '@/api/problem';
import { useAccess } from '@/app/session';
import { common } from '@/text/common';
import { formatNumber } from '@/text/format';
import { useText } from '@/text/language';
import { Page } from '@/ui/basics';
import { Confirm, say } from '@/ui/feedback';
import { IconPlus, IconTrash } from '@/ui/icons';
import { QueryTable } from '@/ui/query-table';
import { RemoveButton } from '@/ui/remove-dialog';
import { KeyField, useKey } from '@/ui/resource';
import { Simulate } from './simulate';
import { automateTexts } from './texts';

type Route = Body<'Route'>;
type Match = NonNullable<Route['match']>;

const useRoutes = () => useQuery({ queryKey: ['routes'], queryFn: () => body(api.GET('/v1/routes')) });

export function RoutesPage() {
  const t = useText(automateTexts);
  const c = useText(common);
  const { can } = useAccess();
  const [editing, setEditing] = useState<Route | 'new'>();
  const list = useRoutes();
  const matchText = (match: Match | undefined) => {
    const words: Record<string, Record<string, string>> = { channel: c.channels, platform: c.platforms };
    const parts = Object.entries(match ?? {}).flatMap(([name, value]) =>
      value ? [words[name]?.[value] ?? value] : [],
    );
    return parts.length > 0 ? parts.join(' · ') : t.matchAll;
  };
  return (
    <Page
      title={t.routes}
      help={t.routesHelp}
      actions={can('administrator') && <Button onClick={() => setEditing('new')}>{t.freshRoute}</Button>}
    >
      <QueryTable<Route>
        query={list}
        caption={t.routes}
        empty={t.routesNone}
        id={(row) => row.key ?? ''}
        columns={[
          { name: t.position, cell: (row) => formatNumber(row.position ?? 0), isNumber: true },
          { name: t.key, cell: (row) => row.key },
          { name: t.match, cell: (row) => matchText(row.match) },
          {
            name: t.chain,
            cell: (row) =>
              row.chain
                .map((link) => `${link.integration ?? ''}${link.weight ? ` (${String(link.weight)})` : ''}`)
                .join(' → '),
          },
          ...(can('administrator')
            ? [
                {
                  name: c.actions,
                  cell: (row: Route) => (
                    <Group gap={6} wrap="nowrap">
                      <Button
                        size="compact-xs"
                        variant="default"
                        aria-label={`${c.edit}: ${row.key ?? ''}`}
                        onClick={() => setEditing(row)}
                      >
                        {c.edit}
                      </Button>
                      <RemoveButton
                        name={row.key ?? ''}
                        help={t.removeRouteHelp}
                        shownBy="routes"
                        remove={() =>
                          body(api.DELETE('/v1/routes/{key}', { params: { path: { key: row.key ?? '' } } }))
                        }
                      />
                    </Group>
                  ),
                },
              ]
            : []),
        ]}
      />
      {can('sender') && <Simulate />}
      {editing && (
        <RouteDialog route={editing === 'new' ? undefined : editing} onClose={() => setEditing(undefined)} />
      )}
    </Page>
  );
}

function RouteDialog({ route, onClose }: { route: Route | undefined; onClose: () => void }) {
  const t = useText(automateTexts);
  const c = useText(common);
  const client = useQueryClient();
  const key = useKey(route?.key, useRoutes().data?.data);
  const [position, setPosition] = useState<number | string>(route?.position ?? 10);
  const [match, setMatch] = useState<Match>(route?.match ?? {});
  const [chain, setChain] = useState<Route['chain']>(route?.chain ?? [{}]);
  const categories = useCategories();
  const integrations = useIntegrations();
  const save = useMutation({
    mutationFn: () =>
      body(
        api.PUT('/v1/routes/{key}', {
          params: { path: { key: key.key } },
          body: {
            position: Number(position),
            match: Object.fromEntries(Object.entries(match).filter(([, value]) => value)),
            chain: chain.filter((link) => link.integration),
          },
        }),
      ),
    onSuccess: () => {
      say(c.saved);
      void client.invalidateQueries({ queryKey: ['routes'] });
      onClose();
    },
  });
  const names = (integrations.data?.data ?? []).map((one) => one.key ?? '');
  const choice = (name: keyof Match, label: string, data: { value: string; label: string }[]) => (
    <Select
      label={label}
      placeholder={t.any}
      clearable
      data={data}
      value={match[name] ?? null}
      onChange={(value) => setMatch({ ...match, [name]: value ?? undefined })}
      error={complaint(save.error, `/match/${name}`)}
    />
  );
  const named = (words: Record<string, string>) =>
    Object.entries(words).map(([value, label]) => ({ value, label }));
  const change = (index: number, part: Route['chain'][number]) =>
    setChain(chain.map((link, i) => (i === index ? { ...link, ...part } : link)));
  return (
    <Confirm
      title={route?.key ?? t.freshRoute}
      action={c.save}
      isBusy={save.isPending}
      isDisabled={!key.isReady}
      error={save.error}
      shown={['/key', '/position', '/match', '/chain']}
      onConfirm={() => save.mutate()}
      onClose={onClose}
    >
      <SimpleGrid cols={2} spacing="xs">
        <KeyField of={key} hasFocus error={save.error} />
        <NumberInput
          label={t.position}
          hideControls
          value={position}
          onChange={setPosition}
          error={complaint(save.error, '/position')}
        />
        {choice('channel', c.channel, named(c.channels))}
        {choice('platform', t.platform, named(c.platforms))}
        {choice(
          'category',
          c.category,
          (categories.data?.data ?? []).map((one) => ({ value: one.key ?? '', label: one.key ?? '' })),
        )}
        <TextInput
          label={t.country}
          placeholder="KR"
          value={match.country ?? ''}
          onChange={(e) => setMatch({ ...match, country: e.currentTarget.value.toUpperCase() })}
          error={complaint(save.error, '/match/country')}
        />
      </SimpleGrid>
      <Text size="sm" fw={600}>
        {t.chain}
      </Text>
      <Stack gap={6}>
        {chain.map((link, index) => (
          <Group key={index} gap={6} wrap="nowrap" align="flex-start">
            <Select
              style={{ flex: 1 }}
              aria-label={t.integration(index + 1)}
              data={names}
              value={link.integration ?? null}
              onChange={(value) => change(index, { integration: value ?? undefined })}
              error={complaint(save.error, `/chain/${index}`)}
            />
            <NumberInput
              w={90}
              aria-label={`${t.weight} ${index + 1}`}
              placeholder={t.weight}
              min={0}
              hideControls
              value={link.weight ?? ''}
              onChange={(value) => change(index, { weight: value === '' ? undefined : Number(value) })}
            />
            {chain.length > 1 && (
              <ActionIcon
                variant="subtle"
                color="gray"
                size="lg"
                aria-label={t.removeLink(index + 1)}
                onClick={() => setChain(chain.filter((_, i) => i !== index))}
              >
                <IconTrash />
              </ActionIcon>
            )}
          </Group>
        ))}
      </Stack>
      <Group justify="space-between">
        <Button
          size="xs"
          variant="default"
          leftSection={<IconPlus size={14} />}
          onClick={() => setChain([...chain, {}])}
        >
          {t.addLink}
        </Button>
        <Text size="xs" c="dimmed">
          {t.weightHelp}
        </Text>
      </Group>
    </Confirm>
  );
}
