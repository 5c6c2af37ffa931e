import { SegmentedControl, Text } from '@mantine/core';
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { call } from '@/api/client';
import { LIVE, pollEvery } from '@/api/live';
import type { Latency, Percentiles } from '@/api/shapes';
import { common } from '@/text/common';
import { formatLatency, formatNumber } from '@/text/format';
import { useText } from '@/text/language';
import { Loading, ProblemNote, Section } from '@/ui/basics';
import { DataTable } from '@/ui/table';
import { overviewTexts } from './texts';

const WINDOWS = ['15m', '1h', '6h', '24h'] as const;
const EVERY_MS = 15_000;

interface Row extends Percentiles {
  name: string;
}

/** How long it takes from acceptance to the provider's yes: half of them, nearly all, and the slowest. */
export function LatencySection() {
  const t = useText(overviewTexts);
  const [window, setWindow] = useState<string>('1h');
  return (
    <Section
      title={t.latency}
      actions={
        <SegmentedControl
          size="xs"
          aria-label={t.latencyWindow}
          value={window}
          onChange={setWindow}
          data={WINDOWS.map((value) => ({ value, label: t.windows[value] ?? value }))}
        />
      }
    >
      <Figures window={window} />
    </Section>
  );
}

function Figures({ window }: { window: string }) {
  const t = useText(overviewTexts);
  const c = useText(common);
  const latency = useQuery({
    queryKey: [LIVE, 'stats', 'latency', window],
    queryFn: () => call<Latency>('GET', `/v1/stats/latency?window=${window}`),
    placeholderData: keepPreviousData,
    refetchInterval: pollEvery(EVERY_MS),
    meta: { leastAgeMs: EVERY_MS },
  });
  if (latency.isPending) return <Loading />;
  if (latency.isError) return <ProblemNote error={latency.error} retry={() => void latency.refetch()} />;
  const { data, total } = latency.data;
  if (total.n === 0) return <Text c="dimmed">{t.latencyNone}</Text>;
  const rows: Row[] = data.map((one) => ({ ...one, name: c.channels[one.channel] ?? one.channel }));
  if (rows.length > 1) rows.push({ ...total, name: c.all });
  return (
    <>
      <DataTable<Row>
        caption={t.latency}
        rows={rows}
        isStale={latency.isPlaceholderData}
        id={(row) => row.name}
        columns={[
          { name: c.channel, cell: (row) => row.name },
          { name: t.half, cell: (row) => formatLatency(row.p50), isNumber: true },
          { name: '95 %', cell: (row) => formatLatency(row.p95), isNumber: true },
          { name: '99 %', cell: (row) => formatLatency(row.p99), isNumber: true },
          {
            name: t.perSecond,
            cell: (row) => formatNumber(row.rate, { maximumSignificantDigits: 2 }),
            isNumber: true,
            isMinor: true,
          },
        ]}
      />
      <Text size="xs" c="dimmed" mt={6}>
        {t.latencyHelp}
      </Text>
    </>
  );
}
