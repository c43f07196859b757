import { Menu } from '@base-ui/react/menu';
import { useQuery } from '@tanstack/react-query';
import { Link, Outlet } from '@tanstack/react-router';
import {
  Activity,
  CalendarClock,
  CalendarDays,
  ChartColumn,
  CircleHelp,
  Ellipsis,
  ListTree,
  Server,
  Settings,
  Users,
} from 'lucide-react';
import { useLiveAnswers } from '../api/live';
import { callerQuery } from '../api/queries';
import { useVisit } from '../pages/now/overview';
import { useAttention } from './attention';
import { LiveNote } from './live-note';
import { PaletteButton, PaletteHost } from './palette/open-palette';
import { Shortcuts } from './shortcuts';
import { nameInText } from '../words/clean-terminal-text';

interface PlaceOf {
  readonly to: '/' | '/runs' | '/schedules' | '/calendar' | '/teams' | '/usage' | '/system' | '/help' | '/settings';
  readonly name: string;
  readonly Icon: typeof Activity;
}

/** The rail's, from above. */
const PLACES: readonly PlaceOf[] = [
  { to: '/', name: 'Now', Icon: Activity },
  { to: '/runs', name: 'Runs', Icon: ListTree },
  { to: '/schedules', name: 'Schedules', Icon: CalendarClock },
  { to: '/calendar', name: 'Calendar', Icon: CalendarDays },
  { to: '/teams', name: 'Teams', Icon: Users },
  { to: '/usage', name: 'Usage', Icon: ChartColumn },
];
const SYSTEM: PlaceOf = { to: '/system', name: 'System', Icon: Server };
/** At the rail's foot; System stands above them for admins. */
const FOOT: readonly PlaceOf[] = [
  { to: '/help', name: 'Help', Icon: CircleHelp },
  { to: '/settings', name: 'Settings', Icon: Settings },
];
/** How many places the bar of a phone has beside More. */
const IN_BAR = 4;

/** What stands around every page: a rail at the left, below 600 px a bar at the bottom. */
export function Shell() {
  useLiveAnswers();
  useVisit();
  const { data: caller } = useQuery(callerQuery);
  const foot = caller?.role === 'admin' ? [SYSTEM, ...FOOT] : FOOT;
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
        {PLACES.map((place, at) => (
          <Place key={place.to} {...place} isInBar={at < IN_BAR} />
        ))}
        <div className="rail:mt-auto max-rail:hidden">
          {foot.map((place) => (
            <Place key={place.to} {...place} isInBar={false} />
          ))}
        </div>
        <More places={[...PLACES.slice(IN_BAR), ...foot]} />
      </nav>
      <div id="page" tabIndex={-1} className="flex min-h-0 min-w-0 flex-1 flex-col outline-none">
        <Outlet />
      </div>
      <Shortcuts />
      <PaletteHost />
    </div>
  );
}

const IN_BAR_LOOK =
  'max-rail:h-14 max-rail:flex-1 max-rail:flex-col max-rail:justify-center max-rail:gap-0.5 max-rail:text-xs';

function Place({ to, name, Icon, isInBar }: PlaceOf & { readonly isInBar: boolean }) {
  return (
    <Link
      to={to}
      title={name}
      activeOptions={{ exact: to === '/', includeSearch: false }}
      className={`group flex items-center gap-2.5 rounded-md px-2 text-soft hover:bg-hover hover:text-ink ${isInBar ? IN_BAR_LOOK : 'max-rail:hidden'} rail:h-9 rail:px-3 data-[status=active]:font-medium data-[status=active]:text-ink rail:data-[status=active]:bg-hover`}
    >
      <Icon className="size-4 shrink-0" aria-hidden />
      <span className="rail:max-wide:sr-only">{name}</span>
    </Link>
  );
}

/** The places that the bar of a phone has no room for. */
function More({ places }: { readonly places: readonly PlaceOf[] }) {
  return (
    <Menu.Root>
      <Menu.Trigger className={`flex items-center rounded-md px-2 text-soft rail:hidden ${IN_BAR_LOOK}`}>
        <Ellipsis className="size-4 shrink-0" aria-hidden />
        More
      </Menu.Trigger>
      <Menu.Portal>
        <Menu.Positioner side="top" align="end" sideOffset={4} className="z-20">
          <Menu.Popup className="min-w-44 rounded-md border border-line bg-surface py-1 shadow-overlay outline-none">
            {places.map(({ to, name, Icon }) => (
              <Menu.Item
                key={to}
                render={<Link to={to} />}
                className="flex h-11 items-center gap-2.5 px-4 outline-none data-highlighted:bg-hover"
              >
                <Icon className="size-4 shrink-0 text-soft" aria-hidden />
                {name}
              </Menu.Item>
            ))}
          </Menu.Popup>
        </Menu.Positioner>
      </Menu.Portal>
    </Menu.Root>
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
  const attention = useAttention();
  return (
    <>
      {typeof title === 'string' && <title>{`${nameInText(attention ?? title)} · Crewtab`}</title>}
      <header className="flex min-h-14 shrink-0 flex-wrap items-center gap-x-3 gap-y-1 border-b border-line px-4 py-2 rail:px-6">
        <div className={`flex min-w-0 flex-1 items-center gap-3 ${actions ? 'max-rail:basis-full' : ''}`}>
          {crumbs && <span className="flex gap-3 max-rail:hidden">{crumbs}</span>}
          <h1 className="min-w-0 truncate text-base font-semibold">{title}</h1>
        </div>
        <div className="ml-auto flex flex-wrap items-center gap-3">
          {actions}
          <PaletteButton />
          <LiveNote />
        </div>
      </header>
      <main className="min-h-0 flex-1 overflow-y-auto">{children}</main>
    </>
  );
}
