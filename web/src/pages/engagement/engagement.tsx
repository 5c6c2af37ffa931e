import { Group, Select, SegmentedControl, SimpleGrid, Stack, Table, Text } from '@mantine/core';
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { lazy, Suspense, useCallback, useMemo } from 'react';
import { api, body } from '@/api/client';
import { useCategories, useTemplates } from '@/api/lists';
import { LIVE, pollEvery } from '@/api/live';
import type { StatsRow, StatsSum } from '@/api/shapes';
import { go, to, usePlace } from '@/app/router';
import { sentOf } from '@/pages/overview/sums';
import { common } from '@/text/common';
import { formatNumber } from '@/text/format';
import { language, useText } from '@/text/language';
import { Empty, Loading, Page, ProblemNote, Section, TextLink } from '@/ui/basics';
import { Card } from '@/ui/card';
import { DataTable } from '@/ui/table';
import classes from './engagement.module.css';
import {
  countOf,
  type Moment,
  overTime,
  type Rate,
  rateOf,
  RATES,
  type Reported,
  reported,
  type Step,
} from './rates';
import { engagementTexts } from './texts';

const RateLines = lazy(async () => ({ default: (await import('@/ui/chart')).RateLines }));

const HOUR_MS = 3_600_000;
const SPANS: Record<string, { hours: number; step: Step }> = {
  day: { hours: 24, step: 'hour' },
  week: { hours: 7 * 24, step: 'day' },
  month: { hours: 30 * 24, step: 'day' },
};
const GROUPS = ['template', 'category', 'channel'] as const;
const STATS_EVERY_MS = 60_000;

const percent = (share: number): string =>
  formatNumber(share, { style: 'percent', maximumFractionDigits: 1 });

interface Wanted {
  span: string;
  by: (typeof GROUPS)[number];
  channel: string | undefined;
  category: string | undefined;
  template: string | undefined;
}

/** #/engagement?span=…&by=…&channel=…&category=…&template=…: a view is a link. */
export function EngagementPage() {
  const t = useText(engagementTexts);
  const { query } = usePlace();
  const span = query.get('span') ?? '';
  const by = query.get('by');
  const wanted: Wanted = {
    span: SPANS[span] ? span : 'day',
    by: GROUPS.find((one) => one === by) ?? 'template',
    channel: query.get('channel') ?? undefined,
    category: query.get('category') ?? undefined,
    template: query.get('template') ?? undefined,
  };
  return (
    <Page title={t.title} help={t.help}>
      <Choices wanted={wanted} />
      <Shown wanted={wanted} />
    </Page>
  );
}

function Choices({ wanted }: { wanted: Wanted }) {
  const t = useText(engagementTexts);
  const c = useText(common);
  const categories = useCategories();
  const templates = useTemplates();
  const show = (part: Partial<Wanted>) => go(to(['engagement'], { ...wanted, ...part }), { replace: true });
  const narrow = (
    name: 'channel' | 'category' | 'template',
    label: string,
    data: { value: string; label: string }[],
  ) => (
    <Select
      size="xs"
      label={label}
      placeholder={c.all}
      clearable
      searchable
      data={data}
      value={wanted[name] ?? null}
      onChange={(value) => show({ [name]: value ?? undefined })}
    />
  );
  const same = (keys: (string | undefined)[]) => keys.map((key = '') => ({ value: key, label: key }));
  return (
    <Group align="flex-end" gap="sm">
      <SegmentedControl
        size="sm"
        aria-label={t.span}
        value={wanted.span}
        onChange={(span) => show({ span })}
        data={Object.keys(SPANS).map((value) => ({ value, label: t.spans[value] ?? value }))}
      />
      {narrow('template', c.template, same((templates.data?.data ?? []).map((one) => one.key)))}
      {narrow('category', c.category, same((categories.data?.data ?? []).map((one) => one.key)))}
      {narrow(
        'channel',
        c.channel,
        Object.entries(c.channels).map(([value, label]) => ({ value, label })),
      )}
    </Group>
  );
}

interface Answer<Row> {
  from: string;
  until: string;
  data: Row[];
  total: StatsSum;
}

