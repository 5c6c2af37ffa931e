import { Button, Group, Stack, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { api, body } from '@/api/client';
import { LIVE, pollEvery } from '@/api/live';
import { to } from '@/app/router';
import { useAccess } from '@/app/session';
import { common } from '@/text/common';
import { formatNumber } from '@/text/format';
import { useText } from '@/text/language';
import { CopyButton, Facts, Page, ProblemNote, Section, TextLink, Time } from '@/ui/basics';
import { StoredPage } from '@/ui/editor';
import { JobProgress } from '@/ui/job';
import { DataTable } from '@/ui/table';
import { useReplay } from './log';
import { TOLD_EVERY_MS } from './model';
import { ToldState } from './state';
import { webhookTexts } from './texts';
import classes from './webhooks.module.css';

interface Try {
  at: string;
  took_ms: number;
  answered: number | null;
  error: string | null;
  answer: string | null;
}

/** One event: what is posted, and every try with its answer. */
export function EventPage({ webhook, id }: { webhook: string; id: string }) {
  const t = useText(webhookTexts);
  const c = useText(common);
  const { can } = useAccess();
  const [job, setJob] = useState<string>();
  const replay = useReplay(webhook, setJob);
  const told = useQuery({
    queryKey: [LIVE, 'webhook', webhook, 'event', id],
    queryFn: () =>
      body(api.GET('/v1/webhooks/{key}/deliveries/{id}', { params: { path: { key: webhook, id } } })),
    refetchInterval: pollEvery(...TOLD_EVERY_MS),
  });
  return (
    <StoredPage name={id} parent={{ title: webhook, address: to(['webhooks', webhook]) }} query={told}>
      {(event) => (
        <Page
          title={event.type ?? id}
          above={<TextLink to={to(['webhooks', webhook])}>← {webhook}</TextLink>}
          actions={
            can('administrator') && (
              <Button
                variant="default"
                loading={replay.isPending}
                onClick={() => replay.mutate({ ids: [id] })}
              >
                {t.replayThis}
              </Button>
            )
          }
        >
          {replay.error && <ProblemNote error={replay.error} />}
          {job && (
            <Section title={t.job}>
              <JobProgress id={job} />
            </Section>
          )}
          <Section title={t.type}>
            <Facts
              items={[
                [c.status, <ToldState key="state" state={event.status ?? ''} />],
                ['Id', id],
                [c.time, <Time key="at" at={event.at} />],
                [t.tries, formatNumber(event.tries ?? 0)],
                [t.lastTry, <Time key="last" at={event.last_try_at} />],
                [t.nextTry, <Time key="next" at={event.next_try_at} />],
              ]}
            />
          </Section>
          <Section title={t.triesTitle}>
            <Tries tries={(event.attempts ?? []) as unknown as Try[]} />
          </Section>
          <Section title={t.posted}>
            <Stack gap="xs">
              <Group>
                <CopyButton value={JSON.stringify(event.event)} />
              </Group>
              <pre className={classes.body} tabIndex={0}>
                {JSON.stringify(event.event, null, 2)}
              </pre>
            </Stack>
          </Section>
        </Page>
      )}
    </StoredPage>
  );
}

function Tries({ tries }: { tries: Try[] }) {
  const t = useText(webhookTexts);
  const c = useText(common);
  if (tries.length === 0) return <Text c="dimmed">{t.triesNone}</Text>;
  return (
    <DataTable<Try>
      caption={t.triesTitle}
      rows={tries}
      id={(row) => row.at}
      columns={[
        { name: c.time, cell: (row) => <Time at={row.at} /> },
        { name: t.answered, cell: (row) => row.answered ?? '–', isNumber: true },
        { name: t.took, cell: (row) => t.ms(formatNumber(row.took_ms)), isNumber: true },
        { name: t.error, cell: (row) => row.error ?? '–' },
        { name: t.answerText, cell: (row) => row.answer ?? '–', isMinor: true },
      ]}
    />
  );
}
