// What takes longer than an answer: how far it is, and what it could not do.

import { Group, List, Progress, Stack, Text } from '@mantine/core';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect } from 'react';
import { api, body } from '@/api/client';
import { LIVE, pollEvery } from '@/api/live';
import { formatNumber } from '@/text/format';
import { texts, useText } from '@/text/language';
import { ProblemNote, StateTag } from './basics';

const ENDED = new Set(['completed', 'failed', 'cancelled']);

const jobTexts = texts(
  {
    progress: (done: string, total: string, failed: string) => `${done} of ${total} done, ${failed} refused`,
    errors: 'Refused',
    line: (n: number) => `Line ${n}`,
    moreErrors: 'More were refused; these are the first.',
  },
  {
    progress: (done: string, total: string, failed: string) =>
      `${total}건 중 ${done}건 완료, ${failed}건 거절`,
    errors: '거절된 항목',
    line: (n: number) => `${n}번째 줄`,
    moreErrors: '거절된 항목이 더 있습니다. 처음 일부만 표시합니다.',
  },
);

export function JobProgress({ id }: { id: string }) {
  const t = useText(jobTexts);
  const client = useQueryClient();
  const job = useQuery({
    queryKey: [LIVE, 'job', id],
    queryFn: () => body(api.GET('/v1/jobs/{id}', { params: { path: { id } } })),
    refetchInterval: (query) => (ENDED.has(query.state.data?.state ?? '') ? false : pollEvery(500, 3_000)()),
  });
  const isDone = ENDED.has(job.data?.state ?? '');
  useEffect(() => {
    if (isDone)
      void client.invalidateQueries({
        predicate: (q) => q.queryKey[0] !== 'session' && q.queryKey[1] !== 'job',
      });
  }, [isDone, client]);
  if (job.isError) return <ProblemNote error={job.error} />;
  const { done = 0, total = 0, failed = 0, state = 'queued', errors = [], detail } = job.data ?? {};
  const text = t.progress(formatNumber(done), formatNumber(total), formatNumber(failed));
  return (
    <Stack gap="xs" aria-live="polite">
      <Group gap="xs">
        <StateTag state={state} />
        <Text size="sm">{text}</Text>
      </Group>
      <Progress value={total > 0 ? ((done + failed) / total) * 100 : isDone ? 100 : 0} aria-label={text} />
      {detail && <Text size="sm">{detail}</Text>}
      {errors.length > 0 && (
        <div>
          <Text size="sm" fw={600}>
            {t.errors}
          </Text>
          <List size="sm" style={{ maxHeight: '12rem', overflowY: 'auto' }}>
            {errors.map((error, index) => (
              <List.Item key={index}>
                {error.line ? `${t.line(error.line)}: ` : ''}
                {error.pointer} {error.detail}
              </List.Item>
            ))}
          </List>
          {failed > errors.length && (
            <Text size="sm" c="dimmed">
              {t.moreErrors}
            </Text>
          )}
        </div>
      )}
    </Stack>
  );
}
