import { Button, Group, Select, SegmentedControl, SimpleGrid, Text, TextInput } from '@mantine/core';
import { keepPreviousData, useQuery, type UseQueryResult } from '@tanstack/react-query';
import { type FormEvent, type ReactNode, useState } from 'react';
import { api, type Body, body } from '@/api/client';
import { useCategories } from '@/api/lists';
import { followFirst, LIVE } from '@/api/live';
import { complaint } from '@/api/problem';
import type { PageProps } from '@/app/pages';
import { go, to, usePlace } from '@/app/router';
import { common } from '@/text/common';
import { formatNumber } from '@/text/format';
import { useText } from '@/text/language';
import { Empty, Loading, Page, ProblemNote, Section, StateTag, Tag, TextLink, Time } from '@/ui/basics';
import { type Cursor, DataTable, Pager, useCursor } from '@/ui/table';
import { instantOf, localOf } from '@/ui/time-field';
import { DeliveryPage } from './delivery';
import { ExportButton } from './export';
import {
  DELIVERY_STATES,
  type FilterName,
  FILTERS,
  type Filters,
  filtersOf,
  LOG_STATES,
  NOTIFICATION_STATES,
  toQuery,
} from './filters';
import { DeliveryTable } from './delivery-table';
import { NotificationPage } from './notification';
import { historyTexts } from './texts';

const PAGE_SIZE = '50';

/** #/history, #/history/ntf_…, #/history/ntf_…/dlv_… */
export function HistoryPage({ rest }: PageProps) {
  const [notification, delivery] = rest;
  if (delivery) return <DeliveryPage key={delivery} id={delivery} />;
  if (notification) return <NotificationPage key={notification} id={notification} />;
  return <ListPage />;
}

function ListPage() {
  const t = useText(historyTexts);
  const { query } = usePlace();
  const filters = filtersOf(query);
  const isDeliveries = query.get('view') === 'deliveries';
  const shown = JSON.stringify([filters, isDeliveries]);
  return (
    <Page
      title={t.title}
      actions={<ExportButton view={isDeliveries ? 'deliveries' : 'notifications'} filters={filters} />}
    >
      <SegmentedControl
        aria-label={t.view}
        style={{ alignSelf: 'flex-start' }}
        value={isDeliveries ? 'deliveries' : 'notifications'}
        onChange={(view) => {
          // States differ between the two.
          const kept: Filters = { ...filters };
          delete kept.status;
          go(to(['history'], toQuery(kept, { view })));
        }}
        data={[
          { value: 'notifications', label: t.notifications },
          { value: 'deliveries', label: t.deliveries },
        ]}
      />
      {isDeliveries ? (
        <Deliveries key={shown} filters={filters} />
      ) : (
        <Notifications key={shown} filters={filters} />
      )}
    </Page>
  );
}

interface FilterFormProps {
  filters: Filters;
  states: string[];
  view: string;
  error: unknown;
}

function FilterForm({ filters, states, view, error }: FilterFormProps) {
  const t = useText(historyTexts);
  const c = useText(common);
  const categories = useCategories();
  const [values, setValues] = useState<Filters>(filters);
  const [badTime, setBadTime] = useState<FilterName[]>([]);
  const set = (name: FilterName) => (value: string | null) =>
    setValues({ ...values, [name]: value ?? undefined });
  const field = (name: FilterName, label: string) => (
    <TextInput
      size="xs"
      label={label}
      value={values[name] ?? ''}
      onChange={(e) => set(name)(e.currentTarget.value)}
      error={complaint(error, `?${name}`)}
    />
  );
  const choice = (name: FilterName, label: string, data: { value: string; label: string }[]) => (
    <Select
      size="xs"
      label={label}
      placeholder={c.all}
      clearable
      data={data}
      value={values[name] ?? null}
      onChange={set(name)}
      error={complaint(error, `?${name}`)}
    />
  );
  const time = (name: 'from' | 'until', label: string) => (
    <TextInput
      size="xs"
      type="datetime-local"
      label={label}
      defaultValue={localOf(values[name])}
      onChange={(e) => {
        const local = e.currentTarget.value;
        const instant = local ? instantOf(local) : undefined;
        setBadTime(local && !instant ? [...badTime, name] : badTime.filter((bad) => bad !== name));
        set(name)(instant ?? null);
      }}
      error={badTime.includes(name) ? t.badTime : complaint(error, `?${name}`)}
    />
  );
  const words = (list: string[]) => list.map((value) => ({ value, label: c.states[value] ?? value }));
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (badTime.length === 0) go(to(['history'], toQuery(values, { view })));
  };
  return (
    <form onSubmit={submit} noValidate role="search" aria-label={t.filters}>
      <SimpleGrid cols={{ base: 2, sm: 3, lg: 5 }} spacing="xs">
        {choice('log_status', t.logStatus, words(LOG_STATES))}
        {choice('status', c.status, words(states))}
        {choice(
          'channel',
          c.channel,
          Object.entries(c.channels).map(([value, label]) => ({ value, label })),
        )}
        {choice(
          'category',
          c.category,
          (categories.data?.data ?? []).map(({ key = '' }) => ({ value: key, label: key })),
        )}
        {field('event_id', t.eventId)}
        {field('user_id', t.userId)}
        {field('email', t.email)}
        {field('phone', t.phone)}
        {time('from', t.from)}
        {time('until', t.until)}
      </SimpleGrid>
      <Group mt="sm" gap="xs">
        <Button type="submit" size="xs">
          {t.apply}
        </Button>
        {Object.keys(filters).length > 0 && (
          <Button size="xs" variant="subtle" component="a" href={to(['history'], { view })}>
            {t.clearAll}
          </Button>
        )}
      </Group>
    </form>
  );
}