function useStats<Row>(wanted: Wanted, by: Wanted['by'] | 'integration' | undefined) {
  const { span, channel, category, template } = wanted;
  return useQuery({
    queryKey: [LIVE, 'stats', { span, by, channel, category, template }],
    queryFn: async () => {
      const from = new Date(Date.now() - (SPANS[span]?.hours ?? 24) * HOUR_MS).toISOString();
      const answer = await body(
        api.GET('/v1/stats', { params: { query: { from, by, channel, category, template } } }),
      );
      return answer as unknown as Answer<Row>;
    },
    placeholderData: keepPreviousData,
    refetchInterval: pollEvery(STATS_EVERY_MS),
    meta: { leastAgeMs: STATS_EVERY_MS },
  });
}

function Shown({ wanted }: { wanted: Wanted }) {
  const t = useText(engagementTexts);
  const groups = useStats<StatsSum>(wanted, wanted.by);
  const integrations = useStats<StatsSum>(wanted, 'integration');
  const hours = useStats<StatsRow>(wanted, undefined);
  const told = useMemo(() => reported(integrations.data?.data ?? []), [integrations.data]);
  const error = groups.error ?? integrations.error ?? hours.error;
  if (error) {
    const retry = () => {
      void groups.refetch();
      void integrations.refetch();
      void hours.refetch();
    };
    return <ProblemNote error={error} retry={retry} />;
  }
  if (!groups.data || !integrations.data || !hours.data) return <Loading />;
  const { total } = groups.data;
  if (total.accepted === 0 && sentOf(total) === 0) return <Empty>{t.empty}</Empty>;
  return (
    <>
      <Cards total={total} told={told} />
      <Section title={t.overTime}>
        <OverTime answer={hours.data} told={told} step={SPANS[wanted.span]?.step ?? 'hour'} />
      </Section>
      <Section
        title={t.table(t.groups[wanted.by] ?? wanted.by)}
        actions={
          <SegmentedControl
            size="xs"
            aria-label={t.by}
            value={wanted.by}
            onChange={(by) => go(to(['engagement'], { ...wanted, by }), { replace: true })}
            data={GROUPS.map((value) => ({ value, label: t.groups[value] ?? value }))}
          />
        }
      >
        <Groups rows={groups.data.data} by={wanted.by} isStale={groups.isPlaceholderData} />
      </Section>
      <Text size="sm" c="dimmed">
        {t.tracking} <TextLink to={to(['categories'])}>{t.categories}</TextLink>
      </Text>
    </>
  );
}

/** The share in words; never 0 % where nobody would have told. */
function useRateText() {
  const t = useText(engagementTexts);
  return (sum: StatsSum, rate: Rate): string => {
    const found = rateOf(sum, rate);
    if (found === 'nothing sent') return t.nothingSent;
    if (found === 'not measured') return t.notMeasured;
    return found === 'no receipts' ? t.noReceipts : percent(found);
  };
}

function Cards({ total, told }: { total: StatsSum; told: Reported }) {
  const t = useText(engagementTexts);
  const text = useRateText();
  const isTold = told.sent > 0;
  return (
    <SimpleGrid cols={{ base: 2, sm: 3, lg: 5 }} spacing="sm">
      <Card
        name={t.rates.delivery ?? 'delivery'}
        value={isTold ? percent(told.delivered / told.sent) : t.noReceipts}
        tone={isTold ? undefined : 'off'}
        help={isTold ? t.ofReported(formatNumber(told.delivered), formatNumber(told.sent)) : t.noReceiptsHelp}
      />
      {RATES.filter((rate) => rate !== 'delivery').map((rate) => (
        <Card
          key={rate}
          name={t.rates[rate] ?? rate}
          value={text(total, rate)}
          tone={typeof rateOf(total, rate) === 'number' ? undefined : 'off'}
          help={t.of(formatNumber(countOf(total, rate)), formatNumber(sentOf(total)))}
        />
      ))}
    </SimpleGrid>
  );
}

