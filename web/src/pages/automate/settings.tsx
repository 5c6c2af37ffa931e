import {
  Button,
  Checkbox,
  Group,
  PasswordInput,
  SimpleGrid,
  Stack,
  Textarea,
  TextInput,
} from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { api, type Body, body } from '@/api/client';
import { complaint } from '@/api/problem';
import { common } from '@/text/common';
import { useText } from '@/text/language';
import { Loading, Page, ProblemNote, Section } from '@/ui/basics';
import { say } from '@/ui/feedback';
import { automateTexts } from './texts';

type Settings = Body<'Settings'>;

export function SettingsPage() {
  const t = useText(automateTexts);
  const stored = useQuery({
    queryKey: ['settings'],
    queryFn: () => body(api.GET('/v1/settings')),
    staleTime: Infinity,
    gcTime: 0,
  });
  return (
    <Page title={t.settings} help={t.settingsHelp}>
      {stored.isPending ? (
        <Loading />
      ) : stored.isError ? (
        <ProblemNote error={stored.error} retry={() => void stored.refetch()} />
      ) : (
        <Form key={stored.dataUpdatedAt} stored={stored.data} />
      )}
    </Page>
  );
}

interface Values {
  locale: string;
  time_zone: string;
  unique_email: boolean;
  quiet_from: string;
  quiet_to: string;
  brand_name: string;
  brand_color: string;
  brand_logo: string;
  cors: string;
  alert_email: string;
  alert_url: string;
  alert_secret: string;
}

function valuesOf(stored: Settings): Values {
  const quiet = stored.quiet_hours as { from?: string; to?: string } | null | undefined;
  return {
    locale: stored.locale ?? '',
    time_zone: stored.time_zone ?? '',
    unique_email: stored.unique_email === true,
    quiet_from: quiet?.from ?? '',
    quiet_to: quiet?.to ?? '',
    brand_name: stored.brand?.name ?? '',
    brand_color: stored.brand?.color ?? '',
    brand_logo: stored.brand?.logo_url ?? '',
    cors: (stored.cors_origins ?? []).join('\n'),
    alert_email: (stored.alerts?.email ?? []).join('\n'),
    alert_url: stored.alerts?.webhook?.url ?? '',
    alert_secret: '',
  };
}

const lines = (text: string): string[] =>
  text
    .split('\n')
    .map((line) => line.trim())
    .filter(Boolean);

/** What to change: members that the form has no field for stay as they are. */
export function changesOf(v: Values, stored: Settings): Settings {
  const brand: Record<string, string> = { ...stored.brand };
  for (const [name, value] of [
    ['name', v.brand_name],
    ['color', v.brand_color],
    ['logo_url', v.brand_logo],
  ] as const) {
    if (value.trim()) brand[name] = value.trim();
    else Reflect.deleteProperty(brand, name);
  }
  const hasSecret = stored.alerts?.webhook !== undefined;
  const webhook = v.alert_url.trim()
    ? { url: v.alert_url.trim(), secret: v.alert_secret || (hasSecret ? { set: true } : '') }
    : undefined;
  const email = lines(v.alert_email);
  return {
    locale: v.locale.trim(),
    time_zone: v.time_zone.trim(),
    unique_email: v.unique_email,
    quiet_hours: v.quiet_from || v.quiet_to ? { from: v.quiet_from, to: v.quiet_to } : null,
    brand,
    cors_origins: lines(v.cors),
    alerts:
      webhook || email.length > 0
        ? { ...(webhook ? { webhook } : {}), ...(email.length > 0 ? { email } : {}) }
        : null,
  } as Settings;
}

const SHOWN = ['/locale', '/time_zone', '/quiet_hours', '/brand', '/cors_origins', '/alerts'];

function Form({ stored }: { stored: Settings }) {
  const t = useText(automateTexts);
  const c = useText(common);
  const client = useQueryClient();
  const [v, setValues] = useState(() => valuesOf(stored));
  const save = useMutation({
    mutationFn: () => body(api.PATCH('/v1/settings', { body: changesOf(v, stored) })),
    onSuccess: (answer) => {
      say(c.saved);
      client.setQueryData(['settings'], answer);
    },
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    save.mutate();
  };
  const of = (...pointers: string[]) => complaint(save.error, ...pointers);
  const text = (
    name: Exclude<keyof Values, 'unique_email'>,
    label: string,
    pointers: string[],
    type = 'text',
    help?: string,
  ) => (
    <TextInput
      label={label}
      type={type}
      description={help}
      value={v[name]}
      onChange={(e) => setValues({ ...v, [name]: e.currentTarget.value })}
      error={of(...pointers)}
    />
  );
  const area = (name: 'cors' | 'alert_email', label: string, help: string, pointer: string) => (
    <Textarea
      label={label}
      description={help}
      autosize
      minRows={2}
      spellCheck={false}
      value={v[name]}
      onChange={(e) => setValues({ ...v, [name]: e.currentTarget.value })}
      error={of(pointer)}
    />
  );
  return (
    <form onSubmit={submit} noValidate>
      <Stack>
        <Section title={t.defaults}>
          <Stack gap="sm">
            <SimpleGrid cols={{ base: 1, sm: 2 }} spacing="sm">
              {text('locale', t.locale, ['/locale'])}
              {text('time_zone', t.zone, ['/time_zone'])}
              {text('quiet_from', t.quietFrom, ['/quiet_hours', '/quiet_hours/from'], 'time', t.quietHelp)}
              {text('quiet_to', t.quietTo, ['/quiet_hours/to'], 'time')}
            </SimpleGrid>
            <Checkbox
              label={t.uniqueEmail}
              checked={v.unique_email}
              onChange={(e) => setValues({ ...v, unique_email: e.currentTarget.checked })}
            />
          </Stack>
        </Section>
        <Section title={t.brand}>
          <SimpleGrid cols={{ base: 1, sm: 3 }} spacing="sm">
            {text('brand_name', t.brandName, ['/brand/name'], 'text', t.brandHelp)}
            {text('brand_color', t.brandColor, ['/brand/color'], 'text', '#0a7d4b')}
            {text('brand_logo', t.brandLogo, ['/brand/logo_url'], 'url')}
          </SimpleGrid>
        </Section>
        <Section title={t.alerts}>
          <Stack gap="sm">
            {area('alert_email', t.alertEmail, t.alertEmailHelp, '/alerts/email')}
            <SimpleGrid cols={{ base: 1, sm: 2 }} spacing="sm">
              {text('alert_url', t.alertWebhook, ['/alerts/webhook/url'], 'url')}
              <PasswordInput
                label={t.alertSecret}
                autoComplete="new-password"
                placeholder={stored.alerts?.webhook ? t.secretSet : undefined}
                value={v.alert_secret}
                onChange={(e) => setValues({ ...v, alert_secret: e.currentTarget.value })}
                error={of('/alerts/webhook/secret')}
              />
            </SimpleGrid>
          </Stack>
        </Section>
        <Section title={t.web}>{area('cors', t.cors, t.corsHelp, '/cors_origins')}</Section>
        {save.error && <ProblemNote error={save.error} shown={SHOWN} />}
        <Group>
          <Button type="submit" loading={save.isPending}>
            {c.save}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
