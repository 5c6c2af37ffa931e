// The pages of a kind of thing that has a key: #/PATH lists, #/PATH/new makes one, #/PATH/edit/KEY changes one.

import { useQuery, type UseQueryResult } from '@tanstack/react-query';
import { Fragment, type ReactNode } from 'react';
import type { Role } from '@/api/session';
import { to } from '@/app/router';
import { useAccess } from '@/app/session';
import { type Parent, StoredPage } from './editor';

interface Props<Row> {
  rest: string[];
  /** The first part of the address, and of the keys of its queries. */
  path: string;
  /** Of the list. */
  title: string;
  /** Who may make and change one; everybody else sees the list. */
  role: Role;
  list: ReactNode;
  read: (key: string) => Promise<Row>;
  /** Undefined: one that is made. */
  form: (stored: Row | undefined) => ReactNode;
}

export const parentOf = (path: string, title: string): Parent => ({ title, address: to([path]) });

export function ResourcePages<Row>({ rest, path, title, role, list, read, form }: Props<Row>) {
  const { can } = useAccess();
  const [action, key] = rest;
  if (action === 'new' && can(role)) return <Fragment key="new">{form(undefined)}</Fragment>;
  if (action === 'edit' && key && can(role)) {
    return <OnePage key={key} name={key} path={path} title={title} read={read} form={form} />;
  }
  return list;
}

interface OneProps<Row> extends Pick<Props<Row>, 'path' | 'title' | 'read' | 'form'> {
  name: string;
}

function OnePage<Row>({ name, path, title, read, form }: OneProps<Row>) {
  const stored = useStored(path, name, () => read(name));
  return (
    <StoredPage name={name} parent={parentOf(path, title)} query={stored}>
      {(found) => form(found)}
    </StoredPage>
  );
}

/** One thing as it was when its form was opened: a form must not change under who writes in it. */
export const useStored = <Row,>(path: string, name: string, read: () => Promise<Row>): UseQueryResult<Row> =>
  useQuery({ queryKey: [path, 'one', name], queryFn: read, gcTime: 0, staleTime: Infinity });
