import { Button, Checkbox, Group, SegmentedControl, Select, Text } from '@mantine/core';
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import { api, body } from '@/api/client';
import { followFirst, LIVE } from '@/api/live';
import { to } from '@/app/router';
import { useAccess } from '@/app/session';
import { common } from '@/text/common';
import { formatNumber } from '@/text/format';
import { useText } from '@/text/language';
import { Page, Section, StateTag, Tag, TextLink, Time } from '@/ui/basics';
import { Dialog } from '@/ui/dialog';
import { JobProgress } from '@/ui/job';
import { QueryTable } from '@/ui/query-table';
import { type Column, type Cursor, useCursor } from '@/ui/table';
import { DiscardDialog } from './discard';
import { LetterFacts } from './letter-fields';
import { KINDS, type Letter } from './letters';
import { reasonText } from './reason';
import { ReplayAllDialog, ReplayDialog } from './replay';
import { operateTexts } from './texts';

// Which ones, as the server calls them; in all, none of the two.
const VIEWS = { open: 'false', ended: 'true', all: undefined } as const;
type View = keyof typeof VIEWS;
type Asked = 'replay' | 'replayAll' | 'discard' | 'discardAll';

function useLetters(view: View, kind: string | null, cursor: Cursor) {
  return useQuery({
    queryKey: [LIVE, 'dead-letters', view, kind, cursor.after],
    queryFn: () => {
      const filter = { closed: VIEWS[view], kind: kind ?? undefined };
      const query = { ...filter, limit: '50', after: cursor.after };
      return body(api.GET('/v1/dead-letters', { params: { query } }));
    },
    placeholderData: keepPreviousData,
    refetchInterval: followFirst(cursor),
  });
}

