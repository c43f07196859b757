import { createServer, type Server } from 'node:http';
import { once } from 'node:events';
import type { Logger } from '@crewtab/domain/ports/logger';
import type { Metrics } from '@crewtab/observability/metrics';
import { MetricsPage } from '@crewtab/observability/metrics-page';

/** Answers `GET /metrics` of a worker, which has no other port. Listens where the settings say. */
export class MetricsServer {
  private constructor(private readonly server: Server) {}

  /** Rejects when the address cannot be had: a port that was asked for and is not there would be missed by no scrape. */
  static async listen(
    { host, port, key }: { readonly host: string; readonly port: number; readonly key: string | null },
    metrics: Pick<Metrics, 'text' | 'contentType'>,
    logger: Logger,
  ): Promise<MetricsServer> {
    const page = new MetricsPage(metrics, key, () => performance.now());
    const server = createServer((request, response) => {
      const isAsked = request.url === '/metrics' && (request.method === 'GET' || request.method === 'HEAD');
      if (!isAsked) return void response.writeHead(404).end();
      if (!page.admits(request.headers.authorization)) {
        return void response.writeHead(401, { 'WWW-Authenticate': 'Bearer realm="crewtab metrics"' }).end();
      }
      page.read().then(
        (text) => response.writeHead(200, { 'Content-Type': page.contentType }).end(text),
        (error: unknown) => {
          logger.warn({ error: String(error) }, 'could not gather metrics');
          response.writeHead(500).end();
        },
      );
    });
    server.listen(port, host);
    await once(server, 'listening');
    return new MetricsServer(server);
  }

  /** The port that was bound: 0 leaves the choice to the system. */
  get port(): number {
    const address = this.server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  async close(): Promise<void> {
    const closed = once(this.server, 'close');
    this.server.close();
    this.server.closeAllConnections();
    await closed;
  }
}
