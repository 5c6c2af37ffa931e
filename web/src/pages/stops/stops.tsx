import { Button } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api, type Body, body } from '@/api/client';
import { usePauses } from '@/api/lists';
import { LIVE } from '@/api/live';
import { useAccess } from '@/app/session';
import { common } from '@/text/common';
import { useText } from '@/text/language';
import { Empty, Loading, Page, ProblemNote, Time } from '@/ui/basics';
import { Confirm, say } from '@/ui/feedback';
import { DataTable } from '@/ui/table';
import { StopButton } from './stop-button';
import { stopTexts } from './texts';

type Pause = Body<'Pause'>;

export function StopsPage() {
  const t = useText(stopTexts);
  const c = useText(common);
  const { can, app } = useAccess();
  const mayLift = (pause: Pause) => !app || pause.scope.app === app;
  const pauses = usePauses();
  const [lifting, setLifting] = useState<Pause>();
  const scopeText = (pause: Pause) => {
    const words = Object.entries(pause.scope).flatMap(([name, value]) => {
      if (!value) return [];
      const label = {
        channel: c.channel,
        category: c.category,
        app: c.app,
        template: c.template,
        priority: c.priority,
      }[name];
      const shown =
        name === 'channel' ? c.channels[value] : name === 'priority' ? c.priorities[value] : undefined;
      return [`${label ?? name}: ${shown ?? value}`];
    });
    return words.length > 0 ? words.join(' · ') : t.everything;
  };
  return (
    <Page title={t.title} help={t.help} actions={can('sender') && <StopButton />}>
      {pauses.isPending ? (
        <Loading />
      ) : pauses.isError ? (
        <ProblemNote error={pauses.error} retry={() => void pauses.refetch()} />
      ) : pauses.data.data.length === 0 ? (
        <Empty>{t.none}</Empty>
      ) : (
        <DataTable<Pause>
          caption={t.title}
          rows={pauses.data.data}
          id={(row) => row.id ?? ''}
          columns={[
            { name: t.scope, cell: scopeText },
            { name: c.reason, cell: (row) => row.reason ?? '–' },
            { name: t.by, cell: (row) => row.by ?? '–', isMinor: true },
            { name: t.since, cell: (row) => <Time at={row.at} relative /> },
            ...(can('sender')
              ? [
                  {
                    name: c.actions,
                    cell: (row: Pause) =>
                      mayLift(row) && (
                        <Button
                          size="compact-sm"
                          variant="default"
                          aria-label={t.liftLabel(scopeText(row))}
                          onClick={() => setLifting(row)}
                        >
                          {t.lift}
                        </Button>
                      ),
                  },
                ]
              : []),
          ]}
        />
      )}
      {lifting && <LiftDialog pause={lifting} onClose={() => setLifting(undefined)} />}
    </Page>
  );
}

function LiftDialog({ pause, onClose }: { pause: Pause; onClose: () => void }) {
  const t = useText(stopTexts);
  const client = useQueryClient();
  const lift = useMutation({
    mutationFn: () => body(api.DELETE('/v1/pauses/{id}', { params: { path: { id: pause.id ?? '' } } })),
    onSuccess: () => {
      void client.invalidateQueries({ queryKey: [LIVE] });
      say(t.lifted);
      onClose();
    },
  });
  return (
    <Confirm
      title={t.liftTitle}
      action={t.lift}
      isBusy={lift.isPending}
      error={lift.error}
      onConfirm={() => lift.mutate()}
      onClose={onClose}
    >
      {t.liftHelp}
    </Confirm>
  );
}