export function DeadLettersPage() {
  const t = useText(operateTexts);
  const c = useText(common);
  const { can } = useAccess();
  const [chosen, setChosen] = useState<Letter[]>([]);
  const [view, setView] = useState<View>('open');
  const [kind, setKind] = useState<string | null>(null);
  const [asked, setAsked] = useState<Asked>();
  const [job, setJob] = useState<string>();
  const [looked, setLooked] = useState<string>();
  const cursor = useCursor();
  const list = useLetters(view, kind, cursor);
  const close = () => setAsked(undefined);
  const onStarted = (id: string | undefined) => {
    setJob(id);
    setChosen([]);
    close();
  };
  const mayChange = can('sender');
  const columns = useColumns(setLooked);
  const choice = useChoice(list.data?.data ?? [], chosen, setChosen);
  return (
    <Page
      title={t.letters}
      help={t.lettersHelp}
      actions={
        mayChange && (
          <>
            <Button variant="default" onClick={() => setAsked('replayAll')}>
              {t.replayAll}
            </Button>
            <Button variant="outline" color="red" onClick={() => setAsked('discardAll')}>
              {t.discardAll}
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
      <Group align="flex-end">
        <SegmentedControl
          aria-label={t.view}
          value={view}
          onChange={(next) => {
            setView(next as View);
            cursor.reset();
          }}
          data={[
            { value: 'open', label: t.openOnly },
            { value: 'ended', label: t.ended },
            { value: 'all', label: t.all },
          ]}
        />
        <Select
          size="xs"
          label={t.kind}
          placeholder={c.all}
          clearable
          data={KINDS.map((value) => ({ value, label: t.letterKinds[value] ?? value }))}
          value={kind}
          onChange={(next) => {
            setKind(next);
            cursor.reset();
          }}
        />
      </Group>
      {mayChange && <Chosen count={chosen.length} onAsk={setAsked} onClear={() => setChosen([])} />}
      <QueryTable<Letter>
        query={list}
        cursor={cursor}
        caption={t.letters}
        empty={t.lettersNone}
        isByTime
        id={(row) => row.id ?? ''}
        columns={mayChange ? [choice, ...columns] : columns}
      />
      {asked === 'replay' && <ReplayDialog chosen={chosen} onClose={close} onStarted={onStarted} />}
      {asked === 'replayAll' && <ReplayAllDialog onClose={close} onStarted={onStarted} />}
      {asked === 'discard' && <DiscardDialog chosen={chosen} onClose={close} onStarted={onStarted} />}
      {asked === 'discardAll' && <DiscardDialog chosen={undefined} onClose={close} onStarted={onStarted} />}
      {looked && (
        <Dialog size="lg" title={t.letter} onClose={() => setLooked(undefined)}>
          <LetterFacts id={looked} />
        </Dialog>
      )}
    </Page>
  );
}

interface ChosenProps {
  count: number;
  onAsk: (what: Asked) => void;
  onClear: () => void;
}

/** What can be done with those that are chosen. */
function Chosen({ count, onAsk, onClear }: ChosenProps) {
  const t = useText(operateTexts);
  return (
    <Group gap="xs">
      <Button size="xs" disabled={count === 0} onClick={() => onAsk('replay')}>
        {t.replay}
      </Button>
      <Button size="xs" variant="outline" color="red" disabled={count === 0} onClick={() => onAsk('discard')}>
        {t.discard}
      </Button>
      <Text size="sm" c="dimmed" aria-live="polite">
        {count > 0 ? t.chosen(count) : t.chooseFirst}
      </Text>
      {count > 0 && (
        <Button size="xs" variant="subtle" onClick={onClear}>
          {t.chooseNone}
        </Button>
      )}
    </Group>
  );
}

/** The column in which letters are chosen; what is ended is chosen no more. */
function useChoice(rows: Letter[], chosen: Letter[], onChoose: (letters: Letter[]) => void): Column<Letter> {
  const t = useText(operateTexts);
  const open = rows.filter((letter) => !letter.closed);
  const isChosen = (letter: Letter) => chosen.some(({ id }) => id === letter.id);
  const elsewhere = chosen.filter((letter) => !open.some(({ id }) => id === letter.id));
  const here = chosen.length - elsewhere.length;
  return {
    name: t.chosenColumn,
    head: (
      <Checkbox
        size="xs"
        aria-label={t.choosePage}
        disabled={open.length === 0}
        checked={open.length > 0 && here === open.length}
        indeterminate={here > 0 && here < open.length}
        onChange={(e) => onChoose(e.currentTarget.checked ? [...elsewhere, ...open] : elsewhere)}
      />
    ),
    cell: (row) =>
      row.closed ? null : (
        <Checkbox
          aria-label={t.choose(row.id ?? '')}
          checked={isChosen(row)}
          onChange={(e) =>
            onChoose(e.currentTarget.checked ? [...chosen, row] : chosen.filter(({ id }) => id !== row.id))
          }
        />
      ),
  };
}

function useColumns(onLook: (id: string | undefined) => void): Column<Letter>[] {
  const t = useText(operateTexts);
  const c = useText(common);
  return [
    { name: t.givenUp, cell: (row) => <Time at={row.at} /> },
    { name: t.what, cell: (row) => <What letter={row} /> },
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
    { name: c.status, cell: (row) => <End letter={row} /> },
    { name: t.integration, cell: (row) => row.integration ?? '–', isMinor: true },
    { name: t.attempts, cell: (row) => formatNumber(row.attempts ?? 0), isNumber: true, isMinor: true },
    {
      name: c.actions,
      cell: (row) => (
        <Button
          size="compact-xs"
          variant="default"
          aria-label={t.inspectLabel(row.id ?? '')}
          onClick={() => onLook(row.id)}
        >
          {t.inspect}
        </Button>
      ),
    },
  ];
}

/** What it was: a delivery, an event that a rule could make nothing of, or a record of a topic. */
function What({ letter }: { letter: Letter }): ReactNode {
  const t = useText(operateTexts);
  const c = useText(common);
  if (letter.delivery_id) {
    return (
      <TextLink to={to(['history', letter.notification_id ?? '', letter.delivery_id])}>
        {`${c.channels[letter.channel ?? ''] ?? letter.channel ?? ''} → ${letter.user_id ?? '…'}`}
      </TextLink>
    );
  }
  const more = letter.kind === 'record' ? letter.record?.topic : letter.rule;
  return (
    <Text size="sm">
      {t.letterKinds[letter.kind ?? '']} {more && `· ${more}`}
    </Text>
  );
}

/** What became of it, for a discarded one with the reason. */
function End({ letter }: { letter: Letter }): ReactNode {
  const t = useText(operateTexts);
  const { closed, ended, discarded } = letter;
  if (!closed) return <StateTag state={letter.status ?? ''} />;
  return (
    <>
      <Tag tone="off">{t.ends[ended ?? ''] ?? ended ?? t.ends.replayed}</Tag>
      {discarded && (
        <Text size="xs" c="dimmed">
          {discarded.reason} · {discarded.by}
        </Text>
      )}
    </>
  );
}
