import { Button, Checkbox, Group, Radio, Select, SimpleGrid, Stack, Text } from '@mantine/core';
import { keepPreviousData, useMutation, useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { api, type Body, body } from '@/api/client';
import { LIVE, pollEvery } from '@/api/live';
import { complaint } from '@/api/problem';
import { go, to, usePlace } from '@/app/router';
import { useAccess } from '@/app/session';
import { common } from '@/text/common';
import { formatNumber } from '@/text/format';
import { useText } from '@/text/language';
import { Mono, Section, TextLink, Time } from '@/ui/basics';
import { Confirm, say } from '@/ui/feedback';
import { JobProgress } from '@/ui/job';
import { QueryTable } from '@/ui/query-table';
import { useCursor } from '@/ui/table';
import { TimeField } from '@/ui/time-field';
import { useWebhookEvents } from './form';
import { kindsOf, TOLD_EVERY_MS } from './model';
import { ToldState } from './state';
import { webhookTexts } from './texts';

type Told = Body<'WebhookDelivery'>;
type TellAgain = Body<'WebhookReplay'>;

/** What a webhook was told, newest first; from here it is told again. The filters are in the address. */
export function Log({ name }: { name: string }) {
  const t = useText(webhookTexts);
  const { can } = useAccess();
  const { query } = usePlace();
  const [chosen, setChosen] = useState<string[]>([]);
  const [isAsking, setAsking] = useState(false);
  const [job, setJob] = useState<string>();
  const filters = { status: query.get('status') ?? undefined, type: query.get('type') ?? undefined };
  return (
    <Section
      title={t.log}
      actions={
        can('administrator') && (
          <Button size="xs" variant="default" onClick={() => setAsking(true)}>
            {t.replay} {chosen.length > 0 && `(${t.chosen(chosen.length)})`}
          </Button>
        )
      }
    >
      <Stack gap="sm">
        {job && (
          <div>
            <Text size="sm" fw={600}>
              {t.job}
            </Text>
            <JobProgress id={job} />
          </div>
        )}
        <FilterFields name={name} filters={filters} />
        <Rows
          key={JSON.stringify(filters)}
          name={name}
          filters={filters}
          chosen={chosen}
          onChoose={can('administrator') ? setChosen : undefined}
        />
      </Stack>
      {isAsking && (
        <ReplayDialog
          name={name}
          ids={chosen}
          onClose={() => setAsking(false)}
          onStarted={(id) => {
            setJob(id);
            setChosen([]);
            setAsking(false);
          }}
        />
      )}
    </Section>
  );
}

interface Filters {
  status: string | undefined;
  type: string | undefined;
}

function FilterFields({ name, filters }: { name: string; filters: Filters }) {
  const t = useText(webhookTexts);
  const c = useText(common);
  const events = useWebhookEvents();
  const kinds = kindsOf(events.data?.data ?? []);
  const show = (part: Partial<Filters>) =>
    go(to(['webhooks', name], { ...filters, ...part }), { replace: true });
  return (
    <Group gap="xs">
      <Select
        size="xs"
        label={t.filterState}
        placeholder={c.all}
        clearable
        data={[
          { value: 'waiting', label: t.waiting },
          { value: 'delivered', label: c.states.delivered ?? 'delivered' },
          { value: 'failed', label: t.failed },
        ]}
        value={filters.status ?? null}
        onChange={(status) => show({ status: status ?? undefined })}
      />
      <Select
        size="xs"
        label={t.filterType}
        placeholder={c.all}
        clearable
        searchable
        data={kinds.flatMap(({ pattern, events: ofKind }) => [
          pattern,
          ...ofKind.map(({ type = '' }) => type),
        ])}
        value={filters.type ?? null}
        onChange={(type) => show({ type: type ?? undefined })}
      />
    </Group>
  );
}

interface RowsProps {
  name: string;
  filters: Filters;
  chosen: string[];
  onChoose: ((ids: string[]) => void) | undefined;
}

function Rows({ name, filters, chosen, onChoose }: RowsProps) {
  const t = useText(webhookTexts);
  const c = useText(common);
  const cursor = useCursor();
  const list = useQuery({
    queryKey: [LIVE, 'webhook', name, 'log', filters, cursor.after],
    queryFn: () =>
      body(
        api.GET('/v1/webhooks/{key}/deliveries', {
          params: { path: { key: name }, query: { ...filters, limit: '50', after: cursor.after } },
        }),
      ),
    placeholderData: keepPreviousData,
    refetchInterval: cursor.depth === 0 ? pollEvery(...TOLD_EVERY_MS) : false,
  });
  return (
    <QueryTable<Told>
      query={list}
      cursor={cursor}
      isByTime
      caption={t.log}
      empty={filters.status || filters.type ? t.logNothing : t.logNone}
      id={(row) => row.id ?? ''}
      columns={[
        ...(onChoose
          ? [
              {
                name: c.actions,
                cell: ({ id = '' }: Told) => (
                  <Checkbox
                    aria-label={t.choose(id)}
                    checked={chosen.includes(id)}
                    onChange={(e) =>
                      onChoose(e.currentTarget.checked ? [...chosen, id] : chosen.filter((x) => x !== id))
                    }
                  />
                ),
              },
            ]
          : []),
        {
          name: c.time,
          cell: (row) => (
            <TextLink to={to(['webhooks', name, row.id ?? ''])}>
              <Time at={row.at} />
            </TextLink>
          ),
        },
        { name: t.type, cell: (row) => <Mono>{row.type}</Mono> },
        { name: c.status, cell: (row) => <ToldState state={row.status ?? ''} /> },
        { name: t.tries, cell: (row) => formatNumber(row.tries ?? 0), isNumber: true, isMinor: true },
        { name: t.answered, cell: (row) => row.answered ?? '–', isNumber: true },
        {
          name: t.took,
          cell: (row) => (typeof row.took_ms === 'number' ? t.ms(formatNumber(row.took_ms)) : '–'),
          isNumber: true,
          isMinor: true,
        },
        { name: t.error, cell: (row) => row.error ?? '–', isMinor: true },
        { name: t.nextTry, cell: (row) => <Time at={row.next_try_at} relative />, isMinor: true },
      ]}
    />
  );
}

/** The job that tells the webhook again. */
export const useReplay = (name: string, onStarted: (job: string | undefined) => void) => {
  const t = useText(webhookTexts);
  return useMutation({
    mutationFn: (wanted: Partial<TellAgain>) =>
      body(
        api.POST('/v1/webhooks/{key}/replay', {
          params: { path: { key: name } },
          body: wanted as TellAgain,
        }),
      ),
    onSuccess: (job) => {
      say(t.replayStarted);
      onStarted(job.id);
    },
  });
};

interface ReplayProps {
  name: string;
  ids: string[];
  onClose: () => void;
  onStarted: (job: string | undefined) => void;
}

function ReplayDialog({ name, ids, onClose, onStarted }: ReplayProps) {
  const t = useText(webhookTexts);
  const [kind, setKind] = useState(ids.length > 0 ? 'ids' : 'failed');
  const [from, setFrom] = useState<string>();
  const [until, setUntil] = useState<string>();
  const replay = useReplay(name, onStarted);
  const wanted = (): Partial<TellAgain> =>
    kind === 'ids'
      ? { ids }
      : {
          status: kind === 'all' ? 'all' : 'failed',
          ...(from ? { from } : {}),
          ...(until ? { until } : {}),
        };
  return (
    <Confirm
      title={t.replayTitle}
      action={t.replayAction}
      isBusy={replay.isPending}
      error={replay.error}
      shown={['/ids', '/status', '/from', '/until']}
      onConfirm={() => replay.mutate(wanted())}
      onClose={onClose}
    >
      <Radio.Group
        aria-label={t.replayTitle}
        value={kind}
        onChange={setKind}
        error={complaint(replay.error, '/ids', '/status')}
      >
        <Stack gap={6}>
          {Object.entries(t.replayKinds)
            .filter(([value]) => value !== 'ids' || ids.length > 0)
            .map(([value, label]) => (
              <Radio
                key={value}
                value={value}
                label={value === 'ids' ? `${label} (${t.chosen(ids.length)})` : label}
              />
            ))}
        </Stack>
      </Radio.Group>
      {kind !== 'ids' && (
        <SimpleGrid cols={2} spacing="xs">
          <TimeField label={t.from} onChange={setFrom} error={complaint(replay.error, '/from')} />
          <TimeField label={t.until} onChange={setUntil} error={complaint(replay.error, '/until')} />
        </SimpleGrid>
      )}
      <Text size="sm" c="dimmed">
        {t.replayHelp}
      </Text>
    </Confirm>
  );
}
