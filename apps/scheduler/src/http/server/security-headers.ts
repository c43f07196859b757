import helmet from 'helmet';
import type { RequestHandler } from 'express';

/**
 * No scripts from elsewhere, no framing, no sniffing. Styles may be inline, since Swagger's and Bull Board's pages have
 * them. No HSTS and no upgrade to HTTPS: Crewtab speaks plain HTTP, and what stands in front of it decides about TLS.
 */
export function securityHeaders(): RequestHandler {
  return helmet({
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'self'"],
        baseUri: ["'self'"],
        formAction: ["'self'"],
        frameAncestors: ["'none'"],
        imgSrc: ["'self'", 'data:'],
        objectSrc: ["'none'"],
        scriptSrc: ["'self'"],
        styleSrc: ["'self'", "'unsafe-inline'"],
      },
    },
    frameguard: { action: 'deny' },
    referrerPolicy: { policy: 'no-referrer' },
    strictTransportSecurity: false,
  });
}
