import { Button, Group, List, SimpleGrid, Stack, Table, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { lazy, type ReactNode, Suspense, useMemo } from 'react';
import { api, body } from '@/api/client';
import { useAccount, useIntegrations, useQueues } from '@/api/lists';
import { LIVE, pollEvery } from '@/api/live';
import type { StatsRow, StatsSum } from '@/api/shapes';
import { to } from '@/app/router';
import { useAccess } from '@/app/session';
import { alertTexts } from '@/pages/operate/alert-texts';
import { Health } from '@/pages/operate/health';
import { StopButton } from '@/pages/stops/stop-button';
import { common, queueName } from '@/text/common';
import { formatDuration, formatNumber, formatShare } from '@/text/format';
import { language, useText } from '@/text/language';
import { Empty, Loading, Page, ProblemNote, Section, StateTag, Tag, TextLink, Time } from '@/ui/basics';
import { Card } from '@/ui/card';
import { DataTable } from '@/ui/table';
import { LatencySection } from './latency';
import classes from './overview.module.css';
import { byHour, failedOf, notSentOf, sentOf } from './sums';
import { overviewTexts } from './texts';

const Chart = lazy(() => import('@/ui/chart'));
const STATS_EVERY_MS = 15_000;

export function OverviewPage() {
  const t = useText(overviewTexts);
  const { can } = useAccess();
  return (
    <Page title={t.title} help={t.help} actions={can('sender') && <StopButton />}>
      <Numbers />
      <Section title={t.queues}>
        <Queues />
      </Section>
      <SimpleGrid cols={{ base: 1, lg: 2 }}>
        <Section title={t.account}>
          <Account />
        </Section>
        <Section title={t.waiting}>
          <Waiting />
        </Section>
        <LatencySection />
        <Section title={t.integrations}>
          <Integrations />
        </Section>
      </SimpleGrid>
    </Page>
  );
}

function useStats() {
  const hours = useQuery({
    queryKey: [LIVE, 'stats', 'hours'],
    queryFn: () => body(api.GET('/v1/stats')),
    refetchInterval: pollEvery(STATS_EVERY_MS),
    meta: { leastAgeMs: STATS_EVERY_MS },
  });
  const channels = useQuery({
    queryKey: [LIVE, 'stats', 'channels'],
    queryFn: () => body(api.GET('/v1/stats', { params: { query: { by: 'channel' } } })),
    refetchInterval: pollEvery(STATS_EVERY_MS),
    meta: { leastAgeMs: STATS_EVERY_MS },
  });
  return { hours, channels };
}

function Numbers() {
  const t = useText(overviewTexts);
  const { can } = useAccess();
  const { hours, channels } = useStats();
  if (hours.isPending || channels.isPending) return <Loading />;
  if (hours.isError || channels.isError) {
    return (
      <ProblemNote
        error={hours.error ?? channels.error}
        retry={() => {
          void hours.refetch();
          void channels.refetch();
        }}
      />
    );
  }
  const sums = (channels.data.data ?? []) as unknown as StatsSum[];
  const total = (channels.data as { total?: StatsSum }).total;
  if (!total || total.accepted === 0) {
    return (
      <Empty
        action={
          can('sender') && (
            <Button component="a" href={to(['send'])}>
              {t.welcomeSend}
            </Button>
          )
        }
      >
        <Text fw={600}>{t.welcome}</Text>
        {t.welcomeHelp}
      </Empty>
    );
  }
  return (
    <>
      <Cards total={total} />
      <SimpleGrid cols={{ base: 1, lg: 2 }}>
        <Section title={t.byHour}>
          <Hours
            rows={(hours.data.data ?? []) as unknown as StatsRow[]}
            from={hours.data.from ?? ''}
            until={hours.data.until ?? ''}
          />
        </Section>
        <Section title={t.byChannel}>
          <Channels sums={sums} />
        </Section>
      </SimpleGrid>
    </>
  );
}

function Cards({ total }: { total: StatsSum }) {
  const t = useText(overviewTexts);
  const sent = sentOf(total);
  const failed = failedOf(total);
  return (
    <SimpleGrid cols={{ base: 2, sm: 3, lg: 5 }} spacing="sm">
      <Card name={t.accepted} value={formatNumber(total.accepted)} help={t.acceptedHelp} />
      <Card
        name={t.success}
        value={formatNumber(sent)}
        help={t.successHelp(formatShare(sent, sent + failed))}
      />
      <Card
        name={t.failed}
        value={formatNumber(failed)}
        help={t.failedHelp}
        tone={failed > 0 ? 'bad' : undefined}
      />
      <Card name={t.notSent} value={formatNumber(notSentOf(total))} help={t.notSentHelp} />
      <Card
        name={t.engagement}
        value={formatNumber(total.opened)}
        help={t.engagementHelp(formatShare(total.clicked, sent))}
      />
    </SimpleGrid>
  );
}

function Hours({ rows, from, until }: { rows: StatsRow[]; from: string; until: string }) {
  const t = useText(overviewTexts);
  const hours = useMemo(() => byHour(rows, new Date(from), new Date(until)), [rows, from, until]);
  const clock = useMemo(
    () => new Intl.DateTimeFormat(language(), { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' }),
    [],
  );
  const names = useMemo(() => hours.map((hour) => clock.format(hour.at)), [hours, clock]);
  const series = useMemo(
    () => [
      { name: t.success, tone: 'good' as const, values: hours.map((h) => h.sent) },
      { name: t.failed, tone: 'bad' as const, values: hours.map((h) => h.failed) },
      { name: t.notSent, tone: 'off' as const, values: hours.map((h) => h.notSent) },
    ],
    [hours, t],
  );
  return (
    <>
      <Suspense fallback={<Loading />}>
        <Chart label={t.byHour} categories={names} series={series} />
      </Suspense>
      <details className={classes.details}>
        <summary>{t.byHourTable}</summary>
        <Table>
          <Table.Thead>
            <Table.Tr>
              {[t.hour, t.success, t.failed, t.notSent].map((name) => (
                <Table.Th key={name} scope="col">
                  {name}
                </Table.Th>
              ))}
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {hours
              .filter((hour) => hour.sent + hour.failed + hour.notSent > 0)
              .map((hour) => (
                <Table.Tr key={hour.at.toISOString()}>
                  <Table.Th scope="row">{clock.format(hour.at)}</Table.Th>
                  <Table.Td>{formatNumber(hour.sent)}</Table.Td>
                  <Table.Td>{formatNumber(hour.failed)}</Table.Td>
                  <Table.Td>{formatNumber(hour.notSent)}</Table.Td>
                </Table.Tr>
              ))}
          </Table.Tbody>
        </Table>
      </details>
    </>
  );
}

function Channels({ sums }: { sums: StatsSum[] }) {
  const t = useText(overviewTexts);
  const c = useText(common);
  const share = (value: number | null) =>
    value === null ? '–' : formatNumber(value, { style: 'percent', maximumFractionDigits: 1 });
  return (
    <DataTable
      caption={t.byChannel}
      rows={sums}
      id={(row) => row.channel ?? ''}
      columns={[
        { name: c.channel, cell: (row) => c.channels[row.channel ?? ''] ?? row.channel },
        { name: t.accepted, cell: (row) => formatNumber(row.accepted), isNumber: true },
        { name: t.success, cell: (row) => formatNumber(sentOf(row)), isNumber: true },
        { name: t.failed, cell: (row) => formatNumber(failedOf(row)), isNumber: true },
        {
          name: t.deliveryRate,
          cell: (row) => (row.receipts === 'yes' ? share(row.rates.delivery) : t.noReceipts),
          isNumber: true,
          isMinor: true,
        },
        { name: t.openRate, cell: (row) => share(row.rates.open), isNumber: true, isMinor: true },
        { name: t.clickRate, cell: (row) => share(row.rates.click), isNumber: true, isMinor: true },
      ]}
    />
  );
}

function Queues() {
  const t = useText(overviewTexts);
  const c = useText(common);
  const queues = useQueues();
  if (queues.isPending) return <Loading />;
  if (queues.isError) return <ProblemNote error={queues.error} retry={() => void queues.refetch()} />;
  const rows = queues.data.data.filter(
    (q) => (q.ready ?? 0) + (q.retrying ?? 0) + (q.held ?? 0) + (q.in_flight ?? 0) + (q.dead ?? 0) > 0,
  );
  if (rows.length === 0) return <Text c="dimmed">{t.queuesEmpty}</Text>;
  return (
    <DataTable
      caption={t.queues}
      rows={rows}
      id={(row) => `${row.queue}/${row.priority}`}
      columns={[
        { name: t.queue, cell: (row) => queueName(row.queue ?? '', c) },
        { name: c.priority, cell: (row) => c.priorities[row.priority ?? ''] ?? row.priority },
        { name: t.ready, cell: (row) => formatNumber(row.ready ?? 0), isNumber: true },
        { name: t.inFlight, cell: (row) => formatNumber(row.in_flight ?? 0), isNumber: true, isMinor: true },
        { name: t.retrying, cell: (row) => formatNumber(row.retrying ?? 0), isNumber: true },
        { name: t.held, cell: (row) => formatNumber(row.held ?? 0), isNumber: true },
        { name: t.dead, cell: (row) => formatNumber(row.dead ?? 0), isNumber: true },
        {
          name: t.oldest,
          cell: (row) => (row.oldest_age ? formatDuration(row.oldest_age) : '–'),
          isNumber: true,
        },
      ]}
    />
  );
}

function Account() {
  const t = useText(overviewTexts);
  const c = useText(common);
  const account = useAccount();
  if (account.isPending) return <Loading />;
  if (account.isError) return <ProblemNote error={account.error} retry={() => void account.refetch()} />;
  const { accepted = 0, sum = 0, exact = false } = account.data;
  const states = Object.entries((account.data.states ?? {}) as Record<string, number>).filter(
    ([, n]) => n > 0,
  );
  return (
    <Stack gap="xs">
      <Group gap="xs">
        <Tag tone={exact ? 'good' : 'bad'}>
          {exact ? t.exact : t.inexact(formatNumber(Math.abs(accepted - sum)))}
        </Tag>
      </Group>
      <Text size="sm" c="dimmed">
        {exact ? t.exactHelp(formatNumber(accepted)) : t.inexactHelp}{' '}
        <TextLink to={to(['accountability'])}>{t.accountLink}</TextLink>
      </Text>
      <dl className={classes.states}>
        {states.map(([state, n]) => (
          <div key={state}>
            <dt>
              <StateTag state={state} />
            </dt>
            <dd>{formatNumber(n)}</dd>
          </div>
        ))}
      </dl>
      <Text size="xs" c="dimmed" hidden={states.length > 0}>
        {c.none}
      </Text>
    </Stack>
  );
}

function Integrations() {
  const t = useText(overviewTexts);
  const c = useText(common);
  const list = useIntegrations();
  if (list.isPending) return <Loading />;
  if (list.isError) return <ProblemNote error={list.error} retry={() => void list.refetch()} />;
  if (list.data.data.length === 0) return <Text c="dimmed">{t.integrationsEmpty}</Text>;
  return (
    <DataTable
      caption={t.integrations}
      rows={list.data.data}
      id={(row) => row.key ?? ''}
      columns={[
        { name: c.name, cell: (row) => <TextLink to={to(['integrations'])}>{row.key}</TextLink> },
        { name: c.channel, cell: (row) => c.channels[row.channel ?? ''] ?? row.channel },
        {
          name: c.status,
          cell: (row) => <Health integration={row} />,
        },
      ]}
    />
  );
}

const LOOK_MAX = 50;

function Waiting() {
  const t = useText(overviewTexts);
  const c = useText(common);
  const words = useText(alertTexts);
  // Alerts are of all apps.
  const seesAlerts = useAccess().app === undefined;
  const approvals = useQuery({
    queryKey: [LIVE, 'approvals', 'open'],
    queryFn: () => body(api.GET('/v1/approvals', { params: { query: { limit: String(LOOK_MAX) } } })),
    refetchInterval: pollEvery(),
  });
  const letters = useQuery({
    queryKey: [LIVE, 'dead-letters', 'some'],
    queryFn: () => {
      const query = { closed: 'false', limit: String(LOOK_MAX) };
      return body(api.GET('/v1/dead-letters', { params: { query } }));
    },
    refetchInterval: pollEvery(),
  });
  const alerts = useQuery({
    queryKey: [LIVE, 'alerts', 'open'],
    enabled: seesAlerts,
    queryFn: () => body(api.GET('/v1/alerts', { params: { query: { state: 'open', limit: '10' } } })),
    refetchInterval: pollEvery(),
  });
  const failed = approvals.error ?? letters.error ?? alerts.error;
  if (failed) return <ProblemNote error={failed} />;
  if (!approvals.data || !letters.data || (seesAlerts && !alerts.data)) return <Loading />;
  const entries: ReactNode[] = (alerts.data?.data ?? []).map((alert) => (
    <span key={alert.id}>
      <Tag tone="bad">{t.alerts}</Tag>{' '}
      {words.kinds[alert.kind ?? '']?.title(queueName(alert.subject ?? '', c)) ?? alert.title} ·{' '}
      <Time at={alert.first_at} relative />
    </span>
  ));
  if (approvals.data.data.length > 0) {
    entries.push(
      <TextLink key="approvals" to={to(['approvals'])}>
        {t.approvals(approvals.data.data.length)}
      </TextLink>,
    );
  }
  const open = letters.data.data.length;
  if (open > 0) {
    entries.push(
      <TextLink key="letters" to={to(['dead-letters'])}>
        {t.deadLetters(open, Boolean(letters.data.page?.next))}
      </TextLink>,
    );
  }
  if (entries.length === 0) return <Text c="dimmed">{t.nobodyWaits}</Text>;
  return (
    <List size="sm" spacing="xs">
      {entries.map((entry, index) => (
        <List.Item key={index}>{entry}</List.Item>
      ))}
    </List>
  );
}
