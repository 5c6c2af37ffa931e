import { Alert, Button, Group, NumberInput, SimpleGrid, Stack, Switch } from '@mantine/core';
import { useMutation, useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { api, type Body, body } from '@/api/client';
import { complaint } from '@/api/problem';
import type { PageProps } from '@/app/pages';
import { to } from '@/app/router';
import { common } from '@/text/common';
import { formatNumber } from '@/text/format';
import { useText } from '@/text/language';
import { Mono, ProblemNote, Section, StateTag } from '@/ui/basics';
import { EditorPage, useSave } from '@/ui/editor';
import { JsonField, parseObject } from '@/ui/json-field';
import { RemoveButton } from '@/ui/remove-dialog';
import { KeyField, ResourceList, useKey } from '@/ui/resource';
import { parentOf, ResourcePages } from '@/ui/resource-pages';
import { automateTexts } from './texts';

type Rule = Body<'Rule'>;

export function RulesPage({ rest }: PageProps) {
  const t = useText(automateTexts);
  return (
    <ResourcePages<Rule>
      rest={rest}
      path="rules"
      title={t.rules}
      role="administrator"
      list={<ListPage />}
      read={(key) => body(api.GET('/v1/rules/{key}', { params: { path: { key } } }))}
      form={(stored) => <Form stored={stored} />}
    />
  );
}

const useRules = () => useQuery({ queryKey: ['rules'], queryFn: () => body(api.GET('/v1/rules')) });

function ListPage() {
  const t = useText(automateTexts);
  const c = useText(common);
  return (
    <ResourceList<Rule>
      title={t.rules}
      help={t.rulesHelp}
      fresh={t.freshRule}
      none={t.rulesNone}
      path="rules"
      role="administrator"
      query={useRules()}
      leading={[{ name: t.position, cell: (row) => formatNumber(row.position ?? 0), isNumber: true }]}
      columns={[
        { name: t.eventType, cell: (row) => <Mono>{[row.when.type].flat().join(', ')}</Mono> },
        {
          name: c.template,
          cell: (row) => {
            const template = (row.send as { template?: unknown }).template;
            return typeof template === 'string' ? template : '–';
          },
          isMinor: true,
        },
        {
          name: c.status,
          cell: (row) => <StateTag state={row.enabled === false ? 'disabled' : 'ready'} />,
        },
      ]}
      actions={({ key = '' }) => (
        <RemoveButton
          name={key}
          help={t.removeRuleHelp}
          shownBy="rules"
          remove={() => body(api.DELETE('/v1/rules/{key}', { params: { path: { key } } }))}
        />
      )}
    />
  );
}

const SAMPLE_WHEN = { type: 'order.shipped', conditions: { 'data.order.total': { ge: 50000 } } };
const SAMPLE_SEND = {
  template: 'order_shipped',
  to: [{ user_id: { from: 'data.user_id' } }],
  params: { item: { from: 'data.items.0.name' } },
};
const SAMPLE_EVENT = {
  specversion: '1.0',
  id: '1042',
  source: '/shop',
  type: 'order.shipped',
  data: { user_id: 'mina', order: { total: 75000 }, items: [{ name: 'Kettle' }] },
};

function Form({ stored }: { stored: Rule | undefined }) {
  const t = useText(automateTexts);
  const key = useKey(stored?.key, useRules().data?.data);
  const [position, setPosition] = useState<number | string>(stored?.position ?? 0);
  const [isEnabled, setEnabled] = useState(stored?.enabled !== false);
  const [when, setWhen] = useState(JSON.stringify(stored?.when ?? SAMPLE_WHEN, null, 2));
  const [send, setSend] = useState(JSON.stringify(stored?.send ?? SAMPLE_SEND, null, 2));
  const isReadable = parseObject(when) !== undefined && parseObject(send) !== undefined;
  const rule = (): Rule =>
    ({
      position: Number(position),
      enabled: isEnabled,
      when: parseObject(when),
      send: parseObject(send),
      ...(stored?.event_id ? { event_id: stored.event_id } : {}),
    }) as unknown as Rule;
  const save = useSave(
    () => body(api.PUT('/v1/rules/{key}', { params: { path: { key: key.key } }, body: rule() })),
    { shownBy: 'rules', next: to(['rules']) },
  );
  return (
    <EditorPage
      title={stored?.key ?? t.freshRule}
      parent={parentOf('rules', t.rules)}
      save={save}
      shown={['/key', '/position', '/when', '/send']}
      isReady={isReadable && key.isReady}
      after={<TryRule name={key.key || 'new-rule'} rule={rule} isReadable={isReadable} />}
    >
      <SimpleGrid cols={{ base: 1, sm: 2 }} spacing="sm">
        <KeyField of={key} error={save.error} />
        <NumberInput
          label={t.position}
          description={t.positionHelp}
          hideControls
          value={position}
          onChange={setPosition}
          error={complaint(save.error, '/position')}
        />
        <JsonField
          label={t.when}
          description={t.whenHelp}
          required
          value={when}
          onChange={(e) => setWhen(e.currentTarget.value)}
          error={complaint(save.error, '/when')}
        />
        <JsonField
          label={t.send}
          description={t.sendHelp}
          required
          value={send}
          onChange={(e) => setSend(e.currentTarget.value)}
          error={complaint(save.error, '/send')}
        />
      </SimpleGrid>
      <Switch label={t.enabled} checked={isEnabled} onChange={(e) => setEnabled(e.currentTarget.checked)} />
    </EditorPage>
  );
}

function TryRule({ name, rule, isReadable }: { name: string; rule: () => Rule; isReadable: boolean }) {
  const t = useText(automateTexts);
  const [event, setEvent] = useState(JSON.stringify(SAMPLE_EVENT, null, 2));
  const parsed = parseObject(event);
  const attempt = useMutation({
    mutationFn: () =>
      body(
        api.POST('/v1/rules/{key}/test', {
          params: { path: { key: name } },
          body: { event: parsed as Body<'Event'>, rule: rule() },
        }),
      ),
  });
  const answer = attempt.data;
  const refused = answer?.error as { detail?: string } | null | undefined;
  return (
    <Section title={t.tryTitle}>
      <Stack gap="sm">
        <JsonField
          label={t.event}
          description={t.tryHelp}
          value={event}
          onChange={(e) => setEvent(e.currentTarget.value)}
          error={complaint(attempt.error, '/event')}
        />
        <Group>
          <Button
            variant="default"
            disabled={!parsed || !isReadable}
            loading={attempt.isPending}
            onClick={() => attempt.mutate()}
          >
            {t.try}
          </Button>
        </Group>
        {attempt.error && <ProblemNote error={attempt.error} shown={['/event']} />}
        {answer && (
          <Alert
            color={answer.matched ? (refused ? 'red' : 'green') : 'gray'}
            variant="light"
            role="status"
            title={answer.matched ? t.matches : t.matchesNot}
          >
            {refused?.detail}
            {(answer.conditions?.checks ?? []).map((check) => (
              <div key={check.pointer}>
                <Mono>{check.path}</Mono> {check.operator} <Mono>{JSON.stringify(check.wanted)}</Mono>:{' '}
                <Mono>{JSON.stringify(check.value)}</Mono> {check.holds ? '✓' : '✗'}
              </div>
            ))}
            {Boolean(answer.notification) && (
              <>
                {t.would}:
                <pre style={{ whiteSpace: 'pre-wrap' }}>{JSON.stringify(answer.notification, null, 2)}</pre>
              </>
            )}
          </Alert>
        )}
      </Stack>
    </Section>
  );
}
