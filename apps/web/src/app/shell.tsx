import { Link, Outlet } from '@tanstack/react-router';
import { Activity, CalendarClock, ListTree, Settings } from 'lucide-react';
import { useLiveAnswers } from '../api/live';
import { LiveNote } from './live-note';
import { Shortcuts } from './shortcuts';

const PLACES = [
  { to: '/', name: 'Now', Icon: Activity },
  { to: '/runs', name: 'Runs', Icon: ListTree },
  { to: '/schedules', name: 'Schedules', Icon: CalendarClock },
] as const;

/** What stands around every page: a rail at the left, below 600 px a bar at the bottom. */
export function Shell() {
  useLiveAnswers();
  return (
    <div className="flex h-full flex-col-reverse rail:flex-row">
      <a
        href="#page"
        className="absolute top-0 left-2 z-10 -translate-y-16 rounded-md bg-ink px-3 py-1.5 text-on-ink focus:translate-y-2"
      >
        Skip to the page
      </a>
      <nav
        aria-label="Places"
        className="flex shrink-0 border-line max-rail:border-t rail:w-14 rail:flex-col rail:border-r wide:w-48 rail:p-2"
      >
        <div className="mb-3 flex h-10 items-center gap-2 px-2 max-rail:hidden">
          <img src="/favicon.svg" alt="" className="size-6" />
          <span className="font-semibold max-wide:hidden">Crewtab</span>
        </div>
        {PLACES.map((place) => (
          <Place key={place.to} {...place} />
        ))}
        <div className="rail:mt-auto max-rail:contents">
          <Place to="/settings" name="Settings" Icon={Settings} />
        </div>
      </nav>
      <div id="page" tabIndex={-1} className="flex min-h-0 min-w-0 flex-1 flex-col outline-none">
        <Outlet />
      </div>
      <Shortcuts />
    </div>
  );
}

type PlaceProps = {
  readonly to: (typeof PLACES)[number]['to'] | '/settings';
  readonly name: string;
  readonly Icon: typeof Activity;
};

function Place({ to, name, Icon }: PlaceProps) {
  return (
    <Link
      to={to}
      activeOptions={{ exact: to === '/', includeSearch: false }}
      className="group flex items-center gap-2.5 rounded-md px-2 text-soft hover:bg-hover hover:text-ink max-rail:h-14 max-rail:flex-1 max-rail:flex-col max-rail:justify-center max-rail:gap-0.5 max-rail:text-xs rail:h-9 rail:px-3 data-[status=active]:font-medium data-[status=active]:text-ink rail:data-[status=active]:bg-hover"
    >
      <Icon className="size-4 shrink-0" aria-hidden />
      <span className="rail:max-wide:sr-only">{name}</span>
    </Link>
  );
}

/** The top of a page: where one is, whether it is live, and the page itself below. */
export function Page({
  crumbs,
  title,
  actions,
  children,
}: {
  /** Places above this page. */
  readonly crumbs?: React.ReactNode;
  readonly title: React.ReactNode;
  readonly actions?: React.ReactNode;
  readonly children: React.ReactNode;
}) {
  return (
    <>
      <header className="flex min-h-14 shrink-0 flex-wrap items-center gap-x-3 gap-y-1 border-b border-line px-4 py-2 rail:px-6">
        <div className="flex min-w-0 flex-1 items-center gap-3">
          {crumbs && <span className="flex gap-3 max-rail:hidden">{crumbs}</span>}
          <h1 className="min-w-0 truncate text-base font-semibold">{title}</h1>
        </div>
        <div className="ml-auto flex flex-wrap items-center gap-3">
          {actions}
          <LiveNote />
        </div>
      </header>
      <main className="min-h-0 flex-1 overflow-y-auto">{children}</main>
    </>
  );
}
