import type { UseQueryResult } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { Empty, Loading, ProblemNote } from './basics';
import { type Column, type Cursor, DataTable, Pager } from './table';

interface Props<Row> {
  query: UseQueryResult<{ data: Row[]; page?: { next?: string | null } }>;
  caption: string;
  columns: Column<Row>[];
  id: (row: Row) => string;
  empty: ReactNode;
  emptyAction?: ReactNode;
  cursor?: Cursor;
  isByTime?: boolean;
}

/** A list from the server in each of its states: on its way, refused, empty, there; with its pages. */
export function QueryTable<Row>(props: Props<Row>) {
  const { query, cursor } = props;
  if (query.isPending) return <Loading />;
  if (query.isError) return <ProblemNote error={query.error} retry={() => void query.refetch()} />;
  if (query.data.data.length === 0 && (cursor?.depth ?? 0) === 0) {
    return <Empty action={props.emptyAction}>{props.empty}</Empty>;
  }
  return (
    <>
      <DataTable
        caption={props.caption}
        columns={props.columns}
        rows={query.data.data}
        id={props.id}
        isStale={query.isPlaceholderData}
      />
      {cursor && <Pager cursor={cursor} next={query.data.page?.next} isByTime={props.isByTime} />}
    </>
  );
}
