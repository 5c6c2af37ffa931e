// What takes longer than an answer: how far it is, and what it could not do.

import { Button, Group, List, Progress, Stack, Text } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect } from 'react';
import { api, type Body, body, download } from '@/api/client';
import { LIVE, pollEvery } from '@/api/live';
import { formatNumber } from '@/text/format';
import { texts, useText } from '@/text/language';
import { ProblemNote, StateTag } from './basics';
import { saveFile } from './save-file';

const ENDED = new Set(['completed', 'failed', 'cancelled']);

const jobTexts = texts(
  {
    progress: (done: string, total: string, failed: string) => `${done} of ${total} done, ${failed} refused`,
    counted: (done: string) => `${done} so far`,
    made: (done: string) => `${done} rows`,
    download: 'Download',
    cancel: 'Stop',
    errors: 'Refused',
    line: (n: number) => `Line ${n}`,
    moreErrors: 'More were refused; these are the first.',
  },
  {
    progress: (done: string, total: string, failed: string) =>
      `${total}건 중 ${done}건 완료, ${failed}건 거절`,
    counted: (done: string) => `지금까지 ${done}건`,
    made: (done: string) => `${done}행`,
    download: '내려받기',
    cancel: '중단',
    errors: '거절된 항목',
    line: (n: number) => `${n}번째 줄`,
    moreErrors: '거절된 항목이 더 있습니다. 처음 일부만 표시합니다.',
  },
);

export type JobWithResult = Body<'Job'> & {
  /** Of a job that makes a file: null until it is made, and again when it is kept no longer. */
  result_url?: string | null;
};

const isFile = (job: JobWithResult): boolean => String(job.kind).startsWith('export_');

/** Gets the file that a job made. */
export function ResultButton({ job }: { job: JobWithResult }) {
  const t = useText(jobTexts);
  const get = useMutation({
    mutationFn: async () => {
      const { name, content } = await download(job.result_url ?? '');
      saveFile(name ?? `${job.id ?? 'export'}.csv`, content);
    },
  });
  return (
    <>
      <Button
        size="xs"
        onClick={() => get.mutate()}
        loading={get.isPending}
        style={{ alignSelf: 'flex-start' }}
      >
        {t.download}
      </Button>
      {get.error && <ProblemNote error={get.error} />}
    </>
  );
}

/** Ends a job before its time; what it did stays done. */
function CancelButton({ id }: { id: string }) {
  const t = useText(jobTexts);
  const client = useQueryClient();
  const cancel = useMutation({
    mutationFn: () => body(api.POST('/v1/jobs/{id}/cancel', { params: { path: { id } } })),
    onSettled: () => void client.invalidateQueries({ queryKey: [LIVE, 'job'] }),
  });
  return (
    <>
      <Button size="compact-xs" variant="default" onClick={() => cancel.mutate()} loading={cancel.isPending}>
        {t.cancel}
      </Button>
      {cancel.error && <ProblemNote error={cancel.error} />}
    </>
  );
}

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
  // Nobody counts beforehand what goes into a file.
  const isOpenEnded = job.data !== undefined && isFile(job.data);
  const text = isOpenEnded
    ? (isDone ? t.made : t.counted)(formatNumber(done))
    : t.progress(formatNumber(done), formatNumber(total), formatNumber(failed));
  return (
    <Stack gap="xs" aria-live="polite">
      <Group gap="xs">
        <StateTag state={state} />
        <Text size="sm">{text}</Text>
        {!isDone && job.data && <CancelButton id={id} />}
      </Group>
      <Progress
        value={isDone || isOpenEnded ? 100 : total > 0 ? ((done + failed) / total) * 100 : 0}
        animated={!isDone && isOpenEnded}
        aria-label={text}
      />
      {job.data && (job.data as JobWithResult).result_url && <ResultButton job={job.data} />}
      {detail && <Text size="sm">{detail}</Text>}
      {errors.length > 0 && (
        <div>
          <Text size="sm" fw={600}>
            {t.errors}
          </Text>
          <List size="sm" style={{ maxHeight: '12rem', overflowY: 'auto' }}>
            {errors.map((error, index) => (
              <List.Item key={index}>
                {error.line ? `${t.line(error.line)}: ` : error.id ? `${error.id}: ` : ''}
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
