import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Application, openApplication } from './fixtures/command.ts';

let app: Application;
beforeAll(async () => {
  app = await openApplication({ tenants: [] });
  const secrets = ['--columns', '{"apiToken":"hunter2"}', '--tenant-config'];
  const config = '{"cache":{"redis":"rediss://u:hunter2@redis.acme.com/2"},"password":"hunter2","locale":"nl"}';
  await app.run('create', 'acme', '--name', '=Acme \u001b[31mInc', '--isolation', 'database', ...secrets, config);
  await app.run('create', 'bloom', '--name', 'Bloom & Stem');
  await app.run('create', 'cobalt');
  await app.run('suspend', 'cobalt');
});
afterAll(async () => {
  await app.run('remove', 'acme', '--confirm', 'acme');
  await app[Symbol.asyncDispose]();
});

test('lists the tenants in a table, without control characters of a name', async () => {
  const { code, out, err } = await app.run('list');
  const [{ createdAt }] = JSON.parse((await app.run('list', '--json')).out);
  const day = createdAt.slice(0, 10);
  expect({ code, err }).toEqual({ code: 0, err: '3 tenants: 2 active, 1 suspended\n' });
  const rows = out
    .trim()
    .split('\n')
    .map((line) => line.split(/ {2,}/));
  expect(rows).toEqual([
    ['id', 'name', 'status', 'isolation', 'placement', 'created'],
    ['acme', '=Acme Inc', 'active', 'database', `${app.prefix}acme`, day],
    ['bloom', 'Bloom & Stem', 'active', 'schema', `${app.database}.t_bloom`, day],
    ['cobalt', 'cobalt', 'suspended', 'schema', `${app.database}.t_cobalt`, day],
  ]);
});

test.each([
  [['--status', 'suspended'], ['cobalt']],
  [['--isolation', 'database'], ['acme']],
  [['--search', 'STEM'], ['bloom']],
  [['--limit', '1'], ['acme']],
  [['--limit', '1', '--after', 'acme'], ['bloom']],
  [['--search', 'nobody'], []],
])('lists only tenants with %j', async (filter, ids) => {
  const { out } = await app.run('list', '--json', ...filter);
  expect(JSON.parse(out).map(({ id }: { id: string }) => id)).toEqual(ids);
});

