import { Group, SegmentedControl, Stack, Text } from '@mantine/core';
import { useState } from 'react';
import type { Body } from '@/api/client';
import type { Explanation } from '@/api/shapes';
import { common } from '@/text/common';
import { formatNumber } from '@/text/format';
import { texts, useText } from '@/text/language';
import classes from './explain-list.module.css';
import { DecisionTag, ExplainDetail } from './explain';

const listTexts = texts(
  {
    summary: (send: string, hold: string, not: string) =>
      `${send} to be sent · ${hold} held · ${not} not sent`,
    partial: (shown: string, total: string) => `Shown for the first ${shown} of ${total} recipients.`,
    only: 'Show',
    all: 'All',
    send: 'Sent',
    hold: 'Held',
    suppress: 'Not sent',
    more: (n: string) => `… and ${n} more`,
  },
  {
    summary: (send: string, hold: string, not: string) =>
      `발송 ${send}건 · 보류 ${hold}건 · 발송 안 함 ${not}건`,
    partial: (shown: string, total: string) => `전체 ${total}명 중 ${shown}명까지 표시합니다.`,
    only: '표시',
    all: '전체',
    send: '발송',
    hold: '보류',
    suppress: '발송 안 함',
    more: (n: string) => `… 외 ${n}건`,
  },
);

// So many rows are drawn; the counts are of all.
const ROWS_MAX = 200;

export function countDecisions(list: Explanation[]): Record<'send' | 'hold' | 'suppress', number> {
  const counts = { send: 0, hold: 0, suppress: 0 };
  for (const { decision } of list) counts[decision] += 1;
  return counts;
}

/** Who gets it, who does not and why; each opens to the checks that were made. */
export function ExplainList({ answer }: { answer: Body<'ExplainList'> }) {
  const t = useText(listTexts);
  const c = useText(common);
  const [only, setOnly] = useState('all');
  const list = (answer.data ?? []) as unknown as Explanation[];
  const counts = countDecisions(list);
  const fitting = list.filter((e) => only === 'all' || e.decision === only);
  const { total = 0, shown = 0, complete = true } = answer.audience ?? {};
  return (
    <Stack gap="xs">
      <Text size="sm" fw={600} role="status">
        {t.summary(formatNumber(counts.send), formatNumber(counts.hold), formatNumber(counts.suppress))}
      </Text>
      {!complete && (
        <Text size="sm" c="dimmed">
          {t.partial(formatNumber(shown), formatNumber(total))}
        </Text>
      )}
      <SegmentedControl
        size="xs"
        aria-label={t.only}
        value={only}
        onChange={setOnly}
        style={{ alignSelf: 'flex-start' }}
        data={[
          { value: 'all', label: t.all },
          { value: 'send', label: t.send },
          { value: 'hold', label: t.hold },
          { value: 'suppress', label: t.suppress },
        ]}
      />
      <ul className={classes.list}>
        {fitting.slice(0, ROWS_MAX).map((e, index) => (
          <li key={index}>
            <details>
              <summary>
                <Group gap="xs" component="span" wrap="nowrap" className={classes.line}>
                  <DecisionTag decision={e.decision} />
                  <span className={classes.who}>{e.recipient.replace(/^user:/, '')}</span>
                  <span className={classes.where}>
                    {c.channels[e.channel] ?? e.channel}
                    {e.reason && ` · ${c.reasons[e.reason] ?? e.reason}`}
                  </span>
                </Group>
              </summary>
              <div className={classes.detail}>
                <ExplainDetail explanation={e} />
              </div>
            </details>
          </li>
        ))}
      </ul>
      {fitting.length > ROWS_MAX && (
        <Text size="sm" c="dimmed">
          {t.more(formatNumber(fitting.length - ROWS_MAX))}
        </Text>
      )}
    </Stack>
  );
}
