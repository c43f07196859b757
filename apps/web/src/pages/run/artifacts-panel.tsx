import { useQuery } from '@tanstack/react-query';
import { Download, File, FileDiff, FileImage, FileJson, FileSpreadsheet, FileText } from 'lucide-react';
import { useContext, useState } from 'react';
import type { Artifact, Run } from '../../api/client';
import { artifactsQuery, artifactTextQuery } from '../../api/queries';
import { BUTTON, BUTTON_LOOKS } from '../../parts/button';
import { Panel } from '../../parts/panel';
import { ProblemNote } from '../../parts/problem-note';
import { formatBytes } from '../../words/format-bytes';
import { stripTerminalCodes } from '../../words/clean-terminal-text';
import { AgentText, PlainText } from './agent-text';
import { previewOf, readCsv, type Preview } from './artifact-preview';
import type { ArtifactEntry } from './conversation';
import { RunOfConversation } from './run-of-conversation';

/** Of a file so much is read for its preview. */
const PREVIEW_BYTES = 256 * 1024;
/** The only file of a run is opened unless it is larger. */
const OPEN_BYTES = 64 * 1024;
/** Larger images are shown when they are asked for. */
const THUMBNAIL_BYTES = 2 * 1024 * 1024;
/** Of a row of the conversation. */
const SHOWN_FILES = 6;
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
      {(data?.items.length ?? 0) > 0 && (
        <ul className="flex flex-col gap-2 p-3">
          {data?.items.map((artifact) => (
            <ArtifactCard
              key={artifact.path}
              runId={run.id}
              artifact={artifact}
              isOpenAtFirst={data.items.length === 1 && artifact.bytes <= OPEN_BYTES}
            />
          ))}
        </ul>
      )}
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

/** The files that a row of the conversation tells of, as far as they are kept still. */
export function ArtifactsCard({ entry: { count, bytes, paths } }: { readonly entry: ArtifactEntry }) {
  const runId = useContext(RunOfConversation);
  const { data } = useQuery({ ...artifactsQuery(runId), enabled: runId !== '' });
  const kept = new Map(data?.items.map((artifact) => [artifact.path, artifact]));
  const [isWhole, setWhole] = useState(false);
  const shown = isWhole ? paths : paths.slice(0, SHOWN_FILES);
  return (
    <div>
      <p className="mb-1.5 text-soft">
        kept {count === 1 ? 'one file' : `${count.toLocaleString()} files`}, {formatBytes(bytes)}
      </p>
      <ul className="flex flex-col gap-2">
        {shown.map((path) => {
          const artifact = kept.get(path);
          return artifact ? (
            <ArtifactCard key={path} runId={runId} artifact={artifact} />
          ) : (
            <li key={path} className="font-mono text-xs text-soft [overflow-wrap:anywhere]">
              <bdi>{stripTerminalCodes(path)}</bdi> {data && 'is kept no longer'}
            </li>
          );
        })}
      </ul>
      {shown.length < paths.length && (
        <button type="button" className="mt-1.5 text-xs font-medium text-accent" onClick={() => setWhole(true)}>
          {paths.length - shown.length} more
        </button>
      )}
      {count > paths.length && isWhole && <p className="mt-1.5 text-xs text-soft">The rest stands under Files.</p>}
    </div>
  );
}

/** One file: its name leads to its preview, an image is shown small at once. */
function ArtifactCard({
  runId,
  artifact,
  isOpenAtFirst = false,
}: {
  readonly runId: string;
  readonly artifact: Artifact;
  readonly isOpenAtFirst?: boolean;
}) {
  const [isOpen, setOpen] = useState(isOpenAtFirst);
  const preview = previewOf(artifact);
  const name = stripTerminalCodes(artifact.path);
  const address = `/api/v1/runs/${runId}/artifacts/${encodeURIComponent(artifact.path)}`;
  return (
    <li className="min-w-0 rounded-md border border-line bg-ground px-3 py-2">
      <div className="flex min-w-0 items-center gap-2">
        {preview === 'image' && artifact.bytes <= THUMBNAIL_BYTES && !isOpen ? (
          <img
            src={address}
            alt=""
            loading="lazy"
            className="size-8 shrink-0 rounded-sm border border-line bg-white object-cover"
          />
        ) : (
          <KindIcon preview={preview} />
        )}
        {preview === null ? (
          <bdi className="min-w-0 flex-1 font-mono text-xs [overflow-wrap:anywhere]">{name}</bdi>
        ) : (
          <button
            type="button"
            aria-expanded={isOpen}
            className="min-w-0 flex-1 text-left font-mono text-xs [overflow-wrap:anywhere] hover:underline"
            onClick={() => setOpen(!isOpen)}
          >
            <bdi>{name}</bdi>
          </button>
        )}
        <span className="shrink-0 text-xs whitespace-nowrap text-soft">
          {formatBytes(artifact.bytes)}
          {preview !== null && (isOpen ? ' ▾' : ' ▸')}
        </span>
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

const ICONS: Readonly<Record<Preview, typeof File>> = {
  markdown: FileText,
  image: FileImage,
  csv: FileSpreadsheet,
  json: FileJson,
  diff: FileDiff,
  text: FileText,
};

function KindIcon({ preview }: { readonly preview: Preview | null }) {
  const Icon = preview === null ? File : ICONS[preview];
  return <Icon className="size-4 shrink-0 text-soft" aria-hidden />;
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
