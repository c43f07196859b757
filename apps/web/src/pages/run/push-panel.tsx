import type { Run } from '../../api/client';
import { Panel } from '../../parts/panel';
import { stripTerminalCodes } from '../../words/clean-terminal-text';

type Push = NonNullable<Run['push']>;

const STATES: Readonly<Record<Push['state'], { readonly words: string; readonly tone: string }>> = {
  pushing: { words: 'under way', tone: 'text-soft' },
  pushed: { words: 'pushed', tone: 'text-success' },
  nothing: { words: 'nothing to push', tone: 'text-soft' },
  not_pushed: { words: 'not pushed', tone: 'text-failed' },
  unconfirmed: { words: 'not confirmed', tone: 'text-failed' },
};

/** Where the work went: one line, and git's own words where it did not. */
export function PushPanel({ push }: { readonly push: Push }) {
  const { words, tone } = STATES[push.state];
  return (
    <Panel title="Push" note={<span className={tone}>{words}</span>}>
      <div className="px-4 py-2.5">
        <p className="flex min-w-0 flex-wrap items-baseline gap-x-2">
          <code className="font-mono text-xs" title={push.commit}>
            {push.commit.slice(0, 12)}
          </code>
          <span className="text-soft">{push.state === 'nothing' ? 'as fetched, for' : 'to'}</span>
          <bdi className="min-w-0 font-mono text-xs [overflow-wrap:anywhere]">{push.branch}</bdi>
        </p>
        {push.message !== null && (
          <p dir="auto" className="mt-1 overflow-clip whitespace-pre-wrap text-failed [overflow-wrap:anywhere]">
            {stripTerminalCodes(push.message)}
          </p>
        )}
      </div>
    </Panel>
  );
}
