import { Button, Group, SimpleGrid, Text, Timeline } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { api, type Body, body } from '@/api/client';
import { LIVE, pollEvery } from '@/api/live';
import type { Explanation, Rendered } from '@/api/shapes';
import { to } from '@/app/router';
import { useAccess } from '@/app/session';
import { DiscardDialog } from '@/pages/operate/discard';
import { type Discarded, letterOf } from '@/pages/operate/letters';
import { ReplayDialog } from '@/pages/operate/replay';
import { common } from '@/text/common';
import { formatInstant, formatNumber } from '@/text/format';
import { useText } from '@/text/language';
import {
  CopyButton,
  Facts,
  Loading,
  Mono,
  Page,
  ProblemNote,
  Section,
  StateTag,
  Tag,
  TextLink,
  Time,
} from '@/ui/basics';
import { ExplainDetail } from '@/ui/explain';
import { JobProgress } from '@/ui/job';
import { ChannelPreview } from '@/ui/preview';
import { DataTable } from '@/ui/table';
import { FINAL_STATES } from './filters';
import { historyTexts } from './texts';

type Detail = Omit<Body<'DeliveryDetail'>, 'dead_letter'> & {
  /** Of what was given up on. */
  dead_letter?: { id?: string; closed?: boolean; discarded?: Discarded | null } | null;
};

interface AttemptRow {
  number: number;
  at: string;
  took_ms: number;
  integration: string;
  outcome: string;
  status: number | null;
  code: string | null;
  detail: string | null;
}

export function DeliveryPage({ id }: { id: string }) {
  const t = useText(historyTexts);
  const c = useText(common);
  const [job, setJob] = useState<string>();
  const delivery = useQuery({
    queryKey: [LIVE, 'delivery', id],
    queryFn: () => body(api.GET('/v1/deliveries/{id}', { params: { path: { id } } })),
    refetchInterval: (query) =>
      FINAL_STATES.includes(query.state.data?.status ?? '') ? false : pollEvery(2_000)(),
  });
  if (delivery.isPending || delivery.isError) {
    return (
      <Page title={t.delivery} above={<TextLink to={to(['history'])}>← {t.toHistory}</TextLink>}>
        {delivery.isPending ? (
          <Loading />
        ) : (
          <ProblemNote error={delivery.error} retry={() => void delivery.refetch()} />
        )}
      </Page>
    );
  }
  const d: Detail = delivery.data;
  const channel = c.channels[d.channel ?? ''] ?? d.channel ?? '';
  const recipient = d.user_id ?? d.device_id ?? t.rawAddress;
  return (
    <Page
      title={`${channel} → ${recipient}`}
      above={<TextLink to={to(['history', d.notification_id ?? ''])}>← {t.notification}</TextLink>}
      help={
        <Group gap="xs">
          <StateTag state={d.status ?? ''} />
          {d.reason && <Text size="sm">{c.reasons[d.reason] ?? d.reason}</Text>}
          {d.sandbox && <Tag tone="off">{c.sandbox}</Tag>}
          <Mono>{d.id}</Mono>
          <CopyButton value={d.id ?? ''} />
        </Group>
      }
      actions={<Actions detail={d} onStarted={setJob} />}
    >
      {d.dead_letter?.discarded && <DiscardedNote discarded={d.dead_letter.discarded} />}
      {job && (
        <Section title={t.sendAgain}>
          <JobProgress id={job} />
        </Section>
      )}
      <SimpleGrid cols={{ base: 1, lg: 2 }}>
        <Section title={t.timeline}>
          <History detail={d} />
        </Section>
        <Section title={t.content}>
          <ChannelPreview channel={d.channel ?? ''} content={d.content as Rendered | null} />
        </Section>
      </SimpleGrid>
      <Section title={t.delivery}>
        <DeliveryFacts detail={d} />
      </Section>
      <Section title={t.attemptLog}>
        <Attempts rows={(d.attempt_log ?? []) as unknown as AttemptRow[]} count={d.attempts ?? 0} />
      </Section>
      <Section title={t.receipts}>
        <Receipts detail={d} />
      </Section>
      {d.explain && (
        <Section title={t.explain}>
          <ExplainDetail explanation={d.explain as unknown as Explanation} />
        </Section>
      )}
    </Page>
  );
}

// What can be sent again: it ended, and not well.
const REPLAYABLE = new Set(['dead', 'failed', 'unknown']);

function Actions({ detail, onStarted }: { detail: Detail; onStarted: (job: string | undefined) => void }) {
  const t = useText(historyTexts);
  const { can } = useAccess();
  const [asked, setAsked] = useState<'replay' | 'discard'>();
  if (!can('sender') || !REPLAYABLE.has(detail.status ?? '')) return null;
  const close = () => setAsked(undefined);
  const start = (job: string | undefined) => {
    onStarted(job);
    close();
  };
  const letter = letterOf(detail);
  const isOpen = detail.dead_letter?.closed === false;
  return (
    <>
      <Button onClick={() => setAsked('replay')}>{t.sendAgain}…</Button>
      {isOpen && (
        <Button variant="outline" color="red" onClick={() => setAsked('discard')}>
          {t.discard}
        </Button>
      )}
      {asked === 'replay' && <ReplayDialog chosen={[letter]} onClose={close} onStarted={start} />}
      {asked === 'discard' && <DiscardDialog chosen={[letter]} onClose={close} onStarted={start} />}
    </>
  );
}

