import { Menu } from '@base-ui/react/menu';
import { useNavigate } from '@tanstack/react-router';
import { Bell, BellRing, CircleSlash, Ellipsis, RotateCcw } from 'lucide-react';
import { api, type Run } from '../../api/client';
import { queryClient, runQuery } from '../../api/queries';
import { ActionButton } from '../../parts/action-button';
import { Button } from '../../parts/button';
import { ConfirmButton } from '../../parts/confirm-button';
import { useEndNotice } from './use-end-notice';

const ITEM =
  'flex w-full cursor-pointer items-center px-3 py-1.5 text-left text-sm outline-none data-[highlighted]:bg-hover';

/** What a person can do with a run. */
export function RunActions({
  run,
  name,
  isComparing,
  onCompare,
}: {
  readonly run: Run;
  readonly name: string;
  readonly isComparing: boolean;
  readonly onCompare: () => void;
}) {
  const notice = useEndNotice(run, name);
  return (
    <>
      {notice && (
        <Button
          look="bare"
          aria-pressed={notice.isOn}
          onClick={notice.toggle}
          title="Tell me when it ends: a notification of this browser, while this page is open"
        >
          {notice.isOn ? (
            <BellRing className="size-4 text-accent" aria-hidden />
          ) : (
            <Bell className="size-4" aria-hidden />
          )}
          <span className="max-wide:sr-only">{notice.isOn ? 'Will tell you' : 'Tell me when it ends'}</span>
        </Button>
      )}
      <MainAction run={run} />
      <Menu.Root>
        <Menu.Trigger render={<Button aria-label="More" />}>
          <Ellipsis className="size-4" aria-hidden />
        </Menu.Trigger>
        <Menu.Portal>
          <Menu.Positioner sideOffset={4} align="end" className="z-10">
            <Menu.Popup className="min-w-56 rounded-md border border-line bg-surface py-1 shadow-overlay outline-none">
              <Menu.Item className={ITEM} onClick={onCompare}>
                {isComparing ? 'Hide the comparison' : 'Compare with the last success'}
              </Menu.Item>
              <Menu.Item className={ITEM} onClick={() => download(run.id, 'markdown')}>
                Download as Markdown
              </Menu.Item>
              <Menu.Item className={ITEM} onClick={() => download(run.id, 'json')}>
                Download as JSON
              </Menu.Item>
              <Menu.Item className={ITEM} onClick={() => void navigator.clipboard.writeText(rerunAsCurl(run.id))}>
                Copy “rerun” as curl
              </Menu.Item>
            </Menu.Popup>
          </Menu.Positioner>
        </Menu.Portal>
      </Menu.Root>
    </>
  );
}

function MainAction({ run }: { readonly run: Run }) {
  const navigate = useNavigate();
  const params = { id: run.id };
  const canCancel =
    (run.status === 'queued' || run.status === 'running') && run.phase !== 'collecting' && run.phase !== 'tearing_down';
  const cancel = async (): Promise<void> => {
    const answer = await api.request('POST /runs/:id/cancel', { params, idempotencyKey: crypto.randomUUID() });
    queryClient.setQueryData(runQuery(run.id).queryKey, answer);
  };
  const rerun = async (): Promise<void> => {
    const { id } = await api.request('POST /runs/:id/rerun', { params, idempotencyKey: crypto.randomUUID() });
    await navigate({ to: '/runs/$runId', params: { runId: id } });
  };
  if (run.cancelRequestedAt !== null && canCancel) return <span className="text-soft">ending …</span>;
  return canCancel ? (
    <ConfirmButton
      act={cancel}
      icon={<CircleSlash className="size-4" aria-hidden />}
      title="Cancel this run?"
      words="Its agents are asked to stop, then everything that was made for it is removed. What was said so far stays."
      confirm="Cancel the run"
    >
      Cancel
    </ConfirmButton>
  ) : (
    <ActionButton act={rerun} icon={<RotateCcw className="size-4" aria-hidden />}>
      Rerun
    </ActionButton>
  );
}

/** The browser saves it as it comes, however large it is. */
function download(runId: string, format: 'json' | 'markdown'): void {
  const link = document.createElement('a');
  link.href = `/api/v1/runs/${runId}/export?format=${format}`;
  link.download = '';
  link.click();
}

/** Without the key: a shell that has it puts it in. */
function rerunAsCurl(runId: string): string {
  return `curl -X POST -H "Authorization: Bearer $CREWTAB_API_KEY" ${window.location.origin}/api/v1/runs/${runId}/rerun`;
}
