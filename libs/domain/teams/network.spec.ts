import fc from 'fast-check';
import { type HostPattern, isHostListed, parseHostPattern } from './network';

function pattern(text: string): HostPattern {
  const parsed = parseHostPattern(text);
  if (!parsed.ok) throw new Error(parsed.message);
  return parsed.pattern;
}

const isListed = (patterns: readonly string[], host: string, port = 443): boolean =>
  isHostListed(patterns.map(pattern), host, port);

describe('parseHostPattern', () => {
  it.each([
    ['api.example.com', { kind: 'host', host: 'api.example.com', port: null }],
    ['API.Example.com.', { kind: 'host', host: 'api.example.com', port: null }],
    ['*.github.com', { kind: 'subdomains', host: 'github.com', port: null }],
    ['registry.example.org:5000', { kind: 'host', host: 'registry.example.org', port: 5000 }],
    ['*', { kind: 'any', host: '', port: null }],
    ['*:8443', { kind: 'any', host: '', port: 8443 }],
    ['203.0.113.7:22', { kind: 'host', host: '203.0.113.7', port: 22 }],
    ['[2001:0DB8:0::1]:443', { kind: 'host', host: '2001:db8::1', port: 443 }],
    ['_dmarc.example.com', { kind: 'host', host: '_dmarc.example.com', port: null }],
    ['registry', { kind: 'host', host: 'registry', port: null }],
  ])('reads %s', (text, expected) => {
    expect(pattern(text)).toEqual(expected);
  });

  it.each([
    ['', 'is not a host'],
    ['https://api.example.com', 'without scheme'],
    ['user@example.com', 'without scheme, user'],
    ['example.com/path', 'or path'],
    ['api.*.com', 'only as its first label'],
    ['*example.com', 'only as its first label'],
    ['**.example.com', 'only as its first label'],
    ['example.com:0', 'no port'],
    ['example.com:65536', 'no port'],
    ['bücher.example', 'xn--'],
    ['-bad.example', 'not a host name'],
    ['a..b', 'not a host name'],
    ['2130706433', 'not a host name'],
    ['0x7f.1', 'not a host name'],
    ['127.1', 'not a host name'],
    ['999.1.1.1', 'not an address'],
    ['[:::]', 'not an address'],
    ['*.127.0.0.1', 'an address behind'],
    ['2001:db8::1', 'is not a host'],
    ['a b', 'is not a host'],
    [`${'a.'.repeat(130)}com`, 'not a host name'],
  ])('refuses %s', (text, message) => {
    const parsed = parseHostPattern(text);
    expect(parsed.ok ? 'taken' : parsed.message).toContain(message);
  });

  it('takes back what it has read, whatever text it gets', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.domain(),
          fc.ipV4(),
          fc.ipV6().map((ip) => `[${ip}]`),
        ),
        (text) => {
          const parsed = parseHostPattern(text);
          if (!parsed.ok) return;
          const { kind, host, port } = parsed.pattern;
          const plain = host.includes(':') ? `[${host}]` : host;
          const written = `${{ any: '*', host: plain, subdomains: `*.${plain}` }[kind]}${port === null ? '' : `:${port}`}`;
          expect(pattern(written)).toEqual(parsed.pattern);
        },
      ),
    );
  });
});

describe('isHostListed', () => {
  it.each([
    ['the name itself', ['api.example.com'], 'api.example.com', 443, true],
    ['another case and a trailing dot', ['api.example.com'], 'API.example.COM.', 80, true],
    ['a subdomain of a plain name', ['example.com'], 'api.example.com', 443, false],
    ['a subdomain of a wildcard', ['*.github.com'], 'a.b.github.com', 443, true],
    ['the name behind a wildcard', ['*.github.com'], 'github.com', 443, false],
    ['a name that only ends alike', ['*.github.com'], 'evilgithub.com', 443, false],
    ['an empty label before a wildcard', ['*.github.com'], '.github.com', 443, false],
    ['a port that is no default', ['api.example.com'], 'api.example.com', 22, false],
    ['a port that is named', ['api.example.com:22'], 'api.example.com', 22, true],
    ['a default port where another is named', ['api.example.com:22'], 'api.example.com', 443, false],
    ['any host', ['*'], 'anything.example', 443, true],
    ['any host at a port of its own', ['*'], 'mail.example', 25, false],
    ['an address under any host', ['*'], '203.0.113.7', 443, true],
    ['an IPv6 address in brackets', ['[2001:db8::1]'], '[2001:db8::1]', 443, true],
    ['nothing listed', [], 'api.example.com', 443, false],
  ])('%s', (_case, patterns, host, port, expected) => {
    expect(isListed(patterns, host, port)).toBe(expected);
  });
});
