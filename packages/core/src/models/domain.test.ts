import { describe, expect, test } from 'vitest';
import { isTenancyError } from '../errors/errors.ts';
import { hostFromHeader, parseDomain } from './domain.ts';

describe('parseDomain', () => {
  test.each([
    ['acme.com', 'acme.com'],
    ['Shop.ACME.co.uk', 'shop.acme.co.uk'],
    ['bücher.example', 'xn--bcher-kva.example'],
    ['BÜCHER.example', 'xn--bcher-kva.example'],
    ['xn--bcher-kva.example', 'xn--bcher-kva.example'],
    ['bücher。example', 'xn--bcher-kva.example'],
    ['1.acme.com', '1.acme.com'],
    [`${'a'.repeat(63)}.com`, `${'a'.repeat(63)}.com`],
  ])('reads %s as %s', (given, host) => {
    expect(parseDomain(given)).toBe(host);
  });

  test.each([
    ['empty', ''],
    ['one label', 'localhost'],
    ['a port', 'acme.com:80'],
    ['a trailing dot', 'acme.com.'],
    ['a dot in front', '.acme.com'],
    ['an empty label', 'acme..com'],
    ['a wildcard', '*.acme.com'],
    ['an IPv4 address', '127.0.0.1'],
    ['an IPv4 address in hex', '0x7f.0.0.1'],
    ['a short IPv4 address', '127.1'],
    ['an address whose last part is hex', 'acme.0x7f'],
    ['full-width digits', '１２７.0.0.1'],
    ['an IPv6 address', '[::1]'],
    ['an IPv6 address without brackets', '::1'],
    ['a numeric top level', 'acme.123'],
    ['user information', 'evil@acme.com'],
    ['a scheme', 'https://acme.com'],
    ['a path', 'acme.com/x'],
    ['a backslash', 'acme.com\\x'],
    ['a percent escape', 'acme%2ecom'],
    ['a space', 'acme .com'],
    ['a NUL', 'acme.com\0'],
    ['a line break', 'acme.com\n'],
    ['two hosts', 'acme.com,evil.com'],
    ['an underscore', 'my_shop.acme.com'],
    ['a hyphen in front', '-acme.com'],
    ['a hyphen behind', 'acme-.com'],
    ['64 characters in a label', `${'a'.repeat(64)}.com`],
    ['254 characters', `${'a.'.repeat(125)}abcd`],
    ['IDNA that grows too long', `${'ü'.repeat(63)}.com`],
    ['a number', 7],
    ['undefined', undefined],
  ])('refuses %s', (_, given) => {
    expect(() => parseDomain(given)).toThrow(expect.toSatisfy((error) => isTenancyError(error, 'DOMAIN_INVALID')));
  });
});

describe('hostFromHeader', () => {
  test.each([
    ['acme.com', 'acme.com'],
    ['ACME.com', 'acme.com'],
    ['acme.com:3000', 'acme.com'],
    ['acme.com:', 'acme.com'],
    ['acme.com.', 'acme.com'],
    ['Acme.com.:443', 'acme.com'],
    ['bücher.example:80', 'xn--bcher-kva.example'],
    ['localhost:3000', 'localhost'],
    ['127.0.0.1:3000', '127.0.0.1'],
    ['[::1]', '[::1]'],
    ['[::1]:3000', '[::1]'],
    ['[0:0::0:1]:80', '[::1]'],
    ['[2001:DB8::1]', '[2001:db8::1]'],
  ])('reads %s as %s', (raw, host) => {
    expect(hostFromHeader(raw)).toBe(host);
  });

  test.each([
    undefined,
    '',
    '.',
    ':80',
    'acme.com..',
    'acme.com:port',
    'acme.com:80:80',
    'acme.com:123456',
    'evil@acme.com',
    'acme.com/evil',
    'acme.com, evil.com',
    'acme.com\0',
    '0x7f.1',
    '2130706433',
    '[::1',
    '[::1]x',
    '[fe80::1%eth0]',
    '[acme.com]',
    '::1',
  ])('finds no host in %j', (raw) => {
    expect(hostFromHeader(raw)).toBeUndefined();
  });
});
