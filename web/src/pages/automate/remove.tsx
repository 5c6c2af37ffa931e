import { useMutation, useQueryClient } from '@tanstack/react-query';
import { common } from '@/text/common';
import { useText } from '@/text/language';
import { Confirm, say } from '@/ui/feedback';
import { automateTexts } from './texts';

interface Props {
  name: string;
  help: string;
  remove: () => Promise<unknown>;
  /** The first part of the keys of queries that show it. */
  shownBy: string;
  onClose: () => void;
}

export function RemoveDialog({ name, help, remove, shownBy, onClose }: Props) {
  const t = useText(automateTexts);
  const c = useText(common);
  const client = useQueryClient();
  const act = useMutation({
    mutationFn: remove,
    onSuccess: () => {
      say(c.removed);
      void client.invalidateQueries({ queryKey: [shownBy] });
      onClose();
    },
  });
  return (
    <Confirm
      title={t.removeTitle(name)}
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
