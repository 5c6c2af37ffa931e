// Parts of which every page is made.

import { Alert, Anchor, Badge, Box, Button, Group, Loader, Stack, Text, Title, Tooltip } from '@mantine/core';
import { useClipboard } from '@mantine/hooks';
import { type ReactNode, useEffect, useRef } from 'react';
import { asProblem } from '@/api/problem';
import { common } from '@/text/common';
import { formatInstant, formatRelative } from '@/text/format';
import { useLanguage, useText } from '@/text/language';
import { IconCheck, IconCopy, IconError } from './icons';
import classes from './basics.module.css';

interface PageProps {
  title: string;
  /** Where the page belongs, before the title: a link back. */
  above?: ReactNode;
  help?: ReactNode;
  actions?: ReactNode;
  children: ReactNode;
}

/** A page: its title is the document's, and has the focus when the page is come to. */
export function Page({ title, above, help, actions, children }: PageProps) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = `${title} · Carillon`;
  }, [title]);
  useEffect(() => {
    heading.current?.focus({ preventScroll: true });
    globalThis.scrollTo(0, 0);
  }, []);
  return (
    <Stack gap="md" className={classes.page}>
      <Group justify="space-between" align="flex-start" gap="sm">
        <Box className={classes.grow}>
          {above && (
            <Text size="sm" component="div">
              {above}
            </Text>
          )}
          <Title order={1} size="h2" ref={heading} tabIndex={-1} className={classes.heading}>
            {title}
          </Title>
          {help && (
            <Text c="dimmed" size="sm" mt={2} component="div" maw="75ch">
              {help}
            </Text>
          )}
        </Box>
        {actions && <Group gap="xs">{actions}</Group>}
      </Group>
      {children}
    </Stack>
  );
}

export function Section({
  title,
  children,
  actions,
}: {
  /** Without one where the page's own title says it already. */
  title?: string;
  children: ReactNode;
  actions?: ReactNode;
}) {
  return (
    <section className={classes.section}>
      {title && (
        <Group justify="space-between" mb="sm" gap="xs">
          <Title order={2} size="h5">
            {title}
          </Title>
          {actions}
        </Group>
      )}
      {children}
    </section>
  );
}

export type Tone = 'good' | 'wait' | 'bad' | 'off' | 'info' | 'warn';

export function Tag({ tone, children }: { tone: Tone; children: ReactNode }) {
  return (
    <Badge variant="light" radius="sm" className={classes.tag} data-tone={tone} tt="none" fw={600}>
      {children}
    </Badge>
  );
}

const TONES: Record<string, Tone> = {
  sent: 'good',
  delivered: 'good',
  success: 'good',
  SUCCESS: 'good',
  approved: 'good',
  published: 'good',
  resolved: 'good',
  ready: 'good',
  completed: 'good',
  partial: 'warn',
  unknown: 'warn',
  paused: 'warn',
  held: 'warn',
  awaiting_approval: 'warn',
  retrying: 'warn',
  failed: 'bad',
  dead: 'bad',
  FAIL: 'bad',
  rejected: 'bad',
  open: 'warn',
  sending: 'info',
  processing: 'info',
  PROCESSING: 'info',
  expanding: 'info',
  running: 'info',
  scheduled: 'info',
  pending: 'wait',
  PENDING: 'wait',
  queued: 'wait',
  draft: 'off',
};

/** The state of anything, in words; the colour only repeats them. */
export function StateTag({ state }: { state: string }) {
  const t = useText(common);
  return <Tag tone={TONES[state] ?? 'off'}>{t.states[state] ?? state}</Tag>;
}

/** An instant, exact and as a distance. */
export function Time({ at, relative = false }: { at: string | null | undefined; relative?: boolean }) {
  useLanguage();
  if (!at) return <span>–</span>;
  const exact = formatInstant(at);
  if (!relative) return <time dateTime={at}>{exact}</time>;
  return (
    <time dateTime={at} title={exact}>
      {formatRelative(at)}
    </time>
  );
}

export function Loading() {
  const t = useText(common);
  return (
    <Group gap="sm" role="status" py="lg">
      <Loader size="sm" />
      <Text c="dimmed">{t.loading}</Text>
    </Group>
  );
}

interface ProblemNoteProps {
  error: unknown;
  /** Pointers that a field shows itself; the rest is listed here. */
  shown?: string[];
  retry?: () => void;
}

/** What went wrong, what to do, and the request's id for whoever looks into it. */
export function ProblemNote({ error, shown = [], retry }: ProblemNoteProps) {
  const t = useText(common);
  if (!error) return null;
  const problem = asProblem(error);
  const rest = problem.errors.filter(
    (e) => !shown.some((pointer) => e.pointer === pointer || e.pointer?.startsWith(pointer + '/')),
  );
  const text = problem.isUnreachable
    ? t.problem.unreachable
    : problem.status === 429 && problem.retryAfter
      ? t.problem.busy(problem.retryAfter)
      : problem.errors.length > 0 && rest.length === 0
        ? t.problem.seeFields
        : problem.message;
  return (
    <Alert
      color="red"
      variant="light"
      icon={<IconError />}
      title={t.problem.title}
      role="alert"
      className={classes.alert}
    >
      <Text size="sm">{text}</Text>
      {rest.length > 0 && (
        <ul className={classes.errors}>
          {rest.map((e, i) => (
            <li key={i}>
              {e.pointer && <code>{e.pointer}</code>} {e.detail ?? e.code}
            </li>
          ))}
        </ul>
      )}
      {problem.requestId && (
        <Text size="xs" c="dimmed">
          {t.problem.requestId(problem.requestId)}
        </Text>
      )}
      {retry && (
        <Button size="xs" variant="default" mt="xs" onClick={retry}>
          {t.retry}
        </Button>
      )}
    </Alert>
  );
}

export function Empty({ children, action }: { children: ReactNode; action?: ReactNode }) {
  return (
    <Stack align="center" py="xl" gap="sm" className={classes.empty}>
      <Text c="dimmed" ta="center" component="div">
        {children}
      </Text>
      {action}
    </Stack>
  );
}

/** Copies a text; says so where a screen reader hears it. */
export function CopyButton({ value, label }: { value: string; label?: string }) {
  const t = useText(common);
  const clipboard = useClipboard({ timeout: 2000 });
  const text = clipboard.copied ? t.copied : (label ?? t.copy);
  return (
    <Tooltip label={text}>
      <Button
        variant="subtle"
        size="compact-xs"
        leftSection={clipboard.copied ? <IconCheck size={14} /> : <IconCopy size={14} />}
        onClick={() => clipboard.copy(value)}
      >
        <span aria-live="polite">{text}</span>
      </Button>
    </Tooltip>
  );
}

/** Ids, tokens, addresses: read letter by letter. */
export function Mono({ children }: { children: ReactNode }) {
  return <code className={classes.mono}>{children}</code>;
}

export function Facts({ items }: { items: [string, ReactNode][] }) {
  return (
    <dl className={classes.facts}>
      {items.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value ?? '–'}</dd>
        </div>
      ))}
    </dl>
  );
}

interface TextLinkProps {
  to: string;
  children: ReactNode;
  'aria-label'?: string;
  /** Beside what is being written, not instead of it. */
  target?: '_blank';
}

/** A link that looks like one. */
export function TextLink({ to, children, ...rest }: TextLinkProps) {
  return (
    <Anchor href={to} underline="always" inherit {...rest}>
      {children}
    </Anchor>
  );
}
