import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import type { Outline, Run } from '../../api/client';
import { outlineQuery } from '../../api/queries';
import { useRunStream, type RunStream } from './use-run-stream';
import { useRunWindows, type RunWindows } from './use-run-windows';

/** Messages of a finished run from which on its conversation is read in parts. */
const LONG = 2_000;

/** The conversation of a run, however it is read. */
export interface Talk {
  readonly runId: string;
  readonly stream: RunStream;
  /** Null: the stream is the whole conversation. */
  readonly windows: RunWindows | null;
  /** Of a run that had ended when the page was opened. */
  readonly outline: Outline | null;
}

/**
 * A run that goes on is followed from its beginning; of one that had ended when the page was opened, and is long, the page
 * holds a part.
 */
export function useTalk(run: Run, at: number | null): Talk {
  const [hadEnded] = useState(run.phase === 'finished');
  const { data: outline, error } = useQuery({ ...outlineQuery(run.id), enabled: hadEnded });
  const isLong = outline !== undefined && outline.lastSeq > LONG;
  const stream = useRunStream(run.id, !hadEnded || error !== null || (outline !== undefined && !isLong));
  const windows = useRunWindows(run.id, isLong ? outline.lastSeq : null, at);
  return {
    runId: run.id,
    stream: isLong ? windows : stream,
    windows: isLong ? windows : null,
    outline: outline ?? null,
  };
}
