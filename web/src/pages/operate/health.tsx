import { Group, Text } from '@mantine/core';
import type { Body } from '@/api/client';
import type { IntegrationMore } from '@/api/shapes';
import { formatNumber, formatShare } from '@/text/format';
import { texts, useText } from '@/text/language';
import { StateTag, Tag, Time, type Tone } from '@/ui/basics';

const healthTexts = texts(
  {
    breakers: { closed: 'well', open: 'not asked for now', half_open: 'being tried again' },
    broken: 'cannot be used',
    retry: 'tried again',
    throttled: 'slowed down by the provider until',
    failed: (share: string, calls: string) => `${share} of ${calls} calls failed`,
    calls: (n: string) => `${n} calls, none failed`,
    quiet: 'no calls in the last minutes',
    by: (who: string) => `by ${who}`,
  },
  {
    breakers: { closed: '정상', open: '호출 중단', half_open: '다시 시도하는 중' },
    broken: '사용할 수 없음',
    retry: '다시 시도:',
    throttled: '업체의 속도 제한:',
    failed: (share: string, calls: string) => `호출 ${calls}건 중 ${share} 실패`,
    calls: (n: string) => `호출 ${n}건 모두 성공`,
    quiet: '최근 몇 분간 호출 없음',
    by: (who: string) => `${who}`,
  },
);

const TONES: Record<string, Tone> = { closed: 'good', open: 'bad', half_open: 'warn' };

/** How an integration does: in use or not, whether its provider answers, and how many calls fail. */
export function Health({ integration }: { integration: Body<'Integration'> }) {
  const t = useText(healthTexts);
  const { state, paused } = integration;
  const { paused_by, paused_at, health } = integration as unknown as IntegrationMore;
  if (state !== 'ready' || !health) {
    return (
      <Group gap={6}>
        <StateTag state={state ?? ''} />
        {paused && <Text size="xs">{paused}</Text>}
        {paused_by && (
          <Text size="xs" c="dimmed">
            {t.by(paused_by)} · <Time at={paused_at} relative />
          </Text>
        )}
      </Group>
    );
  }
  const rate =
    health.calls === 0
      ? t.quiet
      : health.errors === 0
        ? t.calls(formatNumber(health.calls))
        : t.failed(formatShare(health.errors, health.calls), formatNumber(health.calls));
  return (
    <>
      <Group gap={6}>
        {health.problem ? (
          <Tag tone="bad">{t.broken}</Tag>
        ) : (
          <Tag tone={TONES[health.breaker] ?? 'off'}>{t.breakers[health.breaker]}</Tag>
        )}
        {health.breaker === 'open' && health.retry_at && (
          <Text size="xs">
            {t.retry} <Time at={health.retry_at} relative />
          </Text>
        )}
      </Group>
      {health.problem && <Text size="xs">{health.problem}</Text>}
      {health.throttled_until && (
        <Text size="xs">
          {t.throttled} <Time at={health.throttled_until} relative />
        </Text>
      )}
      <Text size="xs" c="dimmed">
        {rate}
      </Text>
    </>
  );
}
