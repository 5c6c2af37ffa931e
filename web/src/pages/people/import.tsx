import { Button, FileInput, Group, Select, SimpleGrid, Stack, Text } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import Papa from 'papaparse';
import { useState } from 'react';
import { type Body, call } from '@/api/client';
import { common } from '@/text/common';
import { useText } from '@/text/language';
import { ProblemNote } from '@/ui/basics';
import { Dialog } from '@/ui/dialog';
import { JobProgress } from '@/ui/job';
import { peopleTexts } from './texts';

const USER_COLUMNS = [
  'user_id',
  'name',
  'email',
  'phone_number',
  'country_code',
  'locale',
  'time_zone',
  'created_at',
];

/** Names as other programs write them, so that their files need no change. */
function guess(column: string): string {
  const name = column
    .trim()
    .toLowerCase()
    .replace(/[\s-]+/g, '_');
  const known: Record<string, string> = {
    id: 'user_id',
    user: 'user_id',
    mail: 'email',
    e_mail: 'email',
    phone: 'phone_number',
    mobile: 'phone_number',
    country: 'country_code',
    language: 'locale',
    timezone: 'time_zone',
  };
  if (USER_COLUMNS.includes(name)) return name;
  return known[name] ?? (column.startsWith('attributes') ? column : `attributes.${column.trim()}`);
}

/** Users from a file, or members of `group`: columns are mapped here, rows are checked by the server. */
export function ImportDialog({ group, onClose }: { group?: string; onClose: () => void }) {
  const t = useText(peopleTexts);
  const c = useText(common);
  const [file, setFile] = useState<File | null>(null);
  const [columns, setColumns] = useState<string[]>([]);
  const [mapping, setMapping] = useState<Record<string, string>>({});
  const start = useMutation({
    mutationFn: async () => {
      const text = (await file?.text()) ?? '';
      const path = group ? `/v1/imports/members?group=${encodeURIComponent(group)}` : '/v1/imports/users';
      return call<Body<'Job'>>('POST', path, undefined, renamed(text, columns, mapping), 'text/csv');
    },
  });
  const choose = (chosen: File | null) => {
    setFile(chosen);
    start.reset();
    if (!chosen) return;
    // The first line says what the columns are; the rest stays on disk until it is sent.
    void chosen
      .slice(0, 64 * 1024)
      .text()
      .then((head) => {
        const [names = []] = Papa.parse<string[]>(head.replace(/^\uFEFF/, ''), { preview: 1 }).data;
        setColumns(names);
        setMapping(
          Object.fromEntries(
            names.map((name) => [name, group ? (guess(name) === 'user_id' ? 'user_id' : '') : guess(name)]),
          ),
        );
      });
  };
  const targets = [
    { value: '', label: t.ignore },
    ...(group ? ['user_id'] : USER_COLUMNS).map((name) => ({ value: name, label: name })),
  ];
  return (
    <Dialog onClose={onClose} title={t.importTitle} size="lg">
      <Stack gap="sm">
        <Text size="sm">{group ? t.importMembersHelp : t.importUsersHelp}</Text>
        <FileInput
          label={t.file}
          accept=".csv,text/csv"
          value={file}
          onChange={choose}
          clearable
          data-autofocus
        />
        {columns.length > 0 && !start.data && (
          <fieldset style={{ border: 0, padding: 0, margin: 0 }}>
            <Text component="legend" size="sm" fw={600} mb={4}>
              {t.renameHelp}
            </Text>
            <SimpleGrid cols={{ base: 2, sm: 3 }} spacing="xs">
              {columns.map((name) => (
                <Select
                  key={name}
                  size="xs"
                  label={name}
                  allowDeselect={false}
                  data={
                    group
                      ? targets
                      : [...targets, { value: `attributes.${name}`, label: `attributes.${name}` }].filter(
                          (target, index, all) =>
                            all.findIndex((other) => other.value === target.value) === index,
                        )
                  }
                  value={mapping[name] ?? ''}
                  onChange={(target) => setMapping({ ...mapping, [name]: target ?? '' })}
                />
              ))}
            </SimpleGrid>
          </fieldset>
        )}
        {start.error && <ProblemNote error={start.error} />}
        {start.data?.id && <JobProgress id={start.data.id} />}
        <Group justify="flex-end" gap="xs">
          <Button variant="default" onClick={onClose}>
            {c.close}
          </Button>
          {!start.data && (
            <Button onClick={() => start.mutate()} loading={start.isPending} disabled={!file}>
              {t.start}
            </Button>
          )}
        </Group>
      </Stack>
    </Dialog>
  );
}

/** The file with its columns named as the API names them, and those left out gone. */
export function renamed(text: string, columns: string[], mapping: Record<string, string>): string {
  const kept = columns
    .map((name, index) => ({ index, target: mapping[name] ?? '' }))
    .filter((x) => x.target !== '');
  const isSame = kept.length === columns.length && kept.every((x) => columns[x.index] === x.target);
  if (isSame) return text;
  const [, ...rows] = Papa.parse<string[]>(text.replace(/^\uFEFF/, ''), { skipEmptyLines: 'greedy' }).data;
  return Papa.unparse(
    [kept.map((x) => x.target), ...rows.map((row) => kept.map((x) => row[x.index] ?? ''))],
    {
      newline: '\n',
    },
  );
}
