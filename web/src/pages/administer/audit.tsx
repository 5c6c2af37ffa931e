import { Button, Checkbox, Group, SimpleGrid, Text, TextInput } from '@mantine/core';
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { api, type Body, body } from '@/api/client';
import { complaint } from '@/api/problem';
import { useAccess } from '@/app/session';
import { common } from '@/text/common';
import { useText } from '@/text/language';
import { Mono, Page, Section, Time } from '@/ui/basics';
import { QueryTable } from '@/ui/query-table';
import { useCursor } from '@/ui/table';
import classes from './administer.module.css';
import { instantOf } from '@/ui/time-field';
import { administerTexts } from './texts';

type Entry = Body<'Audit'>;

interface Filters {
  actor?: string;
  action?: string;
  object?: string;
  from?: string;
  until?: string;
  installation?: string;
}

export function AuditPage() {
  const t = useText(administerTexts);
  const c = useText(common);
  const { session } = useAccess();
  const [filters, setFilters] = useState<Filters>({});
  const [typed, setTyped] = useState<Filters>({});
  const cursor = useCursor();
  const list = useQuery({
    queryKey: ['audit', filters, cursor.after],
    queryFn: () =>
      body(api.GET('/v1/audit', { params: { query: { ...filters, limit: '50', after: cursor.after } } })),
    placeholderData: keepPreviousData,
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    cursor.reset();
    setFilters(
      Object.fromEntries(
        Object.entries({
          ...typed,
          from: typed.from ? instantOf(typed.from) : undefined,
          until: typed.until ? instantOf(typed.until) : undefined,
        }).filter(([, value]) => value),
      ),
    );
  };
  const field = (name: keyof Filters, label: string, type = 'text') => (
    <TextInput
      size="xs"
      type={type}
      label={label}
      value={typed[name] ?? ''}
      onChange={(e) => setTyped({ ...typed, [name]: e.currentTarget.value })}
      error={complaint(list.error, `?${name}`)}
    />
  );
  return (
    <Page title={t.audit} help={t.auditHelp}>
      <Section title={t.filters}>
        <form role="search" aria-label={t.filters} onSubmit={submit} noValidate>
          <SimpleGrid cols={{ base: 2, sm: 3, lg: 5 }} spacing="xs">
            {field('actor', t.actor)}
            {field('action', t.action)}
            {field('object', t.object)}
            {field('from', t.from, 'datetime-local')}
            {field('until', t.until, 'datetime-local')}
          </SimpleGrid>
          <Group mt="sm">
            <Button type="submit" size="xs">
              {t.filter}
            </Button>
            {session.is_installation_admin && (
              <Checkbox
                size="xs"
                label={t.installation}
                checked={typed.installation === 'true'}
                onChange={(e) =>
                  setTyped({ ...typed, installation: e.currentTarget.checked ? 'true' : undefined })
                }
              />
            )}
          </Group>
        </form>
      </Section>
      <QueryTable<Entry>
        query={list}
        cursor={cursor}
        caption={t.audit}
        empty={t.auditNone}
        isByTime
        id={(row) => row.id ?? ''}
        columns={[
          { name: c.time, cell: (row) => <Time at={row.at} /> },
          { name: t.actor, cell: (row) => <Mono>{row.actor}</Mono> },
          { name: t.action, cell: (row) => <Mono>{row.action}</Mono> },
          { name: t.object, cell: (row) => <Mono>{row.object}</Mono> },
          { name: t.changes, cell: (row) => <Detail entry={row} /> },
          { name: t.origin, cell: (row) => row.origin ?? '–', isMinor: true },
        ]}
      />
    </Page>
  );
}

function Detail({ entry }: { entry: Entry }) {
  const t = useText(administerTexts);
  if (!entry.detail) return <Text size="sm">–</Text>;
  return (
    <details className={classes.details}>
      <summary>{t.changes}</summary>
      <pre>{JSON.stringify(entry.detail, null, 2)}</pre>
    </details>
  );
}
