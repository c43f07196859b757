// The one connection of all tabs of a browser to the event stream: browsers open six to a host. It runs as a SharedWorker,
// for as long as a tab is there, whichever of them started it.
import { EventStream, type EventSignal, type TabMessage } from './event-stream';

/** Tabs that want to be told; those that are hidden, or logged out, have left. */
const tabs = new Set<MessagePort>();
let connection: EventSignal | null = null;

const stream = new EventStream((signal) => {
  if (signal.kind === 'live' || signal.kind === 'lost') connection = signal;
  for (const tab of tabs) tab.postMessage(signal);
});

addEventListener('connect', (event) => {
  const [tab] = (event as MessageEvent).ports;
  if (tab) tab.onmessage = ({ data }: MessageEvent<TabMessage>) => take(tab, data);
});

function take(tab: MessagePort, message: TabMessage): void {
  if (message === 'join') {
    tabs.add(tab);
    if (connection) tab.postMessage(connection);
    stream.open();
  } else if (tabs.delete(tab) && tabs.size === 0) {
    stream.close();
    connection = null;
  }
}
