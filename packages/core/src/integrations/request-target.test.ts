import { expect, test } from 'vitest';
import { namesOneHost, pathOfTarget } from './request-target.ts';

test.each([
  [['acme.com'], '/', true],
  [['acme.com'], 'http://acme.com/a', true],
  [['acme.com:80'], 'http://acme.com/a', true],
  [['acme.com'], 'http://beta.com/a', false],
  [['acme.com', 'beta.com'], '/', false],
  [['acme.com, beta.com'], '/', false],
  [['acme.com@beta.com'], '/', false],
  [['acme.com'], 'http:acme.com/a', false],
  [['acme.com'], 'http:\\\\acme.com/a', false],
  [['acme.com'], 'http://acme.com\\@beta.com/', false],
  [['acme.com'], 'http://beta.com@acme.com/', false],
  [['acme.com'], 'ftp://acme.com/', false],
  [['acme.com'], 'acme.com:80', false],
  [[], 'http://acme.com/', false],
  [undefined, '/', true],
])('the Host headers %j and the target "%s" name one host: %s', (hosts, target, one) => {
  expect(namesOneHost({ headers: {}, headersDistinct: hosts && { host: hosts } }, target)).toBe(one);
});

test.each([
  [{ ':authority': 'acme.com' }, true],
  [{ host: 'acme.com', ':authority': 'acme.com' }, true],
  [{ host: 'beta.com', ':authority': 'acme.com' }, false],
  [{ ':authority': 'acme.com@beta.com' }, false],
  [{ host: 'acme.com, beta.com' }, false],
])('the headers %j of HTTP/2 name one host: %s', (headers, one) => {
  expect(namesOneHost({ headers }, '/')).toBe(one);
});

test.each([
  ['/a/b?c=/d', '/a/b'],
  ['http://acme.com/a?b', '/a'],
  ['http://acme.com', '/'],
  ['*', '/'],
  ['/a/.../b..c/.d', '/a/.../b..c/.d'],
  ['/a?b/../c#d', '/a'],
  ['/a/../b', ''],
  ['/a/.', ''],
  ['/./a', ''],
  ['/a/%2E.?b', ''],
  ['/a/..%2Fb', ''],
  ['/a%2f%2e%2e%2fb', ''],
  ['/a/..%5cb', ''],
  ['/a%2Fb..c%5Cd', '/a%2Fb..c%5Cd'],
  ['/a\\b', ''],
  ['/a#b', ''],
  ['/a\n', ''],
  ['http://acme.com/a/../b', ''],
  ['http:/a', '/'],
  ['ftp://acme.com/a', '/'],
])('the path of the target "%s" is "%s"', (target, path) => {
  expect(pathOfTarget(target)).toBe(path);
});
