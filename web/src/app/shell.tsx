import {
  ActionIcon,
  AppShell,
  Burger,
  Button,
  Group,
  Menu,
  Modal,
  NavLink,
  ScrollArea,
  Select,
  Text,
} from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { notifications } from '@mantine/notifications';
import { useQueryClient } from '@tanstack/react-query';
import {
  Component,
  type ErrorInfo,
  type ReactNode,
  Suspense,
  useEffect,
  useRef,
  useState,
  useSyncExternalStore,
} from 'react';
import { connection } from '@/api/connection';
import { usePauses } from '@/api/lists';
import { follow, useLiveness } from '@/api/live';
import { SignInForm } from '@/pages/sign-in/sign-in';
import { signInTexts } from '@/pages/sign-in/texts';
import { common } from '@/text/common';
import { useText } from '@/text/language';
import { Empty, Loading, Page, TextLink } from '@/ui/basics';
import { IconChevronDown, IconOffline, IconSignOut, IconStop, IconUser } from '@/ui/icons';
import { type PageEntry, pages } from './pages';
import { ColorSchemeButton, LanguageButton } from './preferences';
import { go, to, usePlace } from './router';
import { useAccess } from './session';
import { shellTexts } from './shell-texts';
import classes from './shell.module.css';

export function Shell() {
  const t = useText(shellTexts);
  const place = usePlace();
  const access = useAccess();
  const scope = `${access.project.key}/${access.app ?? ''}`;
  const [isMenuOpen, menu] = useDisclosure(false);
  const visible = pages.filter((candidate) =>
    candidate.role === 'installation'
      ? access.session.is_installation_admin
      : access.can(candidate.role) && !(candidate.isOfAllApps && access.app),
  );
  const entry = visible.find((candidate) => candidate.path === (place.path[0] ?? ''));
  const { close } = menu;
  useEffect(close, [place, close]);
  const client = useQueryClient();
  useEffect(() => follow(client), [client, access.project.key, access.app, access.session.csrf]);

  return (
    <>
      <a href="#content" className={classes.skip} onClick={skipToContent}>
        {t.skip}
      </a>
      <AppShell
        header={{ height: 56 }}
        navbar={{ width: 232, breakpoint: 'sm', collapsed: { mobile: !isMenuOpen } }}
        padding="md"
      >
        <AppShell.Header className={classes.header}>
          <Group h="100%" px="md" justify="space-between" wrap="nowrap" gap="xs">
            <Group gap="sm" wrap="nowrap">
              <Burger
                opened={isMenuOpen}
                onClick={menu.toggle}
                hiddenFrom="sm"
                size="sm"
                aria-label={t.openMenu}
                aria-expanded={isMenuOpen}
              />
              <a href={to([])} className={classes.brand}>
                <img src="./bell.svg" alt="" width={28} height={28} />
                <span className={classes.brandName}>Carillon</span>
              </a>
              <ProjectSwitch />
              <AppSwitch />
            </Group>
            <Group gap={4} wrap="nowrap">
              <Group gap={4} wrap="nowrap" visibleFrom="sm">
                <LanguageButton />
                <ColorSchemeButton />
              </Group>
              <AccountMenu />
            </Group>
          </Group>
        </AppShell.Header>
        <AppShell.Navbar aria-label={t.menuLabel} className={classes.navbar}>
          <ScrollArea
            type="auto"
            scrollbarSize={8}
            className={classes.navScroll}
            viewportProps={{ tabIndex: -1 }}
          >
            <MainMenu entries={visible} current={entry} />
          </ScrollArea>
          <Group hiddenFrom="sm" p="xs" justify="space-between">
            <LanguageButton />
            <ColorSchemeButton />
          </Group>
        </AppShell.Navbar>
        <AppShell.Main id="content" tabIndex={-1} className={classes.main}>
          <ConnectionBanner />
          <StopBanner />
          <Guard key={place.path.join('/') + scope}>
            <Suspense fallback={<Loading />}>
              {entry ? <entry.page key={scope} rest={place.path.slice(1)} /> : <NotFound />}
            </Suspense>
          </Guard>
        </AppShell.Main>
      </AppShell>
      <SignInAgain />
    </>
  );
}

// The address holds the place: a plain #content would leave the page.
function skipToContent(event: { preventDefault: () => void }) {
  event.preventDefault();
  document.getElementById('content')?.focus();
}

function MainMenu({ entries, current }: { entries: PageEntry[]; current: PageEntry | undefined }) {
  const t = useText(shellTexts);
  const groups = [...new Set(entries.flatMap((e) => (e.menu ? [e.menu.group] : [])))];
  return groups.map((group) => (
    <div key={group} role="group" aria-label={t.groups[group]} className={classes.menuGroup}>
      <Text size="xs" fw={700} c="dimmed" px="sm" pt="sm" pb={4} aria-hidden>
        {t.groups[group]}
      </Text>
      {entries
        .filter((e) => e.menu?.group === group)
        .map((e) => {
          if (!e.menu) return null;
          const Icon = e.menu.icon;
          return (
            <NavLink
              key={e.path}
              href={to(e.path ? [e.path] : [])}
              label={t.menu[e.menu.text]}
              leftSection={<Icon />}
              active={e === current}
              aria-current={e === current ? 'page' : undefined}
              className={classes.menuItem}
            />
          );
        })}
    </div>
  ));
}

