import {
  Button,
  Checkbox,
  Group,
  PasswordInput,
  Select,
  SimpleGrid,
  Stack,
  Switch,
  Text,
  Textarea,
  TextInput,
} from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { api, type Body, body } from '@/api/client';
import { LIVE } from '@/api/live';
import { complaint } from '@/api/problem';
import { go, to } from '@/app/router';
import { common } from '@/text/common';
import { useLanguage, useText } from '@/text/language';
import { Loading, Page, ProblemNote, Section, TextLink } from '@/ui/basics';
import { say } from '@/ui/feedback';
import { operateTexts } from './texts';

export interface Setting {
  name: string;
  type: 'text' | 'secret' | 'integer' | 'number' | 'boolean' | 'duration' | 'choice';
  unit: string;
  default: string;
  required: boolean;
  secret: boolean;
  help: string;
  choices?: string[];
}

// Settings that every integration has (CONTRACT §6): they stand apart from what the provider asks for.
const SHARED = new Set(['endpoint', 'ca_file', 'timeout', 'rate', 'max_in_flight']);
// Keys and certificates of several lines.
const LONG = /private_key|service_account|certificate|pem|public_key/;

/**
 * What is written of the settings: numbers as numbers, nothing of an empty field. A secret that is stored and left
 * empty is written as it is read, {"set": true}, which keeps it.
 */
export function settingsOf(
  values: Record<string, string>,
  settings: Setting[],
  isSet: (name: string) => boolean,
): Record<string, unknown> {
  const written: Record<string, unknown> = {};
  for (const { name, type } of settings) {
    const value = values[name]?.trim() ?? '';
    if (value === '') {
      if (isSet(name)) written[name] = { set: true };
      continue;
    }
    const isNumber = (type === 'integer' || type === 'number') && /^-?\d+(\.\d+)?$/.test(value);
    written[name] = isNumber ? Number(value) : type === 'boolean' ? value === 'true' : value;
  }
  return written;
}

export function IntegrationForm({ name }: { name?: string }) {
  const t = useText(operateTexts);
  // What a setting is for, in the language that is read here and not in the browser's.
  const language = useLanguage();
  const types = useQuery({
    queryKey: ['provider-types', language],
    queryFn: () => body(api.GET('/v1/provider-types', { headers: { 'Accept-Language': language } })),
    staleTime: Infinity,
  });
  const stored = useQuery({
    queryKey: ['integration', name],
    queryFn: () => body(api.GET('/v1/integrations/{key}', { params: { path: { key: name ?? '' } } })),
    enabled: name !== undefined,
    gcTime: 0,
  });
  const above = <TextLink to={to(['integrations'])}>← {t.integrations}</TextLink>;
  const error = types.error ?? stored.error;
  if (error || types.isPending || (name !== undefined && stored.isPending)) {
    return (
      <Page title={name ?? t.fresh} above={above}>
        {error ? <ProblemNote error={error} /> : <Loading />}
      </Page>
    );
  }
  return <Form types={types.data?.data ?? []} stored={stored.data} />;
}

