import { Modal, type ModalProps } from '@mantine/core';
import { useEffect, useState } from 'react';
import { common } from '@/text/common';
import { useText } from '@/text/language';

type Props = Omit<ModalProps, 'opened'>;

/**
 * A dialog, open for as long as it is there. Mantine gives the focus back when a dialog is told to close; one that is
 * taken off the page has to do it itself, or whoever uses the keyboard starts again at the top.
 */
export function Dialog(props: Props) {
  const t = useText(common);
  const [opener] = useState(() => document.activeElement);
  useEffect(
    () => () => {
      // After the dialog is gone and its focus trap with it.
      setTimeout(() => {
        if (opener instanceof HTMLElement && opener.isConnected) opener.focus({ preventScroll: true });
      });
    },
    [opener],
  );
  return <Modal opened centered closeButtonProps={{ 'aria-label': t.close }} {...props} />;
}
