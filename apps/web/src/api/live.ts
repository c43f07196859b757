import { ApiProblem } from '@crewtab/api-client/api-problem';
import { useEffect, useSyncExternalStore } from 'react';
import { endSession, queryClient } from './queries';
import { openTabEvents, type TabEvents } from './tab-events';

/** Whether what the page shows is kept up to date, and since when. */
export interface LiveState {
  readonly kind: 'connecting' | 'live' | 'lost';
  readonly since: Date;
}

/** Events come in bursts; what they make stale is asked for once. */
const SETTLE_MS = 250;
/** The overview costs the server more than a list. */
const OVERVIEW_SETTLE_MS = 1_000;
/** A tab that is not seen asks for nothing. */
const HIDDEN_LIMIT_MS = 30_000;

let state: LiveState = { kind: 'connecting', since: new Date() };
const listeners = new Set<() => void>();

function become(kind: LiveState['kind']): void {
  if (state.kind === kind) return;
  state = { kind, since: new Date() };
  for (const listener of listeners) listener();
}

export function useLiveState(): LiveState {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => state,
  );
}

/** Keeps every answer on the page up to date by the organization's event stream, for as long as the caller stands. */
export function useLiveAnswers(): void {
  useEffect(() => {
    const events = tabEvents();
    let hiddenTimer: ReturnType<typeof setTimeout> | undefined;
    let isAway = false;
    const leave = (): void => {
      isAway = true;
      events.say('leave');
    };
    const comeBack = (): void => {
      if (!isAway) return;
      isAway = false;
      events.say('join');
      stale.all();
    };
    const followVisibility = (): void => {
      clearTimeout(hiddenTimer);
      if (document.hidden) hiddenTimer = setTimeout(leave, HIDDEN_LIMIT_MS);
      else comeBack();
    };
    events.say('join');
    document.addEventListener('visibilitychange', followVisibility);
    window.addEventListener('pagehide', leave);
    window.addEventListener('pageshow', comeBack);
    return () => {
      clearTimeout(hiddenTimer);
      document.removeEventListener('visibilitychange', followVisibility);
      window.removeEventListener('pagehide', leave);
      window.removeEventListener('pageshow', comeBack);
      events.say('leave');
      state = { kind: 'connecting', since: new Date() };
    };
  }, []);
}

let opened: TabEvents | null = null;

function tabEvents(): TabEvents {
  opened ??= openTabEvents((signal) => {
    switch (signal.kind) {
      case 'run':
        return stale.run(signal.runId);
      case 'all':
        return stale.all();
      case 'live':
      case 'lost':
        return become(signal.kind);
      case 'logged-out':
        return endSession();
    }
  });
  return opened;
}

/** What is wrong with a request stays wrong, whatever happens meanwhile. */
function isRefused(error: Error | null): boolean {
  return error instanceof ApiProblem && error.status === 400;
}

/** Lanes of time and sums of weeks are large, and change little with one run. */
const LANES_SETTLE_MS = 5_000;

/** Collects what events make stale. */
class Stale {
  private readonly runs = new Set<string>();
  private timer: ReturnType<typeof setTimeout> | null = null;
  private lanesTimer: ReturnType<typeof setTimeout> | null = null;
  private overviewTimer: ReturnType<typeof setTimeout> | null = null;

  run(id: string): void {
    this.runs.add(id);
    this.timer ??= setTimeout(() => this.settle(), SETTLE_MS);
    this.overviewTimer ??= setTimeout(() => {
      this.overviewTimer = null;
      void queryClient.invalidateQueries({ queryKey: ['overview'] });
    }, OVERVIEW_SETTLE_MS);
  }

  all(): void {
    void queryClient.invalidateQueries({
      predicate: ({ queryKey, state: { error } }) => queryKey[0] !== 'caller' && !isRefused(error),
    });
  }

  private settle(): void {
    this.timer = null;
    this.lanesTimer ??= setTimeout(() => {
      this.lanesTimer = null;
      for (const key of ['timeline', 'usage']) void queryClient.invalidateQueries({ queryKey: [key] });
    }, LANES_SETTLE_MS);
    for (const id of this.runs) void queryClient.invalidateQueries({ queryKey: ['run', id] });
    this.runs.clear();
    for (const key of ['runs', 'schedules', 'schedule', 'deployment', 'ledger'])
      void queryClient.invalidateQueries({ queryKey: [key], predicate: ({ state: { error } }) => !isRefused(error) });
  }
}

const stale = new Stale();
