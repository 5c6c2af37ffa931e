// Things that have a key: the list of them, and the field in which the key is chosen.

import { Button, TextInput } from '@mantine/core';
import type { UseQueryResult } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import { complaint } from '@/api/problem';
import type { Role } from '@/api/session';
import { to } from '@/app/router';
import { useAccess } from '@/app/session';
import { common } from '@/text/common';
import { useText } from '@/text/language';
import { Page, TextLink } from './basics';
import { QueryTable } from './query-table';
import type { Column, Cursor } from './table';

interface Keyed {
  key?: string;
}

interface ListProps<Row> {
  title: string;
  help: string;
  /** What the button that makes one says, and what stands there while there is none. */
  fresh: string;
  none: string;
  /** The first part of the address: #/PATH lists, #/PATH/new makes one, #/PATH/edit/KEY changes one. */
  path: string;
  /** Who may make and change one. */
  role: Role;
  query: UseQueryResult<{ data: Row[]; page?: { next?: string | null } }>;
  cursor?: Cursor;
  /** Whether everybody may open one, at #/PATH/KEY; otherwise only who may change it. */
  isOpenToAll?: boolean;
  /** Beside the key. */
  mark?: (row: Row) => ReactNode;
  /** Before and after the column of the key. */
  leading?: Column<Row>[];
  columns: Column<Row>[];
  /** What may be done to a row, for who may change it. */
  actions?: (row: Row) => ReactNode;
}

export function ResourceList<Row extends Keyed>(props: ListProps<Row>) {
  const c = useText(common);
  const { can } = useAccess();
  const mayChange = can(props.role);
  const addressOf = (key: string) => to(props.isOpenToAll ? [props.path, key] : [props.path, 'edit', key]);
  const fresh = mayChange && (
    <Button component="a" href={to([props.path, 'new'])}>
      {props.fresh}
    </Button>
  );
  const { actions } = props;
  return (
    <Page title={props.title} help={props.help} actions={fresh}>
      <QueryTable<Row>
        query={props.query}
        cursor={props.cursor}
        caption={props.title}
        empty={props.none}
        emptyAction={fresh}
        id={(row) => row.key ?? ''}
        columns={[
          ...(props.leading ?? []),
          {
            name: c.key,
            cell: (row) => (
              <>
                {mayChange || props.isOpenToAll ? (
                  <TextLink to={addressOf(row.key ?? '')}>{row.key}</TextLink>
                ) : (
                  row.key
                )}
                {props.mark?.(row)}
              </>
            ),
          },
          ...props.columns,
          ...(actions && mayChange ? [{ name: c.actions, cell: actions }] : []),
        ]}
      />
    </Page>
  );
}

export interface Key {
  text: string;
  setText: (text: string) => void;
  /** What is sent. */
  key: string;
  /** It cannot be changed any more. */
  isStored: boolean;
  isTaken: boolean;
  isReady: boolean;
}

/**
 * The key of what is written: chosen when it is made, fixed from then on. Writing over another one by mistake would
 * lose it, so that a key of `others` is not accepted.
 */
export function useKey(stored: string | undefined, others: Keyed[] | undefined, isSaved = false): Key {
  const [text, setText] = useState(stored ?? '');
  const key = text.trim();
  const isStored = stored !== undefined;
  const isTaken = !isStored && !isSaved && (others ?? []).some((other) => other.key === key);
  return { text, setText, key, isStored, isTaken, isReady: key !== '' && !isTaken };
}

interface FieldProps {
  of: Key;
  help?: string;
  error: unknown;
  hasFocus?: boolean;
}

export function KeyField({ of, help, error, hasFocus = false }: FieldProps) {
  const c = useText(common);
  return (
    <TextInput
      label={c.key}
      description={of.isStored ? c.keyFixed : (help ?? c.keyHelp)}
      required
      data-autofocus={hasFocus || undefined}
      readOnly={of.isStored}
      value={of.text}
      onChange={(e) => of.setText(e.currentTarget.value)}
      error={of.isTaken ? c.keyTaken : complaint(error, '/key')}
    />
  );
}
