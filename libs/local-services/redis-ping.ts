import { createConnection } from 'node:net';

/**
 * Whether a Redis server on loopback answers PING with that password. `loading` while it still reads its data;
 * `refused` when nothing answers within 1 s.
 */
export function pingRedis(port: number, password: string): Promise<'ready' | 'loading' | 'refused' | 'denied'> {
  return new Promise((resolve) => {
    const socket = createConnection({ host: '127.0.0.1', port });
    let answer = '';
    const finish = (result: 'ready' | 'loading' | 'refused' | 'denied'): void => {
      socket.destroy();
      resolve(result);
    };
    socket.setTimeout(1_000, () => finish('refused'));
    socket.once('error', () => finish('refused'));
    socket.once('close', () => finish('refused'));
    socket.once('connect', () => socket.write(`AUTH ${password}\r\nPING\r\n`));
    socket.on('data', (chunk: Buffer) => {
      answer += chunk.toString('latin1');
      if (answer.includes('+PONG')) finish('ready');
      else if (answer.includes('-LOADING')) finish('loading');
      else if (answer.includes('-WRONGPASS') || answer.includes('-ERR')) finish('denied');
    });
  });
}