function DiscardedNote({ discarded }: { discarded: Discarded }) {
  const t = useText(historyTexts);
  return (
    <Text size="sm">
      {t.discarded(discarded.by ?? '')} <Time at={discarded.at} />: {discarded.reason}
    </Text>
  );
}

function History({ detail }: { detail: Detail }) {
  const t = useText(historyTexts);
  const c = useText(common);
  const entries = detail.timeline ?? [];
  return (
    <Timeline active={entries.length} bulletSize={14} lineWidth={2}>
      {entries.map((entry, index) => (
        <Timeline.Item key={index} title={t.events[entry.event ?? ''] ?? entry.event}>
          {entry.detail && <Text size="sm">{inWords(entry.detail, t, c.reasons)}</Text>}
          <Text size="xs" c="dimmed">
            <Time at={entry.at} />
          </Text>
        </Timeline.Item>
      ))}
    </Timeline>
  );
}

/** "quiet_hours until 2026-…", "twilio answered 503 20503": what the server says, in the reader's language. */
export function inWords(
  detail: string,
  t: (typeof historyTexts)['en'],
  reasons: Record<string, string>,
): string {
  const [, integration, answer] = /^(\S+) answered (.+)$/.exec(detail) ?? [];
  if (integration && answer) return t.answered(integration, answer);
  const [, reason = detail, until] = /^(\S*) until (\S+)$/.exec(detail) ?? [];
  const words = reasons[reason] ?? reason;
  return until ? [words, t.heldUntil(formatInstant(until))].filter(Boolean).join(' · ') : words;
}

function DeliveryFacts({ detail: d }: { detail: Detail }) {
  const t = useText(historyTexts);
  const c = useText(common);
  return (
    <Facts
      items={[
        [
          t.recipient,
          d.user_id ? (
            <TextLink key="user" to={to(['users', String(d.user_id)])}>
              {d.user_id}
            </TextLink>
          ) : (
            t.rawAddress
          ),
        ],
        [t.device, d.device_id ? <Mono key="device">{d.device_id}</Mono> : null],
        [c.priority, c.priorities[d.priority ?? ''] ?? d.priority],
        [t.integration, d.integration],
        [t.providerId, d.provider_id ? <Mono key="provider">{d.provider_id}</Mono> : null],
        [t.created, <Time key="created" at={d.created_at} />],
        [t.due, <Time key="due" at={d.due_at} />],
        [t.expires, <Time key="expires" at={d.expires_at} />],
        [t.finished, <Time key="finished" at={d.finished_at} />],
        [t.engagement, (d.engagement ?? []).map((what) => t.engagements[what] ?? what).join(', ') || '–'],
        ...(d.generation ? [[t.generation, t.times(d.generation)] as [string, string]] : []),
        ...(d.resent ? [[t.resent, t.times(d.resent)] as [string, string]] : []),
      ]}
    />
  );
}

function Attempts({ rows, count }: { rows: AttemptRow[]; count: number }) {
  const t = useText(historyTexts);
  if (rows.length === 0) return <Text c="dimmed">{count > 0 ? t.firstWorked : t.noAttempts}</Text>;
  return (
    <DataTable
      caption={t.attemptLog}
      rows={rows}
      id={(row) => `${row.number}/${row.at}`}
      columns={[
        { name: t.number, cell: (row) => formatNumber(row.number), isNumber: true },
        { name: t.created, cell: (row) => <Time at={row.at} /> },
        { name: t.integration, cell: (row) => row.integration },
        { name: t.result, cell: (row) => t.outcomes[row.outcome] ?? row.outcome },
        {
          name: t.answer,
          cell: (row) => [row.status, row.code, row.detail].filter(Boolean).join(' ') || '–',
        },
        { name: t.took, cell: (row) => `${formatNumber(row.took_ms)} ms`, isNumber: true, isMinor: true },
      ]}
    />
  );
}

function Receipts({ detail }: { detail: Detail }) {
  const t = useText(historyTexts);
  const rows = detail.receipts ?? [];
  if (rows.length === 0) return <Text c="dimmed">{t.noReceipts}</Text>;
  return (
    <DataTable
      caption={t.receipts}
      rows={rows}
      id={(row) => `${row.kind}/${row.at}`}
      columns={[
        { name: t.result, cell: (row) => t.events[row.kind ?? ''] ?? row.kind },
        { name: t.created, cell: (row) => <Time at={row.at} /> },
        { name: t.integration, cell: (row) => row.integration ?? '–' },
        { name: t.answer, cell: (row) => [row.code, row.detail].filter(Boolean).join(' ') || '–' },
      ]}
    />
  );
}
