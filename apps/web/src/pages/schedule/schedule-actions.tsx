import { useNavigate } from '@tanstack/react-router';
import { Eraser, Pause, Play, SquarePen, Trash2, Zap } from 'lucide-react';
import { useId } from 'react';
import { api, type Schedule } from '../../api/client';
import { queryClient } from '../../api/queries';
import { ActionButton } from '../../parts/action-button';
import { Button } from '../../parts/button';
import { ConfirmButton } from '../../parts/confirm-button';
import { fieldText, FormDialog } from '../../parts/form-dialog';

const ICON = 'size-4';
const FIELD = 'w-full rounded-md border border-line bg-ground px-3 py-2 text-sm';
const NOTE_LENGTH = 1_000;

/** What is stored of schedules was changed by this page. */
async function forgetSchedules(): Promise<void> {
  const keys = ['schedules', 'schedule', 'revisions', 'ledger', 'timeline'];
  await Promise.all(keys.map((key) => queryClient.invalidateQueries({ queryKey: [key] })));
}

/** Runs it now, as it is or with other words for once. */
export function RunNow({ schedule }: { readonly schedule: Schedule }) {
  const navigate = useNavigate();
  const promptId = useId();
  const start = async (prompt?: string): Promise<void> => {
    const { id } = await api.request('POST /schedules/:id/trigger', {
      params: { id: schedule.id },
      ...(prompt !== undefined && { body: { prompt } }),
      idempotencyKey: crypto.randomUUID(),
    });
    await navigate({ to: '/runs/$runId', params: { runId: id } });
  };
  return (
    <span className="inline-flex gap-1">
      <ActionButton look="primary" act={() => start()} icon={<Zap className={ICON} aria-hidden />}>
        Run now
      </ActionButton>
      <FormDialog
        isWide
        trigger={
          <Button aria-label="Run now with another prompt" title="Run now with another prompt" className="px-2">
            <SquarePen className={ICON} aria-hidden />
          </Button>
        }
        title="Run now with another prompt"
        words="For this one run. The schedule keeps its own prompt."
        confirm="Run now"
        act={(fields) => start(fieldText(fields, 'prompt'))}
      >
        <label htmlFor={promptId} className="sr-only">
          Prompt
        </label>
        <textarea
          id={promptId}
          name="prompt"
          required
          rows={14}
          dir="auto"
          defaultValue={schedule.prompt}
          className={`${FIELD} font-mono text-xs`}
        />
      </FormDialog>
    </span>
  );
}

/** Pauses or resumes, with a word on why. */
export function PauseOrResume({ schedule }: { readonly schedule: Schedule }) {
  const noteId = useId();
  const isPausing = schedule.enabled;
  const act = async (fields: FormData): Promise<void> => {
    const note = fieldText(fields, 'note').trim();
    await api.request(isPausing ? 'POST /schedules/:id/pause' : 'POST /schedules/:id/resume', {
      params: { id: schedule.id },
      body: { note: note === '' ? null : note },
      idempotencyKey: crypto.randomUUID(),
    });
    await forgetSchedules();
  };
  return (
    <FormDialog
      trigger={
        <Button>
          {isPausing ? <Pause className={ICON} aria-hidden /> : <Play className={ICON} aria-hidden />}
          {isPausing ? 'Pause' : 'Resume'}
        </Button>
      }
      title={isPausing ? 'Pause this schedule?' : 'Resume this schedule?'}
      words={
        isPausing
          ? 'It fires no more until it is resumed. Runs that have begun go on.'
          : 'It fires again from now on. Instants that came while it was paused are not caught up.'
      }
      confirm={isPausing ? 'Pause' : 'Resume'}
      act={act}
    >
      <label htmlFor={noteId} className="block font-medium">
        Note <span className="font-normal text-soft">why, for those who see it later; may be empty</span>
      </label>
      <input id={noteId} name="note" maxLength={NOTE_LENGTH} autoComplete="off" className={`${FIELD} mt-1.5`} />
    </FormDialog>
  );
}

/** Of a schedule whose team keeps the workspace between runs: the next one begins with an empty folder. */
export function ResetWorkspace({ schedule }: { readonly schedule: Schedule }) {
  const act = async (): Promise<void> => {
    await api.request('POST /schedules/:id/workspace/reset', {
      params: { id: schedule.id },
      idempotencyKey: crypto.randomUUID(),
    });
  };
  return (
    <ConfirmButton
      act={act}
      icon={<Eraser className={ICON} aria-hidden />}
      title="Empty the workspace?"
      words="The next run begins with a fresh folder. A run that is active keeps what it has until it ends; then it is removed, and cannot be brought back."
      confirm="Empty it"
    >
      Empty the workspace
    </ConfirmButton>
  );
}

/** Deletes it, having said what becomes of what it did. */
export function DeleteSchedule({ schedule }: { readonly schedule: Schedule }) {
  const navigate = useNavigate();
  const act = async (): Promise<void> => {
    await api.request('DELETE /schedules/:id', { params: { id: schedule.id } });
    await forgetSchedules();
    await navigate({ to: '/schedules' });
  };
  return (
    <ConfirmButton
      act={act}
      icon={<Trash2 className={ICON} aria-hidden />}
      title="Delete this schedule?"
      words="It fires no more, and cannot be brought back. Its runs and conversations stay in Runs; runs that are active go on to their end."
      confirm="Delete the schedule"
    >
      Delete
    </ConfirmButton>
  );
}
