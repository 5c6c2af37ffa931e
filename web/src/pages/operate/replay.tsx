import { Code, Group, Select, Stack, Text, TextInput } from '@mantine/core';
import { useMutation, useQuery } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import { api, type Body, body } from '@/api/client';
import { useIntegrations } from '@/api/lists';
import { complaint } from '@/api/problem';
import { common } from '@/text/common';
import { formatNumber } from '@/text/format';
import { useText } from '@/text/language';
import { Facts, Loading, Mono, ProblemNote, Time } from '@/ui/basics';
import { Confirm, say } from '@/ui/feedback';
import { JsonField, parseObject } from '@/ui/json-field';
import { TimeField } from '@/ui/time-field';
import { reasonText } from './reason';
import { operateTexts } from './texts';

type Letter = Body<'DeadLetter'>;
type Request = Body<'ReplayRequest'>;

const useIntegrationKeys = (): string[] => {
  const integrations = useIntegrations();
  return (integrations.data?.data ?? []).map(({ key = '' }) => key);
};

function useReplay(request: () => Request, onStarted: (job: string | undefined) => void) {
  const t = useText(operateTexts);
  return useMutation({
    mutationFn: () => body(api.POST('/v1/dead-letters/replay', { body: request() })),
    onSuccess: (job) => {
      say(t.replayStarted);
      onStarted(job.id);
    },
  });
}

interface Props {
  onClose: () => void;
  onStarted: (job: string | undefined) => void;
}

/** What was chosen is sent again; one alone may be repaired first. */
export function ReplayDialog({ chosen, onClose, onStarted }: Props & { chosen: Letter[] }) {
  const t = useText(operateTexts);
  const only = chosen.length === 1 ? chosen[0] : undefined;
  const isEvent = only?.kind === 'event';
  const [address, setAddress] = useState('');
  const [integration, setIntegration] = useState<string | null>(null);
  const [params, setParams] = useState('');
  const [event, setEvent] = useState('');
  const keys = useIntegrationKeys();
  const changes = {
    ...(address.trim() ? { address: address.trim() } : {}),
    ...(integration ? { integration } : {}),
    ...(params.trim() ? { params: parseObject(params) } : {}),
    ...(event.trim() ? { event: parseObject(event) } : {}),
  };
  const isReadable = [params, event].every((text) => parseObject(text) !== undefined);
  const replay = useReplay(
    () =>
      ({
        ids: chosen.map((letter) => letter.id ?? ''),
        ...(Object.keys(changes).length > 0 ? { changes } : {}),
      }) as Request,
    onStarted,
  );
  return (
    <Confirm
      title={t.replayTitle}
      action={t.replay.replace('…', '')}
      isBusy={replay.isPending}
      isDisabled={!isReadable}
      error={replay.error}
      shown={['/changes/address', '/changes/integration', '/changes/params', '/changes/event']}
      onConfirm={() => replay.mutate()}
      onClose={onClose}
    >
      <Stack gap="sm">
        <Text size="sm">{t.replayHelp(formatNumber(chosen.length))}</Text>
        {only && <Inspect id={only.id ?? ''} />}
        {isEvent ? (
          <JsonField
            label={t.changeEvent}
            description={t.changeEventHelp}
            minRows={3}
            placeholder='{"data": {"user_id": "mina"}}'
            value={event}
            onChange={(e) => setEvent(e.currentTarget.value)}
            error={complaint(replay.error, '/changes/event')}
          />
        ) : (
          <>
            <Group grow align="flex-start">
              <Select
                label={t.changeIntegration}
                placeholder={t.keep}
                clearable
                data={keys}
                value={integration}
                onChange={setIntegration}
                error={complaint(replay.error, '/changes/integration')}
              />
              {only && (
                <TextInput
                  label={t.changeAddress}
                  placeholder={t.keep}
                  value={address}
                  onChange={(e) => setAddress(e.currentTarget.value)}
                  error={complaint(replay.error, '/changes/address')}
                />
              )}
            </Group>
            {only && (
              <JsonField
                label={t.changeParams}
                description={t.changeParamsHelp}
                minRows={2}
                placeholder='{"item": "Blue kettle"}'
                value={params}
                onChange={(e) => setParams(e.currentTarget.value)}
                error={complaint(replay.error, '/changes/params')}
              />
            )}
          </>
        )}
      </Stack>
    </Confirm>
  );
}

