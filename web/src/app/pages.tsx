// The pages there are: address, menu entry, and who sees it. The menu shows what stands here and nothing else.

import { type ComponentType, lazy, type LazyExoticComponent } from 'react';
import type { Role } from '@/api/session';
import {
  IconApproval,
  IconAudit,
  IconBell,
  IconBlocked,
  IconCheck,
  IconClock,
  IconDead,
  IconEngagement,
  IconFlask,
  IconGroup,
  IconHistory,
  IconHook,
  IconKey,
  IconLayout,
  IconMembers,
  IconOverview,
  IconPlug,
  IconProjects,
  IconRoute,
  IconRule,
  IconSend,
  IconSender,
  IconSettings,
  IconStop,
  IconTag,
  IconTemplate,
  IconUser,
} from '@/ui/icons';
import type { shellTexts } from './shell-texts';

type MenuText = keyof (typeof shellTexts)['en']['menu'];
type GroupText = keyof (typeof shellTexts)['en']['groups'];

export interface PageProps {
  /** What follows the page's own part of the address. */
  rest: string[];
}

export interface PageEntry {
  path: string;
  /** Without one, the page is not in the menu. */
  menu?: { text: MenuText; group: GroupText; icon: ComponentType<{ size?: number }> };
  /** The least role that sees it; `installation`: administrators of every project. */
  role: Role | 'installation';
  /** It shows what belongs to no single app: a member who is bound to some does not see it. */
  isOfAllApps?: boolean;
  page: LazyExoticComponent<ComponentType<PageProps>>;
}

const page = <Name extends string>(load: () => Promise<Record<Name, ComponentType<PageProps>>>, name: Name) =>
  lazy(async () => ({ default: (await load())[name] }));