interface FrameProps<Row> {
  filters: Filters;
  states: string[];
  view: string;
  cursor: Cursor;
  query: UseQueryResult<{ data: Row[]; page?: { next?: string | null } }>;
  children: (rows: Row[], isStale: boolean) => ReactNode;
}

const FILTER_POINTERS = FILTERS.map((name) => `?${name}`);

/** The filters, and below them the list in each of its states; what a filter is refused for stands at its field. */
function ListFrame<Row>({ filters, states, view, cursor, query, children }: FrameProps<Row>) {
  const t = useText(historyTexts);
  const rows = query.data?.data ?? [];
  return (
    <>
      <Section title={t.filters}>
        <FilterForm filters={filters} states={states} view={view} error={query.error} />
      </Section>
      {query.error ? (
        <ProblemNote error={query.error} shown={FILTER_POINTERS} retry={() => void query.refetch()} />
      ) : query.isPending ? (
        <Loading />
      ) : rows.length === 0 && cursor.depth === 0 ? (
        <Empty>{Object.keys(filters).length > 0 ? t.emptyFiltered : t.empty}</Empty>
      ) : (
        children(rows, query.isPlaceholderData)
      )}
      <Pager cursor={cursor} next={query.data?.page?.next} isByTime />
    </>
  );
}

export function Notifications({ filters }: { filters: Filters }) {
  const t = useText(historyTexts);
  const c = useText(common);
  const cursor = useCursor();
  const list = useQuery({
    queryKey: [LIVE, 'notifications', filters, cursor.after],
    queryFn: () =>
      body(
        api.GET('/v1/notifications', {
          params: { query: { ...filters, limit: PAGE_SIZE, after: cursor.after } },
        }),
      ),
    placeholderData: keepPreviousData,
    refetchInterval: followFirst(cursor),
  });
  return (
    <ListFrame
      filters={filters}
      states={NOTIFICATION_STATES}
      view="notifications"
      cursor={cursor}
      query={list}
    >
      {(rows, isStale) => (
        <DataTable<Body<'Notification'>>
          caption={t.notifications}
          rows={rows}
          isStale={isStale}
          id={(row) => row.id ?? ''}
          columns={[
            {
              name: t.accepted,
              cell: (row) => (
                <TextLink to={to(['history', row.id ?? ''])}>
                  <Time at={row.accepted_at} />
                </TextLink>
              ),
            },
            {
              name: t.what,
              cell: (row) => {
                const template = row.template as { key: string } | null;
                return (
                  <>
                    <Text size="sm">{row.event_id ?? template?.key ?? t.ownText}</Text>
                    <Text size="xs" c="dimmed">
                      {[row.event_id && template?.key, row.category, ...((row.tags ?? []) as string[])]
                        .filter(Boolean)
                        .join(' · ')}
                    </Text>
                  </>
                );
              },
            },
            {
              name: c.status,
              cell: (row) => (
                <Group gap={4}>
                  <StateTag state={row.status ?? ''} />
                  {row.sandbox && <Tag tone="off">{c.sandbox}</Tag>}
                </Group>
              ),
            },
            {
              name: c.priority,
              cell: (row) => c.priorities[row.priority ?? ''] ?? row.priority,
              isMinor: true,
            },
            { name: t.app, cell: (row) => row.app ?? t.console, isMinor: true },
            {
              name: t.deliveriesTotal,
              cell: (row) => formatNumber(row.deliveries_total ?? 0),
              isNumber: true,
            },
          ]}
        />
      )}
    </ListFrame>
  );
}

function Deliveries({ filters }: { filters: Filters }) {
  const t = useText(historyTexts);
  const cursor = useCursor();
  const list = useQuery({
    queryKey: [LIVE, 'deliveries', filters, cursor.after],
    queryFn: () =>
      body(
        api.GET('/v1/deliveries', {
          params: { query: { ...filters, limit: PAGE_SIZE, after: cursor.after } },
        }),
      ),
    placeholderData: keepPreviousData,
    refetchInterval: followFirst(cursor),
  });
  return (
    <ListFrame filters={filters} states={DELIVERY_STATES} view="deliveries" cursor={cursor} query={list}>
      {(rows, isStale) => <DeliveryTable caption={t.deliveries} rows={rows} isStale={isStale} />}
    </ListFrame>
  );
}
