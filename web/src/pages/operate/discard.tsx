import { Text, Textarea } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { useState } from 'react';
import { call, type Body } from '@/api/client';
import { complaint } from '@/api/problem';
import { common } from '@/text/common';
import { formatNumber } from '@/text/format';
import { useText } from '@/text/language';
import { Confirm, say } from '@/ui/feedback';
import { FilterFields, LetterFacts } from './letter-fields';
import { given, type Letter, type LetterFilter } from './letters';
import { operateTexts } from './texts';

interface Props {
  /** Undefined: all that a filter fits. */
  chosen: Letter[] | undefined;
  onClose: () => void;
  onStarted: (job: string | undefined) => void;
}

/** Nobody needs it any more. It stays what it was, and says who said so, and why. */
export function DiscardDialog({ chosen, onClose, onStarted }: Props) {
  const t = useText(operateTexts);
  const c = useText(common);
  const [reason, setReason] = useState('');
  const [filter, setFilter] = useState<LetterFilter>({});
  const [isBadTime, setBadTime] = useState(false);
  const only = chosen?.length === 1 ? chosen[0] : undefined;
  const discard = useMutation({
    mutationFn: () =>
      call<Body<'Job'>>('POST', '/v1/dead-letters/discard', {
        ...(chosen ? { ids: chosen.map(({ id }) => id) } : { filter: given(filter) }),
        reason: reason.trim(),
      }),
    onSuccess: (job) => {
      say(t.discardStarted);
      onStarted(job.id);
    },
  });
  return (
    <Confirm
      title={chosen ? t.discardTitle : t.discardAllTitle}
      action={t.discardAction}
      isDangerous
      isBusy={discard.isPending}
      isDisabled={isBadTime}
      error={discard.error}
      shown={['/reason', '/filter']}
      onConfirm={() => discard.mutate()}
      onClose={onClose}
    >
      <Text size="sm">{chosen ? t.discardHelp(formatNumber(chosen.length)) : t.discardAllHelp}</Text>
      {only?.id?.startsWith('dl_') && <LetterFacts id={only.id} />}
      {!chosen && (
        <FilterFields filter={filter} onChange={setFilter} onBadTime={setBadTime} error={discard.error} />
      )}
      <Textarea
        label={c.reason}
        description={t.discardReasonHelp}
        required
        autosize
        minRows={2}
        maxLength={300}
        data-autofocus
        value={reason}
        onChange={(e) => setReason(e.currentTarget.value.replace(/\n/g, ' '))}
        error={complaint(discard.error, '/reason')}
      />
    </Confirm>
  );
}
