import { useLiveState } from '../api/live';
import { formatSpan } from '../time/format-time';
import { useNow } from '../time/use-now';

/** Whether the page is live; how old it is where it is not. */
export function LiveNote() {
  const { kind, since } = useLiveState();
  const now = useNow();
  if (kind === 'live')
    return (
      <span className="inline-flex items-center gap-2 text-soft" title="What you see follows the server.">
        <span className="size-2 animate-breathe rounded-full bg-success" aria-hidden />{' '}
        <span className="max-rail:sr-only">live</span>
      </span>
    );
  if (kind === 'connecting') return <span className="text-soft">connecting …</span>;
  return (
    <span role="status" className="inline-flex items-center gap-2 text-timeout">
      <span className="size-2 rounded-full bg-timeout" aria-hidden />
      no connection for {formatSpan(now.getTime() - since.getTime())}
    </span>
  );
}