function Form({ types, stored }: { types: Body<'ProviderType'>[]; stored: Body<'Integration'> | undefined }) {
  const t = useText(operateTexts);
  const c = useText(common);
  const client = useQueryClient();
  const [provider, setProvider] = useState<string | null>(stored?.provider ?? null);
  const [key, setKey] = useState(stored?.key ?? '');
  const [isEnabled, setEnabled] = useState(stored?.enabled !== false);
  const [isTested, setTested] = useState(true);
  const [values, setValues] = useState<Record<string, string>>(() =>
    Object.fromEntries(
      Object.entries((stored?.settings ?? {}) as object).flatMap(([name, value]) =>
        typeof value === 'object' && value !== null ? [] : [[name, String(value)]],
      ),
    ),
  );
  const type = types.find((one) => one.name === provider);
  const settings = (type?.settings ?? []) as unknown as Setting[];
  const isSecretSet = (name: string) => {
    const value = (stored?.settings as Record<string, unknown> | undefined)?.[name];
    return typeof value === 'object' && value !== null && 'set' in value;
  };
  const save = useMutation({
    mutationFn: () =>
      body(
        api.PUT('/v1/integrations/{key}', {
          params: { path: { key: key.trim() }, query: { test: String(isTested) } },
          body: {
            provider: provider ?? '',
            settings: settingsOf(values, settings, isSecretSet),
            enabled: isEnabled,
          } as Body<'Integration'>,
        }),
      ),
    onSuccess: () => {
      say(c.saved);
      void client.invalidateQueries({ queryKey: [LIVE] });
      void client.invalidateQueries({ queryKey: ['integration'] });
      go(to(['integrations']));
    },
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    save.mutate();
  };
  const field = (setting: Setting) => (
    <SettingField
      key={setting.name}
      setting={setting}
      isSet={isSecretSet(setting.name)}
      value={values[setting.name] ?? ''}
      onChange={(value) => setValues({ ...values, [setting.name]: value })}
      error={complaint(save.error, `/settings/${setting.name}`)}
    />
  );
  return (
    <Page
      title={stored?.key ?? t.fresh}
      above={<TextLink to={to(['integrations'])}>← {t.integrations}</TextLink>}
    >
      <form onSubmit={submit} noValidate>
        <Stack>
          <Section title={t.provider}>
            <SimpleGrid cols={{ base: 1, sm: 2 }} spacing="sm">
              <Select
                label={t.chooseProvider}
                required
                searchable
                readOnly={stored !== undefined}
                allowDeselect={false}
                data={types.map((one) => ({
                  value: one.name ?? '',
                  label: `${one.title ?? one.name ?? ''} · ${one.channel === '*' ? c.all : (c.channels[one.channel ?? ''] ?? one.channel ?? '')}`,
                }))}
                value={provider}
                onChange={(value) => {
                  setProvider(value);
                  if (!key && value) setKey(value.replace(/_/g, '-'));
                }}
                error={complaint(save.error, '/provider')}
              />
              <TextInput
                label={t.integrationKey}
                description={stored ? undefined : t.keyHelp}
                required
                readOnly={stored !== undefined}
                value={key}
                onChange={(e) => setKey(e.currentTarget.value)}
                error={complaint(save.error, '/key')}
              />
            </SimpleGrid>
          </Section>
          {type && (
            <>
              <Section title={t.settings}>
                <SimpleGrid cols={{ base: 1, sm: 2 }} spacing="sm">
                  {settings.filter((setting) => !SHARED.has(setting.name)).map(field)}
                </SimpleGrid>
              </Section>
              <Section title={t.common}>
                <SimpleGrid cols={{ base: 1, sm: 2 }} spacing="sm">
                  {settings.filter((setting) => SHARED.has(setting.name)).map(field)}
                </SimpleGrid>
              </Section>
            </>
          )}
          <Section title={c.save}>
            <Stack gap="sm">
              <Switch
                label={t.enabled}
                description={t.enabledHelp}
                checked={isEnabled}
                onChange={(e) => setEnabled(e.currentTarget.checked)}
              />
              <Checkbox
                label={t.testFirst}
                checked={isTested}
                onChange={(e) => setTested(e.currentTarget.checked)}
              />
              {save.error && <ProblemNote error={save.error} shown={['/provider', '/key', '/settings']} />}
              <Group>
                <Button type="submit" loading={save.isPending} disabled={!type || key.trim() === ''}>
                  {c.save}
                </Button>
                <Text size="sm" c="dimmed">
                  {type && t.guide(`docs/guides/providers/${type.name ?? ''}.md`)}
                </Text>
              </Group>
            </Stack>
          </Section>
        </Stack>
      </form>
    </Page>
  );
}

interface FieldProps {
  setting: Setting;
  isSet: boolean;
  value: string;
  onChange: (value: string) => void;
  error: string | undefined;
}

function SettingField({ setting, isSet, value, onChange, error }: FieldProps) {
  const t = useText(operateTexts);
  const c = useText(common);
  const shared = {
    label: setting.name,
    required: setting.required && !isSet,
    error,
    description: [t.settingHelps[setting.name ?? ''] ?? setting.help, setting.unit && t.unit(setting.unit)]
      .filter(Boolean)
      .join(' · '),
    placeholder: isSet ? t.secretSet : setting.default ? t.defaultIs(setting.default) : undefined,
  };
  if (setting.type === 'choice' || setting.type === 'boolean') {
    const data =
      setting.type === 'choice'
        ? (setting.choices ?? []).map((choice) => ({ value: choice, label: choice }))
        : [
            { value: 'true', label: c.yes },
            { value: 'false', label: c.no },
          ];
    return (
      <Select
        {...shared}
        clearable
        data={data}
        value={value || null}
        onChange={(chosen) => onChange(chosen ?? '')}
      />
    );
  }
  if (LONG.test(setting.name)) {
    return (
      <Textarea
        {...shared}
        autosize
        minRows={3}
        maxRows={10}
        spellCheck={false}
        autoComplete="off"
        value={value}
        onChange={(e) => onChange(e.currentTarget.value)}
      />
    );
  }
  if (setting.secret) {
    return (
      <PasswordInput
        {...shared}
        autoComplete="new-password"
        value={value}
        onChange={(e) => onChange(e.currentTarget.value)}
      />
    );
  }
  return (
    <TextInput
      {...shared}
      inputMode={setting.type === 'integer' || setting.type === 'number' ? 'decimal' : undefined}
      autoComplete="off"
      value={value}
      onChange={(e) => onChange(e.currentTarget.value)}
    />
  );
}
