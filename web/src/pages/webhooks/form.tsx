import {
  Checkbox,
  Input,
  NumberInput,
  PasswordInput,
  SimpleGrid,
  Stack,
  Switch,
  Text,
  TextInput,
} from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api, type Body, body } from '@/api/client';
import { LIVE } from '@/api/live';
import { complaint } from '@/api/problem';
import { go, to } from '@/app/router';
import { common } from '@/text/common';
import { useText } from '@/text/language';
import { Loading, ProblemNote } from '@/ui/basics';
import { EditorPage, StoredPage } from '@/ui/editor';
import { say } from '@/ui/feedback';
import { KeyField, useKey } from '@/ui/resource';
import { type Secrets, SecretsDialog, secretsOf } from '@/ui/secrets';
import { ALL, covers, kindsOf, toggled, withoutRepeats } from './model';
import { webhookTexts } from './texts';
import classes from './webhooks.module.css';

type Webhook = Body<'Webhook'>;
const SHOWN = ['/key', '/url', '/events', '/description', '/max_in_flight', '/secret'];

export const useWebhookEvents = () =>
  useQuery({
    queryKey: ['webhook-events'],
    queryFn: () => body(api.GET('/v1/webhook-events')),
    staleTime: Infinity,
  });

export function EditPage({ name }: { name: string }) {
  const stored = useQuery({
    queryKey: ['webhook', name],
    queryFn: () => body(api.GET('/v1/webhooks/{key}', { params: { path: { key: name } } })),
    gcTime: 0,
    staleTime: Infinity,
  });
  return (
    <StoredPage name={name} parent={{ title: name, address: to(['webhooks', name]) }} query={stored}>
      {(found) => <WebhookForm stored={found} />}
    </StoredPage>
  );
}

export function WebhookForm({ stored }: { stored: Webhook | undefined }) {
  const t = useText(webhookTexts);
  const c = useText(common);
  const client = useQueryClient();
  const [v, setValues] = useState(() => ({
    url: stored?.url ?? '',
    events: stored?.events ?? ['delivery.*'],
    description: stored?.description ?? '',
    enabled: stored?.enabled ?? true,
    addresses: stored?.addresses ?? false,
    sandbox: stored?.sandbox ?? true,
    max_in_flight: (stored?.max_in_flight ?? 32) as number | string,
  }));
  const [secret, setSecret] = useState('');
  const [secrets, setSecrets] = useState<Secrets>();
  const set = (part: Partial<typeof v>) => setValues({ ...v, ...part });
  const list = useQuery({ queryKey: [LIVE, 'webhooks'], queryFn: () => body(api.GET('/v1/webhooks')) });
  const key = useKey(stored?.key, list.data?.data, secrets !== undefined);
  const name = key.key;
  const save = useMutation({
    mutationFn: () =>
      body(
        api.PUT('/v1/webhooks/{key}', {
          params: { path: { key: name } },
          body: {
            ...v,
            events: withoutRepeats(v.events),
            max_in_flight: Number(v.max_in_flight),
            ...(secret.trim() && !stored ? { secret: secret.trim() } : {}),
          },
        }),
      ),
    onSuccess: (answer) => {
      const shown = secretsOf(answer, ['secret']);
      void client.invalidateQueries({ queryKey: [LIVE] });
      if (Object.keys(shown).length > 0) return setSecrets(shown);
      say(c.saved);
      go(to(['webhooks', name]));
    },
  });
  const of = (pointer: string) => complaint(save.error, pointer);
  return (
    <EditorPage
      title={stored?.key ?? t.fresh}
      parent={
        stored
          ? { title: name, address: to(['webhooks', name]) }
          : { title: t.title, address: to(['webhooks']) }
      }
      save={save}
      shown={SHOWN}
      isReady={key.isReady}
    >
      <SimpleGrid cols={{ base: 1, sm: 2 }} spacing="sm">
        <KeyField of={key} error={save.error} />
        <TextInput
          label={t.url}
          description={t.urlHelp}
          type="url"
          required
          placeholder="https://shop.example.com/hooks/carillon"
          value={v.url}
          onChange={(e) => set({ url: e.currentTarget.value })}
          error={of('/url')}
        />
      </SimpleGrid>
      <TextInput
        label={t.description}
        value={v.description}
        onChange={(e) => set({ description: e.currentTarget.value })}
        error={of('/description')}
      />
      <Events chosen={v.events} onChange={(events) => set({ events })} error={of('/events')} />
      <SimpleGrid cols={{ base: 1, sm: 2 }} spacing="sm">
        <Switch
          label={t.enabled}
          description={t.enabledHelp}
          checked={v.enabled}
          onChange={(e) => set({ enabled: e.currentTarget.checked })}
        />
        <Switch
          label={t.addresses}
          description={t.addressesHelp}
          checked={v.addresses}
          onChange={(e) => set({ addresses: e.currentTarget.checked })}
        />
        <Switch
          label={t.sandbox}
          checked={v.sandbox}
          onChange={(e) => set({ sandbox: e.currentTarget.checked })}
        />
        <NumberInput
          label={t.inFlight}
          description="1–256"
          hideControls
          value={v.max_in_flight}
          onChange={(value) => set({ max_in_flight: value })}
          error={of('/max_in_flight')}
        />
        {!stored && (
          <PasswordInput
            label={t.ownSecret}
            description={t.ownSecretHelp}
            autoComplete="new-password"
            value={secret}
            onChange={(e) => setSecret(e.currentTarget.value)}
            error={of('/secret')}
          />
        )}
      </SimpleGrid>
      {secrets && (
        <SecretsDialog secrets={secrets} onClose={() => go(to(['webhooks', name]))}>
          {t.secretHelp}
        </SecretsDialog>
      )}
    </EditorPage>
  );
}

interface EventsProps {
  chosen: string[];
  onChange: (chosen: string[]) => void;
  error: string | undefined;
}

function Events({ chosen, onChange, error }: EventsProps) {
  const t = useText(webhookTexts);
  const events = useWebhookEvents();
  if (events.isPending) return <Loading />;
  if (events.isError) return <ProblemNote error={events.error} retry={() => void events.refetch()} />;
  const isAll = chosen.includes(ALL);
  const toggle = (pattern: string) => (e: { currentTarget: { checked: boolean } }) =>
    onChange(toggled(chosen, pattern, e.currentTarget.checked));
  return (
    <fieldset className={classes.events}>
      <legend>
        {t.events}{' '}
        <Text span size="xs" c="dimmed">
          {t.eventsHelp}
        </Text>
      </legend>
      {error && <Input.Error role="alert">{error}</Input.Error>}
      <Checkbox label={t.allEvents} checked={isAll} onChange={toggle(ALL)} />
      <div className={classes.kinds}>
        {kindsOf(events.data.data).map(({ kind, pattern, events: ofKind }) => (
          <Stack key={kind} gap={6} role="group" aria-label={t.kinds[kind] ?? kind}>
            <Checkbox
              fw={600}
              label={t.allOf(t.kinds[kind] ?? kind)}
              checked={isAll || chosen.includes(pattern)}
              disabled={isAll}
              onChange={toggle(pattern)}
            />
            {ofKind.map(({ type = '', description }) => (
              <Checkbox
                key={type}
                ml="lg"
                size="xs"
                label={<code>{type}</code>}
                description={t.eventWords[type] ?? description}
                checked={covers(chosen, type)}
                disabled={isAll || chosen.includes(pattern)}
                onChange={toggle(type)}
              />
            ))}
          </Stack>
        ))}
      </div>
    </fieldset>
  );
}
