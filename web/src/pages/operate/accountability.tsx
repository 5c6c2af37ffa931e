import { Group, SimpleGrid, Stack, Text } from '@mantine/core';
import { useAccount, useQueues } from '@/api/lists';
import type { AccountedChannel, Counts, OldestByState } from '@/api/shapes';
import { DELIVERY_STATES } from '@/pages/history/filters';
import { to } from '@/app/router';
import { common, queueName } from '@/text/common';
import { formatDuration, formatNumber } from '@/text/format';
import { useText } from '@/text/language';
import { Facts, Loading, Page, ProblemNote, Section, StateTag, Tag, TextLink, Time } from '@/ui/basics';
import { type Column, DataTable } from '@/ui/table';
import { operateTexts } from './texts';

interface Sum {
  accepted: number;
  states: Counts;
  sum: number;
  exact: boolean;
}

interface Line extends Sum {
  name: string;
}

interface Whole extends Sum {
  live: Sum;
  sandbox: Sum;
  channels: AccountedChannel[];
  oldest?: OldestByState;
}

/** Accepted deliveries against the sum of all states: in all, by channel, for real and in the sandbox. */
export function AccountabilityPage() {
  const t = useText(operateTexts);
  const c = useText(common);
  const account = useAccount();
  if (account.isPending || account.isError) {
    return (
      <Page title={t.account} help={t.accountHelp}>
        {account.isPending ? (
          <Loading />
        ) : (
          <ProblemNote error={account.error} retry={() => void account.refetch()} />
        )}
      </Page>
    );
  }
  const whole = account.data as unknown as Whole;
  const unexplained = Math.abs(whole.accepted - whole.sum);
  const lines: Line[] = [
    { ...whole, name: c.all },
    ...whole.channels.map((one) => ({ ...one, name: c.channels[one.channel] ?? one.channel })),
    { ...whole.live, name: t.accountLive },
    { ...whole.sandbox, name: c.sandbox },
  ];
  return (
    <Page title={t.account} help={t.accountHelp}>
      <Section title={t.accountSum}>
        <Stack gap="sm">
          <Group gap="sm">
            <Tag tone={whole.exact ? 'good' : 'bad'}>{t.unexplained(formatNumber(unexplained))}</Tag>
            <Text size="sm">{t.accountEquation(formatNumber(whole.accepted), formatNumber(whole.sum))}</Text>
          </Group>
          {!whole.exact && <Text size="sm">{t.accountDefect}</Text>}
          <Facts
            items={[
              [t.accountAt, <Time key="at" at={account.data.at} />],
              [t.recountedAt, <Time key="recount" at={account.data.recounted_at} />],
              [
                t.recountDifference,
                typeof account.data.difference === 'number' ? formatNumber(account.data.difference) : '–',
              ],
            ]}
          />
        </Stack>
      </Section>
      <Section title={t.accountStates}>
        <States lines={lines} />
      </Section>
      {whole.oldest && (
        <Section title={t.accountOldestOf}>
          <OldestOfStates oldest={whole.oldest} />
        </Section>
      )}
      <Section title={t.accountOldest}>
        <Oldest />
      </Section>
    </Page>
  );
}

function States({ lines }: { lines: Line[] }) {
  const t = useText(operateTexts);
  const c = useText(common);
  const used = DELIVERY_STATES.filter((state) => lines.some((line) => (line.states[state] ?? 0) > 0));
  const columns: Column<Line>[] = [
    { name: c.channel, cell: (line) => line.name },
    { name: t.accepted, cell: (line) => formatNumber(line.accepted), isNumber: true },
    ...used.map((state) => ({
      name: c.states[state] ?? state,
      cell: (line: Line) => formatNumber(line.states[state] ?? 0),
      isNumber: true,
    })),
    {
      name: t.unexplainedShort,
      cell: (line) => formatNumber(Math.abs(line.accepted - line.sum)),
      isNumber: true,
    },
  ];
  return (
    <Stack gap="sm">
      <DataTable caption={t.accountStates} columns={columns} rows={lines} id={(line) => line.name} />
      <Group gap="xs">
        {used.map((state) => (
          <TextLink key={state} to={to(['history'], { view: 'deliveries', status: state })}>
            <StateTag state={state} />
          </TextLink>
        ))}
      </Group>
    </Stack>
  );
}

/** What has been in each state for longest, and which delivery that is. */
function OldestOfStates({ oldest }: { oldest: OldestByState }) {
  const t = useText(operateTexts);
  const c = useText(common);
  const rows = Object.entries(oldest).flatMap(([state, one]) => (one ? [{ state, ...one }] : []));
  if (rows.length === 0) return <Text c="dimmed">{t.oldestNone}</Text>;
  return (
    <DataTable
      caption={t.accountOldestOf}
      rows={rows}
      id={(row) => row.state}
      columns={[
        { name: c.status, cell: (row) => <StateTag state={row.state} /> },
        { name: t.age, cell: (row) => formatDuration(row.age), isNumber: true },
        {
          name: t.delivery,
          cell: (row) => <TextLink to={to(['history', '-', row.delivery_id])}>{row.delivery_id}</TextLink>,
        },
      ]}
    />
  );
}

/** How long the oldest of what is not ended yet has been due, by queue. */
function Oldest() {
  const t = useText(operateTexts);
  const c = useText(common);
  const queues = useQueues();
  if (queues.isPending) return <Loading />;
  if (queues.isError) return <ProblemNote error={queues.error} retry={() => void queues.refetch()} />;
  const waiting = queues.data.data.filter((queue) => (queue.oldest_age ?? 0) > 0);
  if (waiting.length === 0) return <Text c="dimmed">{t.nothingDue}</Text>;
  return (
    <SimpleGrid cols={{ base: 1, sm: 2 }}>
      <Facts
        items={waiting.map((queue): [string, string] => [
          `${queueName(queue.queue ?? '', c)} · ${c.priorities[queue.priority ?? ''] ?? queue.priority ?? ''}`,
          formatDuration(queue.oldest_age ?? 0),
        ])}
      />
    </SimpleGrid>
  );
}
