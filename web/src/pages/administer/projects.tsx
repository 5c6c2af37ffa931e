import { Button, Text, TextInput } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api, type Body, body } from '@/api/client';
import { complaint } from '@/api/problem';
import { common } from '@/text/common';
import { useText } from '@/text/language';
import { Page, Time } from '@/ui/basics';
import { Confirm, say } from '@/ui/feedback';
import { QueryTable } from '@/ui/query-table';
import { KeyField, useKey } from '@/ui/resource';
import { administerTexts } from './texts';

type Project = Body<'Project'>;

const useProjects = () => useQuery({ queryKey: ['projects'], queryFn: () => body(api.GET('/v1/projects')) });

/** Products and environments: nothing of one is seen in another. */
export function ProjectsPage() {
  const t = useText(administerTexts);
  const c = useText(common);
  const [editing, setEditing] = useState<Project | 'new'>();
  return (
    <Page
      title={t.projects}
      help={t.projectsHelp}
      actions={<Button onClick={() => setEditing('new')}>{t.freshProject}</Button>}
    >
      <QueryTable<Project>
        query={useProjects()}
        caption={t.projects}
        empty="–"
        id={(row) => row.key ?? ''}
        columns={[
          { name: c.key, cell: (row) => row.key },
          { name: c.name, cell: (row) => row.name || '–' },
          { name: t.created, cell: (row) => <Time at={row.created_at} />, isMinor: true },
          {
            name: c.actions,
            cell: (row) => (
              <Button
                size="compact-xs"
                variant="default"
                aria-label={t.editLabel(row.key ?? '')}
                onClick={() => setEditing(row)}
              >
                {c.edit}
              </Button>
            ),
          },
        ]}
      />
      {editing && (
        <ProjectDialog
          project={editing === 'new' ? undefined : editing}
          onClose={() => setEditing(undefined)}
        />
      )}
    </Page>
  );
}

function ProjectDialog({ project, onClose }: { project: Project | undefined; onClose: () => void }) {
  const t = useText(administerTexts);
  const c = useText(common);
  const client = useQueryClient();
  const key = useKey(project?.key, useProjects().data?.data);
  const [name, setName] = useState(project?.name ?? '');
  const save = useMutation({
    mutationFn: () =>
      body(
        api.PUT('/v1/projects/{key}', { params: { path: { key: key.key } }, body: { name: name.trim() } }),
      ),
    onSuccess: () => {
      say(c.saved);
      void client.invalidateQueries({ queryKey: ['projects'] });
      // The menu of projects is the session's.
      void client.invalidateQueries({ queryKey: ['session'] });
      onClose();
    },
  });
  return (
    <Confirm
      title={project ? t.editLabel(project.key ?? '') : t.freshProject}
      action={c.save}
      isBusy={save.isPending}
      isDisabled={!key.isReady}
      error={save.error}
      shown={['/key', '/name']}
      onConfirm={() => save.mutate()}
      onClose={onClose}
    >
      {!project && <Text size="sm">{t.freshProjectHelp}</Text>}
      <KeyField of={key} error={save.error} hasFocus={!project} />
      <TextInput
        label={c.name}
        value={name}
        onChange={(e) => setName(e.currentTarget.value)}
        error={complaint(save.error, '/name')}
      />
    </Confirm>
  );
}