test('JSON contains no credentials, and CSV no formulas', async () => {
  const json = await app.run('list', '--json');
  expect(JSON.parse(json.out)[0]).toMatchObject({ id: 'acme', placement: { database: `${app.prefix}acme` } });
  expect(json.out).not.toContain('hunter2');
  const csv = await app.run('list', '--csv', '--status', 'active');
  expect(csv.out).toMatch(/^id,name,status,isolation,placement,created\nacme,'=Acme /);
  expect(csv.err).toBe('');
});

test('lists domains, the primary one first, and how many tenants there are of each status', async () => {
  await app.run('domains', 'add', 'cobalt', 'a.cobalt.com');
  await app.run('domains', 'add', 'cobalt', 'b.cobalt.com', '--primary');
  const { out, err } = await app.run('list', '--domains', '--limit', '3');
  expect(out).toMatch(/^id .* domains$/m);
  expect(out).toMatch(/^cobalt .* b\.cobalt\.com, a\.cobalt\.com$/m);
  expect(err).toBe('3 tenants: 2 active, 1 suspended\n');
  const [, bloom, cobalt] = JSON.parse((await app.run('list', '--domains', '--json')).out);
  expect([bloom.domains, cobalt.domains[0]]).toEqual([[], { host: 'b.cobalt.com', primary: true }]);
  expect((await app.run('list', '--limit', '1')).err).toBe('1 tenant. There are more: --after acme\n');
  expect(JSON.parse((await app.run('list', '--summary', '--json')).out)).toEqual([
    { status: 'active', isolation: 'database', tenants: 1 },
    { status: 'active', isolation: 'schema', tenants: 1 },
    { status: 'suspended', isolation: 'schema', tenants: 1 },
  ]);
});

test('with --quiet a list is printed without its total, and a verb prints nothing but errors', async () => {
  expect(await app.run('list', '--quiet', '--csv')).toMatchObject({
    code: 0,
    out: expect.stringMatching(/^id,/),
    err: '',
  });
  expect((await app.run('-q', 'list')).err).toBe('');
  expect(await app.run('suspend', 'bloom', '--quiet')).toEqual({ code: 0, out: '', err: '' });
  expect(await app.run('resume', 'bloom', 'nobody', '-q')).toMatchObject({
    code: 1,
    out: '',
    err: expect.stringContaining('TENANT_UNKNOWN'),
  });
});

test('a list that does not fit on the terminal is shown by the pager', async () => {
  const pager = { PAGER: "sed 's/^/paged: /'" };
  const long = app.onTerminalWith({ env: pager, rows: 3 }, 'list');
  expect(await long.ended).toBe(0);
  expect(long.shown()).toContain('paged: cobalt');
  const missing = app.onTerminalWith({ env: { PAGER: 'no-such-pager' }, rows: 3 }, 'list');
  expect(await missing.ended).toBe(0);
  expect(missing.shown()).toMatch(/^cobalt /m);
  expect(missing.shown()).toContain('3 tenants');
  const short = app.onTerminalWith({ env: pager }, 'list');
  expect(await short.ended).toBe(0);
  expect(short.shown()).not.toContain('paged');
});

test('show masks values that look like credentials, and shows the others', async () => {
  const table = await app.run('show', 'acme');
  const json = await app.run('show', 'acme', '--json');
  expect(`${table.out}${json.out}`).not.toContain('hunter2');
  expect(table.out).toMatch(/^placement +.+acme$/m);
  expect(JSON.parse(json.out)).toMatchObject({
    apiToken: '***',
    plan: 'free',
    config: { password: '***', locale: 'nl' },
  });
});

test('show lists the primary domain first, and no empty fields', async () => {
  await app.run('domains', 'add', 'bloom', 'a.bloom.com');
  await app.run('domains', 'add', 'bloom', 'b.bloom.com', '--primary');
  const { out } = await app.run('show', 'bloom');
  expect(out).toMatch(/^domains +b\.bloom\.com \(primary\), a\.bloom\.com$/m);
  expect(out).not.toMatch(/^config/m);
});

test('only terminals that allow it get colors', async () => {
  const green = '\u001b[32mactive';
  const terminal = app.onTerminal('list');
  expect(await terminal.ended).toBe(0);
  expect(terminal.raw()).toContain(green);
  expect((await app.run('list')).out).not.toContain('\u001b');
  const bare = app.onTerminalWith({ env: { NO_COLOR: '1' } }, 'list');
  expect(await bare.ended).toBe(0);
  expect(bare.shown()).toContain('bloom');
  expect(bare.raw()).not.toContain('\u001b[');
  expect((await app.runWith({ env: { FORCE_COLOR: '1' } }, 'list')).out).toContain(green);
});

test('an unknown tenant, status or command is reported in a line or two and by the exit code', async () => {
  expect(await app.run('show', 'nobody')).toEqual({
    code: 1,
    out: '',
    err: 'error TENANT_UNKNOWN: There is no tenant "nobody".\n  List the tenants with: omnitenant list\n',
  });
  expect(await app.run('list', '--status', 'asleep')).toMatchObject({ code: 2, out: '' });
  expect(await app.run('list', '--isolation', 'dtabase')).toMatchObject({ code: 2, out: '' });
  for (const call of [['lsit'], ['help', 'lsit']])
    expect(await app.run(...call)).toMatchObject({ code: 2, err: expect.stringContaining('Did you mean list?') });
  expect(await app.run('show')).toMatchObject({ code: 2, err: expect.stringContaining('omnitenant help <command>') });
});
