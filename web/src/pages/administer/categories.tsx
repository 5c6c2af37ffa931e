import {
  Button,
  Checkbox,
  Group,
  MultiSelect,
  NumberInput,
  Select,
  SimpleGrid,
  Stack,
  TextInput,
} from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { api, type Body, body } from '@/api/client';
import { useCategories } from '@/api/lists';
import { complaint } from '@/api/problem';
import type { PageProps } from '@/app/pages';
import { go, to } from '@/app/router';
import { useAccess } from '@/app/session';
import { common } from '@/text/common';
import { formatNumber } from '@/text/format';
import { language, useText } from '@/text/language';
import { Loading, Page, ProblemNote, Section, Tag, TextLink } from '@/ui/basics';
import { say } from '@/ui/feedback';
import { KeyField, ResourceList, useKey } from '@/ui/resource';
import { administerTexts } from './texts';

type Category = Body<'Category'>;
const BUILT_IN = new Set(['general', 'security']);

export function CategoriesPage({ rest }: PageProps) {
  const { can } = useAccess();
  if (rest[0] && can('administrator'))
    return <OnePage key={rest[0]} name={rest[0] === 'new' ? undefined : rest[0]} />;
  return <ListPage />;
}

function ListPage() {
  const t = useText(administerTexts);
  const c = useText(common);
  const nameOf = (category: Category) => {
    const names = (category.name ?? {}) as Record<string, string>;
    return names[language()] ?? names.en ?? category.key;
  };
  return (
    <ResourceList<Category>
      title={t.categoriesTitle}
      help={t.categoriesHelp}
      fresh={t.freshCategory}
      none="–"
      path="categories"
      role="administrator"
      query={useCategories()}
      mark={(row) =>
        BUILT_IN.has(row.key ?? '') && (
          <>
            {' '}
            <Tag tone="off">{t.builtIn}</Tag>
          </>
        )
      }
      columns={[
        { name: c.name, cell: nameOf },
        { name: t.kind, cell: (row) => t.kinds[row.kind ?? ''] ?? row.kind },
        {
          name: t.channels,
          cell: (row) => (row.channels ?? []).map((x) => c.channels[x] ?? x).join(', ') || '–',
          isMinor: true,
        },
        { name: c.priority, cell: (row) => c.priorities[row.priority ?? ''] ?? row.priority, isMinor: true },
        { name: t.ttl, cell: (row) => row.ttl ?? '–', isMinor: true },
        {
          name: t.approvalOver,
          cell: (row) => (row.approval_over ? formatNumber(row.approval_over) : '–'),
          isNumber: true,
          isMinor: true,
        },
      ]}
    />
  );
}

function OnePage({ name }: { name: string | undefined }) {
  const t = useText(administerTexts);
  const stored = useQuery({
    queryKey: ['categories', 'one', name],
    queryFn: () => body(api.GET('/v1/categories/{key}', { params: { path: { key: name ?? '' } } })),
    enabled: name !== undefined,
    gcTime: 0,
  });
  if (name !== undefined && !stored.data) {
    return (
      <Page title={name} above={<TextLink to={to(['categories'])}>← {t.categoriesTitle}</TextLink>}>
        {stored.isError ? <ProblemNote error={stored.error} /> : <Loading />}
      </Page>
    );
  }
  return <Form stored={stored.data} />;
}

interface Values {
  en: string;
  ko: string;
  kind: string;
  channels: string[];
  opt_in: string[];
  priority: string;
  max_priority: string;
  ttl: string;
  retry: string;
  quiet_hours: string;
  on_unknown: string;
  approval_over: number | string;
  cap_limit: number | string;
  cap_per: string;
  cap_on: string;
  mandatory: boolean;
  sensitive: boolean;
  visible: boolean;
  client_allowed: boolean;
  opens: boolean;
  clicks: boolean;
}

const CHANNELS = ['push', 'sms', 'email', 'voice', 'chat', 'webhook', 'inbox'];

