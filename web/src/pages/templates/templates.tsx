import { Button, Group, Text } from '@mantine/core';
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { api, type Body, body } from '@/api/client';
import type { PageProps } from '@/app/pages';
import { to } from '@/app/router';
import { useAccess } from '@/app/session';
import { common } from '@/text/common';
import { useText } from '@/text/language';
import { Empty, Loading, Page, ProblemNote, StateTag, Tag, TextLink, Time } from '@/ui/basics';
import { DataTable, Pager, useCursor } from '@/ui/table';
import { EditorPage } from './editor';
import { TemplatePage } from './template';
import { templateTexts } from './texts';

/** #/templates, …/new, …/KEY, …/KEY/edit, …/KEY/edit/VERSION */
export function TemplatesPage({ rest }: PageProps) {
  const [key, action, version] = rest;
  const { can } = useAccess();
  if (key === 'new' && !action && can('sender')) return <EditorPage key="new" />;
  if (key && action === 'edit' && can('sender')) {
    return <EditorPage key={`${key}/${version ?? ''}`} template={key} version={version} />;
  }
  if (key) return <TemplatePage key={key} name={key} />;
  return <ListPage />;
}

// The list answers a number where one template answers a boolean: the published version.
interface Listed extends Omit<Body<'Template'>, 'published'> {
  published?: number | null;
  updated_at?: string;
}

function ListPage() {
  const t = useText(templateTexts);
  const c = useText(common);
  const { can } = useAccess();
  const cursor = useCursor();
  const list = useQuery({
    queryKey: ['templates', 'page', cursor.after],
    queryFn: () =>
      body(api.GET('/v1/templates', { params: { query: { limit: '50', after: cursor.after } } })),
    placeholderData: keepPreviousData,
  });
  const fresh = can('sender') && (
    <Button component="a" href={to(['templates', 'new'])}>
      {t.fresh}
    </Button>
  );
  const rows = (list.data?.data ?? []) as unknown as Listed[];
  return (
    <Page title={t.title} help={t.help} actions={fresh}>
      {list.isPending ? (
        <Loading />
      ) : list.isError ? (
        <ProblemNote error={list.error} retry={() => void list.refetch()} />
      ) : rows.length === 0 ? (
        <Empty action={fresh}>{t.none}</Empty>
      ) : (
        <DataTable<Listed>
          caption={t.title}
          rows={rows}
          isStale={list.isPlaceholderData}
          id={(row) => row.key ?? ''}
          columns={[
            {
              name: t.key,
              cell: (row) => <TextLink to={to(['templates', row.key ?? ''])}>{row.key}</TextLink>,
            },
            { name: c.category, cell: (row) => row.category ?? 'general', isMinor: true },
            {
              name: t.channels,
              cell: (row) =>
                (row.channels ?? []).map((channel) => c.channels[channel] ?? channel).join(', ') || '–',
              isMinor: true,
            },
            {
              name: t.published,
              cell: (row) => (
                <Group gap={6}>
                  {row.published ? (
                    <Text size="sm">{row.published}</Text>
                  ) : (
                    <Tag tone="off">{t.draftOnly}</Tag>
                  )}
                  {row.published && row.version && row.version > row.published && (
                    <Tag tone="wait">{t.newestDraft(row.version)}</Tag>
                  )}
                  {row.archived && <StateTag state="archived" />}
                </Group>
              ),
            },
            { name: t.updated, cell: (row) => <Time at={row.updated_at} relative />, isMinor: true },
          ]}
        />
      )}
      <Pager cursor={cursor} next={list.data?.page?.next} />
    </Page>
  );
}
