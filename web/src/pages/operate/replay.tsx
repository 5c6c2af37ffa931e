import { Checkbox, Group, Select, Stack, Text, TextInput } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { useState } from 'react';
import { api, type Body, body } from '@/api/client';
import { complaint } from '@/api/problem';
import { formatNumber } from '@/text/format';
import { useText } from '@/text/language';
import { Confirm, say } from '@/ui/feedback';
import { JsonField, parseObject } from '@/ui/json-field';
import { FilterFields, LetterFacts, useIntegrationKeys } from './letter-fields';
import { given, type Letter, type LetterFilter } from './letters';
import { operateTexts } from './texts';

type Request = Body<'ReplayRequest'>;

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

interface Changes {
  address: string;
  integration: string | null;
  /** JSON, or nothing. */
  params: string;
  event: string;
  record: string;
}

const UNCHANGED: Changes = { address: '', integration: null, params: '', event: '', record: '' };
const JSON_PARTS = ['params', 'event', 'record'] as const;

/** What is sent of them; undefined while one is no JSON. */
export function changesOf(changes: Changes): Record<string, unknown> | undefined {
  const sent: Record<string, unknown> = {};
  if (changes.address.trim()) sent.address = changes.address.trim();
  if (changes.integration) sent.integration = changes.integration;
  for (const part of JSON_PARTS) {
    if (!changes[part].trim()) continue;
    sent[part] = parseObject(changes[part]);
    if (sent[part] === undefined) return undefined;
  }
  return sent;
}

/** What was chosen is sent again; one alone may be repaired first. */
export function ReplayDialog({ chosen, onClose, onStarted }: Props & { chosen: Letter[] }) {
  const t = useText(operateTexts);
  const only = chosen.length === 1 ? chosen[0] : undefined;
  const [changes, setChanges] = useState(UNCHANGED);
  const [isRepublished, setRepublished] = useState(false);
  const sent = changesOf(changes);
  const areRecords = chosen.every((letter) => letter.kind === 'record');
  const replay = useReplay(
    () =>
      ({
        ids: chosen.map((letter) => letter.id ?? ''),
        ...(sent && Object.keys(sent).length > 0 ? { changes: sent } : {}),
        ...(areRecords && isRepublished ? { republish: true } : {}),
      }) as Request,
    onStarted,
  );
  return (
    <Confirm
      title={t.replayTitle}
      action={t.replay.replace('…', '')}
      isBusy={replay.isPending}
      isDisabled={!sent}
      error={replay.error}
      shown={['/changes/address', '/changes/integration', ...JSON_PARTS.map((part) => `/changes/${part}`)]}
      onConfirm={() => replay.mutate()}
      onClose={onClose}
    >
      <Stack gap="sm">
        <Text size="sm">{t.replayHelp(formatNumber(chosen.length))}</Text>
        {only?.id?.startsWith('dl_') && <LetterFacts id={only.id} />}
        <ChangeFields
          kind={areRecords ? 'record' : only?.kind === 'event' ? 'event' : 'delivery'}
          isOnly={only !== undefined}
          changes={changes}
          onChange={setChanges}
          error={replay.error}
        />
        {areRecords && (
          <Checkbox
            label={t.republish}
            checked={isRepublished}
            onChange={(e) => setRepublished(e.currentTarget.checked)}
          />
        )}
      </Stack>
    </Confirm>
  );
}

interface ChangeProps {
  kind: 'delivery' | 'event' | 'record';
  /** Whether one alone is sent again: an address or parameters fit no two. */
  isOnly: boolean;
  changes: Changes;
  onChange: (changes: Changes) => void;
  error: unknown;
}

function ChangeFields({ kind, isOnly, changes, onChange, error }: ChangeProps) {
  const t = useText(operateTexts);
  const keys = useIntegrationKeys();
  const set = (part: Partial<Changes>) => onChange({ ...changes, ...part });
  const json = (part: (typeof JSON_PARTS)[number], label: string, help: string, sample: string) => (
    <JsonField
      label={label}
      description={help}
      minRows={2}
      placeholder={sample}
      value={changes[part]}
      onChange={(e) => set({ [part]: e.currentTarget.value })}
      error={complaint(error, `/changes/${part}`)}
    />
  );
  if (kind === 'record') {
    return isOnly && json('record', t.changeRecord, t.changeRecordHelp, '{"user_id": "mina"}');
  }
  if (kind === 'event') {
    return json('event', t.changeEvent, t.changeEventHelp, '{"data": {"user_id": "mina"}}');
  }
  return (
    <>
      <Group grow align="flex-start">
        <Select
          label={t.changeIntegration}
          placeholder={t.keep}
          clearable
          data={keys}
          value={changes.integration}
          onChange={(integration) => set({ integration })}
          error={complaint(error, '/changes/integration')}
        />
        {isOnly && (
          <TextInput
            label={t.changeAddress}
            placeholder={t.keep}
            value={changes.address}
            onChange={(e) => set({ address: e.currentTarget.value })}
            error={complaint(error, '/changes/address')}
          />
        )}
      </Group>
      {isOnly && json('params', t.changeParams, t.changeParamsHelp, '{"item": "Blue kettle"}')}
    </>
  );
}

/** Everything of a kind is sent again: when a provider was down, or a setting wrong. */
export function ReplayAllDialog({ onClose, onStarted }: Props) {
  const t = useText(operateTexts);
  const [filter, setFilter] = useState<LetterFilter>({});
  const [isBadTime, setBadTime] = useState(false);
  const replay = useReplay(() => ({ filter: given(filter) }), onStarted);
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
      <FilterFields filter={filter} onChange={setFilter} onBadTime={setBadTime} error={replay.error} />
    </Confirm>
  );
}
