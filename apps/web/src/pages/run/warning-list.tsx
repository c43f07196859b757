import { TriangleAlert } from 'lucide-react';
import type { Run } from '../../api/client';
import { Panel } from '../../parts/panel';
import { stripTerminalCodes } from '../../words/clean-terminal-text';

/** What a reader should know of a run whatever its status; nothing where there is nothing. */
export function WarningList({ warnings }: { readonly warnings: Run['warnings'] }) {
  if (warnings.length === 0) return null;
  return (
    <Panel title="Warnings" note={warnings.length}>
      <ul className="flex flex-col gap-2 px-4 py-3">
        {warnings.map(({ code, message }) => (
          <li key={`${code} ${message}`} className="flex gap-2">
            <TriangleAlert className="mt-0.5 size-4 shrink-0 text-timeout" aria-hidden />
            <span className="min-w-0 overflow-clip [overflow-wrap:anywhere]">
              <bdi>{stripTerminalCodes(message)}</bdi> <code className="font-mono text-xs text-soft">{code}</code>
            </span>
          </li>
        ))}
      </ul>
    </Panel>
  );
}
