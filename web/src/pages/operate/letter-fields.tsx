import { Code, Group, Select, TextInput } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { api, body } from '@/api/client';
import { useIntegrations } from '@/api/lists';
import { complaint } from '@/api/problem';
import { to } from '@/app/router';
import { common } from '@/text/common';
import { formatNumber } from '@/text/format';
import { useText } from '@/text/language';
import { Facts, Loading, Mono, ProblemNote, TextLink, Time } from '@/ui/basics';
import { TimeField } from '@/ui/time-field';
import { KINDS, type Letter, type LetterFilter } from './letters';
import { reasonText } from './reason';
import { operateTexts } from './texts';

export const useIntegrationKeys = (): string[] => {
  const integrations = useIntegrations();
  return (integrations.data?.data ?? []).map(({ key = '' }) => key);
};

interface FilterProps {
  filter: LetterFilter;
  onChange: (filter: LetterFilter) => void;
  onBadTime: (isBad: boolean) => void;
  error: unknown;
}

/** Which of them: by what they have in common. */
export function FilterFields({ filter, onChange, onBadTime, error }: FilterProps) {
  const t = useText(operateTexts);
  const c = useText(common);
  const keys = useIntegrationKeys();
  const set = (part: LetterFilter) => onChange({ ...filter, ...part });
  const choice = (
    name: 'kind' | 'channel' | 'integration',
    label: string,
    data: { value: string; label: string }[],
  ) => (
    <Select
      label={label}
      placeholder={c.all}
      clearable
      data={data}
      value={filter[name] ?? null}
      onChange={(value) => set({ [name]: value ?? undefined })}
      error={complaint(error, `/filter/${name}`)}
    />
  );
  const text = (name: 'reason' | 'rule' | 'topic', label: string, placeholder: string) => (
    <TextInput
      label={label}
      placeholder={placeholder}
      value={filter[name] ?? ''}
      onChange={(e) => set({ [name]: e.currentTarget.value.trim() || undefined })}
      error={complaint(error, `/filter/${name}`)}
    />
  );
  const time = (name: 'from' | 'until', label: string) => (
    <TimeField
      label={label}
      onChange={(instant) => set({ [name]: instant })}
      onBad={onBadTime}
      error={complaint(error, `/filter/${name}`)}
    />
  );
  return (
    <>
      <Group grow align="flex-start">
        {choice(
          'kind',
          t.kind,
          KINDS.map((value) => ({ value, label: t.letterKinds[value] ?? value })),
        )}
        {choice(
          'channel',
          c.channel,
          Object.entries(c.channels).map(([value, label]) => ({ value, label })),
        )}
        {choice(
          'integration',
          t.integration,
          keys.map((value) => ({ value, label: value })),
        )}
      </Group>
      <Group grow align="flex-start">
        {text('reason', t.reasonCode, 'retries_exhausted')}
        {filter.kind === 'event' && text('rule', t.rule, '')}
        {filter.kind === 'record' && text('topic', t.topic, '')}
      </Group>
      <Group grow align="flex-start">
        {time('from', t.from)}
        {time('until', t.until)}
      </Group>
    </>
  );
}

/** What is known of one letter: why, after how many attempts, and the event or the record that it is. */
export function LetterFacts({ id }: { id: string }) {
  const t = useText(operateTexts);
  const c = useText(common);
  const letter = useQuery({
    queryKey: ['dead-letter', id],
    queryFn: () => body(api.GET('/v1/dead-letters/{id}', { params: { path: { id } } })) as Promise<Letter>,
  });
  if (letter.isPending) return <Loading />;
  if (letter.isError) return <ProblemNote error={letter.error} />;
  const { reason, detail, integration, attempts, at, event, record, rule, discarded } = letter.data;
  const facts: [string, ReactNode][] = [
    [c.reason, [reasonText(reason ?? '', c.reasons), detail].filter(Boolean).join(' · ')],
    [t.givenUp, <Time key="at" at={at} />],
    [t.attempts, formatNumber(attempts ?? 0)],
  ];
  if (letter.data.delivery_id) {
    facts.push([
      t.delivery,
      <TextLink
        key="delivery"
        to={to(['history', letter.data.notification_id ?? '', letter.data.delivery_id])}
      >
        {letter.data.delivery_id}
      </TextLink>,
    ]);
  }
  if (rule) facts.push([t.rule, <Mono key="rule">{rule}</Mono>]);
  if (integration) facts.push([t.integration, integration]);
  if (record) {
    facts.push([
      t.topic,
      <Mono key="topic">{`${record.topic ?? ''} ${record.partition ?? 0}/${record.offset ?? 0}`}</Mono>,
    ]);
  }
  if (discarded) {
    facts.push(
      [t.discardedWhy, discarded.reason],
      [t.discardedBy, discarded.by],
      [t.discardedAt, <Time key="discarded" at={discarded.at} />],
    );
  }
  const content = event ? JSON.stringify(event, null, 2) : record && (record.value ?? record.value_base64);
  return (
    <>
      <Facts items={facts} />
      {content && (
        <Code block mah="14rem" tabIndex={0} style={{ overflow: 'auto' }}>
          {content}
        </Code>
      )}
    </>
  );
}