function Groups({ rows, by, isStale }: { rows: StatsSum[]; by: Wanted['by']; isStale: boolean }) {
  const t = useText(engagementTexts);
  const c = useText(common);
  const text = useRateText();
  const name = (row: StatsSum) => {
    const key = row[by] ?? '';
    if (by === 'channel') return c.channels[key] ?? key;
    if (!key) return t.ownText;
    return by === 'template' ? <TextLink to={to(['templates', key])}>{key}</TextLink> : key;
  };
  const sorted = [...rows].sort((a, b) => sentOf(b) - sentOf(a));
  return (
    <DataTable<StatsSum>
      caption={t.table(t.groups[by] ?? by)}
      rows={sorted}
      isStale={isStale}
      id={(row) => row[by] ?? ''}
      columns={[
        { name: t.groups[by] ?? by, cell: name },
        { name: t.sent, cell: (row) => formatNumber(sentOf(row)), isNumber: true },
        ...RATES.map((rate) => ({
          name: t.rates[rate] ?? rate,
          isNumber: true,
          cell: (row: StatsSum) => (
            <>
              <Text size="sm" c={typeof rateOf(row, rate) === 'number' ? undefined : 'dimmed'}>
                {text(row, rate)}
              </Text>
              {typeof rateOf(row, rate) === 'number' && (
                <Text size="xs" c="dimmed">
                  {formatNumber(countOf(row, rate))}
                </Text>
              )}
            </>
          ),
        })),
      ]}
    />
  );
}

interface OverTimeProps {
  answer: Answer<StatsRow>;
  told: Reported;
  step: Step;
}

function OverTime({ answer, told, step }: OverTimeProps) {
  const t = useText(engagementTexts);
  const hasReceipts = told.sent > 0;
  const moments = useMemo(
    () => overTime(answer.data, new Date(answer.from), new Date(answer.until), step, told.integrations),
    [answer, step, told],
  );
  const label = useCallback(
    (at: Date) =>
      new Intl.DateTimeFormat(
        language(),
        step === 'hour'
          ? { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' }
          : { month: 'short', day: 'numeric' },
      ).format(at),
    [step],
  );
  const names = useMemo(() => moments.map((one) => label(one.at)), [moments, label]);
  const shown = useMemo(() => RATES.filter((rate) => rate !== 'delivery' || hasReceipts), [hasReceipts]);
  const lines = useMemo(
    () =>
      shown.map((rate) => ({
        name: t.rates[rate] ?? rate,
        values: moments.map((one) => one.rates[rate]),
      })),
    [moments, shown, t],
  );
  return (
    <Stack gap="xs">
      <Text size="sm" c="dimmed">
        {t.overTimeHelp}
      </Text>
      <Suspense fallback={<Loading />}>
        <RateLines label={t.overTime} categories={names} lines={lines} format={percent} />
      </Suspense>
      <details className={classes.details}>
        <summary>{t.asTable}</summary>
        <MomentTable moments={moments} shown={shown} label={label} />
      </details>
    </Stack>
  );
}

interface MomentTableProps {
  moments: Moment[];
  shown: Rate[];
  label: (at: Date) => string;
}

function MomentTable({ moments, shown, label }: MomentTableProps) {
  const t = useText(engagementTexts);
  return (
    <Table>
      <Table.Thead>
        <Table.Tr>
          {[t.when, t.sent, ...shown.map((rate) => t.rates[rate] ?? rate)].map((name) => (
            <Table.Th key={name} scope="col">
              {name}
            </Table.Th>
          ))}
        </Table.Tr>
      </Table.Thead>
      <Table.Tbody>
        {moments
          .filter((one) => one.sent > 0)
          .map((one) => (
            <Table.Tr key={one.at.toISOString()}>
              <Table.Th scope="row">{label(one.at)}</Table.Th>
              <Table.Td>{formatNumber(one.sent)}</Table.Td>
              {shown.map((rate) => (
                <Table.Td key={rate}>{one.rates[rate] === null ? '–' : percent(one.rates[rate])}</Table.Td>
              ))}
            </Table.Tr>
          ))}
      </Table.Tbody>
    </Table>
  );
}
