import { BlockList, isIP } from 'node:net';
import { RE2JS } from 're2js';
import { headerOf, hostOf, pathOf, queryOf, type Matcher } from './request.ts';

const regexp = (pattern: string): ((text: string | undefined) => boolean) => {
  const compiled = RE2JS.compile(pattern);
  return (text) => text !== undefined && compiled.test(text);
};

const inRange = (ranges: readonly string[]): Matcher => {
  const list = new BlockList();
  for (const range of ranges) {
    const [address = '', bits] = range.split('/');
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
    list.addSubnet(address, bits === undefined ? (family === 'ipv6' ? 128 : 32) : Number(bits), family);
  }
  return ({ clientIp }) => clientIp !== undefined && list.check(clientIp, isIP(clientIp) === 6 ? 'ipv6' : 'ipv4');
};

const header = ([name = '', value = '']: readonly string[]): Matcher => (request) => headerOf(request, name) === value;
const headerRegexp = ([name = '', pattern = '']: readonly string[]): Matcher => {
  const matches = regexp(pattern);
  return (request) => matches(headerOf(request, name));
};
const any = (args: readonly string[], matcher: (arg: string) => Matcher): Matcher => {
  const matchers = args.map(matcher);
  return (request) => matchers.some((matches) => matches(request));
};

// Names of version 2 (Headers, several values) and of version 3 (Header) are both understood, whatever the API group says.
const functions: Readonly<Record<string, (args: readonly string[]) => Matcher>> = {
  Host: (args) => any(args, (host) => (request) => hostOf(request) === host.toLowerCase()),
  HostRegexp: (args) => any(args, (pattern) => ((matches) => (request) => matches(hostOf(request)))(regexp(pattern))),
  Path: (args) => any(args, (path) => (request) => pathOf(request) === path),
  PathPrefix: (args) => any(args, (prefix) => (request) => pathOf(request).startsWith(prefix)),
  PathRegexp: (args) => any(args, (pattern) => ((matches) => (request) => matches(pathOf(request)))(regexp(pattern))),
  Method: (args) => any(args, (method) => (request) => (request.method ?? 'GET') === method.toUpperCase()),
  Query: ([key = '', value]) => (request) => (value === undefined ? queryOf(request).has(key) : queryOf(request).getAll(key).includes(value)),
  ClientIP: inRange,
  Header: header,
  Headers: header,
  HeaderRegexp: headerRegexp,
  HeadersRegexp: headerRegexp,
};

const token = /\s*(?:(&&|\|\||[!(),])|`([^`]*)`|"([^"]*)"|'([^']*)'|([A-Za-z]+))/y;

interface Token {
  readonly kind: 'sign' | 'text' | 'word' | 'end';
  readonly text: string;
}

const tokens = (rule: string): Token[] => {
  const found: Token[] = [];
  token.lastIndex = 0;
  while (rule.slice(token.lastIndex).trim() !== '') {
    const from = token.lastIndex;
    const match = token.exec(rule);
    if (!match) throw new SyntaxError(`rule ${rule}: cannot read "${rule.slice(from)}"`);
    const [, sign, ...rest] = match;
    const [backticked, doubled, single, word] = rest;
    if (sign !== undefined) found.push({ kind: 'sign', text: sign });
    else if (word !== undefined) found.push({ kind: 'word', text: word });
    else found.push({ kind: 'text', text: backticked ?? doubled ?? single ?? '' });
  }
  return [...found, { kind: 'end', text: 'the end' }];
};

/** Compiles the rule of a Traefik router. Throws SyntaxError for what it cannot read, as Traefik then drops the router. */
export const traefikRule = (rule: string): Matcher => {
  const rest = tokens(rule);
  const next = (): Token => rest.shift() ?? { kind: 'end', text: 'the end' };
  const take = (sign: string): boolean => (rest[0]?.kind === 'sign' && rest[0].text === sign ? next() !== undefined : false);
  const refuse = (wanted: string): never => {
    throw new SyntaxError(`rule ${rule}: found "${rest[0]?.text}", expected ${wanted}`);
  };

  const call = (name: string): Matcher => {
    const build = Object.hasOwn(functions, name) ? functions[name] : undefined;
    if (!build) throw new SyntaxError(`rule ${rule}: unknown matcher ${name}; known are ${Object.keys(functions).join(', ')}`);
    const args: string[] = [];
    if (!take('(')) refuse('(');
    do {
      if (rest[0]?.kind !== 'text') refuse('a quoted value');
      args.push(next().text);
    } while (take(','));
    if (!take(')')) refuse(')');
    return build(args);
  };
  const unary = (): Matcher => {
    if (take('!')) {
      const inner = unary();
      return (request) => !inner(request);
    }
    if (take('(')) {
      const inner = either();
      if (!take(')')) refuse(')');
      return inner;
    }
    return rest[0]?.kind === 'word' ? call(next().text) : refuse('a matcher');
  };
  const both = (): Matcher => {
    const left = unary();
    if (!take('&&')) return left;
    const right = both();
    return (request) => left(request) && right(request);
  };
  const either = (): Matcher => {
    const left = both();
    if (!take('||')) return left;
    const right = either();
    return (request) => left(request) || right(request);
  };

  const matcher = either();
  return rest[0]?.kind === 'end' ? matcher : refuse('&&, || or the end');
};
