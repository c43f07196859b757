import type { Run } from '../../api/client';
import { Panel } from '../../parts/panel';
import { formatSpan } from '../../time/format-time';
import { stripTerminalCodes } from '../../words/clean-terminal-text';

type Verification = NonNullable<Run['verification']>;
type Check = Verification['checks'][number];

/** What the schedule asked of the work, check by check; what failed comes open. */
export function VerificationPanel({ verification }: { readonly verification: Verification }) {
  const { checks, status } = verification;
  const passed = checks.filter((check) => check.status === 'passed').length;
  return (
    <Panel
      title="Verification"
      note={
        <span className={status === 'passed' ? 'text-success' : 'text-failed'}>
          {passed} of {checks.length} checks passed
        </span>
      }
    >
      <ul className="divide-y divide-line">
        {checks.map((check, index) => (
          <li key={index} className="px-4 py-2.5">
            <CheckRow check={check} />
          </li>
        ))}
      </ul>
    </Panel>
  );
}

function CheckRow({ check }: { readonly check: Check }) {
  const hasFailed = check.status === 'failed';
  const output = stripTerminalCodes(check.output ?? '');
  return (
    <>
      <div className="flex min-w-0 items-baseline gap-2">
        <span
          role="img"
          aria-label={check.status}
          className={`w-3 shrink-0 text-center font-medium ${hasFailed ? 'text-failed' : 'text-success'}`}
        >
          {hasFailed ? '✗' : '✓'}
        </span>
        <span className="text-soft">{check.kind}</span>
        <bdi className="min-w-0 flex-1 font-mono text-xs [overflow-wrap:anywhere]">
          {check.kind === 'schema' ? 'the result as JSON' : stripTerminalCodes(check.name)}
        </bdi>
        <span className="shrink-0 text-xs text-soft">{formatSpan(check.ms)}</span>
      </div>
      {check.message !== null && (
        <p dir="auto" className="mt-1 ml-5 overflow-clip text-failed [overflow-wrap:anywhere]">
          {stripTerminalCodes(check.message)}
        </p>
      )}
      {output !== '' && (
        <details open={hasFailed} className="mt-1 ml-5">
          <summary className="cursor-pointer text-xs text-soft">the end of its output</summary>
          <pre
            dir="auto"
            tabIndex={0}
            className="mt-1 max-h-60 overflow-auto rounded-sm bg-ground p-2 font-mono text-xs whitespace-pre-wrap [overflow-wrap:anywhere]"
          >
            {output}
          </pre>
        </details>
      )}
    </>
  );
}
