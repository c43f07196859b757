import { useQuery } from '@tanstack/react-query';
import { Download } from 'lucide-react';
import { useState } from 'react';
import type { Artifact, Run } from '../../api/client';
import { artifactsQuery, artifactTextQuery } from '../../api/queries';
import { BUTTON, BUTTON_LOOKS } from '../../parts/button';
import { Panel } from '../../parts/panel';
import { ProblemNote } from '../../parts/problem-note';
import { formatBytes } from '../../words/format-bytes';
import { stripTerminalCodes } from '../../words/clean-terminal-text';
import { AgentText, PlainText } from './agent-text';
import { previewOf, readCsv } from './artifact-preview';

/** Of a file so much is read for its preview. */
const PREVIEW_BYTES = 256 * 1024;
const MOST_ROWS = 200;

/** The files that a run left, each to be looked at in its place. */
export function ArtifactsPanel({ run }: { readonly run: Run }) {
  const { data, error, refetch } = useQuery(artifactsQuery(run.id));
  const kept = run.artifacts;
  if (kept === null) return null;
  return (
    <Panel title="Files" note={kept.count === 0 ? 'none' : `${kept.count}, ${formatBytes(kept.bytes)}`}>
      {error && <ProblemNote error={error} onRetry={() => void refetch()} />}
      {kept.count === 0 && <p className="px-4 py-3 text-soft">Nothing that the schedule keeps was there.</p>}
      {kept.count > 0 && data?.items.length === 0 && <p className="px-4 py-3 text-soft">They are kept no longer.</p>}
      <ul className="divide-y divide-line">
        {data?.items.map((artifact) => (
          <ArtifactRow key={artifact.path} runId={run.id} artifact={artifact} />
        ))}
      </ul>
      {(data?.items.length ?? 0) > 1 && (
        <p className="border-t border-line px-4 py-2.5">
          <a href={`/api/v1/runs/${run.id}/archive`} download className={`${BUTTON} ${BUTTON_LOOKS.plain}`}>
            <Download className="size-4" aria-hidden />
            All as tar.gz
          </a>
        </p>
      )}
    </Panel>
  );
}

function ArtifactRow({ runId, artifact }: { readonly runId: string; readonly artifact: Artifact }) {
  const [isOpen, setOpen] = useState(false);
  const preview = previewOf(artifact);
  const name = stripTerminalCodes(artifact.path);
  const address = `/api/v1/runs/${runId}/artifacts/${encodeURIComponent(artifact.path)}`;
  return (
    <li className="px-4 py-2.5">
      <div className="flex min-w-0 items-center gap-2">
        {preview === null ? (
          <bdi className="min-w-0 flex-1 font-mono text-xs [overflow-wrap:anywhere]">{name}</bdi>
        ) : (
          <button
            type="button"
            aria-expanded={isOpen}
            className="min-w-0 flex-1 text-left font-mono text-xs [overflow-wrap:anywhere] hover:underline"
            onClick={() => setOpen(!isOpen)}
          >
            <span aria-hidden className="inline-block w-4 text-soft">
              {isOpen ? '▾' : '▸'}
            </span>
            <bdi>{name}</bdi>
          </button>
        )}
        <span className="shrink-0 text-xs whitespace-nowrap text-soft">{formatBytes(artifact.bytes)}</span>
        <a
          href={`${address}?download=true`}
          download
          aria-label={`Download ${name}`}
          title={`Download\nSHA-256 ${artifact.digest}`}
          className="shrink-0 rounded-sm p-1 text-soft hover:text-ink"
        >
          <Download className="size-4" aria-hidden />
        </a>
      </div>
      {isOpen && preview === 'image' && (
        <img src={address} alt={name} className="mt-2 max-h-96 max-w-full rounded-sm border border-line bg-white" />
      )}
      {isOpen && preview !== null && preview !== 'image' && (
        <TextPreview runId={runId} artifact={artifact} kind={preview} />
      )}
    </li>
  );
}

function TextPreview({
  runId,
  artifact,
  kind,
}: {
  readonly runId: string;
  readonly artifact: Artifact;
  readonly kind: Exclude<ReturnType<typeof previewOf>, 'image' | null>;
}) {
  const { data: text, error } = useQuery(artifactTextQuery(runId, artifact.path, PREVIEW_BYTES));
  if (error) return <ProblemNote error={error} />;
  if (text === undefined) return <p className="mt-2 text-soft">Loading …</p>;
  const isCut = artifact.bytes > PREVIEW_BYTES;
  return (
    <div
      className="mt-2 max-h-96 overflow-auto rounded-sm bg-ground p-3"
      tabIndex={0}
      role="region"
      aria-label={`Preview of ${artifact.path}`}
    >
      {kind === 'markdown' && <AgentText text={text} />}
      {kind === 'csv' && <Rows text={text} separator={artifact.path.endsWith('.tsv') ? '\t' : ','} />}
      {kind === 'json' && <PlainText text={isCut ? text : formatJson(text)} />}
      {kind === 'diff' && <Patch text={text} />}
      {kind === 'text' && <PlainText text={text} />}
      {isCut && <p className="mt-2 text-xs text-soft">Only its first {formatBytes(PREVIEW_BYTES)} are shown.</p>}
    </div>
  );
}

function Rows({ text, separator }: { readonly text: string; readonly separator: string }) {
  const rows = readCsv(stripTerminalCodes(text), separator, MOST_ROWS + 1);
  const [head = [], ...body] = rows.slice(0, MOST_ROWS);
  return (
    <>
      <table className="text-xs">
        <thead>
          <tr>
            {head.map((cell, index) => (
              <th key={index} scope="col" className="border-b border-line px-2 py-1 text-left font-medium">
                <bdi>{cell}</bdi>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {body.map((cells, row) => (
            <tr key={row}>
              {cells.map((cell, index) => (
                <td key={index} className="border-b border-line/60 px-2 py-1 align-top">
                  <bdi>{cell}</bdi>
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      {rows.length > MOST_ROWS && <p className="mt-2 text-xs text-soft">Only its first {MOST_ROWS} rows are shown.</p>}
    </>
  );
}

const PATCH_LOOKS: Readonly<Record<string, string>> = {
  '+': 'bg-success/10 text-success',
  '-': 'bg-failed/10 text-failed',
  '@': 'text-accent',
};

function Patch({ text }: { readonly text: string }) {
  return (
    <pre dir="auto" className="font-mono text-xs whitespace-pre-wrap [overflow-wrap:anywhere]">
      {stripTerminalCodes(text)
        .split('\n')
        .map((line, index) => (
          <span key={index} className={`block ${PATCH_LOOKS[line[0] ?? ''] ?? ''}`}>
            {line === '' ? ' ' : line}
          </span>
        ))}
    </pre>
  );
}

function formatJson(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
