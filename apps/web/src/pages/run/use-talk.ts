import { useQuery } from '@tanstack/react-query';
import { useMemo, useState } from 'react';
import type { Outline, Run } from '../../api/client';
import { outlineQuery, tasksQuery } from '../../api/queries';
import { Conversation, type Entry } from './conversation';
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
  /** Of a conversation that is read in parts: the tasks for teammates in all of it. */
  readonly tasks: readonly Entry[] | null;
  readonly lastAt: string | null;
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
  const { data: told } = useQuery({ ...tasksQuery(run.id), enabled: isLong });
  const tasks = useMemo(() => {
    const conversation = new Conversation();
    conversation.add(told?.items ?? []);
    return conversation.entries;
  }, [told]);
  const last = stream.entries.at(-1);
  const streamedAt = last ? (('endedAt' in last ? last.endedAt : null) ?? last.place.at) : null;
  return {
    runId: run.id,
    stream: isLong ? windows : stream,
    windows: isLong ? windows : null,
    outline: outline ?? null,
    tasks: isLong ? tasks : null,
    lastAt: isLong ? (outline.columns.at(-1)?.to ?? null) : streamedAt,
  };
}