function valuesOf(stored: Category | undefined): Values {
  const names = (stored?.name ?? {}) as Record<string, string>;
  const cap = stored?.cap as { limit?: number; per?: string; on_exceed?: string } | null | undefined;
  const tracking = (stored?.tracking ?? {}) as { opens?: boolean; clicks?: boolean };
  const optIn = stored?.default_opt_in as Record<string, boolean> | undefined;
  return {
    en: names.en ?? '',
    ko: names.ko ?? '',
    kind: stored?.kind ?? 'transactional',
    channels: stored?.channels ?? [],
    opt_in: optIn ? CHANNELS.filter((channel) => optIn[channel] !== false) : CHANNELS,
    priority: stored?.priority ?? 'normal',
    max_priority: stored?.max_priority ?? 'high',
    ttl: stored?.ttl ?? '',
    retry: (stored?.retry ?? ['1m', '5m', '15m', '1h']).join(', '),
    quiet_hours: stored?.quiet_hours ?? 'ignore',
    on_unknown: stored?.on_unknown ?? '',
    approval_over: stored?.approval_over ?? 0,
    cap_limit: cap?.limit ?? '',
    cap_per: cap?.per ?? '24h',
    cap_on: cap?.on_exceed ?? 'drop',
    mandatory: stored?.mandatory ?? false,
    sensitive: stored?.sensitive ?? false,
    visible: stored?.visible ?? true,
    client_allowed: stored?.client_allowed ?? false,
    opens: tracking.opens ?? false,
    clicks: tracking.clicks ?? false,
  };
}

/** A whole category: what the form has no field for is taken over from the stored one. */
export function categoryOf(v: Values, stored: Category | undefined): Category {
  const names = { ...((stored?.name ?? {}) as Record<string, string>) };
  if (v.en) names.en = v.en;
  if (v.ko) names.ko = v.ko;
  const cap = stored?.cap as object | null | undefined;
  const kept = Object.fromEntries(
    Object.entries(stored ?? {}).filter(([name]) => !['key', 'ttl', 'cap'].includes(name)),
  );
  return {
    ...kept,
    ...(Object.keys(names).length > 0 ? { name: names } : {}),
    kind: v.kind as Category['kind'],
    channels: v.channels as Category['channels'],
    default_opt_in: Object.fromEntries(CHANNELS.map((channel) => [channel, v.opt_in.includes(channel)])),
    priority: v.priority,
    max_priority: v.max_priority,
    ...(v.ttl.trim() ? { ttl: v.ttl.trim() } : {}),
    retry: v.retry
      .split(',')
      .map((wait) => wait.trim())
      .filter(Boolean),
    quiet_hours: v.quiet_hours as Category['quiet_hours'],
    on_unknown: (v.on_unknown || null) as Category['on_unknown'],
    ...(v.cap_limit === ''
      ? {}
      : { cap: { ...cap, limit: Number(v.cap_limit), per: v.cap_per, on_exceed: v.cap_on } }),
    approval_over: Number(v.approval_over),
    mandatory: v.mandatory,
    sensitive: v.sensitive,
    visible: v.visible,
    client_allowed: v.client_allowed,
    tracking: { opens: v.opens, clicks: v.clicks },
  };
}

const SHOWN = [
  '/key',
  '/name',
  '/kind',
  '/channels',
  '/priority',
  '/max_priority',
  '/ttl',
  '/retry',
  '/cap',
  '/approval_over',
  '/quiet_hours',
  '/on_unknown',
  '/default_opt_in',
];

