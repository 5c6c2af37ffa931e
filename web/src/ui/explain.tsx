// Why somebody gets it, or does not: the object the deciding code made (CONTRACT §6).

import { Group, Stack, Text } from '@mantine/core';
import type { Check, Explanation } from '@/api/shapes';
import { common } from '@/text/common';
import { texts, useText } from '@/text/language';
import { Facts, Tag, type Tone } from './basics';
import { DataTable } from './table';

const explainTexts = texts(
  {
    checks: 'Checks',
    check: 'Check',
    result: 'Result',
    value: 'Found',
    source: 'Decided by',
    route: 'Route',
    noRule: 'default order',
    integration: 'Integration',
    chain: 'In order',
    skipped: 'Passed over',
    segments: 'Parts',
    decisions: { send: 'send', hold: 'hold', suppress: 'do not send' } as Record<string, string>,
    results: { pass: 'passed', stop: 'stops it', hold: 'holds it', warn: 'warns' } as Record<string, string>,
    names: {
      preference: 'Preference',
      address: 'Address',
      suppression: 'Suppression list',
      category: 'Category',
      cap: 'Frequency cap',
      quiet_hours: 'Quiet hours',
      route: 'Route',
      device: 'Device',
      user: 'User',
      duplicate: 'Duplicate',
      pause: 'Stop button',
    } as Record<string, string>,
    values: {
      opt_in: 'said yes (or the default)',
      opt_out: 'said no',
      category_default: "the category's default",
      category: 'category',
      user: 'user',
    } as Record<string, string>,
  },
  {
    checks: '검사',
    check: '검사',
    result: '결과',
    value: '확인한 값',
    source: '근거',
    route: '경로',
    noRule: '기본 순서',
    integration: '연동',
    chain: '순서',
    skipped: '제외',
    segments: '분할 수',
    decisions: { send: '발송', hold: '보류', suppress: '발송 안 함' },
    results: { pass: '통과', stop: '발송 중단', hold: '보류', warn: '주의' },
    names: {
      preference: '수신 설정',
      address: '주소',
      suppression: '발송 금지 목록',
      category: '카테고리',
      cap: '발송 횟수 한도',
      quiet_hours: '방해 금지 시간',
      route: '경로',
      device: '기기',
      user: '사용자',
      duplicate: '중복',
      pause: '발송 중지',
    },
    values: {
      opt_in: '수신 동의(또는 기본값)',
      opt_out: '수신 거부',
      category_default: '카테고리 기본값',
      category: '카테고리',
      user: '사용자',
    },
  },
);

const TONES: Record<string, Tone> = { send: 'good', hold: 'warn', suppress: 'off' };

export function DecisionTag({ decision }: { decision: string }) {
  const t = useText(explainTexts);
  return <Tag tone={TONES[decision] ?? 'off'}>{t.decisions[decision] ?? decision}</Tag>;
}

export function ExplainDetail({ explanation: e }: { explanation: Explanation }) {
  const t = useText(explainTexts);
  const c = useText(common);
  const word = (value: unknown) =>
    typeof value === 'string' ? (t.values[value] ?? value) : JSON.stringify(value);
  return (
    <Stack gap="sm">
      <Group gap="xs">
        <DecisionTag decision={e.decision} />
        {e.reason && <Text size="sm">{c.reasons[e.reason] ?? e.reason}</Text>}
      </Group>
      {e.checks.length > 0 && (
        <DataTable<Check>
          caption={t.checks}
          rows={e.checks}
          id={(check) => check.check + check.result + String(check.rule)}
          columns={[
            { name: t.check, cell: (check) => t.names[check.check] ?? check.check },
            { name: t.result, cell: (check) => t.results[check.result] ?? check.result },
            { name: t.value, cell: (check) => (check.value === null ? '–' : word(check.value)) },
            {
              name: t.source,
              cell: (check) =>
                [check.rule ?? check.source]
                  .filter(Boolean)
                  .map((x) => word(x))
                  .join(' · ') || '–',
              isMinor: true,
            },
          ]}
        />
      )}
      <Facts
        items={[
          [t.integration, e.route.chosen],
          [t.chain, e.route.chain.join(' → ') || '–'],
          [t.route, e.route.rule ?? t.noRule],
          ...(e.route.skipped.length > 0
            ? [
                [
                  t.skipped,
                  e.route.skipped.map((s) => `${s.integration}: ${c.reasons[s.why] ?? s.why}`).join(', '),
                ] as [string, string],
              ]
            : []),
          ...(e.content?.segments ? [[t.segments, String(e.content.segments)] as [string, string]] : []),
        ]}
      />
    </Stack>
  );
}
