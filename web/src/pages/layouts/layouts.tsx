import { Button, Group, SimpleGrid, Stack, Text } from '@mantine/core';
import { keepPreviousData, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api, type Body, body } from '@/api/client';
import type { PageProps } from '@/app/pages';
import { go, to } from '@/app/router';
import { useAccess } from '@/app/session';
import { common } from '@/text/common';
import { useText } from '@/text/language';
import { Page, ProblemNote, Section, StateTag, Tag, TextLink, Time } from '@/ui/basics';
import { StoredPage } from '@/ui/editor';
import { say } from '@/ui/feedback';
import { RemoveDialog } from '@/ui/remove-dialog';
import { ResourceList } from '@/ui/resource';
import { useCursor } from '@/ui/table';
import { VersionButtons } from '@/ui/versions';
import { EditPage, LayoutEditor } from './editor';
import { LayoutPreview } from './preview';
import { layoutTexts } from './texts';

type Layout = Body<'Layout'>;

/** #/layouts, …/new, …/KEY, …/KEY/edit, …/KEY/edit/VERSION */
export function LayoutsPage({ rest }: PageProps) {
  const [key, action, version] = rest;
  const { can } = useAccess();
  if (key === 'new' && !action && can('sender')) return <LayoutEditor key="new" stored={undefined} />;
  if (key && action === 'edit' && can('sender')) {
    return <EditPage key={`${key}/${version ?? ''}`} name={key} version={version} />;
  }
  if (key) return <LayoutPage key={key} name={key} />;
  return <ListPage />;
}

function ListPage() {
  const t = useText(layoutTexts);
  const cursor = useCursor();
  const list = useQuery({
    queryKey: ['layouts', 'page', cursor.after],
    queryFn: () => body(api.GET('/v1/layouts', { params: { query: { limit: '50', after: cursor.after } } })),
    placeholderData: keepPreviousData,
  });
  return (
    <ResourceList<Body<'LayoutSummary'>>
      title={t.title}
      help={t.help}
      fresh={t.fresh}
      none={t.none}
      path="layouts"
      role="sender"
      isOpenToAll
      query={list}
      cursor={cursor}
      columns={[
        {
          name: t.published,
          cell: ({ published, version = 0 }) => (
            <Group gap={6}>
              {published ? (
                <Text size="sm">{t.version(published)}</Text>
              ) : (
                <Tag tone="off">{t.draftOnly}</Tag>
              )}
              {published && version > published && <Tag tone="wait">{t.newestDraft(version)}</Tag>}
            </Group>
          ),
        },
        { name: t.updated, cell: (row) => <Time at={row.updated_at} relative /> },
      ]}
    />
  );
}

function LayoutPage({ name }: { name: string }) {
  const t = useText(layoutTexts);
  const [shown, setShown] = useState<number>();
  const inUse = useQuery({
    queryKey: ['layout', name],
    queryFn: () => body(api.GET('/v1/layouts/{key}', { params: { path: { key: name } } })),
  });
  const version = useQuery({
    queryKey: ['layout', name, shown],
    queryFn: () =>
      body(
        api.GET('/v1/layouts/{key}/versions/{n}', {
          params: { path: { key: name, n: String(shown ?? '') } },
        }),
      ),
    enabled: shown !== undefined,
  });
  const versions = useQuery({
    queryKey: ['layout', name, 'versions'],
    queryFn: () => body(api.GET('/v1/layouts/{key}/versions', { params: { path: { key: name } } })),
  });
  return (
    <StoredPage name={name} parent={{ title: t.title, address: to(['layouts']) }} query={inUse}>
      {(current) => {
        const layout = shown === undefined ? current : (version.data ?? current);
        return (
          <Page
            title={name}
            above={<TextLink to={to(['layouts'])}>← {t.title}</TextLink>}
            help={
              <Group gap="xs">
                <StateTag state={layout.status ?? 'draft'} />
                <span>{t.version(layout.version ?? 1)}</span>
              </Group>
            }
            actions={<Actions layout={layout} />}
          >
            {version.error && <ProblemNote error={version.error} />}
            <SimpleGrid cols={{ base: 1, lg: 2 }} style={{ alignItems: 'start' }}>
              <Section title={t.preview}>
                <LayoutPreview html={layout.html} text={layout.text ?? ''} />
              </Section>
              <Stack>
                <Section title={t.versions}>
                  <VersionButtons
                    query={versions}
                    shown={layout.version ?? 0}
                    onShow={(n) => setShown(n === current.version ? undefined : n)}
                  />
                </Section>
                <Section title={t.html}>
                  <Source text={layout.html} />
                </Section>
                {layout.text && (
                  <Section title={t.text}>
                    <Source text={layout.text} />
                  </Section>
                )}
              </Stack>
            </SimpleGrid>
          </Page>
        );
      }}
    </StoredPage>
  );
}

function Source({ text }: { text: string }) {
  return (
    <pre
      tabIndex={0}
      style={{ margin: 0, whiteSpace: 'pre-wrap', overflowWrap: 'anywhere', fontSize: '0.8rem' }}
    >
      {text}
    </pre>
  );
}

function Actions({ layout }: { layout: Layout }) {
  const t = useText(layoutTexts);
  const c = useText(common);
  const { can } = useAccess();
  const client = useQueryClient();
  const [isRemoving, setRemoving] = useState(false);
  const key = layout.key ?? '';
  const n = String(layout.version ?? '');
  const publish = useMutation({
    mutationFn: () =>
      body(api.POST('/v1/layouts/{key}/versions/{n}/publish', { params: { path: { key, n } } })),
    onSuccess: () => {
      say(t.publishedNow(layout.version ?? 1));
      for (const first of ['layout', 'layouts', 'preview']) {
        void client.invalidateQueries({ queryKey: [first] });
      }
    },
  });
  if (!can('sender')) return null;
  return (
    <>
      {!layout.published && (
        <Button onClick={() => publish.mutate()} loading={publish.isPending}>
          {t.useVersion}
        </Button>
      )}
      <Button variant="default" component="a" href={to(['layouts', key, 'edit', n])}>
        {c.edit}
      </Button>
      <Button variant="default" c="red" onClick={() => setRemoving(true)}>
        {t.remove}
      </Button>
      {publish.error && <ProblemNote error={publish.error} />}
      {isRemoving && (
        <RemoveDialog
          title={t.removeTitle(key)}
          help={t.removeHelp}
          shownBy="layouts"
          remove={() => body(api.DELETE('/v1/layouts/{key}', { params: { path: { key } } }))}
          onClose={() => setRemoving(false)}
          onRemoved={() => go(to(['layouts']))}
        />
      )}
    </>
  );
}