function ProjectSwitch() {
  const t = useText(shellTexts);
  const { session, project, chooseProject } = useAccess();
  if (session.projects.length < 2) {
    return (
      <Text size="sm" c="dimmed" className={classes.project} truncate>
        {project.name || project.key}
      </Text>
    );
  }
  return (
    <Select
      aria-label={t.project}
      size="xs"
      className={classes.project}
      value={project.key}
      allowDeselect={false}
      searchable={session.projects.length > 10}
      data={session.projects.map((p) => ({ value: p.key, label: p.name || p.key }))}
      onChange={(key) => key && chooseProject(key)}
    />
  );
}

/** Of a member who is bound to some apps: as which of them everything is looked at and sent. */
function AppSwitch() {
  const t = useText(shellTexts);
  const { project, app, chooseApp } = useAccess();
  if (!app) return null;
  return (
    <Select
      aria-label={t.app}
      size="xs"
      className={classes.project}
      value={app}
      allowDeselect={false}
      readOnly={(project.apps ?? []).length < 2}
      data={project.apps ?? []}
      onChange={(name) => name && chooseApp(name)}
    />
  );
}

function AccountMenu() {
  const t = useText(shellTexts);
  const c = useText(common);
  const { session, project, signOut } = useAccess();
  return (
    <Menu width={220}>
      <Menu.Target>
        <Button
          variant="subtle"
          color="gray"
          size="compact-sm"
          leftSection={<IconUser />}
          rightSection={<IconChevronDown size={14} />}
          className={classes.account}
        >
          <span className={classes.accountName}>{session.member.name || session.member.key}</span>
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>
          {session.member.email ?? session.member.key} · {c.roles[project.role]}
        </Menu.Label>
        <Menu.Item leftSection={<IconUser />} onClick={() => go(to(['account']))}>
          {t.account}
        </Menu.Item>
        <Menu.Item leftSection={<IconSignOut />} onClick={() => void signOut()}>
          {t.signOut}
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}

// A stream that ends is begun anew within a second or two, of which nobody needs to know.
const NO_NEWS_MS = 5_000;

/** Whether there have been no live news for a while. */
function useNoNews(): boolean {
  const isPolling = useLiveness() === 'polling';
  const [isSaid, setSaid] = useState(false);
  useEffect(() => {
    if (!isPolling) return;
    const timer = setTimeout(() => setSaid(true), NO_NEWS_MS);
    return () => {
      clearTimeout(timer);
      setSaid(false);
    };
  }, [isPolling]);
  return isSaid;
}

/** Says that the server is away, and once that it is back; also that there are no live news. */
function ConnectionBanner() {
  const t = useText(shellTexts);
  const hasNoNews = useNoNews();
  const isLost = useSyncExternalStore(connection.subscribe, connection.isLost);
  const wasLost = useRef(false);
  useEffect(() => {
    if (wasLost.current && !isLost) notifications.show({ message: t.restored, color: 'green' });
    wasLost.current = isLost;
  }, [isLost, t]);
  return (
    <div role="status" aria-live="polite">
      {isLost && (
        <div className={classes.banner} data-kind="lost">
          <IconOffline />
          <span>{t.lost}</span>
          <Button size="compact-sm" variant="default" onClick={() => void connection.look()}>
            {t.lookNow}
          </Button>
        </div>
      )}
      {!isLost && hasNoNews && (
        <div className={classes.banner} data-kind="quiet">
          <IconOffline />
          <span>{t.noNews}</span>
        </div>
      )}
    </div>
  );
}

/** On every page, so that nobody wonders why nothing arrives. */
function StopBanner() {
  const t = useText(shellTexts);
  const pauses = usePauses();
  const stops = pauses.data?.data ?? [];
  if (stops.length === 0) return null;
  const isAll = stops.some((stop) => Object.values(stop.scope).every((value) => !value));
  return (
    <div role="status" className={classes.banner} data-kind="stopped">
      <IconStop />
      <span>
        {isAll ? t.stoppedAll : t.stopped(stops.length)}{' '}
        <TextLink to={to(['stops'])}>{t.stoppedLink}</TextLink>
      </span>
    </div>
  );
}

function SignInAgain() {
  const t = useText(signInTexts);
  const { signedOut, session, adopt } = useAccess();
  return (
    <Modal
      opened={signedOut}
      onClose={() => undefined}
      withCloseButton={false}
      closeOnEscape={false}
      closeOnClickOutside={false}
      title={t.again}
      centered
    >
      <Text size="sm" mb="sm">
        {t.againHelp}
      </Text>
      <SignInForm onSignedIn={adopt} email={session.member.email ?? undefined} />
    </Modal>
  );
}

function NotFound() {
  const t = useText(shellTexts);
  return (
    <Page title={t.notFound}>
      <Empty
        action={
          <Button component="a" href={to([])} variant="default">
            {t.toStart}
          </Button>
        }
      >
        {t.notFoundHelp}
      </Empty>
    </Page>
  );
}

function Crashed() {
  const t = useText(shellTexts);
  return (
    <Page title={t.crashed}>
      <Empty
        action={
          <ActionIcon.Group>
            <Button variant="default" onClick={() => globalThis.location.reload()}>
              {t.reload}
            </Button>
          </ActionIcon.Group>
        }
      >
        {t.crashedHelp}
      </Empty>
    </Page>
  );
}

/** A page that fails takes only itself down. */
class Guard extends Component<{ children: ReactNode }, { failed: boolean }> {
  override state = { failed: false };
  static getDerivedStateFromError() {
    return { failed: true };
  }
  override componentDidCatch(error: Error, info: ErrorInfo) {
    // eslint-disable-next-line no-console -- for whoever looks into it with the browser's tools
    console.error(error, info.componentStack);
  }
  override render() {
    return this.state.failed ? <Crashed /> : this.props.children;
  }
}