/** What is known of one: the event itself, where it is one. */
function Inspect({ id }: { id: string }) {
  const t = useText(operateTexts);
  const c = useText(common);
  const letter = useQuery({
    queryKey: ['dead-letter', id],
    queryFn: () => body(api.GET('/v1/dead-letters/{id}', { params: { path: { id } } })),
  });
  if (letter.isPending) return <Loading />;
  if (letter.isError) return <ProblemNote error={letter.error} />;
  const { reason, detail, integration, attempts, at, event, rule } = letter.data;
  return (
    <>
      <Facts
        items={[
          [c.reason, [reasonText(reason ?? '', c.reasons), detail].filter(Boolean).join(' · ')],
          [t.givenUp, <Time key="at" at={at} />],
          ...(rule ? ([[t.rule, <Mono key="rule">{rule}</Mono>]] as [string, ReactNode][]) : []),
          ...(integration ? ([[t.integration, integration]] as [string, string][]) : []),
          [t.attempts, formatNumber(attempts ?? 0)],
        ]}
      />
      {event && (
        <Code block mah="14rem" tabIndex={0} style={{ overflow: 'auto' }}>
          {JSON.stringify(event, null, 2)}
        </Code>
      )}
    </>
  );
}

const KINDS = ['delivery', 'event'] as const;

/** Everything of a kind is sent again: when a provider was down, or a setting wrong. */
export function ReplayAllDialog({ onClose, onStarted }: Props) {
  const t = useText(operateTexts);
  const c = useText(common);
  const [filter, setFilter] = useState<NonNullable<Request['filter']>>({});
  const [isBadTime, setBadTime] = useState(false);
  const keys = useIntegrationKeys();
  const wanted = Object.fromEntries(Object.entries(filter).filter(([, value]) => value));
  const replay = useReplay(() => ({ filter: wanted }), onStarted);
  const set = (part: Partial<typeof filter>) => setFilter({ ...filter, ...part });
  const time = (name: 'from' | 'until', label: string) => (
    <TimeField
      label={label}
      onChange={(instant) => set({ [name]: instant })}
      onBad={setBadTime}
      error={complaint(replay.error, `/filter/${name}`)}
    />
  );
  return (
    <Confirm
      title={t.replayAll.replace('…', '')}
      action={t.replayAll.replace('…', '')}
      isBusy={replay.isPending}
      isDisabled={isBadTime}
      error={replay.error}
      shown={['/filter']}
      onConfirm={() => replay.mutate()}
      onClose={onClose}
    >
      <Text size="sm">{t.replayFilterHelp}</Text>
      <Group grow align="flex-start">
        <Select
          label={t.kind}
          placeholder={c.all}
          clearable
          data={KINDS.map((value) => ({ value, label: value === 'event' ? t.event : t.delivery }))}
          value={filter.kind ?? null}
          onChange={(kind) => set({ kind: (kind ?? undefined) as typeof filter.kind })}
          error={complaint(replay.error, '/filter/kind')}
        />
        <Select
          label={c.channel}
          placeholder={c.all}
          clearable
          data={Object.entries(c.channels).map(([value, label]) => ({ value, label }))}
          value={filter.channel ?? null}
          onChange={(channel) => set({ channel: channel ?? undefined })}
          error={complaint(replay.error, '/filter/channel')}
        />
        <Select
          label={t.integration}
          placeholder={c.all}
          clearable
          data={keys}
          value={filter.integration ?? null}
          onChange={(integration) => set({ integration: integration ?? undefined })}
          error={complaint(replay.error, '/filter/integration')}
        />
      </Group>
      <Group grow align="flex-start">
        {time('from', t.from)}
        {time('until', t.until)}
      </Group>
    </Confirm>
  );
}
