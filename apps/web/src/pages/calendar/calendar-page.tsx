import { useNavigate, useSearch } from '@tanstack/react-router';
import { ChevronLeft, ChevronRight } from 'lucide-react';
import { useEffect, useMemo, useState, useSyncExternalStore } from 'react';
import { Page } from '../../app/shell';
import { Button } from '../../parts/button';
import { Choice } from '../../parts/choice';
import { useNow } from '../../time/use-now';
import { AgendaView } from './agenda-view';
import { SPANS, VIEWS, type CalendarSearch, type CalendarSpan, type CalendarView } from './calendar-search';
import { windowOf } from './calendar-window';
import { HoursView } from './hours-view';
import { LanesView } from './lanes-view';

const SPAN_WORDS: Readonly<Record<CalendarSpan, string>> = { '24h': '24 h', '7d': '7 d', '30d': '30 d' };
const VIEW_WORDS: Readonly<Record<CalendarView, string>> = { lanes: 'Lanes', agenda: 'Agenda', hours: 'Hours' };
const TYPING_MS = 250;

const narrow = matchMedia('(max-width: 599px)');

/** On a phone there is no room for an axis. */
function useIsNarrow(): boolean {
  return useSyncExternalStore(
    (listener) => {
      narrow.addEventListener('change', listener);
      return () => narrow.removeEventListener('change', listener);
    },
    () => narrow.matches,
  );
}

/** What ran, what runs and what will, of all schedules, on one axis of time. */
export function CalendarPage() {
  const search = useSearch({ from: '/calendar' });
  const { span = '24h', shift = 0, q } = search;
  const isNarrow = useIsNarrow();
  const view = search.view ?? (isNarrow ? 'agenda' : 'lanes');
  const now = useNow();
  const { from, to } = windowOf(span, shift, now);
  const window = useMemo(() => ({ from, to }), [from, to]);
  return (
    <Page title="Calendar">
      <title>Calendar · Crewtab</title>
      <div className="flex h-full flex-col">
        <Controls search={search} view={view} span={span} shift={shift} />
        <div className="min-h-0 flex-1 overflow-y-auto">
          {view === 'hours' && <HoursView />}
          {view === 'agenda' && <AgendaView window={window} q={q} />}
          {view === 'lanes' && <LanesView key={`${span} ${shift} ${q ?? ''}`} window={window} span={span} q={q} />}
        </div>
      </div>
    </Page>
  );
}

function Controls({
  search,
  view,
  span,
  shift,
}: {
  readonly search: CalendarSearch;
  readonly view: CalendarView;
  readonly span: CalendarSpan;
  readonly shift: number;
}) {
  const navigate = useNavigate();
  const [typed, setTyped] = useState(search.q ?? '');
  const set = (change: { readonly [Field in keyof CalendarSearch]?: CalendarSearch[Field] | undefined }): void => {
    const next = Object.entries({ ...search, ...change }).filter(
      ([, value]) => value !== undefined && value !== '' && value !== 0,
    );
    void navigate({ to: '/calendar', search: Object.fromEntries(next), replace: true });
  };
  useEffect(() => {
    if (typed === (search.q ?? '')) return;
    const timer = setTimeout(() => set({ q: typed }), TYPING_MS);
    return () => clearTimeout(timer);
  });
  return (
    <div className="flex flex-wrap items-center gap-x-4 gap-y-2 border-b border-line px-4 py-2.5 rail:px-6">
      <Choice name="View" options={VIEWS} words={VIEW_WORDS} value={view} onChange={(next) => set({ view: next })} />
      {view !== 'hours' && (
        <>
          <Choice
            name="Span to both sides of now"
            options={SPANS}
            words={SPAN_WORDS}
            value={span}
            onChange={(next) => set({ span: next, shift: 0 })}
          />
          <span className="flex gap-1">
            <Button look="bare" className="px-1.5" aria-label="Earlier" onClick={() => set({ shift: shift - 1 })}>
              <ChevronLeft className="size-4" aria-hidden />
            </Button>
            <Button look="bare" disabled={shift === 0} onClick={() => set({ shift: 0 })}>
              Now
            </Button>
            <Button look="bare" className="px-1.5" aria-label="Later" onClick={() => set({ shift: shift + 1 })}>
              <ChevronRight className="size-4" aria-hidden />
            </Button>
          </span>
          <input
            type="search"
            aria-label="Find by name"
            placeholder="Find by name"
            value={typed}
            maxLength={100}
            onChange={({ target }) => setTyped(target.value)}
            className="h-7 min-w-0 flex-1 rounded-md border border-line bg-surface px-2 rail:max-w-56"
          />
        </>
      )}
    </div>
  );
}
