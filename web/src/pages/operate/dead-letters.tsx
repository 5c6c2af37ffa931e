import { Button, Checkbox, Group, SegmentedControl, Select, Stack, Text, TextInput } from '@mantine/core';
import { keepPreviousData, useMutation, useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { api, type Body, body } from '@/api/client';
import { followFirst, LIVE } from '@/api/live';
import { complaint } from '@/api/problem';
import { to } from '@/app/router';
import { useAccess } from '@/app/session';
import { common } from '@/text/common';
import { formatNumber } from '@/text/format';
import { useText } from '@/text/language';
import { Page, Section, StateTag, Tag, TextLink, Time } from '@/ui/basics';
import { Confirm, say } from '@/ui/feedback';
import { JobProgress } from '@/ui/job';
import { QueryTable } from '@/ui/query-table';
import { useCursor } from '@/ui/table';
import { operateTexts } from './texts';

type Letter = Body<'DeadLetter'>;

export function DeadLettersPage() {
  const t = useText(operateTexts);
  const c = useText(common);
  const { can } = useAccess();
  const [chosen, setChosen] = useState<string[]>([]);
  const [view, setView] = useState('open');
  const [isAsking, setAsking] = useState(false);
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
  const toggle = (id: string) =>
    setChosen(chosen.includes(id) ? chosen.filter((x) => x !== id) : [...chosen, id]);
  const mayReplay = can('sender');
  return (
    <Page
      title={t.letters}
      help={t.lettersHelp}
      actions={
        mayReplay && (
          <Button disabled={chosen.length === 0} onClick={() => setAsking(true)}>
            {t.replay} {chosen.length > 0 && `(${t.chosen(chosen.length)})`}
          </Button>
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
                        checked={chosen.includes(row.id ?? '')}
                        onChange={() => toggle(row.id ?? '')}
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
      {isAsking && (
        <ReplayDialog
          ids={chosen}
          onClose={() => setAsking(false)}
          onStarted={(id) => {
            setJob(id);
            setChosen([]);
            setAsking(false);
          }}
        />
      )}
    </Page>
  );
}

/** "retries_exhausted: temporary 20503 …": the code in words; the rest stands below it. */
export function reasonText(reason: string, words: Record<string, string>): string {
  const code = reason.split(':')[0] ?? reason;
  return words[code] ?? reason;
}

interface ReplayProps {
  ids: string[];
  onClose: () => void;
  onStarted: (job: string | undefined) => void;
}

function ReplayDialog({ ids, onClose, onStarted }: ReplayProps) {
  const t = useText(operateTexts);
  const [address, setAddress] = useState('');
  const [integration, setIntegration] = useState<string | null>(null);
  const integrations = useQuery({
    queryKey: ['integrations'],
    queryFn: () => body(api.GET('/v1/integrations')),
  });
  const replay = useMutation({
    mutationFn: () => {
      const changes = {
        ...(address.trim() ? { address: address.trim() } : {}),
        ...(integration ? { integration } : {}),
      };
      return body(
        api.POST('/v1/dead-letters/replay', {
          body: { ids, ...(Object.keys(changes).length > 0 ? { changes } : {}) } as Body<'ReplayRequest'>,
        }),
      );
    },
    onSuccess: (job) => {
      say(t.replayStarted);
      onStarted(job.id);
    },
  });
  return (
    <Confirm
      title={t.replayTitle}
      action={t.replay.replace('…', '')}
      isBusy={replay.isPending}
      error={replay.error}
      shown={['/changes/address', '/changes/integration']}
      onConfirm={() => replay.mutate()}
      onClose={onClose}
    >
      <Stack gap="sm">
        <Text size="sm">{t.replayHelp(formatNumber(ids.length))}</Text>
        <Group grow>
          <Select
            label={t.changeIntegration}
            placeholder={t.keep}
            clearable
            data={(integrations.data?.data ?? []).map(({ key = '' }) => key)}
            value={integration}
            onChange={setIntegration}
            error={complaint(replay.error, '/changes/integration')}
          />
          {ids.length === 1 && (
            <TextInput
              label={t.changeAddress}
              placeholder={t.keep}
              value={address}
              onChange={(e) => setAddress(e.currentTarget.value)}
              error={complaint(replay.error, '/changes/address')}
            />
          )}
        </Group>
      </Stack>
    </Confirm>
  );
}
