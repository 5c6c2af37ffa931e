// The frame of a page on which one thing is written: back to its list, its fields, what was refused, and saving.

import { Button, Group, Stack } from '@mantine/core';
import {
  useMutation,
  type UseMutationResult,
  useQueryClient,
  type UseQueryResult,
} from '@tanstack/react-query';
import type { FormEvent, ReactNode } from 'react';
import { go } from '@/app/router';
import { common } from '@/text/common';
import { useText } from '@/text/language';
import { Loading, Page, ProblemNote, Section, TextLink } from './basics';
import { say } from './feedback';

/** The list that a thing belongs to. */
export interface Parent {
  title: string;
  address: string;
}

const backTo = (parent: Parent) => <TextLink to={parent.address}>← {parent.title}</TextLink>;

/** Saves; says so, has what shows it loaded again, and goes on to an address. */
export function useSave<T>(
  write: () => Promise<T>,
  { shownBy, next }: { shownBy: string; next: string },
): UseMutationResult<T, Error, void> {
  const c = useText(common);
  const client = useQueryClient();
  return useMutation({
    mutationFn: write,
    onSuccess: () => {
      say(c.saved);
      void client.invalidateQueries({ queryKey: [shownBy] });
      go(next);
    },
  });
}

interface EditorProps {
  title: string;
  parent: Parent;
  save: { error: Error | null; isPending: boolean; mutate: () => void };
  /** Pointers of the fields that show their own complaint. */
  shown: string[];
  /** False while what is written cannot be sent. */
  isReady: boolean;
  children: ReactNode;
  /** Below the form, and no part of it. */
  after?: ReactNode;
}

export function EditorPage({ title, parent, save, shown, isReady, children, after }: EditorProps) {
  const c = useText(common);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    save.mutate();
  };
  return (
    <Page title={title} above={backTo(parent)}>
      <form onSubmit={submit} noValidate>
        <Section>
          <Stack gap="sm">
            {children}
            {save.error && <ProblemNote error={save.error} shown={shown} />}
            <Group>
              <Button type="submit" loading={save.isPending} disabled={!isReady}>
                {c.save}
              </Button>
            </Group>
          </Stack>
        </Section>
      </form>
      {after}
    </Page>
  );
}

interface StoredProps<T> {
  name: string;
  parent: Parent;
  query: UseQueryResult<T>;
  children: (stored: T) => ReactNode;
}

/** One thing from the server, and the page of its name until it is there. */
export function StoredPage<T>({ name, parent, query, children }: StoredProps<T>) {
  if (query.data !== undefined) return children(query.data);
  return (
    <Page title={name} above={backTo(parent)}>
      {query.isError ? <ProblemNote error={query.error} retry={() => void query.refetch()} /> : <Loading />}
    </Page>
  );
}
