import { Button, Checkbox, SegmentedControl, Text } from '@mantine/core';
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { api, type Body, body } from '@/api/client';
import { followFirst, LIVE } from '@/api/live';
import { to } from '@/app/router';
import { useAccess } from '@/app/session';
import { common } from '@/text/common';
import { formatNumber } from '@/text/format';
import { useText } from '@/text/language';
import { Page, Section, StateTag, Tag, TextLink, Time } from '@/ui/basics';
import { JobProgress } from '@/ui/job';
import { QueryTable } from '@/ui/query-table';
import { useCursor } from '@/ui/table';
import { reasonText } from './reason';
import { ReplayAllDialog, ReplayDialog } from './replay';
import { operateTexts } from './texts';

type Letter = Body<'DeadLetter'>;

export function DeadLettersPage() {
  const t = useText(operateTexts);
  const c = useText(common);
  const { can } = useAccess();
  const [chosen, setChosen] = useState<Letter[]>([]);
  const [view, setView] = useState('open');
  const [dialog, setDialog] = useState<'chosen' | 'all'>();
  const [job, setJob] = useState<string>();
  const cursor = useCursor();
  const list = useQuery({
    queryKey: [LIVE, 'dead-letters', cursor.after],
    queryFn: () =>
      body(api.GET('/v1/dead-letters', { params: { query: { limit: '50', after: cursor.after } } })),
    placeholderData: keepPreviousData,
    refetchInterval: followFirst(cursor),
    select: (page) =>
      view === 'open' ? { ...page, data: page.data.filter((letter) => !letter.closed) } : page,
  });
  const isChosen = (letter: Letter) => chosen.some((one) => one.id === letter.id);
  const toggle = (letter: Letter) =>
    setChosen(isChosen(letter) ? chosen.filter((one) => one.id !== letter.id) : [...chosen, letter]);
  const onStarted = (id: string | undefined) => {
    setJob(id);
    setChosen([]);
    setDialog(undefined);
  };
  const mayReplay = can('sender');
  return (
    <Page
      title={t.letters}
      help={t.lettersHelp}
      actions={
        mayReplay && (
          <>
            <Button disabled={chosen.length === 0} onClick={() => setDialog('chosen')}>
              {t.replay} {chosen.length > 0 && `(${t.chosen(chosen.length)})`}
            </Button>
            <Button variant="default" onClick={() => setDialog('all')}>
              {t.replayAll}
            </Button>
          </>
        )
      }
    >
      {job && (
        <Section title={t.job}>
          <JobProgress id={job} />
        </Section>
      )}
      <SegmentedControl
        aria-label={t.view}
        style={{ alignSelf: 'flex-start' }}
        value={view}
        onChange={setView}
        data={[
          { value: 'open', label: t.openOnly },
          { value: 'all', label: t.all },
        ]}
      />
      <QueryTable<Letter>
        query={list}
        cursor={cursor}
        caption={t.letters}
        empty={t.lettersNone}
        isByTime
        id={(row) => row.id ?? ''}
        columns={[
          ...(mayReplay
            ? [
                {
                  name: c.actions,
                  cell: (row: Letter) =>
                    row.closed ? (
                      <Tag tone="off">{t.replayed}</Tag>
                    ) : (
                      <Checkbox
                        aria-label={t.choose(row.id ?? '')}
                        checked={isChosen(row)}
                        onChange={() => toggle(row)}
                      />
                    ),
                },
              ]
            : []),
          { name: t.givenUp, cell: (row) => <Time at={row.at} /> },
          {
            name: t.delivery,
            cell: (row) =>
              row.delivery_id ? (
                <TextLink to={to(['history', row.notification_id ?? '', row.delivery_id])}>
                  {`${c.channels[row.channel ?? ''] ?? row.channel ?? ''} → ${row.user_id ?? '…'}`}
                </TextLink>
              ) : (
                <Text size="sm">
                  {t.event} {row.rule && `· ${row.rule}`}
                </Text>
              ),
          },
          {
            name: c.reason,
            cell: (row) => (
              <>
                <Text size="sm">{reasonText(row.reason ?? '', c.reasons)}</Text>
                <Text size="xs" c="dimmed">
                  {row.detail}
                </Text>
              </>
            ),
          },
          { name: c.status, cell: (row) => <StateTag state={row.status ?? ''} />, isMinor: true },
          { name: t.integrations, cell: (row) => row.integration ?? '–', isMinor: true },
          { name: t.attempts, cell: (row) => formatNumber(row.attempts ?? 0), isNumber: true, isMinor: true },
        ]}
      />
      {dialog === 'chosen' && (
        <ReplayDialog chosen={chosen} onClose={() => setDialog(undefined)} onStarted={onStarted} />
      )}
      {dialog === 'all' && <ReplayAllDialog onClose={() => setDialog(undefined)} onStarted={onStarted} />}
    </Page>
  );
}
