import { createRootRoute, createRoute, createRouter, lazyRouteComponent, Link } from '@tanstack/react-router';
import { readCalendar } from '../pages/calendar/calendar-search';
import { NowPage } from '../pages/now/now-page';
import { readRunFilter } from '../pages/runs/run-search';
import { RunsPage } from '../pages/runs/runs-page';
import { readLike, readScheduleFilter, readScheduleTab } from '../pages/schedules/schedule-search';
import { SchedulesPage } from '../pages/schedules/schedules-page';
import { SettingsPage } from '../pages/settings/settings-page';
import { TeamsPage } from '../pages/teams/teams-page';
import { readUsage } from '../pages/usage/usage-search';
import { Root } from './root';
import { Page } from './shell';

const root = createRootRoute({ component: Root, notFoundComponent: NotFound });
const getParentRoute = () => root;

const helpPage = lazyRouteComponent(() => import('../pages/help/help-page'), 'HelpPage');

const routes = [
  createRoute({ getParentRoute, path: '/', component: NowPage }),
  createRoute({ getParentRoute, path: '/runs', component: RunsPage, validateSearch: readRunFilter }),
  // With Markdown and the virtual list, which no other page needs.
  createRoute({
    getParentRoute,
    path: '/runs/$runId',
    component: lazyRouteComponent(() => import('../pages/run/run-page'), 'RunPage'),
    validateSearch: readRunView,
  }),
  createRoute({ getParentRoute, path: '/schedules', component: SchedulesPage, validateSearch: readScheduleFilter }),
  createRoute({
    getParentRoute,
    path: '/schedules/$scheduleId',
    component: lazyRouteComponent(() => import('../pages/schedule/schedule-page'), 'SchedulePage'),
    validateSearch: readScheduleTab,
  }),
  createRoute({ getParentRoute, path: '/teams', component: TeamsPage }),
  createRoute({
    getParentRoute,
    path: '/teams/secrets',
    component: lazyRouteComponent(() => import('../pages/teams/secrets-page'), 'SecretsPage'),
  }),
  createRoute({
    getParentRoute,
    path: '/teams/new',
    component: lazyRouteComponent(() => import('../pages/teams/edit-team-page'), 'NewTeamPage'),
  }),
  createRoute({
    getParentRoute,
    path: '/teams/$teamId',
    component: lazyRouteComponent(() => import('../pages/teams/team-page'), 'TeamPage'),
  }),
  createRoute({
    getParentRoute,
    path: '/teams/$teamId/edit',
    component: lazyRouteComponent(() => import('../pages/teams/edit-team-page'), 'EditTeamPage'),
  }),
  createRoute({
    getParentRoute,
    path: '/schedules/new',
    component: lazyRouteComponent(() => import('../pages/builder/builder-page'), 'NewSchedulePage'),
    validateSearch: readLike,
  }),
  createRoute({
    getParentRoute,
    path: '/schedules/$scheduleId/edit',
    component: lazyRouteComponent(() => import('../pages/builder/builder-page'), 'EditSchedulePage'),
  }),
  createRoute({
    getParentRoute,
    path: '/calendar',
    component: lazyRouteComponent(() => import('../pages/calendar/calendar-page'), 'CalendarPage'),
    validateSearch: readCalendar,
  }),
  createRoute({
    getParentRoute,
    path: '/system',
    component: lazyRouteComponent(() => import('../pages/system/system-page'), 'SystemPage'),
  }),
  createRoute({
    getParentRoute,
    path: '/usage',
    component: lazyRouteComponent(() => import('../pages/usage/usage-page'), 'UsagePage'),
    validateSearch: readUsage,
  }),
  createRoute({ getParentRoute, path: '/settings', component: SettingsPage }),
  createRoute({ getParentRoute, path: '/help', component: helpPage }),
  createRoute({ getParentRoute, path: '/help/$code', component: helpPage }),
] as const;

export const router = createRouter({ routeTree: root.addChildren(routes), scrollRestoration: true });

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router;
  }
}

/** What of a run's conversation is shown, and the row that a link leads to. */
interface RunViewSearch {
  readonly at?: number;
  readonly level?: 'words' | 'work' | 'all';
  readonly agent?: string;
}

function readRunView(search: Readonly<Record<string, unknown>>): RunViewSearch {
  const { at, level, agent } = search;
  return {
    ...(typeof at === 'number' && Number.isInteger(at) && at > 0 && { at }),
    ...((level === 'words' || level === 'work' || level === 'all') && { level }),
    ...(typeof agent === 'string' && { agent }),
  };
}

function NotFound() {
  return (
    <Page title="Nothing here">
      <p className="p-4 rail:p-6">
        There is no page at this address.{' '}
        <Link to="/" className="underline">
          Now
        </Link>{' '}
        has what is going on.
      </p>
    </Page>
  );
}
