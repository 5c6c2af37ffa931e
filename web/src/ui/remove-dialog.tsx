import { useMutation, useQueryClient } from '@tanstack/react-query';
import { common } from '@/text/common';
import { useText } from '@/text/language';
import { Confirm, say } from './feedback';

interface Props {
  title: string;
  help: string;
  remove: () => Promise<unknown>;
  /** The first part of the keys of queries that show it. */
  shownBy: string;
  onClose: () => void;
  /** Where to go when the page itself is of what was removed. */
  onRemoved?: () => void;
}

export function RemoveDialog({ title, help, remove, shownBy, onClose, onRemoved }: Props) {
  const c = useText(common);
  const client = useQueryClient();
  const act = useMutation({
    mutationFn: remove,
    onSuccess: () => {
      say(c.removed);
      // First away: what is removed must not be asked for again.
      onClose();
      onRemoved?.();
      void client.invalidateQueries({ queryKey: [shownBy] });
    },
  });
  return (
    <Confirm
      title={title}
      action={c.remove}
      isDangerous
      isBusy={act.isPending}
      error={act.error}
      onConfirm={() => act.mutate()}
      onClose={onClose}
    >
      {help}
    </Confirm>
  );
}
