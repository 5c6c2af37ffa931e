import { Button, Group, Stack, Text } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api, type Body, body, call } from '@/api/client';
import { LIVE } from '@/api/live';
import { common } from '@/text/common';
import { useText } from '@/text/language';
import { Facts, ProblemNote, Time } from '@/ui/basics';
import { Dialog } from '@/ui/dialog';
import { JobProgress, type JobWithResult, ResultButton } from '@/ui/job';
import { DataTable } from '@/ui/table';
import type { Filters } from './filters';
import { historyTexts } from './texts';

export type View = 'notifications' | 'deliveries';

interface Props {
  view: View;
  filters: Filters;
}

/** All that fits the filters in force, as a file: made by a job, however much it is. */
export function ExportButton({ view, filters }: Props) {
  const t = useText(historyTexts);
  const [isOpen, setOpen] = useState(false);
  return (
    <>
      <Button variant="default" onClick={() => setOpen(true)}>
        {t.exportCsv}
      </Button>
      {isOpen && <ExportDialog view={view} filters={filters} onClose={() => setOpen(false)} />}
    </>
  );
}

function ExportDialog({ view, filters, onClose }: Props & { onClose: () => void }) {
  const t = useText(historyTexts);
  const c = useText(common);
  const client = useQueryClient();
  const start = useMutation({
    mutationFn: () => call<Body<'Job'>>('POST', `/v1/${view}/export`, { filter: filters }),
    onSuccess: () => void client.invalidateQueries({ queryKey: [LIVE, 'job'] }),
  });
  const chosen = Object.entries(filters).map(([name, value]): [string, string] => [
    t.filterNames[name] ?? name,
    c.states[value] ?? c.channels[value] ?? value,
  ]);
  return (
    <Dialog
      onClose={onClose}
      title={t.exportTitle(view === 'deliveries' ? t.deliveries : t.notifications)}
      size="lg"
    >
      <Stack gap="sm">
        <Text size="sm">{chosen.length > 0 ? t.exportFiltered : t.exportAll}</Text>
        {chosen.length > 0 && <Facts items={chosen} />}
        {start.error && <ProblemNote error={start.error} />}
        {start.data?.id && <JobProgress id={start.data.id} />}
        <Earlier except={start.data?.id} />
        <Group justify="flex-end" gap="xs">
          <Button variant="default" onClick={onClose}>
            {c.close}
          </Button>
          {!start.data && (
            <Button onClick={() => start.mutate()} loading={start.isPending} data-autofocus>
              {t.exportStart}
            </Button>
          )}
        </Group>
      </Stack>
    </Dialog>
  );
}

/** Files that were made before and are still kept. */
function Earlier({ except }: { except: string | undefined }) {
  const t = useText(historyTexts);
  const jobs = useQuery({
    queryKey: [LIVE, 'job', 'exports'],
    queryFn: () => body(api.GET('/v1/jobs', { params: { query: { limit: '50' } } })),
  });
  const rows = ((jobs.data?.data ?? []) as JobWithResult[]).filter(
    (job) => job.result_url && job.id !== except && t.exportKinds[job.kind ?? ''],
  );
  if (rows.length === 0) return null;
  return (
    <details>
      <summary>{t.exportEarlier}</summary>
      <DataTable
        caption={t.exportEarlier}
        rows={rows}
        id={(row) => row.id ?? ''}
        columns={[
          { name: t.created, cell: (row) => <Time at={row.finished_at} /> },
          { name: t.what, cell: (row) => t.exportKinds[row.kind ?? ''] },
          { name: t.exportFile, cell: (row) => <ResultButton job={row} /> },
        ]}
      />
    </details>
  );
}