function Form({ stored }: { stored: Category | undefined }) {
  const t = useText(administerTexts);
  const c = useText(common);
  const client = useQueryClient();
  const [v, setValues] = useState(() => valuesOf(stored));
  const key = useKey(stored?.key, useCategories().data?.data);
  const set = (part: Partial<Values>) => setValues({ ...v, ...part });
  const save = useMutation({
    mutationFn: () =>
      body(
        api.PUT('/v1/categories/{key}', {
          params: { path: { key: key.key } },
          body: categoryOf(v, stored),
        }),
      ),
    onSuccess: () => {
      say(c.saved);
      void client.invalidateQueries({ queryKey: ['categories'] });
      go(to(['categories']));
    },
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    save.mutate();
  };
  const of = (...pointers: string[]) => complaint(save.error, ...pointers);
  const text = (
    name: 'en' | 'ko' | 'ttl' | 'retry' | 'cap_per',
    label: string,
    pointer: string,
    help?: string,
  ) => (
    <TextInput
      label={label}
      description={help}
      value={v[name]}
      onChange={(e) => set({ [name]: e.currentTarget.value })}
      error={of(pointer)}
    />
  );
  const choice = (
    name: 'kind' | 'priority' | 'max_priority' | 'quiet_hours' | 'on_unknown' | 'cap_on',
    label: string,
    words: Record<string, string>,
  ) => (
    <Select
      label={label}
      allowDeselect={false}
      data={Object.entries(words).map(([value, word]) => ({ value, label: word }))}
      value={v[name]}
      onChange={(value) => value !== null && set({ [name]: value })}
      error={of(`/${name}`)}
    />
  );
  const tick = (
    name: 'mandatory' | 'sensitive' | 'visible' | 'client_allowed' | 'opens' | 'clicks',
    label: string,
  ) => (
    <Checkbox label={label} checked={v[name]} onChange={(e) => set({ [name]: e.currentTarget.checked })} />
  );
  const channels = CHANNELS.map((value) => ({ value, label: c.channels[value] ?? value }));
  return (
    <Page
      title={stored?.key ?? t.freshCategory}
      above={<TextLink to={to(['categories'])}>← {t.categoriesTitle}</TextLink>}
    >
      <form onSubmit={submit} noValidate>
        <Section>
          <Stack gap="md">
            <SimpleGrid cols={{ base: 1, sm: 2, lg: 4 }} spacing="sm">
              <KeyField of={key} error={save.error} />
              {text('en', t.nameEn, '/name/en')}
              {text('ko', t.nameKo, '/name/ko')}
              {choice('kind', t.kind, t.kinds)}
              <MultiSelect
                label={t.channels}
                data={channels}
                value={v.channels}
                onChange={(value) => set({ channels: value })}
                error={of('/channels')}
              />
              {choice('priority', c.priority, c.priorities)}
              {choice('max_priority', t.maxPriority, c.priorities)}
              {text('ttl', t.ttl, '/ttl', t.ttlHelp)}
              {text('retry', t.retry, '/retry', t.retryHelp)}
              {choice('quiet_hours', t.quietHours, t.quiet)}
              {choice('on_unknown', t.onUnknown, t.onUnknowns)}
              <NumberInput
                label={t.approvalOver}
                description={t.approvalHelp}
                min={0}
                hideControls
                value={v.approval_over}
                onChange={(value) => set({ approval_over: value })}
                error={of('/approval_over')}
              />
              <NumberInput
                label={t.capLimit}
                min={1}
                hideControls
                value={v.cap_limit}
                onChange={(value) => set({ cap_limit: value })}
                error={of('/cap')}
              />
              {v.cap_limit !== '' && (
                <>
                  {text('cap_per', t.capPer, '/cap/per')}
                  {choice('cap_on', t.capOn, t.capOns)}
                </>
              )}
            </SimpleGrid>
            <MultiSelect
              label={t.defaults}
              data={channels}
              value={v.opt_in}
              onChange={(value) => set({ opt_in: value })}
              error={of('/default_opt_in')}
            />
            <SimpleGrid cols={{ base: 1, sm: 2, lg: 3 }} spacing="sm">
              {tick('mandatory', t.mandatory)}
              {tick('sensitive', t.sensitive)}
              {tick('visible', t.visible)}
              {tick('client_allowed', t.clientAllowed)}
              {tick('opens', t.trackOpens)}
              {tick('clicks', t.trackClicks)}
            </SimpleGrid>
            {save.error && <ProblemNote error={save.error} shown={SHOWN} />}
            <Group>
              <Button type="submit" loading={save.isPending} disabled={!key.isReady}>
                {c.save}
              </Button>
            </Group>
          </Stack>
        </Section>
      </form>
    </Page>
  );
}
