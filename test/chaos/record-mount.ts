import type { Rewrite } from '../kit/proxy';

/** Where agents see the folder that they append received prompts to. */
export const RECORD_DIR = '/record';
/** For DEMO_RECORD of every agent. */
export const RECORD_FILE = `${RECORD_DIR}/prompts.jsonl`;

const CREATE = /^POST \S*\/containers\/create[? ]/;
const HEADERS_END = '\r\n\r\n';

/**
 * Gives every container that is made through a connection one more bind mount. The product has no such mounts, and a
 * record of prompts must lie outside of what the product makes and removes.
 */
export function mountRecord(folder: string): Rewrite {
  let held = Buffer.alloc(0);
  return (chunk) => {
    if (held.length === 0 && !CREATE.test(chunk.subarray(0, 200).toString('latin1'))) return chunk;
    held = Buffer.concat([held, chunk]);
    const request = splitRequest(held);
    if (request === null) return null;
    held = Buffer.alloc(0);
    return withMount(request, folder);
  };
}

interface SplitRequest {
  readonly head: string;
  readonly body: Buffer;
  readonly rest: Buffer;
}

/** Null while the body is not complete. */
function splitRequest(bytes: Buffer): SplitRequest | null {
  const end = bytes.indexOf(HEADERS_END);
  if (end < 0) return null;
  const head = bytes.subarray(0, end).toString('latin1');
  const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
  if (length === undefined) throw new Error(`a create call without Content-Length: ${head.split('\r\n')[0] ?? ''}`);
  const from = end + HEADERS_END.length;
  const until = from + Number(length);
  if (bytes.length < until) return null;
  return { head, body: bytes.subarray(from, until), rest: bytes.subarray(until) };
}

function withMount({ head, body, rest }: SplitRequest, folder: string): Buffer {
  const spec = JSON.parse(body.toString('utf8')) as { HostConfig?: { Mounts?: object[] } };
  const mounts = [...(spec.HostConfig?.Mounts ?? []), { Type: 'bind', Source: folder, Target: RECORD_DIR }];
  const rewritten = Buffer.from(JSON.stringify({ ...spec, HostConfig: { ...spec.HostConfig, Mounts: mounts } }));
  const headers = head.replace(/\r\ncontent-length: *\d+/i, `\r\nContent-Length: ${rewritten.length}`);
  return Buffer.concat([Buffer.from(headers + HEADERS_END, 'latin1'), rewritten, rest]);
}
