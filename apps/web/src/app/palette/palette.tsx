import { Dialog } from '@base-ui/react/dialog';
import { useMutation, useQuery } from '@tanstack/react-query';
import { useRouter } from '@tanstack/react-router';
import { useDeferredValue, useId, useState } from 'react';
import { api } from '../../api/client';
import { callerQuery } from '../../api/queries';
import { describeProblem } from '../../parts/problem-note';
import { commandsOf, matching, staticCommands, type Command } from './commands';

/** Goes anywhere and does anything, by typing. */
export function Palette({ onClose }: { readonly onClose: () => void }) {
  const [text, setText] = useState('');
  const [at, setAt] = useState(0);
  const listId = useId();
  const router = useRouter();
  const searched = useDeferredValue(text.trim());
  const { data: caller } = useQuery(callerQuery);
  const { data: found } = useQuery({
    queryKey: ['search', searched],
    queryFn: ({ signal }) => api.request('GET /search', { query: { q: searched }, signal }),
    enabled: searched !== '',
    staleTime: 10_000,
  });
  const commands = [
    ...matching(staticCommands(caller?.role === 'admin'), text),
    ...(searched !== '' && found ? commandsOf(found) : []),
  ];
  const chosen = Math.min(at, commands.length - 1);
  const { mutate, error } = useMutation({
    mutationFn: async ({ act }: Command) => (typeof act === 'string' ? act : act()),
    onSuccess: (address) => {
      onClose();
      if (typeof address === 'string') router.history.push(address);
    },
  });
  const onKeyDown = (event: React.KeyboardEvent): void => {
    const steps: Readonly<Record<string, number>> = { ArrowDown: 1, ArrowUp: -1 };
    const step = steps[event.key];
    const command = commands[chosen];
    if (step !== undefined) setAt(Math.max(0, Math.min(commands.length - 1, chosen + step)));
    else if (event.key === 'Enter' && command && !event.nativeEvent.isComposing) mutate(command);
    else return;
    event.preventDefault();
  };
  return (
    <Dialog.Root open onOpenChange={(open) => !open && onClose()}>
      <Dialog.Portal>
        <Dialog.Backdrop className="fixed inset-0 bg-[#000]/40" />
        <Dialog.Popup
          aria-label="Search and commands"
          className="fixed top-[12vh] left-1/2 flex max-h-[70vh] w-[min(560px,calc(100vw-32px))] -translate-x-1/2 flex-col overflow-hidden rounded-md border border-line bg-surface shadow-overlay"
        >
          <input
            role="combobox"
            aria-label="Search"
            aria-expanded
            aria-controls={listId}
            aria-activedescendant={commands.length > 0 ? `${listId}-${chosen}` : undefined}
            autoFocus
            spellCheck={false}
            placeholder="A schedule, a team, a page, the id of a run …"
            value={text}
            onChange={({ target }) => {
              setText(target.value);
              setAt(0);
            }}
            onKeyDown={onKeyDown}
            className="h-12 shrink-0 border-b border-line bg-transparent px-4 text-base outline-none"
          />
          <ul id={listId} role="listbox" aria-label="What was found" className="min-h-0 flex-1 overflow-y-auto py-1">
            {commands.map((command, index) => (
              <li
                key={command.key}
                id={`${listId}-${index}`}
                role="option"
                aria-selected={index === chosen}
                ref={index === chosen ? (row) => row?.scrollIntoView({ block: 'nearest' }) : undefined}
                onPointerMove={() => setAt(index)}
                onClick={() => mutate(command)}
                className="flex h-9 cursor-pointer items-center gap-3 px-4 aria-selected:bg-hover"
              >
                <bdi className="min-w-0 flex-1 truncate">{command.name}</bdi>
                <span className="text-xs text-soft">{command.kind}</span>
              </li>
            ))}
          </ul>
          {commands.length === 0 && <p className="px-4 py-6 text-soft">Nothing has that in its name.</p>}
          {error && (
            <p role="alert" className="border-t border-line px-4 py-2 text-failed">
              {describeProblem(error)}
            </p>
          )}
        </Dialog.Popup>
      </Dialog.Portal>
    </Dialog.Root>
  );
}
