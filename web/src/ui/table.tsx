// Lists: a table that is one, and its pages.

import { Button, Group, Table, Text } from '@mantine/core';
import { type ReactNode, useState } from 'react';
import { common } from '@/text/common';
import { useText } from '@/text/language';
import classes from './table.module.css';

export interface Column<Row> {
  name: string;
  /** Instead of the name, which remains what it is called. */
  head?: ReactNode;
  cell: (row: Row) => ReactNode;
  /** Numbers stand to the right. */
  isNumber?: boolean;
  /** Hidden on narrow screens; never the only place where something is said. */
  isMinor?: boolean;
}

interface TableProps<Row> {
  /** Says what the table holds; read by screen readers. */
  caption: string;
  columns: Column<Row>[];
  rows: Row[];
  id: (row: Row) => string;
  /** Shown while the next page is on its way. */
  isStale?: boolean;
}

export function DataTable<Row>({ caption, columns, rows, id, isStale = false }: TableProps<Row>) {
  return (
    <div
      className={classes.frame}
      data-stale={isStale || undefined}
      role="region"
      aria-label={caption}
      tabIndex={0}
    >
      <Table verticalSpacing={7} horizontalSpacing="sm" highlightOnHover>
        <caption className={classes.caption}>{caption}</caption>
        <Table.Thead>
          <Table.Tr>
            {columns.map((column) => (
              <Table.Th
                key={column.name}
                scope="col"
                data-number={column.isNumber || undefined}
                data-minor={column.isMinor || undefined}
              >
                {column.head ?? column.name}
              </Table.Th>
            ))}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {rows.map((row) => (
            <Table.Tr key={id(row)}>
              {columns.map((column) => (
                <Table.Td
                  key={column.name}
                  data-number={column.isNumber || undefined}
                  data-minor={column.isMinor || undefined}
                >
                  {column.cell(row)}
                </Table.Td>
              ))}
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </div>
  );
}

export interface Cursor {
  after: string | undefined;
  /** How many pages lie before this one. */
  depth: number;
  forward: (next: string) => void;
  back: () => void;
  reset: () => void;
}

/** Pages by cursor: there are no totals, and page one million costs as little as the first. */
export function useCursor(): Cursor {
  const [trail, setTrail] = useState<string[]>([]);
  return {
    after: trail.at(-1),
    depth: trail.length,
    forward: (next) => setTrail([...trail, next]),
    back: () => setTrail(trail.slice(0, -1)),
    reset: () => setTrail([]),
  };
}

interface PagerProps {
  cursor: Cursor;
  next: string | null | undefined;
  /** Lists by time say older and newer, others next and previous. */
  isByTime?: boolean;
}

export function Pager({ cursor, next, isByTime = false }: PagerProps) {
  const t = useText(common);
  if (cursor.depth === 0 && !next) return null;
  return (
    <Group component="nav" aria-label={t.pages} justify="space-between">
      <Button variant="default" size="xs" disabled={cursor.depth === 0} onClick={cursor.back}>
        ← {isByTime ? t.newer : t.previousPage}
      </Button>
      <Text size="sm" c="dimmed" aria-live="polite">
        {cursor.depth + 1}
      </Text>
      <Button variant="default" size="xs" disabled={!next} onClick={() => next && cursor.forward(next)}>
        {isByTime ? t.older : t.nextPage} →
      </Button>
    </Group>
  );
}
