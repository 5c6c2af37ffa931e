import {
  Button,
  Checkbox,
  FileButton,
  Group,
  List,
  MultiSelect,
  SegmentedControl,
  Select,
  SimpleGrid,
  Stack,
  Text,
  Textarea,
} from '@mantine/core';
import { useMemo, useState } from 'react';
import { useGroups } from '@/api/lists';
import { formatNumber } from '@/text/format';
import { useText } from '@/text/language';
import { FIELDS, readRows } from './csv';
import { type Draft, type Param, RECIPIENTS_MAX, recipientsOf } from './draft';
import { type Change, recipientComplaints } from './form';
import { sendTexts } from './texts';

interface Props {
  draft: Draft;
  change: Change;
  params: Param[];
  error: unknown;
}

// A send has at most 256 KB; a table beyond this cannot become one.
const FILE_BYTES_MAX = 1024 * 1024;
const PROBLEMS_SHOWN = 8;

export function Recipients({ draft, change, params, error }: Props) {
  const t = useText(sendTexts);
  const { to, lines } = useMemo(() => recipientsOf(draft, params), [draft, params]);
  const complaints = recipientComplaints(error, lines, t.line);
  const shown = complaints.length > 0 ? complaints.slice(0, PROBLEMS_SHOWN).join('\n') : undefined;
  const tooMany = to.length > RECIPIENTS_MAX ? t.tooMany : undefined;
  return (
    <Stack gap="sm">
      <SegmentedControl
        aria-label={t.source}
        value={draft.source}
        onChange={(source) => change({ source: source as Draft['source'] })}
        data={Object.entries(t.sources).map(([value, label]) => ({ value, label }))}
        style={{ alignSelf: 'flex-start' }}
      />
      {draft.source === 'people' && (
        <Textarea
          label={t.people}
          description={t.peopleHelp}
          autosize
          minRows={3}
          maxRows={12}
          spellCheck={false}
          value={draft.people}
          onChange={(e) => change({ people: e.currentTarget.value })}
          error={shown ?? tooMany}
          styles={{ error: { whiteSpace: 'pre-line' } }}
        />
      )}
      {draft.source === 'groups' && <GroupChoice draft={draft} change={change} error={shown} />}
      {draft.source === 'csv' && (
        <Table draft={draft} change={change} params={params} error={shown ?? tooMany} />
      )}
      <Group justify="space-between">
        <Text size="sm" c="dimmed" aria-live="polite">
          {draft.source !== 'groups' && to.length > 0 ? t.count(formatNumber(to.length)) : ''}
        </Text>
        <Checkbox
          size="xs"
          label={t.skipUnknown}
          checked={draft.skipUnknown}
          onChange={(e) => change({ skipUnknown: e.currentTarget.checked })}
        />
      </Group>
    </Stack>
  );
}

function GroupChoice({ draft, change, error }: { draft: Draft; change: Change; error: string | undefined }) {
  const t = useText(sendTexts);
  const groups = useGroups();
  const data = (groups.data?.data ?? []).map((group) => ({
    value: group.key ?? '',
    label: `${group.name || group.key || ''} (${t.members(formatNumber(group.members ?? 0))})`,
  }));
  if (groups.isSuccess && data.length === 0) return <Text c="dimmed">{t.groupsNone}</Text>;
  return (
    <MultiSelect
      label={t.groups}
      data={data}
      searchable
      clearable
      value={draft.groups}
      onChange={(chosen) => change({ groups: chosen })}
      error={error}
    />
  );
}

function Table({ draft, change, params, error }: Omit<Props, 'error'> & { error: string | undefined }) {
  const t = useText(sendTexts);
  const [isTooLarge, setTooLarge] = useState(false);
  const read = useMemo(() => readRows(draft.csv, draft.mapping), [draft.csv, draft.mapping]);
  const targets = [
    { value: '', label: t.leaveOut },
    ...FIELDS.map((field) => ({ value: field, label: t.fields[field] ?? field })),
    ...[...new Set([...params.map((param) => param.name), ...read.columns])].map((name) => ({
      value: `param:${name}`,
      label: t.param(name),
    })),
  ];
  const load = (file: File | null) => {
    if (!file) return;
    setTooLarge(file.size > FILE_BYTES_MAX);
    if (file.size <= FILE_BYTES_MAX) void file.text().then((csv) => change({ csv, mapping: {} }));
  };
  return (
    <Stack gap="sm">
      <Textarea
        label={t.csv}
        description={t.csvHelp}
        autosize
        minRows={4}
        maxRows={12}
        spellCheck={false}
        styles={{
          input: { fontFamily: 'var(--mantine-font-family-monospace)' },
          error: { whiteSpace: 'pre-line' },
        }}
        placeholder={'email,name\nann@example.com,Ann'}
        value={draft.csv}
        onChange={(e) => change({ csv: e.currentTarget.value })}
        error={isTooLarge ? t.csvTooLarge : error}
      />
      <FileButton onChange={load} accept=".csv,.tsv,.txt,text/csv">
        {(props) => (
          <Button {...props} variant="default" size="xs" style={{ alignSelf: 'flex-start' }}>
            {t.csvFile}
          </Button>
        )}
      </FileButton>
      {read.columns.length > 0 && (
        <fieldset style={{ border: 0, padding: 0, margin: 0 }}>
          <Text component="legend" size="sm" fw={600} mb={4}>
            {t.mapping}
          </Text>
          <SimpleGrid cols={{ base: 2, sm: 3 }} spacing="xs">
            {read.columns.map((name) => (
              <Select
                key={name}
                size="xs"
                label={t.column(name)}
                data={targets}
                allowDeselect={false}
                value={read.mapping[name] ?? ''}
                onChange={(target) => change({ mapping: { ...draft.mapping, [name]: target ?? '' } })}
              />
            ))}
          </SimpleGrid>
        </fieldset>
      )}
      {draft.csv.trim() !== '' && read.problems.length > 0 && (
        <div role="alert">
          <Text size="sm" c="var(--mantine-color-error)">
            {t.leftOut(formatNumber(read.problems.length))}
          </Text>
          <List size="sm">
            {read.problems.slice(0, PROBLEMS_SHOWN).map((problem) => (
              <List.Item key={`${problem.line}${problem.code}`}>
                {t.line(problem.line)}: {t.rowProblems[problem.code]}
              </List.Item>
            ))}
          </List>
        </div>
      )}
    </Stack>
  );
}