export const pages: PageEntry[] = [
  {
    path: '',
    menu: { text: 'overview', group: 'work', icon: IconOverview },
    role: 'viewer',
    page: page(() => import('@/pages/overview/overview'), 'OverviewPage'),
  },
  {
    path: 'send',
    menu: { text: 'send', group: 'work', icon: IconSend },
    role: 'sender',
    page: page(() => import('@/pages/send/send'), 'SendPage'),
  },
  {
    path: 'history',
    menu: { text: 'history', group: 'work', icon: IconHistory },
    role: 'viewer',
    page: page(() => import('@/pages/history/history'), 'HistoryPage'),
  },
  {
    path: 'engagement',
    menu: { text: 'engagement', group: 'work', icon: IconEngagement },
    role: 'viewer',
    page: page(() => import('@/pages/engagement/engagement'), 'EngagementPage'),
  },
  {
    path: 'approvals',
    menu: { text: 'approvals', group: 'work', icon: IconApproval },
    role: 'viewer',
    page: page(() => import('@/pages/approvals/approvals'), 'ApprovalsPage'),
  },
  {
    path: 'templates',
    menu: { text: 'templates', group: 'content', icon: IconTemplate },
    role: 'viewer',
    page: page(() => import('@/pages/templates/templates'), 'TemplatesPage'),
  },
  {
    path: 'layouts',
    menu: { text: 'layouts', group: 'content', icon: IconLayout },
    role: 'viewer',
    page: page(() => import('@/pages/layouts/layouts'), 'LayoutsPage'),
  },
  {
    path: 'categories',
    menu: { text: 'categories', group: 'content', icon: IconTag },
    role: 'viewer',
    page: page(() => import('@/pages/administer/categories'), 'CategoriesPage'),
  },
  {
    path: 'users',
    menu: { text: 'users', group: 'content', icon: IconUser },
    role: 'viewer',
    page: page(() => import('@/pages/people/users'), 'UsersPage'),
  },
  {
    path: 'groups',
    menu: { text: 'groups', group: 'content', icon: IconGroup },
    role: 'viewer',
    page: page(() => import('@/pages/people/groups'), 'GroupsPage'),
  },
  {
    path: 'suppressions',
    menu: { text: 'suppressions', group: 'content', icon: IconBlocked },
    role: 'viewer',
    page: page(() => import('@/pages/people/suppressions'), 'SuppressionsPage'),
  },
  {
    path: 'schedules',
    menu: { text: 'schedules', group: 'content', icon: IconClock },
    role: 'viewer',
    page: page(() => import('@/pages/automate/schedules'), 'SchedulesPage'),
  },
  {
    path: 'rules',
    menu: { text: 'rules', group: 'content', icon: IconRule },
    role: 'viewer',
    isOfAllApps: true,
    page: page(() => import('@/pages/automate/rules'), 'RulesPage'),
  },
  {
    path: 'stops',
    menu: { text: 'stops', group: 'operate', icon: IconStop },
    role: 'viewer',
    page: page(() => import('@/pages/stops/stops'), 'StopsPage'),
  },
  {
    path: 'accountability',
    menu: { text: 'accountability', group: 'operate', icon: IconCheck },
    role: 'viewer',
    page: page(() => import('@/pages/operate/accountability'), 'AccountabilityPage'),
  },
  {
    path: 'dead-letters',
    menu: { text: 'deadLetters', group: 'operate', icon: IconDead },
    role: 'viewer',
    page: page(() => import('@/pages/operate/dead-letters'), 'DeadLettersPage'),
  },
  {
    path: 'integrations',
    menu: { text: 'integrations', group: 'operate', icon: IconPlug },
    role: 'viewer',
    page: page(() => import('@/pages/operate/integrations'), 'IntegrationsPage'),
  },
  {
    path: 'senders',
    menu: { text: 'senders', group: 'operate', icon: IconSender },
    role: 'viewer',
    page: page(() => import('@/pages/senders/senders'), 'SendersPage'),
  },
  {
    path: 'routes',
    menu: { text: 'routes', group: 'operate', icon: IconRoute },
    role: 'viewer',
    page: page(() => import('@/pages/automate/routes'), 'RoutesPage'),
  },
  {
    path: 'webhooks',
    menu: { text: 'webhooks', group: 'operate', icon: IconHook },
    role: 'viewer',
    isOfAllApps: true,
    page: page(() => import('@/pages/webhooks/webhooks'), 'WebhooksPage'),
  },
  {
    path: 'alerts',
    menu: { text: 'alerts', group: 'operate', icon: IconBell },
    role: 'viewer',
    isOfAllApps: true,
    page: page(() => import('@/pages/operate/alerts'), 'AlertsPage'),
  },
  {
    path: 'sandbox',
    menu: { text: 'sandbox', group: 'operate', icon: IconFlask },
    role: 'viewer',
    page: page(() => import('@/pages/operate/sandbox'), 'SandboxPage'),
  },
  {
    path: 'apps',
    menu: { text: 'apps', group: 'administer', icon: IconKey },
    role: 'administrator',
    page: page(() => import('@/pages/administer/apps'), 'AppsPage'),
  },
  {
    path: 'members',
    menu: { text: 'members', group: 'administer', icon: IconMembers },
    role: 'installation',
    page: page(() => import('@/pages/administer/members'), 'MembersPage'),
  },
  {
    path: 'projects',
    menu: { text: 'projects', group: 'administer', icon: IconProjects },
    role: 'installation',
    page: page(() => import('@/pages/administer/projects'), 'ProjectsPage'),
  },
  {
    path: 'settings',
    menu: { text: 'settings', group: 'administer', icon: IconSettings },
    role: 'administrator',
    page: page(() => import('@/pages/automate/settings'), 'SettingsPage'),
  },
  {
    path: 'audit',
    menu: { text: 'audit', group: 'administer', icon: IconAudit },
    role: 'administrator',
    page: page(() => import('@/pages/administer/audit'), 'AuditPage'),
  },
  { path: 'account', role: 'viewer', page: page(() => import('@/pages/account/account'), 'AccountPage') },
];
